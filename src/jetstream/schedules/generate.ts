/** The message that a schedule publishes when it has its turn. */

import { type HeaderLine, headerValue, readHeaderLines, writeHeaderLines } from '../headers/header-lines.ts'
import { type Pattern, parsePattern, turnAfter, turnText } from './pattern.ts'
import { TimeZone } from './time-zone.ts'

/** What `Nats-Schedule-Next` says of a schedule that has no further turn. */
export const PURGE = 'purge'

/** A stored message that is read for a turn. */
export interface Stored {
  readonly lines: readonly HeaderLine[]
  readonly payload: Buffer
}

/** What a schedule says. */
export interface Definition {
  readonly pattern: Pattern
  readonly target: string
  readonly source: string
  readonly ttl: string
  readonly rollup: string
}

/** Headers of a schedule that are not passed on: its own, and those that would be instructions to the stream. */
const NOT_PASSED_ON = /^(Nats-Schedule|Nats-Expected-|Nats-Msg-Id$|Nats-TTL$|Nats-Rollup$)/

export function storedMessage(buffer: Buffer, start: number, headerLength: number, end: number): Stored {
  return {
    lines: headerLength === 0 ? [] : readHeaderLines(buffer, start, headerLength),
    payload: Buffer.from(buffer.subarray(start + headerLength, end)),
  }
}

/** null when the message is no schedule (any more: another version of it may have stored what this one refuses). */
export function definitionOf(lines: readonly HeaderLine[]): Definition | null {
  const zoneName = headerValue(lines, 'Nats-Schedule-Time-Zone')
  const zone = zoneName === null ? null : TimeZone.named(zoneName)
  if (zoneName !== null && zone === null) return null
  const pattern = parsePattern(headerValue(lines, 'Nats-Schedule') ?? '', zone)
  const target = headerValue(lines, 'Nats-Schedule-Target') ?? ''
  if (pattern === null || target === '') return null
  return {
    pattern,
    target,
    source: headerValue(lines, 'Nats-Schedule-Source') ?? '',
    ttl: headerValue(lines, 'Nats-Schedule-TTL') ?? '',
    rollup: headerValue(lines, 'Nats-Schedule-Rollup') ?? '',
  }
}

/** The next turn behind the one at `dueMs`; null after the last. */
export function turnBehind(definition: Definition, dueMs: number, nowMs: number): number | null {
  return definition.pattern.kind === 'at' ? null : turnAfter(definition.pattern, dueMs, nowMs)
}

/** Headers and payload of what is published. `next`: its next turn, null: it ends with this one. */
export function generatedBody(
  definition: Definition,
  scheduler: string,
  content: Stored,
  next: number | null,
): { body: Buffer; headerLength: number } {
  const lines = content.lines.filter(({ name }) => !NOT_PASSED_ON.test(name))
  lines.push({ name: 'Nats-Scheduler', value: scheduler })
  lines.push({
    name: 'Nats-Schedule-Next',
    value: next === null ? PURGE : turnText(definition.pattern, next),
  })
  if (definition.ttl !== '') lines.push({ name: 'Nats-TTL', value: definition.ttl })
  if (definition.rollup !== '') lines.push({ name: 'Nats-Rollup', value: definition.rollup })
  const headers = writeHeaderLines(lines)
  return { body: Buffer.concat([headers, content.payload]), headerLength: headers.length }
}
