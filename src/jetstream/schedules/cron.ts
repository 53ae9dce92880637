/** Six-field crontabs: seconds, minutes, hours, day of month, month, day of week (ADR-51). */
import type { TimeZone } from './time-zone.ts'

/** One field: which values it takes, and whether it takes all there are. */
interface Field {
  readonly values: ReadonlySet<number>
  readonly isStar: boolean
}

export interface Cron {
  readonly second: Field
  readonly minute: Field
  readonly hour: Field
  readonly day: Field
  readonly month: Field
  readonly weekday: Field
}

interface Bounds {
  readonly min: number
  readonly max: number
  readonly names: readonly string[]
}

const NO_NAMES: readonly string[] = []
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const BOUNDS: readonly Bounds[] = [
  { min: 0, max: 59, names: NO_NAMES },
  { min: 0, max: 59, names: NO_NAMES },
  { min: 0, max: 23, names: NO_NAMES },
  { min: 1, max: 31, names: NO_NAMES },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: WEEKDAYS },
]

const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 0 1 1 *'],
  ['@annually', '0 0 0 1 1 *'],
  ['@monthly', '0 0 0 1 * *'],
  ['@weekly', '0 0 0 * * 0'],
  ['@daily', '0 0 0 * * *'],
  ['@midnight', '0 0 0 * * *'],
  ['@hourly', '0 0 * * * *'],
])

const SECOND_MS = 1000
const DAY_MS = 86_400_000
/** A pattern without a turn for so long has none. */
const LONGEST_YEARS = 5

/** null when it is no crontab. */
export function parseCron(text: string): Cron | null {
  const fields = (PREDEFINED.get(text) ?? text).split(/\s+/).filter((field) => field !== '')
  if (fields.length !== BOUNDS.length) return null
  const parsed: Field[] = []
  for (const [i, field] of fields.entries()) {
    const one = parseField(field, BOUNDS[i])
    if (one === null) return null
    parsed.push(one)
  }
  const [second, minute, hour, day, month, weekday] = parsed
  return { second, minute, hour, day, month, weekday }
}

/** A list of ranges. */
function parseField(text: string, bounds: Bounds): Field | null {
  const values = new Set<number>()
  let isStar = false
  for (const range of text.split(',')) {
    if (range === '') continue
    const star = addRange(range, bounds, values)
    if (star === null) return null
    isStar ||= star
  }
  return { values, isStar }
}

/** `*`, `N`, `N-M`, each with `/STEP`. True for a star that leaves nothing out, null when it is none of them. */
function addRange(text: string, bounds: Bounds, values: Set<number>): boolean | null {
  const [range, stepText, ...tooMany] = text.split('/')
  const [low, high, ...more] = range.split('-')
  if (tooMany.length > 0 || more.length > 0) return null
  const isStar = low === '*' || low === '?'
  const step = stepText === undefined ? 1 : numberOf(stepText)
  const from = isStar ? bounds.min : fieldValue(low, bounds)
  let to = isStar ? bounds.max : high === undefined ? from : fieldValue(high, bounds)
  if (step === null || step === 0 || from === null || to === null) return null
  // "N/STEP" goes on to the end.
  if (stepText !== undefined && high === undefined) to = bounds.max
  if (from < bounds.min || to > bounds.max || from > to) return null
  for (let value = from; value <= to; value += step) values.add(value)
  return isStar && step === 1
}

function fieldValue(text: string, bounds: Bounds): number | null {
  const named = bounds.names.indexOf(text.toLowerCase())
  return named >= 0 ? named + bounds.min : numberOf(text)
}

function numberOf(text: string): number | null {
  return /^\+?\d{1,9}$/.test(text) ? Number(text) : null
}

/**
 * The first turn after `afterMs`, in milliseconds since the epoch; null when there is none within five years. In a zone
 * with daylight saving time the hours that are skipped have no turn, those that come twice have two.
 */
export function nextTurn(cron: Cron, afterMs: number, zone: TimeZone): number | null {
  let fromMs = (Math.floor(afterMs / SECOND_MS) + 1) * SECOND_MS
  for (;;) {
    const offsetMs = zone.offsetMs(fromMs)
    const wallMs = nextWallTime(cron, fromMs + offsetMs)
    if (wallMs === null) return null
    const turnMs = wallMs - offsetMs
    // While the offset holds, the time on the wall and real time go alike; behind a change the search begins anew.
    const changeMs = zone.changeMs(fromMs, turnMs)
    if (changeMs === null) return turnMs
    fromMs = changeMs
  }
}

/** The first time on the wall from `fromMs` on that fits, as if it were UTC. */
function nextWallTime(cron: Cron, fromMs: number): number | null {
  const lastYear = new Date(fromMs).getUTCFullYear() + LONGEST_YEARS
  let dayMs = Math.floor(fromMs / DAY_MS) * DAY_MS
  let timeMs = fromMs - dayMs
  for (;;) {
    const day = new Date(dayMs)
    if (day.getUTCFullYear() > lastYear) return null
    if (!cron.month.values.has(day.getUTCMonth() + 1)) {
      dayMs = Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 1)
      timeMs = 0
      continue
    }
    if (fitsDay(cron, day)) {
      const found = nextTimeOfDay(cron, timeMs)
      if (found !== null) return dayMs + found
    }
    dayMs += DAY_MS
    timeMs = 0
  }
}

/** Where both the day of the month and the weekday are named, either will do. */
function fitsDay(cron: Cron, day: Date): boolean {
  const fitsDate = cron.day.values.has(day.getUTCDate())
  const fitsWeekday = cron.weekday.values.has(day.getUTCDay())
  return cron.day.isStar || cron.weekday.isStar ? fitsDate && fitsWeekday : fitsDate || fitsWeekday
}

/** Milliseconds since midnight of the first time from `fromMs` on that fits; null when the day has none left. */
function nextTimeOfDay(cron: Cron, fromMs: number): number | null {
  const from = Math.ceil(fromMs / SECOND_MS)
  const fromHour = Math.floor(from / 3600)
  for (let hour = fromHour; hour < 24; hour++) {
    if (!cron.hour.values.has(hour)) continue
    const fromMinute = hour === fromHour ? Math.floor((from % 3600) / 60) : 0
    for (let minute = fromMinute; minute < 60; minute++) {
      if (!cron.minute.values.has(minute)) continue
      const isFirst = hour === fromHour && minute === Math.floor((from % 3600) / 60)
      for (let second = isFirst ? from % 60 : 0; second < 60; second++) {
        if (cron.second.values.has(second)) return ((hour * 60 + minute) * 60 + second) * SECOND_MS
      }
    }
  }
  return null
}
