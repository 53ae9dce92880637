/** How many messages may begin within a stretch of time. */
import { ContrailError } from './errors.ts'
import { duration, type Table, whole } from './options.ts'
import { type Duration, toMs } from './units.ts'

/** In no stretch of time of that length more than so many begin; they may begin all at once. */
export interface Rate {
  /** So many messages (up to 1,000,000) … */
  messages: number
  /** … in so long. */
  per: Duration
}

const MAX_RATE = 1_000_000

export const RATE: Table<Rate> = { messages: whole(1, MAX_RATE), per: duration }

/** When the last messages began: as many as may begin within the time. */
export class RateWindow {
  readonly #perMs: number
  readonly #begunAt: Float64Array
  #oldest = 0

  /** @throws ContrailError INVALID_OPTION */
  constructor({ messages, per }: Rate) {
    if (!(Number.isInteger(messages) && messages >= 1 && messages <= MAX_RATE)) {
      throw new ContrailError(
        'INVALID_OPTION',
        `rate.messages: ${messages} is no whole number from 1 to ${MAX_RATE}.`,
      )
    }
    this.#perMs = toMs(per, 'rate.per')
    this.#begunAt = new Float64Array(messages).fill(Number.NEGATIVE_INFINITY)
  }

  /** Milliseconds until so many more may begin; 0: now. */
  waitMs(size: number, now: number): number {
    const { length } = this.#begunAt
    const last = (this.#oldest + Math.min(size, length) - 1) % length
    return Math.max(0, this.#begunAt[last] + this.#perMs - now)
  }

  /** So many have begun, not later than now. */
  count(size: number, now: number): void {
    const { length } = this.#begunAt
    for (let i = Math.min(size, length); i > 0; i--) {
      this.#begunAt[this.#oldest] = now
      this.#oldest = (this.#oldest + 1) % length
    }
  }
}
