/** Durations and sizes as people write them. */
import { ContrailError } from './errors.ts'

/** Milliseconds, or a number with a unit: '250ms', '1s', '1h30m', '30d'. */
export type Duration = number | string

/** Bytes, or a number with a unit: '64KiB', '1MB', '10GiB'. */
export type Size = number | string

const MS_PER_UNIT: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

const BYTES_PER_UNIT: ReadonlyMap<string, number> = new Map(
  Object.entries({
    b: 1,
    kb: 1000,
    mb: 1e6,
    gb: 1e9,
    tb: 1e12,
    kib: 1024,
    mib: 1024 ** 2,
    gib: 1024 ** 3,
    tib: 1024 ** 4,
  }),
)

const NS_PER_MS = 1_000_000

/** @throws ContrailError INVALID_OPTION */
export function toMs(duration: Duration, option: string): number {
  if (typeof duration === 'number') {
    if (Number.isFinite(duration) && duration >= 0) return duration
    throw notA('duration', duration, option)
  }
  const parts = duration.trim().match(/^(\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/)
  if (parts === null) throw notA('duration', duration, option)
  let sum = 0
  for (const part of duration.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    sum += Number(part[1]) * MS_PER_UNIT[part[2]]
  }
  return sum
}

/** Milliseconds as people write them: '1h30m'. */
export function durationText(ms: number): string {
  let left = ms
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const many = unit === 'ms' ? Math.round(left * 1000) / 1000 : Math.floor(left / MS_PER_UNIT[unit])
    left -= many * MS_PER_UNIT[unit]
    if (many > 0) text += `${many}${unit}`
  }
  return text === '' ? '0ms' : text
}

/** Nanoseconds, as the JetStream API counts. @throws ContrailError INVALID_OPTION */
export function toNs(duration: Duration, option: string): number {
  return Math.round(toMs(duration, option) * NS_PER_MS)
}

/** @throws ContrailError INVALID_OPTION */
export function toBytes(size: Size, option: string): number {
  if (typeof size === 'number') {
    if (Number.isInteger(size) && size >= -1) return size
    throw notA('size', size, option)
  }
  const match = size.trim().match(/^(\d+(?:\.\d+)?)\s*([a-z]+)$/i)
  const unit = match === null ? undefined : BYTES_PER_UNIT.get(match[2].toLowerCase())
  if (match === null || unit === undefined) throw notA('size', size, option)
  return Math.round(Number(match[1]) * unit)
}

function notA(what: 'duration' | 'size', value: unknown, option: string): ContrailError {
  const example = what === 'duration' ? "'500ms', '30s', '1h30m', '30d'" : "'64KiB', '10MB', '1GiB'"
  return new ContrailError(
    'INVALID_OPTION',
    `${option}: ${JSON.stringify(value)} is no ${what} (for example ${example}).`,
  )
}
