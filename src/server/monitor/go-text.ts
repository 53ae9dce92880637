/** Times, durations and errors as Go prints them in nats-server's monitoring. */
import { formatDuration } from '../duration.ts'

/** RFC 3339 with a fraction, from milliseconds since the epoch. */
export function goTime(ms: number): string {
  const whole = Math.floor(ms)
  const nanos = Math.round((ms - whole) * 1e6) + (whole % 1000) * 1e6
  const seconds = new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)
  if (nanos === 0) return `${seconds}Z`
  return `${seconds}.${String(nanos).padStart(9, '0').replace(/0+$/, '')}Z`
}

/** `1d2h3m4s`: how long something has lasted. */
export function uptime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  const years = Math.floor(days / 365)
  let text = `${seconds % 60}s`
  if (minutes > 0) text = `${minutes % 60}m${text}`
  if (hours > 0) text = `${hours % 24}h${text}`
  if (days > 0) text = `${days % 365}d${text}`
  if (years > 0) text = `${years}y${text}`
  return text
}

/** `366µs`, `1.25ms`, `2s`: a duration of milliseconds, to a microsecond. */
export function goDuration(ms: number): string {
  return formatDuration(Math.round(ms * 1000) / 1000)
}

/** "No limit" among bytes that Go counts without a sign: -1, read as a uint64. `goJson` writes it to the digit. */
export const NO_LIMIT = 2 ** 64
/** What JavaScript makes of it: a Go program would not find room for it. */
const ROUNDED = '18446744073709552000'
const EXACT = '18446744073709551615'

/** JSON as Go writes it: indented by two, `<`, `>` and `&` escaped. */
export function goJson(value: unknown, indent = true): string {
  const text = JSON.stringify(value, null, indent ? 2 : undefined).replaceAll(
    `:${indent ? ' ' : ''}${ROUNDED}`,
    `:${indent ? ' ' : ''}${EXACT}`,
  )
  return text.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026')
}
