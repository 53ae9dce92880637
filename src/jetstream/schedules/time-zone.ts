/** The clocks on the wall of a time zone, by what Intl knows of it. */

const NO_NAMES = /^[+-]|^\s*$/
const HOUR_MS = 3_600_000
/** Changes of a clock are longer apart than this. */
const STRIDE_MS = 7 * 24 * HOUR_MS
const SECOND_MS = 1000

export class TimeZone {
  /** null: UTC. */
  readonly #format: Intl.DateTimeFormat | null

  private constructor(format: Intl.DateTimeFormat | null) {
    this.#format = format
  }

  static readonly utc = new TimeZone(null)

  /** By its name in the IANA table, 'UTC', or 'Local' for the machine's own; null when there is none. */
  static named(name: string): TimeZone | null {
    if (name === 'UTC') return TimeZone.utc
    if (NO_NAMES.test(name)) return null
    try {
      return new TimeZone(
        new Intl.DateTimeFormat('en-US', {
          timeZone: name === 'Local' ? undefined : name,
          calendar: 'gregory',
          numberingSystem: 'latn',
          hourCycle: 'h23',
          year: 'numeric',
          month: 'numeric',
          day: 'numeric',
          hour: 'numeric',
          minute: 'numeric',
          second: 'numeric',
        }),
      )
    } catch {
      return null
    }
  }

  /** How far the clock is ahead of UTC at a time. */
  offsetMs(atMs: number): number {
    if (this.#format === null) return 0
    const field: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(atMs)) field[type] = Number(value)
    const wallMs = Date.UTC(field.year, field.month - 1, field.day, field.hour, field.minute, field.second)
    return wallMs - Math.floor(atMs / SECOND_MS) * SECOND_MS
  }

  /** When the offset changes for the first time behind `fromMs`, up to `toMs`; null when it doesn't. Whole seconds. */
  changeMs(fromMs: number, toMs: number): number | null {
    if (this.#format === null) return null
    const before = this.offsetMs(fromMs)
    let low = fromMs
    while (low < toMs) {
      const high = Math.min(low + STRIDE_MS, toMs)
      if (this.offsetMs(high) !== before) return this.#firstAfter(low, high, before)
      low = high
    }
    return null
  }

  /** The first second in `(low, high]` whose offset is not `before`. */
  #firstAfter(low: number, high: number, before: number): number {
    let from = Math.floor(low / SECOND_MS)
    let to = Math.ceil(high / SECOND_MS)
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2)
      if (this.offsetMs(middle * SECOND_MS) === before) from = middle
      else to = middle
    }
    return to * SECOND_MS
  }
}
