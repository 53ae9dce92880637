import { parseDuration } from '../config/go-duration.ts'
import { MAX_TTL_MS } from '../config/ranges.ts'

/** What `Nats-TTL` asks for in milliseconds (whole seconds): Infinity for 'never', 0 for none, null when it is wrong. */
export function parseTtlMs(text: string): number | null {
  if (text.toLowerCase() === 'never') return Number.POSITIVE_INFINITY
  if (/^\d+$/.test(text) && text !== '0') {
    const seconds = Number(text)
    return seconds < 2 ** 63 ? Math.min(seconds * 1000, MAX_TTL_MS) : null
  }
  const ns = parseDuration(text)
  return ns === null || ns < 1e9 ? null : Math.floor(ns / 1e9) * 1000
}
