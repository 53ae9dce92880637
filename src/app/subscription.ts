/** What subscriptions on core NATS and consumers of streams have in common. */
import type { CodecOption } from './codec.ts'
import { type ContextClass, contextClassFor, Delivery, type DeliveryOwner, type Held } from './delivery.ts'
import { Dispatcher, type Rate } from './dispatcher.ts'
import { ContrailError } from './errors.ts'
import { type AnyHandler, type DataOf, type Handler, type HandlerOptions, Route } from './handler.ts'
import type { Log } from './log.ts'
import type { Message } from './message.ts'
import type { Middleware } from './middleware.ts'
import type { Declaration, Runtime } from './runtime.ts'
import type { Schema } from './schema.ts'
import type { SubjectPattern } from './subject-pattern.ts'
import { type Duration, toMs } from './units.ts'

/** How many messages at a time, in what order, how fast. */
export interface FlowOptions {
  /** Messages handled at the same time; they begin in order. */
  concurrency?: number
  /** Messages with the same key are handled one after the other, in order; different keys side by side. */
  orderBy?: (message: Message) => string
  /** No more than so many messages in so long. */
  rate?: Rate
}

/** Where a declaration stands: its routers' middleware, and how it comes to run. */
export interface Owner {
  /** Of the app and the routers around it, outermost first; asked at the start. */
  middleware(): readonly Middleware<never>[]
  /** The running broker; null when the app does not run. */
  runtime(): Runtime | null
  /** Leaves the list of what starts with the app. */
  forget(declaration: Declaration): void
}

/** A subscription, of any kind. It has handlers, or is read from by `next` and `for await`. */
export abstract class Subscription<
  Deps extends object = object,
  Params extends object = object,
  M extends Message = Message,
> implements Declaration, DeliveryOwner, AsyncIterable<M>
{
  readonly stage = 'subscription'
  readonly dispatcher: Dispatcher
  middleware: readonly Middleware<never>[] = []
  isPlain = true
  protected readonly patterns: readonly SubjectPattern[]
  protected readonly owner: Owner
  protected readonly flow: FlowOptions
  protected running: Runtime | null = null
  protected log: Log | null = null
  readonly #routes: Route[] = []
  protected contexts: ContextClass | null = null
  #usesParams = false
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

  /** Adds a handler; the first whose filter takes a message has it. */
  handle<
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
    T = unknown,
  >(options: HandlerOptions<S, C>, handler: Handler<DataOf<S, C, T>, Params, Deps, M>): this
  handle<T = unknown>(handler: Handler<T, Params, Deps, M>): this
  handle(optionsOrHandler: HandlerOptions<Schema, CodecOption> | AnyHandler, handler?: AnyHandler): this {
    const route =
      typeof optionsOrHandler === 'function'
        ? new Route({}, optionsOrHandler)
        : new Route(optionsOrHandler, handler as AnyHandler)
    this.add(route)
    return this
  }

  /** @internal */
  add(route: Route): void {
    this.#routes.push(route)
  }

  async start(runtime: Runtime): Promise<void> {
    this.running = runtime
    this.middleware = this.owner.middleware()
    this.isPlain = this.middleware.length === 0 && !runtime.dependencies.hasOfMessage
    this.contexts = contextClassFor(runtime.context)
    await this.open(runtime)
  }

  async stop(deadline: AbortSignal): Promise<void> {
    if (this.running === null) return
    await this.pause()
    await untilIdle(this.dispatcher, deadline)
    for (const work of this.dispatcher.clear()) work.giveBack()
    for (const message of this.unread.splice(0)) this.giveBack(message)
    for (const reader of this.#readers.splice(0)) reader(undefined)
    await this.close()
    this.running = null
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
    if (this.running === null) return Promise.resolve(undefined)
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

  #mustBeReadable(): void {
    if (this.#routes.length > 0) {
      throw new ContrailError('INVALID_OPTION', 'This subscription has a handler; its messages go there.')
    }
  }

  admit(_message: Message): boolean {
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
  protected abstract pause(): Promise<void>
  /** Lets go of the rest, after the handlers. */
  protected abstract close(): Promise<void>
  /** A message that was taken and won't be handled. */
  abstract giveBack(message: Message): void
}

const UNSUBSCRIBE_TIMEOUT = '30s'

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
