/** When a message is tried again, and where it goes when that is over. */
import { ContrailError } from '../errors.ts'
import {
  callback,
  count,
  duration,
  either,
  type Field,
  flag,
  object,
  part,
  positive,
  type Table,
  text,
} from '../options.ts'
import { assertSubject } from '../subject-pattern.ts'
import { type Duration, toMs } from '../units.ts'

/** Pauses between tries: always the same, one after the other (the last repeats), or growing. */
export type Backoff =
  | Duration
  | readonly Duration[]
  | {
      /** The first pause. */
      initial: Duration
      /** Each is so many times the one before. Default: 2. */
      factor?: number
      /** The longest. Default: '1m'. */
      max?: Duration
      /** Each is longer or shorter by up to this part, by chance. Default: 0. */
      jitter?: number
    }

export interface RetryOptions {
  /** Tries in all, the first included. Default: no end. */
  attempts?: number
  /** Default: 1 s, 2 s, 4 s … up to 1 min. */
  backoff?: Backoff
  /**
   * Is a message that failed with this to be tried again? False: it is given up at once. A duration: after so long. True: as
   * `backoff` says. Asked while there are tries left; `Reject` and what can't be read are given up in any case.
   */
  when?: (thrown: unknown, tries: number) => boolean | Duration
  /**
   * After the last try the message goes, with its headers and the reason, to this subject, and is termed. `true`: to
   * `dead.STREAM.<its subject>` in the stream `STREAM_DEAD`, which is made. Default: it is termed only.
   */
  deadLetter?: boolean | string
}

const BACKOFF_STEPS: Table<Extract<Backoff, { initial: Duration }>> = {
  initial: duration,
  factor: positive,
  max: duration,
  jitter: part,
}

export const BACKOFF: Field = {
  takes: (value) =>
    duration.takes(value) ||
    (Array.isArray(value)
      ? value.length > 0 && value.every(duration.takes)
      : object.takes(value) && 'initial' in Object(value)),
  isNot: `is no duration, no list of durations, and no object with initial, factor, max and jitter`,
  shape: BACKOFF_STEPS,
}

/** Tries in all. */
export const ATTEMPTS: Field = {
  takes: (value) => value === Number.POSITIVE_INFINITY || count.takes(value),
  isNot: count.isNot,
}

export const RETRY_OPTIONS: Table<RetryOptions> = {
  attempts: ATTEMPTS,
  backoff: BACKOFF,
  when: callback,
  deadLetter: either(flag, text),
}

const DEFAULT_BACKOFF: Backoff = { initial: '1s', factor: 2, max: '1m' }
const DEFAULT_FACTOR = 2
const DEFAULT_MAX = '1m'

export class RetryPolicy {
  /** Tries in all; Infinity: no end. */
  readonly attempts: number
  readonly deadLetter: boolean | string
  readonly #pauses: readonly number[]
  readonly #factor: number
  readonly #maxMs: number
  readonly #jitter: number
  readonly #when: RetryOptions['when']

  /** @throws ContrailError INVALID_OPTION */
  constructor(options: RetryOptions = {}) {
    this.attempts = options.attempts ?? Number.POSITIVE_INFINITY
    if (!(this.attempts >= 1)) {
      throw new ContrailError('INVALID_OPTION', `retry.attempts: ${this.attempts} is below 1.`)
    }
    this.deadLetter = options.deadLetter ?? false
    if (typeof this.deadLetter === 'string') assertSubject(this.deadLetter)
    this.#when = options.when
    const backoff = options.backoff ?? DEFAULT_BACKOFF
    if (typeof backoff === 'object' && 'initial' in backoff) {
      this.#pauses = [toMs(backoff.initial, 'retry.backoff.initial')]
      this.#factor = backoff.factor ?? DEFAULT_FACTOR
      this.#maxMs = toMs(backoff.max ?? DEFAULT_MAX, 'retry.backoff.max')
      this.#jitter = backoff.jitter ?? 0
    } else {
      const pauses = typeof backoff === 'object' ? backoff : [backoff]
      if (pauses.length === 0) throw new ContrailError('INVALID_OPTION', 'retry.backoff: the list is empty.')
      this.#pauses = pauses.map((pause) => toMs(pause, 'retry.backoff'))
      this.#factor = 1
      this.#maxMs = Number.POSITIVE_INFINITY
      this.#jitter = 0
    }
  }

  /** Milliseconds until the next try, after so many, the last of which failed with `thrown`; null: there is none. */
  pauseAfter(tries: number, thrown?: unknown, random: () => number = Math.random): number | null {
    if (tries >= this.attempts) return null
    const rule = this.#when === undefined ? true : asked(this.#when, thrown, tries)
    if (rule === false) return null
    if (rule !== true) return toMs(rule, 'retry.when')
    const index = Math.min(tries, this.#pauses.length) - 1
    const grown = this.#pauses[Math.max(0, index)] * this.#factor ** Math.max(0, tries - this.#pauses.length)
    const pause = Math.min(grown, this.#maxMs)
    return this.#jitter === 0 ? pause : pause * (1 + this.#jitter * (2 * random() - 1))
  }
}

/** A rule that fails itself says nothing: it is tried again. */
function asked(when: NonNullable<RetryOptions['when']>, thrown: unknown, tries: number): boolean | Duration {
  try {
    return when(thrown, tries)
  } catch {
    return true
  }
}
