/** Times as requests have them (RFC 3339). */

/** A point in time, in seconds and nanoseconds. */
export interface Instant {
  sec: number
  nsec: number
}

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/

/** null when the text is not a time. */
export function parseTime(text: string): Instant | null {
  const found = RFC_3339.exec(text)
  if (found === null) return null
  const [, day, time, fraction = '', zone] = found
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`)
  return Number.isNaN(ms) ? null : { sec: ms / 1000, nsec: Number(fraction.padEnd(9, '0')) }
}
