/** What a counter's message holds (ADR-49): `{"val":"…"}` as payload, and what came from where in the header `Nats-Counter-Sources`. */
import { ApiError } from '../../config/errors.ts'
import { decodeRequest, LENIENT } from '../../config/json/decode.ts'
import { encodeJson } from '../../config/json/encode.ts'
import { type Integer, integerOf, readInteger } from './integer.ts'

const OPEN = Buffer.from('{"val":"')
const CLOSE = Buffer.from('"}')

const FIELDS = { val: 'string', [LENIENT]: true } as const

/** By stream and subject there: the value that was seen last. */
export type CounterSources = Map<string, Map<string, string> | null>

/** The value in a payload `[start, end)`; null: it is no counter's. */
export function readValue(bytes: Buffer, start: number, end: number): Integer | null {
  const first = start + OPEN.length
  const last = end - CLOSE.length
  if (first < last && isAt(bytes, start, OPEN) && isAt(bytes, last, CLOSE)) {
    const value = readInteger(bytes, first, last)
    if (value !== null) return value
  }
  return readForeign(bytes.toString('utf8', start, end))
}

/** What another program wrote, as nats-server reads it. */
function readForeign(text: string): Integer | null {
  try {
    const { val } = decodeRequest<{ val?: string }>(text, FIELDS, 'CounterValue')
    return integerOf(val ?? '')
  } catch (error) {
    if (error instanceof ApiError) return null
    throw error
  }
}

/** The payload that holds a value. */
export function payloadOf(value: Integer): string {
  return `{"val":"${value}"}`
}

/** Reads the header's value; null: it is not what a server wrote. */
export function readSources(text: string): CounterSources | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return null
  }
  const sources: CounterSources = new Map()
  if (parsed === null) return sources
  if (typeof parsed !== 'object' || Array.isArray(parsed)) return null
  for (const [stream, values] of Object.entries(parsed as Record<string, unknown>)) {
    if (values === null) {
      sources.set(stream, null)
      continue
    }
    if (typeof values !== 'object' || Array.isArray(values)) return null
    const bySubject = new Map<string, string>()
    for (const [subject, value] of Object.entries(values as Record<string, unknown>)) {
      if (value !== null && typeof value !== 'string') return null
      bySubject.set(subject, value ?? '')
    }
    sources.set(stream, bySubject)
  }
  return sources
}

/** The header's value, with names in order. */
export function encodeSources(sources: CounterSources): string {
  const streams = sorted(sources).map(([stream, values]) => {
    if (values === null) return `${encodeJson(stream)}:null`
    const fields = sorted(values).map(([subject, value]) => `${encodeJson(subject)}:${encodeJson(value)}`)
    return `${encodeJson(stream)}:{${fields.join(',')}}`
  })
  return `{${streams.join(',')}}`
}

function sorted<V>(map: Map<string, V>): [string, V][] {
  return [...map].sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
}

function isAt(bytes: Buffer, at: number, sought: Buffer): boolean {
  for (let i = 0; i < sought.length; i++) if (bytes[at + i] !== sought[i]) return false
  return true
}
