/** A consumer whose handler gets several messages at once. */
import type { CodecOption } from '../codec.ts'
import type { BaseContext, HandlerContext } from '../context.ts'
import type { Held } from '../delivery.ts'
import type { Work } from '../dispatcher.ts'
import { type DataOf, Route } from '../handler.ts'
import type { Message, StreamMessage } from '../message.ts'
import { runThrough } from '../middleware.ts'
import { count, duration, type Table } from '../options.ts'
import type { Runtime } from '../runtime.ts'
import type { Schema } from '../schema.ts'
import type { SubjectPattern } from '../subject-pattern.ts'
import type { Owner } from '../subscription.ts'
import { type Duration, toMs } from '../units.ts'
import { CONSUME_OPTIONS, type ConsumeOptions, DEFAULT_MAX_IN_FLIGHT } from './options.ts'
import { StreamConsumer } from './stream-consumer.ts'

export interface BatchOptions<
  S extends Schema | undefined = undefined,
  C extends CodecOption | undefined = undefined,
> extends Omit<ConsumeOptions<S, C>, 'filter' | 'returns' | 'orderBy'> {
  /** Messages in a batch at most. Default: 100. */
  size?: number
  /** How long a batch waits for more messages. Default: 100 ms. */
  wait?: Duration
}

const { filter: _, returns: __, orderBy: ___, ...SHARED } = CONSUME_OPTIONS
export const BATCH_OPTIONS: Table<BatchOptions> = { ...SHARED, size: count, wait: duration }

/** What a batch's handler gets besides the data. */
export type BatchContext<Deps extends object = object> = BaseContext &
  Readonly<Deps> & {
    /** The messages, in the order of the data. */
    readonly messages: readonly StreamMessage[]
    readonly signal: AbortSignal
  }

export type BatchHandler<Data, Deps extends object = object> = (
  data: Data[],
  context: BatchContext<Deps>,
) => unknown

/** What a batch's handler takes. */
export type BatchDataOf<S, C, T> = DataOf<S, C, T>

const DEFAULT_SIZE = 100
const DEFAULT_WAIT = '100ms'

export class BatchConsumer<Deps extends object = object> extends StreamConsumer<Deps> {
  readonly #size: number
  readonly #waitMs: number
  readonly #route: Route
  readonly #handler: BatchHandler<never>
  #collected: StreamMessage[] = []
  /** Messages in batches, those that run among them. */
  #inBatches = 0
  #running = 0
  #timer: NodeJS.Timeout | undefined

  constructor(
    stream: string,
    patterns: readonly SubjectPattern[],
    options: BatchOptions<Schema | undefined, CodecOption | undefined>,
    handler: BatchHandler<never>,
    owner: Owner,
  ) {
    const size = options.size ?? DEFAULT_SIZE
    const inFlight = Math.max(
      options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT,
      size * ((options.concurrency ?? 1) + 1),
    )
    super(stream, patterns, { ...options, maxInFlight: inFlight }, owner)
    // A batch begins as a whole.
    this.#size = Math.min(size, options.rate?.messages ?? size)
    this.#waitMs = toMs(options.wait ?? DEFAULT_WAIT, 'wait')
    this.#route = new Route(options as never, () => {})
    this.#handler = handler
    this.add(new Route(options as never, () => {}))
  }

  override get inFlight(): number {
    return this.#running
  }

  override get held(): number {
    return this.#collected.length + this.#inBatches
  }

  protected override get due(): number {
    return this.held
  }

  protected override get handlesOneByOne(): boolean {
    return false
  }

  protected override get retriesHere(): boolean {
    return false
  }

  protected override take(message: StreamMessage): void {
    this.#collected.push(message)
    if (this.#collected.length >= this.#size) this.#close()
    else this.#timer ??= setTimeout(() => this.#close(), this.#waitMs)
  }

  protected override async takeNoMore(): Promise<void> {
    await super.takeNoMore()
    clearTimeout(this.#timer)
    this.#timer = undefined
    // No handler has begun with them.
    for (const message of this.#collected.splice(0)) this.giveBack(message)
  }

  /** The batch is complete. */
  #close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const messages = this.#collected
    if (messages.length === 0) return
    this.#collected = []
    this.#inBatches += messages.length
    const batch = new Batch(messages, this)
    this.entered(batch)
    this.dispatcher.push(batch)
  }

  /** @internal */
  async handleBatch(messages: readonly StreamMessage[]): Promise<void> {
    const readable: StreamMessage[] = []
    const data: unknown[] = []
    for (const message of messages) {
      try {
        if (!(await this.admit(message))) continue
        data.push(await this.#route.read(message))
        readable.push(message)
      } catch (thrown) {
        this.metrics.ended(0, 1, 1)
        await this.failed(message, thrown)
        await this.runtime().onError(thrown, this.#contextOf([message], this.runtime()))
      }
    }
    if (readable.length === 0) return
    const runtime = this.runtime()
    const context = this.#contextOf(readable, runtime)
    const begun = performance.now()
    let isFailed = false
    let leave: (() => Promise<void>) | undefined
    try {
      try {
        leave = await runtime.dependencies.enter(context, (name, thrown) =>
          runtime.log.error({ err: thrown }, `letting go of "${name}" failed`),
        )
        const around = [...this.middleware, ...this.#route.middleware]
        await runThrough(around, context as never, () => this.#handler(data as never[], context))
      } catch (thrown) {
        isFailed = true
        for (const message of readable) {
          // What the handler has settled itself stays so.
          await (message.settlement === 'open' ? this.failed(message, thrown) : this.succeeded(message))
        }
        await runtime.onError(thrown, context)
      }
      if (!isFailed) await this.#acknowledge(readable, context)
    } finally {
      await leave?.()
      const ms = performance.now() - begun
      this.metrics.ended(ms, readable.length, isFailed ? readable.length : 0)
      if (runtime.log.isLevelEnabled?.('debug') !== false) {
        const ids = readable.map((message) => message.id)
        this.log?.debug(
          { messageIds: ids, ms: Math.round(ms * 1000) / 1000 },
          isFailed ? 'batch failed' : 'batch handled',
        )
      }
    }
  }

  /** The handler is through: an ack that is not confirmed is no failure of it. */
  async #acknowledge(
    messages: readonly StreamMessage[],
    context: HandlerContext & BatchContext,
  ): Promise<void> {
    const settled = await Promise.allSettled(messages.map((message) => this.succeeded(message)))
    const missing = settled.find((one) => one.status === 'rejected')
    if (missing === undefined) return
    this.log?.error({ err: missing.reason }, 'a batch was handled, but not all of its acks are confirmed')
    await this.runtime().onError(missing.reason, context)
  }

  /** A batch's context has what a message's has, of its first one: middleware serves both. */
  #contextOf(messages: readonly StreamMessage[], runtime: Runtime): HandlerContext & BatchContext {
    const [message] = messages
    const { subject, headers } = message
    const own = {
      message,
      messages,
      subject,
      headers,
      params: this.paramsOf(message),
      subscription: this,
      signal: runtime.signal,
    }
    return Object.create(runtime.context, Object.getOwnPropertyDescriptors(own))
  }

  /** @internal */
  begin(batch: Batch): void {
    this.#running += batch.messages.length
  }

  /** @internal */
  leave(batch: Batch, hasRun: boolean): void {
    this.#inBatches -= batch.messages.length
    if (hasRun) this.#running -= batch.messages.length
    this.left(batch)
  }
}

class Batch implements Work, Held {
  readonly key = null
  readonly messages: readonly StreamMessage[]
  readonly #consumer: BatchConsumer
  readonly size: number
  touchedAt = performance.now()

  constructor(messages: readonly StreamMessage[], consumer: BatchConsumer) {
    this.messages = messages
    this.size = messages.length
    this.#consumer = consumer
  }

  run(): boolean {
    const done = () => {
      this.#consumer.leave(this, true)
      this.#consumer.dispatcher.done(this)
    }
    this.#consumer.begin(this)
    this.#consumer.handleBatch(this.messages).then(done, done)
    return false
  }

  working(): void {
    for (const message of this.messages) message.working()
  }

  abandon(): void {
    for (const message of this.messages) this.#consumer.giveBack(message)
  }

  giveBack(): void {
    this.#consumer.leave(this, false)
    for (const message of this.messages) this.#consumer.giveBack(message as Message)
  }
}
