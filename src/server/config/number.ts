/** Numbers and times as configuration files and flags write them. */
import { parseDuration } from '../../jetstream/index.ts'
import { ConfigError } from './value.ts'

const KIBI = 1024
const units = new Map<string, number>()
for (const [i, letter] of [...'kmgtpe'].entries()) {
  units.set(letter, 1000 ** (i + 1))
  for (const end of ['b', 'i', 'ib']) units.set(letter + end, KIBI ** (i + 1))
}

const MOST = 2n ** 63n

/**
 * `12`, `-1`, `10k` (1000), `10kb`, `10Ki`, `10KiB` (1024), and so on up to `e`.
 * @throws ConfigError beyond 64 bits, or with a unit that is none
 */
export function integerValue(text: string): number {
  const [, digits = '', suffix = ''] = /^(-?\d+)([a-zA-Z]*)$/.exec(text) ?? []
  const unit = suffix === '' ? 1 : units.get(suffix.toLowerCase())
  if (digits === '' || unit === undefined) throw new ConfigError(`expected integer, but got '${text}'`)
  const exact = BigInt(digits)
  if (exact >= MOST || exact < -MOST) throw new ConfigError(`integer '${text}' is out of the range`)
  return Number(digits) * unit
}

/**
 * A duration like `1h30m`, `250ms`, `1.5s`, in milliseconds.
 * @throws Error in Go's words
 */
export function parseDurationMs(text: string): number {
  const ns = parseDuration(text)
  if (ns !== null) return ns / 1e6
  const isBare = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)
  throw new Error(`time: ${isBare ? 'missing unit in' : 'invalid'} duration ${JSON.stringify(text)}`)
}
