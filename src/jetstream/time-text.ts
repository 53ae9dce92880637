/** Times as answers show them: RFC 3339 in UTC, with as many digits of a second as are needed. */

/** How Go writes the time that nothing was set to. */
export const ZERO_TIME = '0001-01-01T00:00:00Z'

/** Seconds since the epoch and nanoseconds. */
export function formatTime(sec: number, nsec: number): string {
  const seconds = new Date(sec * 1000).toISOString().slice(0, 19)
  if (nsec === 0) return `${seconds}Z`
  return `${seconds}.${String(nsec).padStart(9, '0').replace(/0+$/, '')}Z`
}

/** Milliseconds since the epoch, with a fraction. */
export function formatMs(ms: number): string {
  const sec = Math.floor(ms / 1000)
  return formatTime(sec, Math.floor((ms - sec * 1000) * 1e6))
}
