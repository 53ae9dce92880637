/** One message on its way through a handler: filter, read, middleware, handler, result, acknowledgement. */
import type { BaseContext, HandlerContext, SubscriptionInfo } from './context.ts'
import type { Dispatcher, Work } from './dispatcher.ts'
import { ReplyError } from './errors.ts'
import type { Route } from './handler.ts'
import type { Log } from './log.ts'
import { type Message, StreamMessage } from './message.ts'
import { type Middleware, runThrough } from './middleware.ts'
import type { Runtime } from './runtime.ts'

/** What a subscription does at the ends of a delivery. */
export interface DeliveryOwner extends SubscriptionInfo {
  readonly dispatcher: Dispatcher
  /** True when messages go the short way: no middleware, no dependencies of messages, nothing to publish. */
  readonly isPlain: boolean
  /** Of the app and the routers, outermost first. */
  readonly middleware: readonly Middleware<never>[]
  runtime(): Runtime
  /** The handler for a message; undefined: none takes it. */
  routeFor(message: Message): Route | undefined
  paramsOf(message: Message): Readonly<Record<string, string>>
  logOf(message: Message): Log
  /** Before the handler; false: the message is not to be handled. May have to be looked up. */
  admit(message: Message): boolean | Promise<boolean>
  /** The handler is through. May return a promise, for example of a confirmed ack. */
  succeeded(message: Message, route: Route, result: unknown): Promise<void> | undefined
  /** The handler, or reading the message, threw. */
  failed(message: Message, thrown: unknown): Promise<void> | undefined
  /** A handler has been through with it, in so long. */
  finished(message: Message, ms: number, isFailed: boolean): void
  /** No handler takes it. */
  unhandled(message: Message): void
  /** A message that was taken and won't be handled. */
  giveBack(message: Message): void
  left(held: Held): void
}

/** What is kept from being delivered again while it is worked on. */
export interface Held {
  /** When it came, or when the server was last told that it is being worked on; `performance.now()`. */
  touchedAt: number
  working(): void
  /** The app does not wait for its handler any longer: it goes back. */
  abandon(): void
}

/** A handler's context: what belongs to the app comes from its prototype. */
class Context {
  readonly message: Message
  readonly #owner: DeliveryOwner
  #params: Readonly<Record<string, string>> | undefined
  #log: Log | undefined

  constructor(message: Message, owner: DeliveryOwner) {
    this.message = message
    this.#owner = owner
  }

  get messages(): readonly Message[] {
    return [this.message]
  }

  get subscription(): SubscriptionInfo {
    return this.#owner
  }

  get subject(): string {
    return this.message.subject
  }

  get headers(): Message['headers'] {
    return this.message.headers
  }

  get params(): Readonly<Record<string, string>> {
    this.#params ??= this.#owner.paramsOf(this.message)
    return this.#params
  }

  get log(): Log {
    this.#log ??= this.#owner.logOf(this.message)
    return this.#log
  }

  get signal(): AbortSignal {
    return this.#owner.runtime().signal
  }
}

/** Contexts of one runtime: a class whose prototype carries what the app's context has, dependencies included. */
export type ContextClass = new (message: Message, owner: DeliveryOwner) => HandlerContext

export function contextClassFor(base: BaseContext): ContextClass {
  class AppsContext extends Context {}
  for (const name of Object.getOwnPropertyNames(base)) {
    if (name in Context.prototype) continue
    const descriptor = Object.getOwnPropertyDescriptor(base, name) as PropertyDescriptor
    Object.defineProperty(AppsContext.prototype, name, descriptor)
  }
  return AppsContext as unknown as ContextClass
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null && typeof value === 'object' && typeof (value as PromiseLike<unknown>).then === 'function'
  )
}

export class Delivery implements Work, Held {
  readonly message: Message
  readonly key: string | null
  readonly #owner: DeliveryOwner
  readonly #contexts: ContextClass
  touchedAt: number
  #begunAt: number
  /** It did not run as soon as it came: when it begins the clock must be read again. */
  hasWaited = false
  #isFailed = false
  /** No handler had it. */
  #isTurnedAway = false

  constructor(
    message: Message,
    key: string | null,
    owner: DeliveryOwner,
    contexts: ContextClass,
    now: number,
  ) {
    this.message = message
    this.key = key
    this.#owner = owner
    this.#contexts = contexts
    this.touchedAt = now
    this.#begunAt = now
  }

  run(): boolean {
    const owner = this.#owner
    const message = this.message
    let pending: Promise<void> | undefined
    if (this.hasWaited) this.#begunAt = performance.now()
    try {
      const admitted = owner.admit(message)
      if (admitted === false) return this.#leave()
      if (admitted === true) {
        const route = owner.routeFor(message)
        if (route === undefined) {
          owner.unhandled(message)
          return this.#leave()
        }
        pending = this.#handle(route)
      } else pending = this.#handleOnce(admitted)
    } catch (thrown) {
      pending = this.#failed(thrown)
    }
    if (pending === undefined) {
      this.#ended()
      return this.#runsAgain() ? false : this.#leave()
    }
    pending.then(this.#later, this.#later)
    return false
  }

  #handle(route: Route): Promise<void> | undefined {
    const owner = this.#owner
    const message = this.message
    if (!owner.isPlain || route.middleware.length > 0 || route.returns !== undefined) {
      return this.#runTheLongWay(route)
    }
    const data = route.read(message)
    if (isThenable(data)) {
      return this.#finish(
        route,
        Promise.resolve(data).then((value) => this.#call(route, value)),
      )
    }
    const result = this.#call(route, data)
    if (isThenable(result)) return this.#finish(route, result)
    return this.#settled(owner.succeeded(message, route, result))
  }

  /** It is looked up whether the message is to be handled. */
  async #handleOnce(admitted: Promise<boolean>): Promise<void> {
    const owner = this.#owner
    const message = this.message
    try {
      if (!(await admitted)) {
        this.#isTurnedAway = true
        return
      }
      const route = owner.routeFor(message)
      if (route === undefined) owner.unhandled(message)
      else await this.#handle(route)
    } catch (thrown) {
      await this.#failed(thrown)
    }
  }

  working(): void {
    this.message.working()
  }

  abandon(): void {
    this.#owner.giveBack(this.message)
  }

  giveBack(): void {
    this.#owner.left(this)
    this.#owner.giveBack(this.message)
  }

  readonly #later = (): void => {
    this.#ended()
    if (this.#runsAgain()) return
    this.#owner.left(this)
    this.#owner.dispatcher.done(this)
  }

  /** The handler failed, and is to have the message again here, after a pause. */
  #runsAgain(): boolean {
    const { message } = this
    const pauseMs = message.againInMs
    if (pauseMs === null) return false
    message.againInMs = null
    message.replyHeaders = undefined
    const owner = this.#owner
    // Behind the end of its subscription there is nothing to begin again, and maybe no connection to say so.
    if (owner.dispatcher.isClosed) {
      try {
        owner.giveBack(message)
      } catch {}
      return false
    }
    if (message instanceof StreamMessage) message.againHere++
    this.hasWaited = true
    this.#isFailed = false
    owner.dispatcher.again(this, pauseMs, owner.runtime().setTimer)
    return true
  }

  /** What `succeeded` waits for may fail: a result that can't be sent, an ack that is not confirmed. */
  #settled(settling: Promise<void> | undefined): Promise<void> | undefined {
    return settling?.catch((thrown) => this.#failed(thrown))
  }

  #leave(): true {
    this.#owner.left(this)
    return true
  }

  #ended(): void {
    if (this.#isTurnedAway) return
    this.#owner.finished(this.message, performance.now() - this.#begunAt, this.#isFailed)
  }

  #failed(thrown: unknown, context?: HandlerContext): Promise<void> | undefined {
    const owner = this.#owner
    const pending = owner.failed(this.message, thrown)
    // The answer to a request is the handler's word, not a failure.
    if (thrown instanceof ReplyError && this.message.replyTo !== undefined) return pending
    this.#isFailed = true
    const runtime = owner.runtime()
    // What the app's own stop brought about is nobody's error.
    if (runtime.errorHooks.length === 0 || runtime.signal.aborted) return pending
    return this.#tell(pending, thrown, context ?? new this.#contexts(this.message, owner))
  }

  async #tell(pending: Promise<void> | undefined, thrown: unknown, context: HandlerContext): Promise<void> {
    await pending
    await this.#owner.runtime().onError(thrown, context)
  }

  #call(route: Route, data: unknown): unknown {
    return route.handler(data as never, new this.#contexts(this.message, this.#owner) as never)
  }

  async #finish(route: Route, result: PromiseLike<unknown>): Promise<void> {
    try {
      await this.#owner.succeeded(this.message, route, await result)
    } catch (thrown) {
      await this.#failed(thrown)
    }
  }

  async #runTheLongWay(route: Route): Promise<void> {
    const owner = this.#owner
    const runtime = owner.runtime()
    const context = new this.#contexts(this.message, owner)
    let leave: (() => Promise<void>) | undefined
    let data: unknown
    let result: unknown
    let error: unknown
    try {
      if (runtime.dependencies.hasOfMessage) {
        leave = await runtime.dependencies.enter(context, (name, thrown) =>
          context.log.error({ err: thrown }, `letting go of "${name}" failed`),
        )
      }
      const around = [...owner.middleware, ...route.middleware]
      result = await runThrough(around, context as never, async () => {
        data = await route.read(this.message)
        return route.handler(data as never, context as never)
      })
      if (route.returns !== undefined && result !== undefined) {
        await runtime.publisher.publish(route.returns, result, {
          headers: this.message.replyHeaders,
          template: route.returns,
        })
      }
      await owner.succeeded(this.message, route, result)
    } catch (thrown) {
      error = thrown
      await this.#failed(thrown, context)
    } finally {
      await leave?.()
      runtime.observer?.({
        by: owner,
        message: this.message,
        data,
        params: owner.paramsOf(this.message),
        result,
        error,
      })
    }
  }
}
