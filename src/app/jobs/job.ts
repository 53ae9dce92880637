/** A job: as who added it holds it, and as its handler does. */
import { ContrailError } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import { type Duration, toMs } from '../units.ts'
import type { Outcome, Outcomes } from './outcomes.ts'

/** A job that did not end well. */
export class JobFailedError extends ContrailError {
  readonly id: string
  /** What its last try failed with, or that it was removed. */
  readonly reason: string
  readonly outcome: Outcome

  constructor(queue: string, id: string, outcome: Outcome) {
    const reason = outcome.reason ?? outcome.state
    const code = outcome.state === 'removed' ? 'JOB_REMOVED' : 'JOB_FAILED'
    super(
      code,
      `The job "${id}" of the queue "${queue}" ${outcome.state === 'removed' ? 'was removed' : `failed: ${reason}`}.`,
    )
    this.name = 'JobFailedError'
    this.id = id
    this.reason = reason
    this.outcome = outcome
  }
}

/** A job that was added. */
export class Job<Result = unknown> {
  /** Names it in its queue: for a unique job, its key. */
  readonly id: string
  /** Sequence in the queue's stream. */
  readonly seq: number
  /** False: a unique job of this key was there already, and this is it. */
  readonly isNew: boolean
  readonly #queue: string
  readonly #outcomes: () => Outcomes
  #done: Promise<Result> | null = null

  constructor(queue: string, id: string, seq: number, isNew: boolean, outcomes: () => Outcomes) {
    this.#queue = queue
    this.id = id
    this.seq = seq
    this.isNew = isNew
    this.#outcomes = outcomes
  }

  /**
   * Resolves to what the handler returned, in whatever process. It waits as long as that takes, but not beyond the time that results
   * are kept. @throws JobFailedError JOB_FAILED, JOB_REMOVED; ContrailError STOPPED when the app stops
   */
  get done(): Promise<Result> {
    this.#done ??= this.wait()
    return this.#done
  }

  /** The same within a time. @throws also ContrailError JOB_TIMEOUT */
  async wait({ timeout }: { timeout?: Duration } = {}): Promise<Result> {
    const signal = timeout === undefined ? undefined : AbortSignal.timeout(toMs(timeout, 'timeout'))
    const outcome = await this.#outcomes()
      .wait(this.id, this.seq, signal)
      .catch((thrown) => {
        if (signal?.aborted !== true) throw thrown
        const sentence = `The job "${this.id}" of the queue "${this.#queue}" is not done after ${timeout}.`
        throw new ContrailError('JOB_TIMEOUT', sentence)
      })
    if (outcome.state !== 'completed') throw new JobFailedError(this.#queue, this.id, outcome)
    return outcome.result as Result
  }
}

/** A job in its handler. */
export class RunningJob {
  readonly id: string
  /** Tries in all. */
  readonly attempts: number
  readonly #message: StreamMessage
  readonly #outcomes: Outcomes

  constructor(id: string, message: StreamMessage, attempts: number, outcomes: Outcomes) {
    this.id = id
    this.#message = message
    this.attempts = attempts
    this.#outcomes = outcomes
  }

  /** Sequence in the queue's stream. */
  get seq(): number {
    return this.#message.seq
  }

  /** Which try this is: 1 for the first. */
  get tries(): number {
    return this.#message.tries
  }

  /** Tells how far it is: whatever can be written as JSON. Resolves when it is stored. */
  progress(progress: unknown): Promise<void> {
    return this.#outcomes.keepProgress(this.id, this.seq, progress)
  }
}
