/** An application: declarations, brokers, and a life from start to stop (life.ts). */
import { AppBroker } from './app-broker.ts'
import { type AppOptions, AppParts, type AppState } from './app-parts.ts'
import { type BrokerArgument, settleBroker } from './broker-options.ts'
import type { AppContext } from './context.ts'
import { type Factory, PROVIDE_OPTIONS, type ProvideOptions } from './dependencies.ts'
import { describeInstead } from './describing.ts'
import { ContrailError } from './errors.ts'
import type { ErrorHook, Hook, HookName } from './hooks.ts'
import { Life } from './life.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics/metrics.ts'
import { Monitor, type MonitorOptions } from './monitor/monitor.ts'
import { checkHandler, checkOptions } from './options.ts'
import { Declaring } from './router.ts'
import type { ConnectionEvent, Declaration, HandlingObserver } from './runtime.ts'

/** Another broker of an app, to declare on. */
export class BrokerRouter<Deps extends object = object> extends Declaring<Deps> {
  readonly #broker: AppBroker

  constructor(broker: AppBroker) {
    super(broker.scope)
    this.#broker = broker
  }

  /** Its name in the app. */
  get brokerName(): string {
    return this.#broker.name
  }

  /** URL of the embedded server, if it has a port; else null. */
  get url(): string | null {
    return this.#broker.url
  }

  /**
   * Calls `listener` when the connection is lost, comes back, or is closed for good. Returns what ends it.
   * @throws ContrailError NOT_STARTED, STOPPED
   */
  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    return this.#broker.onConnection(listener)
  }
}

/**
 * An application. `new App()` brings its own broker, durable, in './.contrail' (or connects to CONTRAIL_URL or NATS_URL
 * of the environment); `new App('nats://…')` connects; `new App({ memory: true })` keeps nothing.
 */
export class App<Deps extends object = object> extends Declaring<Deps> implements AsyncDisposable {
  readonly #parts: AppParts
  readonly #main: AppBroker
  readonly #brokers: Map<string, AppBroker>
  readonly #life: Life

  constructor(broker?: BrokerArgument, options: AppOptions = {}) {
    const brokers = new Map<string, AppBroker>()
    const parts = new AppParts(options, () => [...brokers.values()].map((one) => one.report()))
    const main = new AppBroker('main', settleBroker(broker), parts)
    super(main.scope)
    brokers.set(main.name, main)
    this.#parts = parts
    this.#main = main
    this.#brokers = brokers
    this.#life = new Life(parts, brokers)
  }

  get name(): string {
    return this.#parts.name
  }

  get log(): Log {
    return this.#parts.log
  }

  get state(): AppState {
    return this.#parts.state
  }

  /** What has been published, handled, acknowledged, and how long it took. */
  get metrics(): Metrics {
    return this.#parts.metrics
  }

  /** URL of the embedded server, if it has a port; else null. */
  get url(): string | null {
    return this.#main.url
  }

  /** The context of hooks. @throws ContrailError NOT_STARTED, STOPPED */
  get context(): AppContext<Deps> {
    const { runtime, scope } = this.#main
    if (runtime === null) throw scope.notRunning('The app')
    return runtime.context as AppContext<Deps>
  }

  /**
   * No handler of this process gets messages until `resume`: those that are here are handled, others of the same durable or queue group
   * go on. Publishing goes on, and so do watches. What is declared meanwhile runs. @throws ContrailError NOT_STARTED, STOPPED
   */
  async pause(): Promise<void> {
    await this.#each((one) => one.pause?.())
    this.log.info('paused')
  }

  async resume(): Promise<void> {
    await this.#each((one) => one.resume?.())
    this.log.info('resumed')
  }

  async #each(act: (declaration: Declaration) => Promise<void> | undefined): Promise<void> {
    const { runtime, scope } = this.#main
    if (runtime === null) throw scope.notRunning('The app')
    const all = [...this.#brokers.values()].flatMap((broker) => broker.scope.declarations())
    await Promise.all(all.map(act))
  }

  // --- what belongs to it

  /**
   * Adds a value to the context of hooks and handlers; its type is known to what is declared on the app that comes
   * back: `const app = new App().provide('db', () => connect())`.
   */
  provide<Name extends string, T>(
    name: Name,
    make: Factory<T, Deps>,
    options: ProvideOptions<T> = {},
  ): App<Deps & { readonly [Key in Name]: T }> {
    checkHandler(`provide of "${name}"`, make)
    checkOptions(`provide of "${name}"`, options, PROVIDE_OPTIONS)
    this.#parts.dependencies.provide(name, make as Factory<T, object>, options)
    return this as never
  }

  /** Another broker of this app: declare on what comes back, as on the app. It starts and stops with the app. */
  broker(name: string, broker: BrokerArgument): BrokerRouter<Deps> {
    if (this.#brokers.has(name))
      throw new ContrailError('DUPLICATE_NAME', `The app has a broker "${name}" already.`)
    this.#mustBeNew('Brokers must be named')
    const other = new AppBroker(name, settleBroker(broker), this.#parts, this.scope)
    this.#brokers.set(name, other)
    return new BrokerRouter<Deps>(other)
  }

  /**
   * Serves `/metrics` (Prometheus), `/healthz` and `/readyz` by HTTP: from before the start, so that an app that can't
   * connect is seen, until after the stop. @see MonitorOptions
   */
  monitor(options: MonitorOptions = {}): Monitor {
    this.#mustBeNew('A monitor must be declared')
    const monitor = new Monitor(this, options)
    this.#parts.monitors.push(monitor)
    return monitor
  }

  /** Before the broker is there. */
  onStart(hook: () => unknown): this {
    return this.#hook('onStart', hook)
  }

  /** When everything runs. */
  afterStart(hook: Hook<Deps>): this {
    return this.#hook('afterStart', hook as Hook<object>)
  }

  /** Before subscriptions end. */
  onShutdown(hook: Hook<Deps>): this {
    return this.#hook('onShutdown', hook as Hook<object>)
  }

  /** When the broker is gone. */
  afterShutdown(hook: () => unknown): this {
    return this.#hook('afterShutdown', hook)
  }

  /**
   * Is told of everything that handlers throw, on all brokers: for reports. The message's fate is decided already
   * (`context.message.settlement`), and what the hook throws is logged only. A ReplyError that answers a request is no failure.
   */
  onError(hook: ErrorHook<Deps>): this {
    checkHandler('onError', hook)
    this.#parts.errorHooks.push(hook as ErrorHook<object>)
    return this
  }

  /**
   * Calls `listener` when the connection is lost, comes back, or is closed for good. Returns what ends it.
   * @throws ContrailError NOT_STARTED, STOPPED
   */
  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    return this.#main.onConnection(listener)
  }

  // --- its life

  /**
   * Starts everything; resolves when it runs. When something fails all is stopped again, and this rejects with it (it is
   * not logged besides). @throws ContrailError, as docs/framework/errors.md lists them
   */
  start(): Promise<void> {
    if (this.state === 'new') describeInstead(this)
    return this.#life.start()
  }

  /**
   * Starts, and resolves when the app has stopped: by a signal (TERM, INT), `stop`, or its AbortSignal. It rejects with what
   * kept the app from starting: not caught, that ends the process, printed once.
   */
  run(): Promise<void> {
    if (this.state === 'new') describeInstead(this)
    return this.#life.run()
  }

  /** Stops: takes no more, waits for handlers (as long as `stopTimeout`), flushes acks and publications, disconnects. */
  stop(): Promise<void> {
    return this.#life.stop()
  }

  /** Resolves when the app has stopped, for whatever reason. */
  get stopped(): Promise<void> {
    return this.#life.stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  // --- for tests and documents

  /** @internal All brokers, this app's own first. */
  brokers(): AppBroker[] {
    return [...this.#brokers.values()]
  }

  /** @internal For tests: told of every message that a handler had. */
  observe(observer: HandlingObserver): void {
    this.#parts.observer = observer
  }

  #hook(name: HookName, hook: (context: never) => unknown): this {
    checkHandler(name, hook)
    this.#parts.hooks.add(name, hook)
    return this
  }

  #mustBeNew(what: string): void {
    if (this.state !== 'new') throw new ContrailError('ALREADY_STARTED', `${what} before the app starts.`)
  }
}
