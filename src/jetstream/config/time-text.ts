/** Times as answers show them and requests have them: RFC 3339, shown in UTC with as many digits of a second as are needed. */

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

/** A point in time, in seconds and nanoseconds. */
export interface Instant {
  sec: number
  nsec: number
}

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/

/** A time as requests have it; null when the text is none. */
export function parseTime(text: string): Instant | null {
  const found = RFC_3339.exec(text)
  if (found === null) return null
  const [, day, time, fraction = '', zone] = found
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`)
  return Number.isNaN(ms) ? null : { sec: ms / 1000, nsec: Number(fraction.padEnd(9, '0')) }
}
