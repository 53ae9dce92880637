/** The headers by which a message asks to be traced (ADR-41). */

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
const LOWER = 32
const N = 78
const T = 116

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

/** May a message with these headers have to be traced? Looks at the first byte of each line, and allocates nothing. */
export function mayBeTraced(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start + FIRST_LINE.length; at < end; at++) {
    const c = buffer[at]
    if (
      c === N ? begins(buffer, at, end, DEST, 0) : (c | LOWER) === T && begins(buffer, at, end, PARENT, LOWER)
    )
      return true
    while (at < end && buffer[at] !== LF) at++
  }
  return false
}

function begins(buffer: Buffer, at: number, end: number, name: Buffer, fold: number): boolean {
  if (end - at < name.length) return false
  // From behind: names that begin alike are told apart at once.
  for (let i = name.length - 1; i >= 0; i--) if ((buffer[at + i] | fold) !== (name[i] | fold)) return false
  return true
}

/** What the headers say of a trace; null: nothing is to be traced. */
export function readTraceHeaders(bytes: Buffer): TraceHeaders | null {
  const text = bytes.toString('utf8')
  if (!text.startsWith(FIRST_LINE)) return null
  const found = new Map<string, string[]>()
  let isAsked = false
  let isSampled = false
  for (const [name, value] of linesOf(text)) {
    if (name === TRACE_DEST) {
      if (!isAsked && value === TRACE_DISABLED) return null
      isAsked = true
    } else if (name.toLowerCase() === 'traceparent') isSampled ||= isSampledParent(value)
    found.set(name, [...(found.get(name) ?? []), value])
  }
  if (!isAsked && !isSampled) return null
  const first = (name: string): string => found.get(name)?.[0] ?? ''
  // As Go writes a map: by name.
  const headers = Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    headers,
    isExternal: !isAsked,
    destination: isAsked ? first(TRACE_DEST) : '',
    isOnly: isAsked && ['1', 'true', 'on'].includes(first(TRACE_ONLY).toLowerCase()),
    isRefused: first(ORIGIN_ACCOUNT) !== '',
  }
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
    const value = text.slice(colon + 1, stop).replace(/^[ \t]+|[ \t]+$/g, '')
    if (name !== '' && value !== '') yield [name, value]
    at = stop + 2
  }
}
