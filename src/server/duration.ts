/** Durations as Go prints them: `1m30s`, `250ms`, `2h0m0s`. */

const NANOS_PER_MS = 1e6
const NANOS_PER_SECOND = 1e9

export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  const sign = ms < 0 ? '-' : ''
  const nanos = Math.round(Math.abs(ms) * NANOS_PER_MS)
  if (nanos < 1000) return `${sign}${nanos}ns`
  if (nanos < NANOS_PER_MS) return `${sign}${plain(nanos / 1000, 3)}µs`
  if (nanos < NANOS_PER_SECOND) return `${sign}${plain(nanos / NANOS_PER_MS, 6)}ms`
  const seconds = nanos / NANOS_PER_SECOND
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const rest = `${plain(seconds - minutes * 60, 9)}s`
  if (minutes === 0) return sign + rest
  return hours === 0 ? `${sign}${minutes}m${rest}` : `${sign}${hours}h${minutes % 60}m${rest}`
}

function plain(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}
