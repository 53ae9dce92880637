/**
 * How many messages a member of a durable takes ahead: about what it handles in a second. So a fast handler never waits for
 * messages, and those that a slow one would only sit on are left to other instances.
 */
import type { Rate } from '../rate.ts'
import { toMs } from '../units.ts'

const AHEAD_MS = 1000
/** Part that the last message has in the mean. */
const WEIGHT = 0.1
/** A handler that is done at once. */
const LEAST_MS = 0.001

export class Prefetch {
  readonly #concurrency: number
  readonly #most: number
  readonly #mostAhead: number
  /** Mean time of a message in its handler; negative: none is through yet. */
  #msEach = -1

  /** @param most messages that may be held in all */
  constructor(concurrency: number, most: number, rate?: Rate) {
    this.#concurrency = concurrency
    this.#most = most
    this.#mostAhead =
      rate === undefined
        ? Number.POSITIVE_INFINITY
        : (rate.messages * AHEAD_MS) / Math.max(1, toMs(rate.per, 'rate.per'))
  }

  /** A handler was through with a message, in so long. */
  ended(ms: number): void {
    this.#msEach = this.#msEach < 0 ? ms : this.#msEach + (ms - this.#msEach) * WEIGHT
  }

  /** Messages beyond those in handlers; none before the first is through. */
  get ahead(): number {
    if (this.#msEach < 0) return 0
    const inTime = (this.#concurrency * AHEAD_MS) / Math.max(LEAST_MS, this.#msEach)
    return Math.floor(Math.min(inTime, this.#mostAhead, this.#most - this.#concurrency))
  }

  /** Messages that may be held, handled and waiting. */
  get allowed(): number {
    return this.#concurrency + this.ahead
  }
}
