/** The headers by which a message asks to be traced (ADR-41). */

import { headerValues } from './header-values.ts'

export const TRACE_DEST = 'Nats-Trace-Dest'
export const TRACE_ONLY = 'Nats-Trace-Only'
const ORIGIN_ACCOUNT = 'Nats-Trace-Origin-Account'
/** In place of a destination: the message is not traced any more. No subject. */
export const TRACE_DISABLED = 'trace disabled'
const FIRST_LINE = 'NATS/1.0\r\n'
const DEST = Buffer.from(`${TRACE_DEST}:`)
/** In lower case. */
const PARENT = Buffer.from('traceparent:')
const LF = 10
const SPACE = 32
const TAB = 9
const LOWER = 32
/** The shorter name with the end of the line before it. */
const STRIDE = PARENT.length + 1
const DEST_PLACES = placesIn(DEST, 0)
const PARENT_PLACES = placesIn(PARENT, LOWER)

/** What a message's headers say of its trace. */
export interface TraceHeaders {
  /** Names as they are written, with their values. */
  readonly headers: Readonly<Record<string, string[]>>
  /** Only `traceparent` asks for it: where the trace goes to is the account's affair. */
  readonly isExternal: boolean
  readonly destination: string
  /** Is the message not to be delivered? */
  readonly isOnly: boolean
  /** It has a header that switches tracing off. */
  readonly isRefused: boolean
}

/**
 * May a message with these headers have to be traced? Looks at every thirteenth byte, since no name that counts is shorter with the end
 * of the line before it, and further where such a name could be. Allocates nothing.
 */
export function mayBeTraced(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start + FIRST_LINE.length; at < end; at += STRIDE) {
    const c = buffer[at]
    for (let places = DEST_PLACES[c]; places !== 0; places &= places - 1) {
      const from = at - lowestBit(places)
      if (from > start && buffer[from] === LF && begins(buffer, from + 1, end, DEST, 0)) return true
    }
    for (let places = PARENT_PLACES[c]; places !== 0; places &= places - 1) {
      const from = at - lowestBit(places)
      if (from > start && buffer[from] === LF && begins(buffer, from + 1, end, PARENT, LOWER)) return true
    }
  }
  return false
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}

/** By byte: at which places of a name and the end of the line before it (0) it may stand, a bit for each. */
function placesIn(name: Buffer, fold: number): Int32Array {
  const places = new Int32Array(256)
  places[LF] = 1
  for (let i = 0; i < name.length; i++)
    for (let c = 0; c < places.length; c++) if ((c | fold) === (name[i] | fold)) places[c] |= 1 << (i + 1)
  return places
}

function begins(buffer: Buffer, at: number, end: number, name: Buffer, fold: number): boolean {
  if (end - at < name.length) return false
  for (let i = 0; i < name.length; i++) if ((buffer[at + i] | fold) !== (name[i] | fold)) return false
  return true
}

/** What the headers say of a trace; null: nothing is to be traced. */
export function readTraceHeaders(bytes: Buffer): TraceHeaders | null {
  const text = bytes.toString('utf8')
  if (!text.startsWith(FIRST_LINE)) return null
  const headers = headerValues(linesOf(text))
  const first = (name: string): string => (Object.hasOwn(headers, name) ? headers[name][0] : '')
  const destination = first(TRACE_DEST)
  if (destination === TRACE_DISABLED) return null
  const isAsked = destination !== ''
  if (!isAsked && !hasSampledParent(headers)) return null
  return {
    headers,
    isExternal: !isAsked,
    destination,
    isOnly: isAsked && ['1', 'true', 'on'].includes(first(TRACE_ONLY).toLowerCase()),
    isRefused: first(ORIGIN_ACCOUNT) !== '',
  }
}

function hasSampledParent(headers: Readonly<Record<string, readonly string[]>>): boolean {
  return Object.entries(headers).some(
    ([name, values]) => name.toLowerCase() === 'traceparent' && values.some(isSampledParent),
  )
}

/** `00-<trace>-<parent>-<flags>`: the last bit of the flags. */
export function isSampledParent(value: string): boolean {
  const parts = value.split('-')
  // Go reads the flags into eight bits with a sign: what is above 7f is no number.
  return parts.length === 4 && /^[0-7][0-9a-f]$/i.test(parts[3]) && (Number.parseInt(parts[3], 16) & 1) === 1
}

/** Names and values of headers' lines, those without one or the other left out. */
function* linesOf(text: string): Generator<[name: string, value: string]> {
  let at = FIRST_LINE.length
  while (at < text.length) {
    const colon = text.indexOf(':', at)
    if (colon < 0) return
    const stop = text.indexOf('\r\n', colon + 1)
    if (stop < 0) return
    const name = text.slice(at, colon)
    const value = withoutBlanks(text, colon + 1, stop)
    if (name !== '' && value !== '') yield [name, value]
    at = stop + 2
  }
}

/** What lies between, without spaces and tabs at either end. */
function withoutBlanks(text: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(character: number): boolean {
  return character === SPACE || character === TAB
}
