/** Durations and sizes as people write them. */
import { ContrailError } from './errors.ts'

type N = `${number}`

/** Milliseconds, or numbers with units: '250ms', '1s', '1h30m', '30d'. What is text only at run time goes through `durationMs`. */
export type Duration =
  | number
  | `${N}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`
  | `${N}w${N}d`
  | `${N}d${N}h`
  | `${N}h${N}m`
  | `${N}h${N}m${N}s`
  | `${N}m${N}s`
  | `${N}s${N}ms`

type SizeUnit = 'B' | 'kB' | 'KB' | 'MB' | 'GB' | 'TB' | 'KiB' | 'MiB' | 'GiB' | 'TiB'

/** Bytes, or a number with a unit: '64KiB', '1MB', '10GiB'. */
export type Size = number | `${N}${SizeUnit}` | `${N} ${SizeUnit}`

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

/** The servers count in nanoseconds. */
export const NS_PER_MS = 1_000_000

export function isDuration(value: unknown): value is Duration {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0
  return typeof value === 'string' && /^(\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/.test(value.trim())
}

export function isSize(value: unknown): value is Size {
  if (typeof value === 'number') return Number.isInteger(value) && value >= -1
  const unit = typeof value === 'string' ? /^\d+(?:\.\d+)?\s*([a-z]+)$/i.exec(value.trim())?.[1] : undefined
  return unit !== undefined && BYTES_PER_UNIT.has(unit.toLowerCase())
}

/** @throws ContrailError INVALID_OPTION */
export function toMs(duration: number | string, option: string): number {
  if (!isDuration(duration)) throw notA('duration', duration, option)
  if (typeof duration === 'number') return duration
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
export function toNs(duration: number | string, option: string): number {
  return Math.round(toMs(duration, option) * NS_PER_MS)
}

/** @throws ContrailError INVALID_OPTION */
export function toBytes(size: number | string, option: string): number {
  if (!isSize(size)) throw notA('size', size, option)
  if (typeof size === 'number') return size
  const [, number, unit] = size.trim().match(/^(\d+(?:\.\d+)?)\s*([a-z]+)$/i) as RegExpMatchArray
  return Math.round(Number(number) * (BYTES_PER_UNIT.get(unit.toLowerCase()) as number))
}

function notA(what: 'duration' | 'size', value: unknown, option: string): ContrailError {
  const example = what === 'duration' ? "'500ms', '30s', '1h30m', '30d'" : "'64KiB', '10MB', '1GiB'"
  return new ContrailError(
    'INVALID_OPTION',
    `${option}: ${JSON.stringify(value)} is no ${what} (for example ${example}).`,
  )
}
