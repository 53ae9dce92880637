/** Durations as Go writes them: "1h2m3s", "250ms", "1.5s". */

import { MAX_DURATION_NS } from './ranges.ts'

const NS_PER_MS = 1e6
const NS_PER_S = 1e9

/** Nanoseconds as text. */
export function formatDuration(ns: number): string {
  if (ns === 0) return '0s'
  if (ns < 0) return `-${formatDuration(-ns)}`
  if (ns < 1e3) return `${ns}ns`
  if (ns < NS_PER_MS) return `${ns / 1e3}µs`
  if (ns < NS_PER_S) return `${ns / NS_PER_MS}ms`
  const hours = Math.floor(ns / (3600 * NS_PER_S))
  const minutes = Math.floor((ns % (3600 * NS_PER_S)) / (60 * NS_PER_S))
  const seconds = (ns % (60 * NS_PER_S)) / NS_PER_S
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}

const UNITS: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: NS_PER_MS,
  s: NS_PER_S,
  m: 60 * NS_PER_S,
  h: 3600 * NS_PER_S,
}

/** Nanoseconds, or null when the text is not a duration. */
export function parseDuration(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1
  const rest = text.replace(/^[+-]/, '')
  if (rest === '0') return 0
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y
  let ns = 0
  let at = 0
  while (at < rest.length) {
    part.lastIndex = at
    const found = part.exec(rest)
    if (found === null) return null
    ns += Number(found[1]) * UNITS[found[2]]
    at = part.lastIndex
  }
  return at === 0 || ns >= MAX_DURATION_NS ? null : sign * Math.round(ns)
}
