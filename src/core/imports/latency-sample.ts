/** Which requests are measured: some in a hundred, or those whose headers say that they are traced anyway. */
import type { Message } from '../../wire/index.ts'
import { headerValues } from '../tracing/header-values.ts'
import { isSampledParent } from '../tracing/trace-headers.ts'
import type { LatencyDefinition } from './definitions.ts'

const EVERY = 100
const UBER = 'Uber-Trace-Id'
const UBER_CONTEXT = 'Uberctx-'
const B3 = 'B3'
const B3_SAMPLED = 'X-B3-Sampled'
const B3_TRACE = 'X-B3-Traceid'
const B3_NAMES = [B3_SAMPLED, B3_TRACE, 'X-B3-Parentspanid', 'X-B3-Spanid']
const PARENT = 'Traceparent'
const STATE = 'Tracestate'

type Headers = Readonly<Record<string, readonly string[]>>

export interface Sample {
  /** Those that have asked for it; null: none have. */
  readonly headers: Headers | null
}

/** Null: the request isn't measured. */
export function sampleOf({ sampling }: LatencyDefinition, message: Message): Sample | null {
  if (sampling >= EVERY || (sampling > 0 && Math.floor(Math.random() * EVERY) <= sampling))
    return { headers: null }
  const { body, bodyStart, headerLength } = message
  if (headerLength === 0) return null
  const headers = askedFor(canonicalHeaders(body.toString('utf8', bodyStart, bodyStart + headerLength)))
  return headers === null ? null : { headers }
}

/** Headers of Jaeger, Zipkin and the W3C, in the order in which nats-server looks. */
function askedFor(headers: Headers): Headers | null {
  const uber = headers[UBER]
  if (uber !== undefined) {
    const isSampled = isSampledUber(uber[0])
    return isSampled ? pick(headers, (name) => name === UBER || name.startsWith(UBER_CONTEXT)) : null
  }
  const sampled = headers[B3_SAMPLED]?.[0]
  if (sampled === '0') return null
  if (sampled === '1' || headers[B3_TRACE] !== undefined)
    return pick(headers, (name) => B3_NAMES.includes(name))
  const b3 = headers[B3]
  if (b3 !== undefined) {
    const parts = b3[0].split('-')
    const isDenied = parts[2] === '0' || (parts.length === 1 && parts[0] === '0')
    return isDenied ? null : { [B3]: b3 }
  }
  if (headers[PARENT] === undefined || !isSampledParent(headers[PARENT][0])) return null
  return pick(headers, (name) => name === PARENT || name === STATE)
}

/** `<trace>:<span>:<parent>:<flags>`. */
function isSampledUber(value: string): boolean {
  const parts = value.split(':')
  return parts.length === 4 && /^[0-9a-f]{1,2}$/i.test(parts[3]) && (Number.parseInt(parts[3], 16) & 1) === 1
}

function pick(headers: Headers, isWanted: (name: string) => boolean): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isWanted(name)))
}

/** With names as Go writes them (`X-B3-Traceid`), sorted. */
function canonicalHeaders(text: string): Headers {
  return headerValues(canonicalLines(text))
}

function* canonicalLines(text: string): Generator<[name: string, value: string]> {
  for (const line of text.split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line
      .slice(0, colon)
      .toLowerCase()
      .replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
    yield [name, line.slice(colon + 1).trim()]
  }
}
