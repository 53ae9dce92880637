/** Numbers and times as configuration files and flags write them. */
import { parseDuration } from '../../jetstream/index.ts'

const KIBI = 1024
const units = new Map<string, number>()
for (const [i, letter] of [...'kmgtpe'].entries()) {
  units.set(letter, 1000 ** (i + 1))
  for (const end of ['b', 'i', 'ib']) units.set(letter + end, KIBI ** (i + 1))
}

/**
 * `12`, `-1`, `1.5`, `10k` (1000), `10kb`, `10Ki`, `10KiB` (1024), and so on up to `e`. Null when it is no number.
 */
export function parseNumber(text: string): { value: number; isFloat: boolean } | null {
  const match = /^(-?\d+)(\.\d+)?([a-zA-Z]*)$/.exec(text)
  if (match === null) return null
  const [, whole, fraction, suffix] = match
  if (fraction !== undefined) return suffix === '' ? { value: Number(text), isFloat: true } : null
  const unit = suffix === '' ? 1 : units.get(suffix.toLowerCase())
  return unit === undefined ? null : { value: Number(whole) * unit, isFloat: false }
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
