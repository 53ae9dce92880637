/** The consumer of one lane of a queue: of the jobs of a priority, or of a part of the keys. */

import { type RetryOptions, RetryPolicy } from '../consumer/retry.ts'
import { StreamConsumer } from '../consumer/stream-consumer.ts'
import type { Delivery, Held } from '../delivery.ts'
import { reasonOf } from '../errors.ts'
import type { Message, StreamMessage } from '../message.ts'
import { SubjectPattern } from '../subject-pattern.ts'
import type { Owner } from '../subscription.ts'
import type { Gate } from './gate.ts'
import { laneOptions } from './lanes.ts'
import { JOB_HEADERS, type QueueNames } from './names.ts'
import type { QueueSettings } from './options.ts'
import type { Outcomes } from './outcomes.ts'

/** Different numbers of attempts of jobs that are remembered. */
const MOST_POLICIES = 100

export interface LaneParts {
  readonly names: QueueNames
  readonly settings: QueueSettings
  readonly gate: Gate
  readonly outcomes: Outcomes
}

export class Lane<Deps extends object> extends StreamConsumer<Deps, object> {
  readonly #parts: LaneParts
  readonly #rank: number
  readonly #retryOptions: RetryOptions
  /** Jobs that have a place at the gate. */
  readonly #inside = new Set<Message>()
  readonly #policies = new Map<number, RetryPolicy>()

  constructor(lane: string, parts: LaneParts, owner: Owner) {
    const { names, settings } = parts
    const { options, isOrdered, concurrency } = settings
    super(
      names.stream,
      [new SubjectPattern(names.subject(lane, '*'))],
      {
        ...laneOptions(lane, settings),
        schema: options.schema,
        middleware: options.middleware,
        retry: settings.retry,
        concurrency: isOrdered ? 1 : concurrency,
      },
      owner,
    )
    this.#parts = parts
    this.#rank = settings.rankOf(lane)
    this.#retryOptions = settings.retry
  }

  /** There may be room at the gate. */
  lookAgain(): void {
    this.hasSpace()
  }

  override space(): number {
    return Math.min(super.space(), this.#parts.gate.free(this.#rank) + this.ahead)
  }

  override admit(message: Message): boolean | Promise<boolean> {
    const entered = this.#parts.gate.enter(this.#rank)
    if (entered === true) return this.#entered(message as StreamMessage)
    return this.#orGivenBack(message as StreamMessage, entered)
  }

  async #orGivenBack(message: StreamMessage, entered: boolean | Promise<boolean>): Promise<boolean> {
    if (await entered) return this.#entered(message)
    this.giveBack(message)
    return false
  }

  #entered(message: StreamMessage): boolean | Promise<boolean> {
    this.#inside.add(message)
    return message.deliveries > 1 && message.againHere === 0
      ? this.#unlessDone(message)
      : super.admit(message)
  }

  /** The process may have ended after the result was kept, and before the server had the ack. */
  async #unlessDone(message: StreamMessage): Promise<boolean> {
    const { id } = this.#parts.names.of(message.subject)
    const outcome = await this.#parts.outcomes.of(id).catch(() => undefined)
    if (outcome?.state === 'completed' && outcome.seq === message.seq) {
      message.ack()
      return false
    }
    return super.admit(message)
  }

  override left(held: Held): void {
    super.left(held)
    if (this.#inside.delete((held as Delivery).message)) this.#parts.gate.leave()
  }

  /** @internal */
  attemptsOf(message: StreamMessage): number {
    return this.retryOf(message).attempts
  }

  protected override retryOf(message: StreamMessage): RetryPolicy {
    const text = message.header(JOB_HEADERS.attempts)
    if (text === undefined || !/^[1-9]\d{0,6}$/.test(text)) return super.retryOf(message)
    const attempts = Number(text)
    let policy = this.#policies.get(attempts)
    if (policy === undefined) {
      policy = new RetryPolicy({ ...this.#retryOptions, attempts })
      if (this.#policies.size >= MOST_POLICIES) this.#policies.clear()
      this.#policies.set(attempts, policy)
    }
    return policy
  }

  protected override async gaveUp(message: StreamMessage, thrown: unknown): Promise<void> {
    const { names, outcomes } = this.#parts
    await outcomes.keep(names.of(message.subject).id, {
      state: 'failed',
      seq: message.seq,
      reason: reasonOf(thrown),
      tries: message.tries,
      finished: new Date().toISOString(),
    })
  }
}
