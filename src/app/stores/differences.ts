/** In what a configuration at the server is not as an app declares it. */
import { durationText } from '../units.ts'

/** A field, and both of its values. */
export interface Difference {
  readonly field: string
  readonly has: unknown
  readonly wanted: unknown
}

/** Lists whose order says nothing. */
const SETS = new Set(['subjects', 'filter_subjects'])

/** The fields of `wanted` that are otherwise in `existing`; what the declaration doesn't speak of is not compared. */
export function differences(wanted: object, existing: object): Difference[] {
  const found: Difference[] = []
  for (const [field, value] of Object.entries(wanted)) {
    const has = (existing as Record<string, unknown>)[field]
    const isSame = SETS.has(field) ? isSubset(sorted(value), sorted(has)) : isSubset(value, has)
    if (!isSame) found.push({ field, has, wanted: value })
  }
  return found
}

/** `max_age: 1h → 1m` */
export function sentenceOf({ field, has, wanted }: Difference): string {
  return `${field}: ${text(field, has)} → ${text(field, wanted)}`
}

/** Fields in nanoseconds. */
const DURATIONS =
  /^(?:max_age|duplicate_window|subject_delete_marker_ttl|ack_wait|inactive_threshold|idle_heartbeat|max_expires)$/

function text(field: string, value: unknown): string {
  if (value === undefined) return 'nothing'
  return DURATIONS.test(field) && Number(value) > 0
    ? durationText(Number(value) / 1e6)
    : JSON.stringify(value)
}

/** The server leaves out what is false, empty or zero, and adds defaults and metadata of its own to objects. */
function isSubset(wanted: unknown, has: unknown): boolean {
  if (isNothing(wanted)) return isNothing(has)
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(has) &&
      has.length === wanted.length &&
      wanted.every((one, index) => isSubset(one, has[index]))
    )
  }
  if (typeof wanted !== 'object') return wanted === has
  if (typeof has !== 'object' || has === null) return false
  return Object.entries(wanted as object).every(([name, value]) =>
    isSubset(value, (has as Record<string, unknown>)[name]),
  )
}

function isNothing(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    value === '' ||
    value === 0 ||
    (Array.isArray(value) && value.length === 0)
  )
}

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? [...value].sort() : value
}
