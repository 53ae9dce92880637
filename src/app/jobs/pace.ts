/**
 * How fast jobs begin over all processes: the time at which the next may begin is an entry of the queue's bucket, moved on by
 * compare and set. Begins are at even distances, so in no stretch of time there are more than the rate says.
 */

import { isApiError, WRONG_LAST_SEQUENCE } from '../client-errors.ts'
import type { Rate } from '../rate.ts'
import { RateWindow } from '../rate.ts'
import type { Runtime } from '../runtime.ts'
import { toMs } from '../units.ts'
import type { Permits } from './gate.ts'
import type { QueueNames } from './names.ts'

const NO_MESSAGE_FOUND = 10037
/** A process reserves what begins in so long at a time. */
const RESERVED_MS = 100
const AGAIN_MS = 500

export class Pace implements Permits {
  readonly #runtime: Runtime
  readonly #names: QueueNames
  readonly #distanceMs: number
  /** Times at which one may begin here, the next first. */
  #reserved: number[] = []
  #available = 0
  #wanted = 0
  #isReserving = false
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  onMore: () => void = () => {}

  constructor(names: QueueNames, rate: Rate, runtime: Runtime) {
    // Says what is wrong with it.
    new RateWindow(rate)
    this.#names = names
    this.#runtime = runtime
    this.#distanceMs = toMs(rate.per, 'rate.per') / rate.messages
  }

  get available(): number {
    return this.#available
  }

  want(count: number): void {
    this.#wanted = count
    if (count === 0) {
      // What nobody begins with is lost: later they would be too many at a time.
      this.#available = 0
      this.#reserved = []
    } else if (count > this.#available + this.#reserved.length) void this.#reserve()
  }

  take(): void {
    this.#available--
  }

  giveBack(): void {}

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #reserve(): Promise<void> {
    if (this.#isReserving || this.#isStopped) return
    this.#isReserving = true
    try {
      const missing = this.#wanted - this.#available - this.#reserved.length
      const count = Math.max(1, Math.min(missing, Math.floor(RESERVED_MS / this.#distanceMs)))
      const first = await this.#moveOn(count)
      for (let i = 0; i < count; i++) this.#reserved.push(first + i * this.#distanceMs)
      this.#next()
    } catch (thrown) {
      this.#runtime.log.debug({ err: thrown }, 'the pace of a queue could not be asked for; asking again')
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref())
    } finally {
      this.#isReserving = false
    }
    if (this.#wanted > this.#available + this.#reserved.length) void this.#reserve()
  }

  /** Begins become available when it is their time. */
  #next(): void {
    clearTimeout(this.#timer)
    if (this.#isStopped || this.#reserved.length === 0) return
    const now = Date.now()
    let isMore = false
    while (this.#reserved.length > 0 && this.#reserved[0] <= now) {
      this.#reserved.shift()
      this.#available++
      isMore = true
    }
    if (this.#reserved.length > 0) {
      this.#timer = setTimeout(() => this.#next(), Math.ceil(this.#reserved[0] - now))
    }
    if (isMore) this.onMore()
  }

  /** The first of `count` times that are ours; by the clocks of the machines, which should agree. */
  async #moveOn(count: number): Promise<number> {
    const { js, jsm } = this.#runtime
    const subject = `$KV.${this.#names.bucket}.=rate`
    for (;;) {
      const last = await jsm.streams
        .getMessage(`KV_${this.#names.bucket}`, { last_by_subj: subject })
        .catch((thrown) => {
          if (isApiError(thrown, NO_MESSAGE_FOUND)) return null
          throw thrown
        })
      const { next = 0 } = last?.json<{ next: number }>() ?? {}
      const first = Math.max(Date.now(), next)
      try {
        const entry = JSON.stringify({ next: first + count * this.#distanceMs })
        await js.publish(subject, entry, { expect: { lastSubjectSequence: last?.seq ?? 0 } })
        return first
      } catch (thrown) {
        if (!isApiError(thrown, ...WRONG_LAST_SEQUENCE)) throw thrown
      }
    }
  }
}
