/** The verbs by which things are declared: on an app, on another broker of it, on a router. */
import type { CodecOption } from './codec.ts'
import { type CronHandler, CronJob, type CronOptions } from './consumer/cron.ts'
import { CoreSubscription, SUBSCRIBE_OPTIONS, type SubscribeOptions } from './core-subscription.ts'
import { DeadLetterBox } from './dead-letters/dead-letter-box.ts'
import { type DataOf, type Handler, Route } from './handler.ts'
import type { QueueOptions } from './jobs/options.ts'
import { Queue } from './jobs/queue.ts'
import type { Around, Middleware, PublishMiddleware } from './middleware.ts'
import { callback, checkHandler, checkOptions, settleGiven, type Table, text } from './options.ts'
import type {
  AnswerOf,
  PublishOptions,
  PublishResult,
  RequestManyOptions,
  RequestOptions,
} from './publisher/options.ts'
import { type Published, Publisher, type PublisherOptions } from './publisher/publisher.ts'
import type { When } from './publisher/schedule.ts'
import type { Runtime } from './runtime.ts'
import type { Input, Output, Schema } from './schema.ts'
import { Scope } from './scope.ts'
import { KeyValue, type KeyValueOptions } from './stores/key-value.ts'
import { ObjectStore, type ObjectStoreOptions } from './stores/object-store.ts'
import { Stream } from './stores/stream.ts'
import type { StreamOptions } from './stores/stream-options.ts'
import { type Params, SubjectPattern } from './subject-pattern.ts'

export interface RouterOptions {
  /** Goes before every subject, with a dot between: `new Router({ prefix: 'orders' })`. Default: nothing. */
  prefix?: string
}

const ROUTER_OPTIONS: Table<RouterOptions> = { prefix: text }
const AROUND: Table<Around> = { handle: callback, publish: callback }

/** What values are in a bucket: the schema's output, else what is said: `app.keyValue<number>('stock')`. */
type ValueOf<S, T> = [S] extends [Schema] ? Output<S> : T

/** What goes in: the schema's input, else what is said. */
type InputOf<S, T> = [S] extends [Schema] ? Input<S> : T

/** What an app, a broker and a router have in common: things are declared on them, and published to. */
export abstract class Declaring<Deps extends object = object> {
  /** @internal Where declarations go. */
  readonly scope: Scope

  constructor(scope: Scope) {
    this.scope = scope
  }

  /**
   * Everything of another router becomes a part of this one, under its prefix and inside its middleware. While the app
   * runs it comes up at once: `await app.ready()`. A router that says which dependencies its handlers need
   * (`new Router<{ readonly db: Db }>()`) goes only where they are provided.
   */
  include<Needs extends object>(router: Router<Needs> & ([Deps] extends [Needs] ? unknown : never)): this {
    this.scope.include(router.scope)
    return this
  }

  /**
   * Around every handler of this router and the routers it includes, the first one outermost; with `{ handle, publish }`
   * around publications too. It counts for what is declared or included later if the app runs already.
   */
  use(middleware: Middleware<Deps> | Around<Deps>): this {
    if (typeof middleware !== 'function') checkOptions('a middleware', middleware ?? null, AROUND)
    const { handle, publish } = typeof middleware === 'function' ? { handle: middleware } : middleware
    if (handle !== undefined) this.scope.addMiddleware(handle as Middleware<never>)
    return publish === undefined ? this : this.usePublish(publish)
  }

  /**
   * Around what is published by this router: its `publish` and `request`, its streams and publishers, `publish` and
   * `request` in the context of its handlers, what their results go to. The app's goes around everything, outermost.
   */
  usePublish(middleware: PublishMiddleware): this {
    checkHandler('usePublish', middleware)
    this.scope.addPublishMiddleware(middleware)
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
  subscribe(subject: string, ...given: readonly unknown[]): CoreSubscription<Deps, never> {
    const { options, handler } = settleGiven(`the subscription of "${subject}"`, given, SUBSCRIBE_OPTIONS)
    const pattern = new SubjectPattern(this.scope.prefixed(subject))
    const subscription = new CoreSubscription<Deps, never>([pattern], options, this.scope)
    if (handler !== undefined) subscription.add(new Route(options, handler))
    return this.scope.declare(subscription)
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
    return this.scope.declare(new CronJob<Deps>(name, at, options, handler, this.scope))
  }

  /** A stream, made or updated at the start. @see StreamOptions */
  stream(name: string, options: StreamOptions = {}): Stream<Deps> {
    return this.scope.declare(new Stream<Deps>(name, options, this.scope))
  }

  /** A key-value bucket, made at the start. Values are typed by a schema, or by saying so: `keyValue<number>('stock')`. */
  keyValue<
    T = unknown,
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
  >(bucket: string, options: KeyValueOptions<S, C> = {}): KeyValue<ValueOf<S, T>, Deps> {
    return this.scope.declare(new KeyValue<ValueOf<S, T>, Deps>(bucket, options, this.scope))
  }

  /** An object store, made at the start. */
  objectStore(bucket: string, options: ObjectStoreOptions = {}): ObjectStore<Deps> {
    return this.scope.declare(new ObjectStore<Deps>(bucket, options, this.scope))
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
    return this.scope.declare(
      new Queue<InputOf<S, T>, ValueOf<S, T>, ValueOf<RS, R>, Deps>(name, options, this.scope),
    )
  }

  /** Dead letters that a stream keeps, where `deadLetter` names a subject of it; else `stream.deadLetters` has them. */
  deadLetters(stream: string): DeadLetterBox {
    return new DeadLetterBox(stream, () => this.#running('A box of dead letters'))
  }

  /** A typed publisher for one subject, which may have {names}. */
  publisher<
    Subject extends string,
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
  >(subject: Subject, options: PublisherOptions<S, C> = {}): Publisher<Subject, Published<S, C>> {
    return this.scope.addPublisher(
      new Publisher(
        () => this.scope.prefixed(subject),
        options,
        () => this.#running('The publisher').publisher,
      ),
    )
  }

  /**
   * Publishes. Where a stream declared in the app takes the subject this waits for its PubAck, else it resolves at once to undefined.
   * The subject is taken as it is: prefixes of routers are not added.
   */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PublishResult | undefined> {
    const runtime = this.scope.runtime()
    if (runtime === null) return Promise.reject(this.scope.notRunning('The app'))
    return runtime.publisher.publish(subject, data, options)
  }

  /** Asks, and resolves to the answer. */
  request<T = unknown, S extends Schema | undefined = undefined>(
    subject: string,
    data?: unknown,
    options?: RequestOptions<S>,
  ): Promise<AnswerOf<S, T>> {
    const runtime = this.scope.runtime()
    if (runtime === null) return Promise.reject(this.scope.notRunning('The app'))
    return runtime.publisher.request(subject, data, options)
  }

  /** Asks all who listen (without a `queue`), and gives their answers as they come: `for await (const answer of …)`. */
  async *requestMany<T = unknown, S extends Schema | undefined = undefined>(
    subject: string,
    data?: unknown,
    options?: RequestManyOptions<S>,
  ): AsyncGenerator<AnswerOf<S, T>> {
    const runtime = this.scope.runtime()
    if (runtime === null) throw this.scope.notRunning('The app')
    yield* runtime.publisher.requestMany<AnswerOf<S, T>>(subject, data, options)
  }

  /**
   * Resolves when all that was declared while the app runs has started.
   * @throws what kept the first of it from starting, once
   */
  ready(): Promise<void> {
    return this.scope.ready()
  }

  #running(who: string): Runtime {
    const runtime = this.scope.runtime()
    if (runtime === null) throw this.scope.notRunning(who)
    return runtime
  }
}

/** Handlers, streams, stores with a prefix and middleware of their own; a part of the app that includes it. */
export class Router<Deps extends object = object> extends Declaring<Deps> {
  constructor(options: RouterOptions = {}) {
    checkOptions('a router', options, ROUTER_OPTIONS)
    super(new Scope(options.prefix))
  }

  /** What goes before its subjects. */
  get prefix(): string {
    return this.scope.prefix
  }
}
