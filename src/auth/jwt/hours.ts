/** Times of the day at which a user may be connected. */

export interface TimeRange {
  /** `15:04:05`. */
  readonly start: string
  readonly end: string
}

const DAY_MS = 86_400_000

/** `15:04:05`, the hour with one digit or two, as Go takes it. */
export function isClockTime(text: string): boolean {
  return clockMs(text) !== null
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** Milliseconds that are left of the time that is allowed now; 0: it is not, infinite: nothing is said of times. */
export function timeLeftMs(ranges: readonly TimeRange[], timeZone: string, nowMs: number): number {
  if (ranges.length === 0) return Number.POSITIVE_INFINITY
  const now = timeOfDayMs(nowMs, timeZone)
  if (now === null) return 0
  let left = 0
  for (const range of ranges) {
    const [start, end] = [clockMs(range.start), clockMs(range.end)]
    if (start === null || end === null) return 0
    left = Math.max(left, leftOf(start, end, now))
  }
  return left
}

/** Of one range, which may cross midnight. */
function leftOf(start: number, end: number, now: number): number {
  if (start < now && now < end) return end - now
  if (start <= end) return 0
  if (now < end) return end - now
  return start < now ? end + DAY_MS - now : 0
}

function clockMs(text: string): number | null {
  const match = /^(\d{1,2}):(\d{2}):(\d{2})$/.exec(text)
  if (match === null) return null
  const [hours, minutes, seconds] = match.slice(1).map(Number)
  if (hours > 23 || minutes > 59 || seconds > 59) return null
  return ((hours * 60 + minutes) * 60 + seconds) * 1000
}

function timeOfDayMs(nowMs: number, timeZone: string): number | null {
  if (timeZone !== '' && !isTimeZone(timeZone)) return null
  const format = new Intl.DateTimeFormat('en', {
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
    ...(timeZone === '' ? {} : { timeZone }),
  })
  const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, Number(value)]))
  const seconds =
    ((parts.get('hour') ?? 0) * 60 + (parts.get('minute') ?? 0)) * 60 + (parts.get('second') ?? 0)
  return seconds * 1000 + (nowMs % 1000)
}
