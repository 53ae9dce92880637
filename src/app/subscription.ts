/** What subscriptions on core NATS and consumers of streams have in common. */
import type { CodecOption } from './codec.ts'
import type { SubscriptionInfo } from './context.ts'
import { type ContextClass, contextClassFor, Delivery, type DeliveryOwner, type Held } from './delivery.ts'
import { Dispatcher, type Work } from './dispatcher.ts'
import { ContrailError } from './errors.ts'
import {
  type AnyHandler,
  type DataOf,
  HANDLER_OPTIONS,
  type Handler,
  type HandlerOptions,
  Route,
} from './handler.ts'
import type { Log } from './log.ts'
import type { Message } from './message.ts'
import type { HandlerMetrics } from './metrics/handler-metrics.ts'
import type { ConsumerState, LiveSubscription } from './metrics/metrics.ts'
import type { Middleware } from './middleware.ts'
import { callback, checkHandler, checkOptions, count, shape, type Table } from './options.ts'
import { RATE, type Rate } from './rate.ts'
import type { Declaration, Runtime } from './runtime.ts'
import type { Schema } from './schema.ts'
import type { SubjectPattern } from './subject-pattern.ts'
import { type Duration, toMs } from './units.ts'

/** How many messages at a time, in what order, how fast. */
export interface FlowOptions {
  /** Messages handled at the same time; they begin in order. */
  concurrency?: number
  /**
   * Messages with the same key are handled one after the other, in order; different keys side by side. When a message
   * fails and is tried again, those of its key wait for it. It counts within one app: where several share a durable each
   * gets some of a key's messages.
   */
  orderBy?: (message: Message) => string
  /** No more than so many messages in any stretch of so long (of this app); they may come all at once. */
  rate?: Rate
}

export const FLOW_OPTIONS: Table<FlowOptions> = {
  concurrency: count,
  orderBy: callback,
  rate: shape<Rate>(RATE),
}

/** Where a declaration stands: its routers' middleware, and how it comes to run. */
export interface Owner {
  /** Of the app and the routers around it, outermost first; asked at the start. */
  middleware(): readonly Middleware<never>[]
  /** The running broker; null when the app does not run. */
  runtime(): Runtime | null
  /** Why there is none. @param who needs it, as a sentence begins with it */
  notRunning(who: string): ContrailError
  /** Leaves the list of what starts with the app. */
  forget(declaration: Declaration): void
}

/** An operation of a contract. */
export interface Agreed {
  readonly name: string
  readonly description: string | undefined
  readonly response: unknown
}

/** A subscription, of any kind. It has handlers, or is read from by `next` and `for await`. */
export abstract class Subscription<
  Deps extends object = object,
  Params extends object = object,
  M extends Message = Message,
> implements Declaration, DeliveryOwner, SubscriptionInfo, LiveSubscription, AsyncIterable<M>
{
  readonly stage = 'subscription'
  abstract readonly stream: string | undefined
  abstract readonly group: string | undefined
  readonly dispatcher: Dispatcher
  middleware: readonly Middleware<never>[] = []
  isPlain = true
  protected patterns: readonly SubjectPattern[]
  protected readonly owner: Owner
  protected readonly flow: FlowOptions
  protected running: Runtime | null = null
  protected log: Log | null = null
  readonly #routes: Route[] = []
  protected contexts: ContextClass | null = null
  #usesParams = false
  #metrics: HandlerMetrics | null = null
  #opening: Promise<void> | null = null
  /** @internal What a contract says of it, for documents. */
  agreed: Agreed | undefined
  #hasEnded = false
  #isPaused = false
  /** Messages for `next` and `for await`, when there are no handlers. */
  protected readonly unread: M[] = []
  readonly #readers: Array<(message: M | undefined) => void> = []

  constructor(patterns: readonly SubjectPattern[], flow: FlowOptions, concurrency: number, owner: Owner) {
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new ContrailError('INVALID_OPTION', `concurrency: ${concurrency} is no whole number above 0.`)
    }
    this.patterns = patterns
    this.owner = owner
    this.flow = flow
    this.dispatcher = new Dispatcher(concurrency, flow.rate)
    this.dispatcher.onDone = () => this.hasSpace()
    this.#usesParams = patterns.some((pattern) => pattern.hasNames)
  }

  underPrefix(prefix: string): void {
    this.patterns = this.patterns.map((pattern) => pattern.under(prefix))
    this.#usesParams = this.patterns.some((pattern) => pattern.hasNames)
  }

  /** The subjects it listens on, as NATS writes them. */
  get subjects(): string[] {
    return this.patterns.map((pattern) => pattern.subject)
  }

  /** The same, as they were declared. */
  get sources(): string[] {
    return this.patterns.map((pattern) => pattern.source)
  }

  get routes(): readonly Route[] {
    return this.#routes
  }

  /** Messages that wait for a handler, are being handled, or wait to be read. */
  get held(): number {
    return this.dispatcher.held + this.unread.length
  }

  /** The same without those that wait for a pause to be over before they are tried again. */
  protected get due(): number {
    return this.dispatcher.active + this.unread.length
  }

  /** Messages in a handler. */
  get inFlight(): number {
    return this.dispatcher.running
  }

  /** Messages here that wait for a handler, or to be read. */
  get waiting(): number {
    return this.held - this.inFlight
  }

  /** What it has done. @throws ContrailError NOT_STARTED before the app's start */
  get metrics(): HandlerMetrics {
    if (this.#metrics === null) throw new ContrailError('NOT_STARTED', 'This subscription did not run yet.')
    return this.#metrics
  }

  async consumerState(): Promise<ConsumerState | undefined> {
    return undefined
  }

  /**
   * Adds a handler; the first whose filter takes a message has it, one without a filter has the rest.
   * @throws ContrailError INVALID_OPTION when there is one without a filter already
   */
  handle<
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
    T = unknown,
  >(options: HandlerOptions<S, C>, handler: Handler<DataOf<S, C, T>, Params, Deps, M>): this
  handle<T = unknown>(handler: Handler<T, Params, Deps, M>): this
  handle(optionsOrHandler: HandlerOptions<Schema, CodecOption> | AnyHandler, handler?: AnyHandler): this {
    const of = `a handler of "${this.sources.join(', ')}"`
    const options = typeof optionsOrHandler === 'function' ? {} : optionsOrHandler
    const given = typeof optionsOrHandler === 'function' ? optionsOrHandler : handler
    checkOptions(of, options, HANDLER_OPTIONS)
    checkHandler(`"${this.sources.join(', ')}"`, given)
    this.add(new Route(options, given as AnyHandler))
    return this
  }

  /** @internal */
  add(route: Route): void {
    const last = this.#routes.at(-1)
    if (last === undefined || last.filter !== undefined) this.#routes.push(route)
    else if (route.filter !== undefined) this.#routes.splice(-1, 0, route)
    else throw new ContrailError('INVALID_OPTION', 'The subscription has a handler without a filter already.')
  }

  async start(runtime: Runtime): Promise<void> {
    this.running = runtime
    this.middleware = this.owner.middleware()
    this.isPlain =
      this.middleware.length === 0 && !runtime.dependencies.hasOfMessage && runtime.observer === undefined
    this.contexts = contextClassFor(runtime.context)
    this.#metrics = runtime.metrics.of({
      broker: runtime.broker,
      subject: this.sources.join(','),
      stream: this.stream ?? '',
      group: this.group ?? '',
    })
    this.#opening = this.open(runtime)
    try {
      await this.#opening
    } catch (thrown) {
      this.#end()
      throw thrown
    }
    runtime.metrics.began(this)
  }

  async isSettled(): Promise<boolean> {
    return this.#routes.length === 0 || this.due === 0
  }

  async stop(deadline: AbortSignal): Promise<void> {
    if (this.running === null) {
      this.#end()
      return
    }
    await this.#opening?.catch(() => {})
    // At once: to take no more may need an answer of the server.
    if (this.givesBack) this.dispatcher.beginNoMore()
    await this.takeNoMore()
    if (this.givesBack) {
      // Others get at once what no handler has begun with.
      await this.giveBackInOrder(this.dispatcher.clear())
      for (const message of this.unread.splice(0)) this.giveBack(message)
    } else await this.giveBackInOrder(this.dispatcher.endPauses())
    await untilIdle(this.dispatcher, deadline)
    if (this.dispatcher.running > 0) {
      // They have just been told, by the context's signal.
      await Promise.race([this.dispatcher.idle(), new Promise((done) => setTimeout(done, ABORT_GRACE_MS))])
      this.abandon()
    }
    await this.giveBackInOrder(this.dispatcher.clear())
    for (const message of this.unread.splice(0)) this.giveBack(message)
    this.#end()
    await this.close()
    this.running.metrics.ended(this)
    this.running = null
  }

  /** Is what no handler has begun with given back at a stop? Else it is handled: nobody else would have it. */
  protected get givesBack(): boolean {
    return false
  }

  /** Handlers that go on though the app has given them up. */
  protected abandon(): void {}

  /** Gives back work that won't be done, so that it comes again in this order. */
  protected async giveBackInOrder(work: readonly Work[]): Promise<void> {
    for (const one of work) one.giveBack()
  }

  /** Whoever waits for a message gets none. */
  #end(): void {
    this.#hasEnded = true
    for (const reader of this.#readers.splice(0)) reader(undefined)
  }

  /** True between `pause` and `resume`. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /**
   * Takes no more messages in this process until `resume`; those that are here are handled. Others of its group or durable go on.
   * @throws ContrailError NOT_STARTED
   */
  async pause(): Promise<void> {
    this.runtime()
    if (this.#isPaused) return
    this.#isPaused = true
    await this.suspend()
  }

  async resume(): Promise<void> {
    if (!this.#isPaused || this.running === null) return
    this.#isPaused = false
    await this.carryOn()
  }

  /** Stops this subscription alone, while the app runs: takes no more, and waits for what was taken. */
  async unsubscribe(options: { timeout?: Duration } = {}): Promise<void> {
    this.owner.forget(this)
    await this.stop(AbortSignal.timeout(toMs(options.timeout ?? UNSUBSCRIBE_TIMEOUT, 'timeout')))
  }

  /**
   * The next message, where there are no handlers. Acknowledging is the caller's.
   * @returns undefined when none came within `timeout`, or the subscription ended
   */
  next(options: { timeout?: Duration } = {}): Promise<M | undefined> {
    this.#mustBeReadable()
    const waiting = this.unread.shift()
    if (waiting !== undefined) {
      this.hasSpace()
      return Promise.resolve(waiting)
    }
    // Declared while the app runs it may be about to start.
    const isComing = this.running !== null || (!this.#hasEnded && this.owner.runtime() !== null)
    if (!isComing) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined
      const reader = (message: M | undefined) => {
        clearTimeout(timer)
        resolve(message)
      }
      this.#readers.push(reader)
      if (options.timeout !== undefined) {
        timer = setTimeout(
          () => {
            const at = this.#readers.indexOf(reader)
            if (at >= 0) this.#readers.splice(at, 1)
            resolve(undefined)
          },
          toMs(options.timeout, 'timeout'),
        )
      }
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<M> {
    for (;;) {
      const message = await this.next()
      if (message === undefined) return
      yield message
    }
  }

  /** A message came in. */
  protected take(message: M): void {
    if (this.#routes.length === 0) {
      const reader = this.#readers.shift()
      if (reader === undefined) this.unread.push(message)
      else reader(message)
      return
    }
    const key = this.flow.orderBy === undefined ? null : this.flow.orderBy(message)
    const delivery = new Delivery(message, key, this, this.contexts as ContextClass, performance.now())
    this.entered(delivery)
    this.dispatcher.push(delivery)
    delivery.hasWaited = true
  }

  runtime(): Runtime {
    if (this.running === null) throw new ContrailError('NOT_STARTED', 'This subscription does not run.')
    return this.running
  }

  routeFor(message: Message): Route | undefined {
    for (const route of this.#routes) {
      if (route.filter === undefined || route.filter(message)) return route
    }
    return undefined
  }

  paramsOf(message: Message): Readonly<Record<string, string>> {
    if (!this.#usesParams) return {}
    const { subject } = message
    const pattern =
      this.patterns.length === 1 ? this.patterns[0] : this.patterns.find((one) => one.matches(subject))
    return pattern?.params(subject) ?? {}
  }

  logOf(message: Message): Log {
    const log = this.log ?? this.runtime().log
    const bindings: Record<string, unknown> = { subject: message.subject }
    if (message.id !== undefined) bindings.messageId = message.id
    return log.child(bindings)
  }

  finished(message: Message, ms: number, isFailed: boolean): void {
    this.metrics.ended(ms, 1, isFailed ? 1 : 0)
    const log = this.running?.log
    if (log === undefined || log.isLevelEnabled?.('debug') === false) return
    const { settlement } = message
    this.logOf(message).debug(
      { ms: Math.round(ms * 1000) / 1000, settlement },
      isFailed ? 'failed' : 'handled',
    )
  }

  #mustBeReadable(): void {
    if (this.#routes.length > 0) {
      throw new ContrailError('INVALID_OPTION', 'This subscription has a handler; its messages go there.')
    }
  }

  admit(_message: Message): boolean | Promise<boolean> {
    return true
  }

  abstract succeeded(message: Message, route: Route, result: unknown): Promise<void> | undefined
  abstract failed(message: Message, thrown: unknown): Promise<void> | undefined
  abstract unhandled(message: Message): void
  left(_held: Held): void {}
  protected entered(_held: Held): void {}
  /** There may be room for more messages. */
  protected hasSpace(): void {}
  /** Begins to take messages. */
  protected abstract open(runtime: Runtime): Promise<void>
  /** Takes no more. */
  protected abstract takeNoMore(): Promise<void>
  /** Takes none until `carryOn`. */
  protected abstract suspend(): Promise<void>
  protected abstract carryOn(): Promise<void>
  /** Lets go of the rest, after the handlers. */
  protected abstract close(): Promise<void>
  /** A message that was taken and won't be handled. */
  abstract giveBack(message: Message): void
}

const UNSUBSCRIBE_TIMEOUT = '30s'
/** So long handlers have to end when they are told by their signal. */
const ABORT_GRACE_MS = 200

async function untilIdle(dispatcher: Dispatcher, deadline: AbortSignal): Promise<void> {
  if (deadline.aborted || dispatcher.held === 0) return
  let release = () => {}
  const aborted = new Promise<void>((resolve) => {
    release = resolve
  })
  deadline.addEventListener('abort', release, { once: true })
  await Promise.race([dispatcher.idle(), aborted])
  deadline.removeEventListener('abort', release)
}
