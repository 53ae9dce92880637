/** Declarations that belong together: handlers, streams, stores, with a prefix and middleware of their own. */
import type { CodecOption } from './codec.ts'
import { type CronHandler, CronJob, type CronOptions } from './consumer/cron.ts'
import { CoreSubscription, type SubscribeOptions } from './core-subscription.ts'
import { DeadLetterBox } from './dead-letters/dead-letter-box.ts'
import { ContrailError } from './errors.ts'
import type { AnyHandler, DataOf, Handler } from './handler.ts'
import type { QueueOptions } from './jobs/options.ts'
import { Queue } from './jobs/queue.ts'
import type { Around, Middleware, PublishMiddleware } from './middleware.ts'
import type { BrokerPublisher } from './publisher/broker-publisher.ts'
import type { AnswerOf, PublishOptions, PublishResult, RequestOptions } from './publisher/options.ts'
import { type Published, Publisher, type PublisherOptions } from './publisher/publisher.ts'
import type { When } from './publisher/schedule.ts'
import type { Declaration, Runtime } from './runtime.ts'
import type { Input, Output, Schema } from './schema.ts'
import { KeyValue, type KeyValueOptions } from './stores/key-value.ts'
import { ObjectStore, type ObjectStoreOptions } from './stores/object-store.ts'
import { Stream, type StreamOptions, type StreamOwner } from './stores/stream.ts'
import { type Params, SubjectPattern } from './subject-pattern.ts'

export interface RouterOptions {
  /** Goes before every subject, with a dot between: `new Router({ prefix: 'orders' })`. Default: nothing. */
  prefix?: string
}

/** What values are in a bucket: the schema's output, else what is said: `app.keyValue<number>('stock')`. */
type ValueOf<S, T> = [S] extends [Schema] ? Output<S> : T

/** What goes in: the schema's input, else what is said. */
type InputOf<S, T> = [S] extends [Schema] ? Input<S> : T

export class Router<Deps extends object = object> implements StreamOwner {
  readonly prefix: string
  readonly #declarations: Declaration[] = []
  readonly #children: Router<Deps>[] = []
  readonly #middleware: Middleware<Deps>[] = []
  readonly #publishMiddleware: PublishMiddleware[] = []
  readonly #publishers: Publisher<string, never>[] = []
  #parent: Router<Deps> | null = null
  /** Of the outermost router: what is declared now comes up at once, one after the other. */
  #isUp = false
  #comingUp: Promise<void> = Promise.resolve()
  readonly #started = new WeakSet<Declaration>()
  #couldNotStart: { thrown: unknown } | null = null
  /** The runtime with this router's publisher, of the runtime it was made from. */
  #own: { of: Runtime; runtime: Runtime } | null = null

  constructor(options: RouterOptions = {}) {
    this.prefix = options.prefix ?? ''
    if (this.prefix !== '' && new SubjectPattern(this.prefix).subject.endsWith('>')) {
      throw new ContrailError('INVALID_SUBJECT', `prefix: "${this.prefix}" ends in a wildcard for the rest.`)
    }
  }

  /**
   * Everything of another router becomes a part of this one, under its prefix and inside its middleware. While the app
   * runs it comes up at once: `await app.ready()`. A router that says which dependencies its handlers need
   * (`new Router<{ readonly db: Db }>()`) goes only where they are provided.
   */
  include<Needs extends object>(given: Router<Needs> & ([Deps] extends [Needs] ? unknown : never)): this {
    const router = given as unknown as Router<Deps>
    if (router.#parent !== null || (router as unknown) === this) {
      throw new ContrailError('INVALID_OPTION', 'The router is included already.')
    }
    const prefix = this.prefixes()
    router.#parent = this
    this.#children.push(router)
    const declarations = router.declarations()
    if (prefix !== '') for (const one of declarations) one.underPrefix?.(prefix)
    if (this.#root().#isUp) {
      const stores = declarations.filter((one) => one.stage === 'store')
      for (const one of [...stores, ...declarations.filter((one) => one.stage !== 'store')]) {
        this.#bringUp(one)
      }
    }
    return this
  }

  /**
   * Around every handler of this router and the routers it includes, the first one outermost; with `{ handle, publish }`
   * around publications too. It counts for what is declared or included later if the app runs already.
   */
  use(middleware: Middleware<Deps> | Around<Deps>): this {
    if (typeof middleware === 'function') {
      this.#middleware.push(middleware)
      return this
    }
    if (middleware.handle !== undefined) this.#middleware.push(middleware.handle)
    return middleware.publish === undefined ? this : this.usePublish(middleware.publish)
  }

  /**
   * Around what is published by this router: its `publish` and `request`, its streams and publishers, `publish` and
   * `request` in the context of its handlers, what their results go to. The app's goes around everything, outermost.
   */
  usePublish(middleware: PublishMiddleware): this {
    this.#publishMiddleware.push(middleware)
    return this
  }

  /** Subscribes on core NATS. What the handler returns answers a request. @see SubscribeOptions */
  subscribe<
    Subject extends string,
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
    T = unknown,
  >(
    subject: Subject,
    options: SubscribeOptions<S, C>,
    handler: Handler<DataOf<S, C, T>, Params<Subject>, Deps>,
  ): CoreSubscription<Deps, Params<Subject>>
  subscribe<Subject extends string, T = unknown>(
    subject: Subject,
    handler: Handler<T, Params<Subject>, Deps>,
  ): CoreSubscription<Deps, Params<Subject>>
  /** Without a handler: messages are read by `next` and `for await`, or handlers are added by `handle`. */
  subscribe<Subject extends string>(
    subject: Subject,
    options?: SubscribeOptions<undefined, undefined>,
  ): CoreSubscription<Deps, Params<Subject>>
  subscribe(
    subject: string,
    optionsOrHandler: SubscribeOptions<Schema | undefined, CodecOption | undefined> | AnyHandler = {},
    handler?: AnyHandler,
  ): CoreSubscription<Deps, never> {
    const options = typeof optionsOrHandler === 'function' ? {} : optionsOrHandler
    const given = typeof optionsOrHandler === 'function' ? optionsOrHandler : handler
    const pattern = new SubjectPattern(this.prefixed(subject))
    const subscription = new CoreSubscription<Deps, never>([pattern], options, this)
    if (given !== undefined) subscription.handle(options as never, given as never)
    return this.declare(subscription)
  }

  /**
   * Runs a handler by the clock. The schedule is kept by the broker: of all running apps of this name one has each turn,
   * and a turn whose handler throws is tried again as `retry` says.
   */
  cron(
    name: string,
    when: When | string,
    handler: CronHandler<Deps>,
    options: CronOptions = {},
  ): CronJob<Deps> {
    const at = typeof when === 'string' ? { cron: when } : when
    return this.declare(new CronJob<Deps>(name, at, options, handler, this))
  }

  /** A stream, made or updated at the start. @see StreamOptions */
  stream(name: string, options: StreamOptions = {}): Stream<Deps> {
    return this.declare(new Stream<Deps>(name, options, this))
  }

  /** A key-value bucket, made at the start. Values are typed by a schema, or by saying so: `keyValue<number>('stock')`. */
  keyValue<
    T = unknown,
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
  >(bucket: string, options: KeyValueOptions<S, C> = {}): KeyValue<ValueOf<S, T>, Deps> {
    return this.declare(new KeyValue<ValueOf<S, T>, Deps>(bucket, options, this))
  }

  /** An object store, made at the start. */
  objectStore(bucket: string, options: ObjectStoreOptions = {}): ObjectStore<Deps> {
    return this.declare(new ObjectStore<Deps>(bucket, options, this))
  }

  /**
   * A queue of jobs, made at the start: `queue.add`, `queue.handle`, in one process or in many. Jobs are typed by a schema, or by saying so:
   * `app.queue<Mail, Sent>('emails')`. @see QueueOptions
   */
  queue<
    T = unknown,
    R = unknown,
    S extends Schema | undefined = undefined,
    RS extends Schema | undefined = undefined,
  >(
    name: string,
    options: QueueOptions<S, RS, InputOf<S, T>> = {},
  ): Queue<InputOf<S, T>, ValueOf<S, T>, ValueOf<RS, R>, Deps> {
    return this.declare(new Queue<InputOf<S, T>, ValueOf<S, T>, ValueOf<RS, R>, Deps>(name, options, this))
  }

  /** Dead letters that a stream keeps, where `deadLetter` names a subject of it; else `stream.deadLetters` has them. */
  deadLetters(stream: string): DeadLetterBox {
    return new DeadLetterBox(stream, () => this.#running())
  }

  /** A typed publisher for one subject, which may have {names}. */
  publisher<
    Subject extends string,
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
  >(subject: Subject, options: PublisherOptions<S, C> = {}): Publisher<Subject, Published<S, C>> {
    return this.addPublisher(
      new Publisher(
        () => this.prefixed(subject),
        options,
        () => this.#running().publisher,
      ),
    )
  }

  /**
   * Publishes. Where a stream declared in the app takes the subject this waits for its PubAck, else it resolves at once to undefined.
   * The subject is taken as it is: prefixes of routers are not added.
   */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PublishResult | undefined> {
    const runtime = this.runtime()
    if (runtime === null) return Promise.reject(notConnected())
    return runtime.publisher.publish(subject, data, options)
  }

  /** Asks, and resolves to the answer. */
  request<T = unknown, S extends Schema | undefined = undefined>(
    subject: string,
    data?: unknown,
    options?: RequestOptions<S>,
  ): Promise<AnswerOf<S, T>> {
    const runtime = this.runtime()
    if (runtime === null) return Promise.reject(notConnected())
    return runtime.publisher.request(subject, data, options)
  }

  // --- for what is declared on it

  /** @internal */
  prefixed(subject: string): string {
    const prefix = this.prefixes()
    return prefix === '' ? subject : `${prefix}.${subject}`
  }

  /** @internal Its own prefix behind those of the routers around it. */
  prefixes(): string {
    const outer = this.#parent?.prefixes() ?? ''
    return outer === '' || this.prefix === '' ? outer + this.prefix : `${outer}.${this.prefix}`
  }

  /**
   * Resolves when all that was declared while the app runs has started.
   * @throws what kept the first of it from starting, once
   */
  async ready(): Promise<void> {
    const root = this.#root()
    await root.#comingUp
    const failure = root.#couldNotStart
    root.#couldNotStart = null
    if (failure !== null) throw failure.thrown
  }

  /** @internal */
  declare<D extends Declaration>(declaration: D): D {
    this.#declarations.push(declaration)
    if (this.#root().#isUp) this.#bringUp(declaration)
    return declaration
  }

  /** @internal */
  forget(declaration: Declaration): void {
    const at = this.#declarations.indexOf(declaration)
    if (at >= 0) this.#declarations.splice(at, 1)
  }

  /** @internal */
  middleware(): readonly Middleware<never>[] {
    const outer = this.#parent?.middleware() ?? []
    return [...outer, ...(this.#middleware as Middleware<never>[])]
  }

  /** @internal */
  publishMiddleware(): readonly PublishMiddleware[] {
    return this.#publishMiddleware
  }

  /** @internal */
  declarations(): Declaration[] {
    return [...this.#declarations, ...this.#children.flatMap((child) => child.declarations())]
  }

  /** @internal */
  addPublisher<P extends Publisher<never, never>>(publisher: P): P {
    this.#publishers.push(publisher as unknown as Publisher<string, never>)
    return publisher
  }

  /** @internal */
  publishers(): Publisher<string, never>[] {
    return [...this.#publishers, ...this.#children.flatMap((child) => child.publishers())]
  }

  /** @internal */
  runtime(): Runtime | null {
    const of = this.#parent?.runtime() ?? null
    if (of === null || this.#publishMiddleware.length === 0) return of
    if (this.#own?.of !== of) this.#own = { of, runtime: withPublisher(of, this.#publishMiddleware) }
    return this.#own.runtime
  }

  /** @internal Starts what is declared; what is declared meanwhile comes up behind it. */
  async startDeclarations(): Promise<void> {
    const all = this.#startAll('store').then(() => this.#startAll('subscription'))
    this.#isUp = true
    this.#comingUp = all.catch(() => {})
    await all
  }

  /** @internal What is declared from now on does not come up. Resolves when nothing is on its way. */
  endComingUp(): Promise<void> {
    this.#isUp = false
    return this.#comingUp
  }

  async #startAll(stage: Declaration['stage']): Promise<void> {
    const runtime = this.runtime() as Runtime
    for (const one of [...this.#declarations]) {
      if (one.stage === stage) await this.#root().#startOnce(one, runtime)
    }
    for (const child of [...this.#children]) await child.#startAll(stage)
  }

  async #startOnce(declaration: Declaration, runtime: Runtime): Promise<void> {
    if (this.#started.has(declaration)) return
    this.#started.add(declaration)
    await declaration.start(runtime)
  }

  #root(): Router<Deps> {
    return this.#parent === null ? this : this.#parent.#root()
  }

  /** The router on which something is declared. */
  #routerOf(declaration: Declaration): Router<Deps> | undefined {
    if (this.#declarations.includes(declaration)) return this
    for (const child of this.#children) {
      const found = child.#routerOf(declaration)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** A declaration while the app runs: it starts when those before it have. */
  #bringUp(declaration: Declaration): void {
    const root = this.#root()
    root.#comingUp = root.#comingUp.then(async () => {
      // It may have been unsubscribed, or the app have stopped, before its turn came.
      const runtime = root.#routerOf(declaration)?.runtime() ?? null
      if (runtime === null || !root.#isUp) return
      try {
        await root.#startOnce(declaration, runtime)
      } catch (thrown) {
        root.#couldNotStart ??= { thrown }
        runtime.log.error({ err: thrown }, 'what was declared while the app runs could not start')
      }
    })
  }

  #running(): Runtime {
    const runtime = this.runtime()
    if (runtime === null) throw notConnected()
    return runtime
  }
}

function notConnected(): ContrailError {
  return new ContrailError('NOT_STARTED', 'The app is not connected.')
}

/** A runtime whose publications go through more middleware. */
function withPublisher(of: Runtime, middleware: readonly PublishMiddleware[]): Runtime {
  const publisher: BrokerPublisher = of.publisher.within(middleware)
  const context = Object.create(
    Object.getPrototypeOf(of.context),
    Object.getOwnPropertyDescriptors(of.context),
  )
  Object.assign(context, {
    publish: publisher.publish.bind(publisher),
    request: publisher.request.bind(publisher),
  })
  return { ...of, publisher, context }
}
