/** When a schedule has its turns: what stands in `Nats-Schedule` and `Nats-Schedule-Time-Zone`. */
import { parseDuration } from '../config/go-duration.ts'
import { type Cron, nextTurn, parseCron } from './cron.ts'
import { TimeZone } from './time-zone.ts'

/** Once, at so many milliseconds since the epoch; every so often; or by a crontab. */
export type Pattern =
  | { readonly kind: 'at'; readonly atMs: number }
  | { readonly kind: 'every'; readonly everyMs: number }
  | { readonly kind: 'cron'; readonly cron: Cron; readonly zone: TimeZone }

const SHORTEST_NS = 1e9
const NS_PER_MS = 1e6
const SECOND_MS = 1000
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/

/** `zone`: null when no time zone was named. null: it is no schedule. */
export function parsePattern(text: string, zone: TimeZone | null): Pattern | null {
  if (text.startsWith('@at ')) {
    const atMs = parseTimeMs(text.slice(4))
    return zone === null && atMs !== null ? { kind: 'at', atMs } : null
  }
  if (text.startsWith('@every ')) {
    const everyNs = parseDuration(text.slice(7))
    if (zone !== null || everyNs === null || everyNs < SHORTEST_NS) return null
    return { kind: 'every', everyMs: everyNs / NS_PER_MS }
  }
  const cron = parseCron(text)
  return cron === null ? null : { kind: 'cron', cron, zone: zone ?? TimeZone.utc }
}

/**
 * The next turn after `lastMs`, in milliseconds since the epoch. Turns that went by before `nowMs` are skipped, so that a server
 * that was away makes up for one, not for all. null: there is none.
 */
export function turnAfter(pattern: Pattern, lastMs: number, nowMs: number): number | null {
  switch (pattern.kind) {
    case 'at':
      return pattern.atMs
    case 'every': {
      const next = wholeSecond(lastMs) + pattern.everyMs
      return next < nowMs ? wholeSecond(nowMs) + pattern.everyMs : next
    }
    case 'cron': {
      const next = nextTurn(pattern.cron, lastMs, pattern.zone)
      return next !== null && next < nowMs ? nextTurn(pattern.cron, wholeSecond(nowMs), pattern.zone) : next
    }
  }
}

/** A turn as `Nats-Schedule-Next` shows it: RFC 3339, on the clock of the schedule's zone. */
export function turnText(pattern: Pattern, turnMs: number): string {
  const offsetMs = pattern.kind === 'cron' ? pattern.zone.offsetMs(turnMs) : 0
  const text = new Date(turnMs + offsetMs).toISOString().replace(/\.?0*Z$/, '')
  if (offsetMs === 0) return `${text}Z`
  const minutes = Math.abs(Math.round(offsetMs / 60_000))
  const two = (value: number) => String(value).padStart(2, '0')
  return `${text}${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

function parseTimeMs(text: string): number | null {
  const ms = RFC3339.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) return null
  // The 30th of February is no day, though Date takes it for one.
  const day = text.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) ? ms : null
}

function wholeSecond(ms: number): number {
  return Math.round(ms / SECOND_MS) * SECOND_MS
}
