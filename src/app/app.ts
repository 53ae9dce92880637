/** An application: declarations, a broker, and a life from start to stop. */
import { aborted, Broker } from './broker.ts'
import { type BrokerArgument, type BrokerOptions, settleBroker } from './broker-options.ts'
import { DEFAULT_PULL_TIMES, LEAPING_PULL_TIMES } from './consumer/pull-loop.ts'
import type { AppContext, BaseContext, HandlerContext } from './context.ts'
import { Dependencies, type Factory, type ProvideOptions } from './dependencies.ts'
import { describeInstead } from './describing.ts'
import type { SetTimer } from './dispatcher.ts'
import { ContrailError, reasonOf } from './errors.ts'
import { type ErrorHook, type Hook, Hooks } from './hooks.ts'
import { type Log, type LogLevel, makeLog } from './log.ts'
import { type BrokerReport, Metrics } from './metrics/metrics.ts'
import type { Middleware, PublishMiddleware } from './middleware.ts'
import { Monitor, type MonitorOptions } from './monitor/monitor.ts'
import { Router } from './router.ts'
import type { ConnectionEvent, Declaration, HandlingObserver, Runtime } from './runtime.ts'
import { onSignals } from './signals.ts'
import { openKeyValue, openObjectStore } from './stores/open.ts'
import { type Duration, toMs } from './units.ts'

export interface AppOptions {
  /** Name of the app: in its log, its connection, its documents. Default: 'contrail'. */
  name?: string
  /** Where log lines go: a pino logger, or anything with its methods. Default: pino on standard output. */
  log?: Log
  /** Least level of the default log. Default: LOG_LEVEL of the environment, or 'info'. */
  logLevel?: LogLevel
  /** How long `stop` waits for handlers. Default: 25 s. */
  stopTimeout?: Duration
  /** Stops the app when it is aborted. */
  signal?: AbortSignal
}

export type AppState = 'new' | 'starting' | 'running' | 'stopping' | 'stopped'

/** Below the 30 s after which Kubernetes kills. */
const DEFAULT_STOP_TIMEOUT = '25s'
const DEFAULT_NAME = 'contrail'

/** A broker of an app: the one it is made with, or another of `app.broker`. */
export class BrokerRouter<Deps extends object = object> extends Router<Deps> {
  #options: BrokerOptions
  readonly #app: () => AppParts
  readonly #name: string
  #broker: Broker | null = null
  #runtime: Runtime | null = null
  #lastReport: BrokerReport | null = null

  constructor(name: string, options: BrokerOptions, app: () => AppParts) {
    super()
    this.#name = name
    this.#options = options
    this.#app = app
  }

  /** @internal */
  override runtime(): Runtime | null {
    return this.#runtime
  }

  /** URL of the embedded server, if it has a port; else null. */
  get url(): string | null {
    return this.#broker?.url ?? null
  }

  /** @internal For tests: another broker than the one it was made with, before it starts. */
  useBroker(options: BrokerOptions): void {
    this.#options = options
  }

  /** @internal */
  async openBroker(): Promise<void> {
    const app = this.#app()
    const options = { name: app.name, ...this.#options }
    const broker = await Broker.open(options, this.publishMiddleware(), app.log)
    this.#broker = broker
    const { onError } = app
    const context: BaseContext = {
      nc: broker.nc,
      js: broker.js,
      jsm: broker.jsm,
      log: app.log,
      kv: (bucket, wanted) => openKeyValue(broker.js, bucket, options.replicas, wanted),
      obj: (bucket, wanted) => openObjectStore(broker.js, bucket, options.replicas, wanted),
      publish: broker.publisher.publish.bind(broker.publisher),
      request: broker.publisher.request.bind(broker.publisher),
    }
    this.#runtime = {
      nc: broker.nc,
      js: broker.js,
      jsm: broker.jsm,
      log: app.log,
      publisher: broker.publisher,
      dependencies: app.dependencies,
      broker: this.#name,
      metrics: app.metrics,
      onError,
      errorHooks: app.errorHooks,
      app: app.name,
      replicas: options.replicas,
      context,
      signal: app.signal,
      pullTimes: 'clock' in options && options.clock !== undefined ? LEAPING_PULL_TIMES : DEFAULT_PULL_TIMES,
      setTimer: timersOf(options),
      observer: app.observer,
      isConnected: () => broker.isConnected,
      onConnection: (listener) => broker.onConnection(listener),
    }
  }

  /** @internal The app's dependencies have come up. */
  addToContext(values: object): void {
    const runtime = this.#runtime as Runtime
    this.#runtime = { ...runtime, context: { ...runtime.context, ...values } }
  }

  /** @internal */
  async stopDeclarations(deadline: AbortSignal): Promise<void> {
    await Promise.race([this.endComingUp(), aborted(deadline)])
    const all = this.declarations().reverse()
    const ofStage = (stage: Declaration['stage']) => all.filter((one) => one.stage === stage)
    await Promise.all(ofStage('subscription').map((one) => one.stop(deadline)))
    await Promise.all(ofStage('store').map((one) => one.stop(deadline)))
  }

  /** @internal */
  async closeBroker(deadline: AbortSignal): Promise<void> {
    const broker = this.#broker
    this.#runtime = null
    await broker?.close(deadline)
    this.report()
    this.#broker = null
  }

  /** Its name in the app; 'main' for the first. */
  get brokerName(): string {
    return this.#name
  }

  /** @internal Its figures; those of the end when it is closed. */
  report(): BrokerReport {
    const broker = this.#broker
    if (broker !== null) this.#lastReport = { broker: this.#name, ...broker.report() }
    const last = this.#lastReport ?? { broker: this.#name, ...NOTHING_YET }
    return broker === null ? { ...last, connected: false } : last
  }

  /** Calls `listener` when the connection is lost, comes back, or is closed for good. Returns what ends it. */
  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    const runtime = this.#runtime
    if (runtime === null) throw new ContrailError('NOT_STARTED', 'The app is not connected yet.')
    return runtime.onConnection(listener)
  }
}

/** Where a test moves time on, pauses pass with it. */
function timersOf(options: BrokerOptions): SetTimer {
  if ('clock' in options && options.clock !== undefined) {
    const { clock } = options
    return (callback, delayMs) => {
      const timer = clock.setTimer(callback, delayMs)
      return { cancel: () => timer.clear() }
    }
  }
  return (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs).unref()
    return { cancel: () => clearTimeout(timer) }
  }
}

/** What brokers take from their app. */
interface AppParts {
  readonly name: string
  readonly log: Log
  readonly dependencies: Dependencies
  readonly signal: AbortSignal
  readonly metrics: Metrics
  readonly errorHooks: readonly unknown[]
  onError(thrown: unknown, context: HandlerContext): Promise<void>
  readonly observer: HandlingObserver | undefined
}

/** The figures of a broker that has not been connected yet. */
const NOTHING_YET: Omit<BrokerReport, 'broker'> = {
  connected: false,
  reconnects: 0,
  published: { published: 0, toStream: 0, requests: 0, requestsFailed: 0 },
  publishFailed: 0,
  unacknowledged: 0,
  inMessages: 0,
  outMessages: 0,
  inBytes: 0,
  outBytes: 0,
}

/** Another broker of an app: the app's middleware is around its own. */
class OtherBroker<Deps extends object> extends BrokerRouter<Deps> {
  readonly #main: BrokerRouter<Deps>

  constructor(name: string, options: BrokerOptions, app: () => AppParts, main: BrokerRouter<Deps>) {
    super(name, options, app)
    this.#main = main
  }

  override middleware(): readonly Middleware<never>[] {
    return [...this.#main.middleware(), ...super.middleware()]
  }

  override publishMiddleware(): readonly PublishMiddleware[] {
    return [...this.#main.publishMiddleware(), ...super.publishMiddleware()]
  }
}

/**
 * An application. `new App()` brings its own broker, durable, in './.contrail' (or connects to CONTRAIL_URL or NATS_URL
 * of the environment); `new App('nats://…')` connects; `new App({ memory: true })` keeps nothing.
 */
export class App<Deps extends object = object> extends BrokerRouter<Deps> implements AsyncDisposable {
  readonly name: string
  readonly log: Log
  readonly #dependencies = new Dependencies()
  readonly #hooks = new Hooks()
  readonly #monitors: Monitor[] = []
  readonly #errorHooks: ErrorHook<object>[] = []
  /** What has been published, handled, acknowledged, and how long it took. */
  readonly metrics: Metrics
  readonly #others = new Map<string, BrokerRouter<Deps>>()
  readonly #stopTimeout: Duration
  readonly #outerSignal: AbortSignal | undefined
  readonly #giveUp = new AbortController()
  #observer: HandlingObserver | undefined
  #state: AppState = 'new'
  #starting: Promise<void> | null = null
  #stopping: Promise<void> | null = null
  /** All steps of the start are done, or one has failed. */
  #startEnds: Promise<void> = Promise.resolve()
  #resolveStopped: () => void = () => {}
  /** Resolves when the app has stopped, for whatever reason. */
  readonly stopped: Promise<void>

  constructor(broker?: BrokerArgument, options: AppOptions = {}) {
    super('main', settleBroker(broker), () => this.#parts())
    this.name = options.name ?? DEFAULT_NAME
    this.log = options.log ?? makeLog(options.logLevel)
    this.#stopTimeout = options.stopTimeout ?? DEFAULT_STOP_TIMEOUT
    toMs(this.#stopTimeout, 'stopTimeout')
    this.#outerSignal = options.signal
    this.metrics = new Metrics(() => this.brokers().map((one) => one.report()))
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve
    })
  }

  get state(): AppState {
    return this.#state
  }

  /**
   * Adds a value to the context of hooks and handlers; its type is known to what is declared on the app that comes
   * back: `const app = new App().provide('db', () => connect())`.
   */
  provide<Name extends string, T>(
    name: Name,
    make: Factory<T, Deps>,
    options: ProvideOptions<T> = {},
  ): App<Deps & { readonly [Key in Name]: T }> {
    this.#dependencies.provide(name, make as Factory<T, object>, options)
    return this as never
  }

  /** Another broker of this app: declare on what comes back, as on the app. It starts and stops with the app. */
  broker(name: string, broker: BrokerArgument): BrokerRouter<Deps> {
    if (name === 'main' || this.#others.has(name))
      throw new ContrailError('DUPLICATE_NAME', `The app has a broker "${name}" already.`)
    if (this.#state !== 'new') {
      throw new ContrailError('ALREADY_STARTED', 'Brokers must be named before the app starts.')
    }
    const other = new OtherBroker<Deps>(name, settleBroker(broker), () => this.#parts(), this)
    this.#others.set(name, other)
    return other
  }

  /** @internal For tests: told of every message that a handler had. */
  observe(observer: HandlingObserver): void {
    this.#observer = observer
  }

  /** @internal All brokers, this app's own first. */
  brokers(): BrokerRouter<Deps>[] {
    return [this, ...this.#others.values()]
  }

  /** Before the broker is there. */
  onStart(hook: () => unknown): this {
    this.#hooks.add('onStart', hook)
    return this
  }

  /** When everything runs. */
  afterStart(hook: Hook<Deps>): this {
    this.#hooks.add('afterStart', hook as Hook<object>)
    return this
  }

  /** Before subscriptions end. */
  onShutdown(hook: Hook<Deps>): this {
    this.#hooks.add('onShutdown', hook as Hook<object>)
    return this
  }

  /** When the broker is gone. */
  afterShutdown(hook: () => unknown): this {
    this.#hooks.add('afterShutdown', hook)
    return this
  }

  /**
   * Is told of everything that handlers throw, on all brokers: for reports. The message's fate is decided already
   * (`context.message.settlement`), and what the hook throws is logged only. A ReplyError that answers a request is no failure.
   */
  onError(hook: ErrorHook<Deps>): this {
    this.#errorHooks.push(hook as ErrorHook<object>)
    return this
  }

  /**
   * Serves `/metrics` (Prometheus), `/healthz` and `/readyz` by HTTP: from before the start, so that an app that can't
   * connect is seen, until after the stop. @see MonitorOptions
   */
  monitor(options: MonitorOptions = {}): Monitor {
    if (this.#state !== 'new') {
      throw new ContrailError('ALREADY_STARTED', 'A monitor must be declared before the app starts.')
    }
    const monitor = new Monitor(this, options)
    this.#monitors.push(monitor)
    return monitor
  }

  /** The context of hooks. @throws ContrailError NOT_STARTED */
  get context(): AppContext<Deps> {
    const runtime = this.runtime()
    if (runtime === null) throw new ContrailError('NOT_STARTED', 'The app has no context yet.')
    return runtime.context as AppContext<Deps>
  }

  /**
   * Starts everything; resolves when it runs. When something fails all is stopped again, and this rejects with it (it is
   * not logged besides). @throws ContrailError, as docs/framework/errors.md lists them
   */
  start(): Promise<void> {
    if (this.#starting !== null) return this.#starting
    if (this.#state !== 'new') {
      return Promise.reject(new ContrailError('ALREADY_STARTED', `The app is ${this.#state}.`))
    }
    describeInstead(this)
    this.#starting = this.#start()
    return this.#starting
  }

  /** Stops: takes no more, waits for handlers (as long as `stopTimeout`), flushes acks and publications, disconnects. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  /**
   * Starts, and resolves when the app has stopped: by a signal (TERM, INT), `stop`, or its AbortSignal. It rejects with what
   * kept the app from starting: not caught, that ends the process, printed once.
   */
  async run(): Promise<void> {
    const forget = onSignals(
      (signal) => {
        this.log.info({ signal }, 'stopping')
        // What failed is in the log.
        this.stop().catch(() => {
          process.exitCode = 1
        })
      },
      (signal) => this.log.info({ signal }, 'a signal without a meaning'),
    )
    try {
      await this.start()
      await this.stopped
    } finally {
      forget()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #start(): Promise<void> {
    this.#state = 'starting'
    const begun = performance.now()
    const starting = this.#startAll()
    this.#startEnds = starting.catch(() => {})
    try {
      await starting
    } catch (thrown) {
      // Whoever awaits the start has the error, and prints it: once.
      this.log.debug('the app could not start')
      if (this.#state === 'starting') this.#state = 'running'
      await this.stop().catch(() => {})
      throw thrown
    }
    this.log.info({ app: this.name, ms: Math.round(performance.now() - begun) }, 'started')
  }

  async #startAll(): Promise<void> {
    if (this.#outerSignal?.aborted)
      throw new ContrailError('STOPPED', 'The signal was aborted before the start.')
    this.#outerSignal?.addEventListener('abort', () => void this.stop(), { once: true })
    for (const monitor of this.#monitors) {
      await monitor.start()
      this.log.info({ url: monitor.url }, 'the monitor listens')
    }
    await this.#hooks.run('onStart', undefined)
    const brokers = this.brokers()
    for (const broker of brokers) await broker.openBroker()
    await this.#dependencies.start(this.context)
    for (const broker of brokers) broker.addToContext(this.#dependencies.values)
    for (const broker of brokers) await broker.startDeclarations()
    if (this.#state === 'starting') this.#state = 'running'
    this.onConnection((event) => {
      if (event === 'closed' && this.#state === 'running') {
        this.log.error('the connection was closed for good: stopping')
        void this.stop()
      }
    })
    await this.#hooks.run('afterStart', this.context)
  }

  async #stop(): Promise<void> {
    // Not for the whole of `start`: when that fails it waits for us.
    if (this.#state === 'starting') await this.#startEnds
    const wasNew = this.#state === 'new'
    this.#state = 'stopping'
    const deadline = AbortSignal.timeout(toMs(this.#stopTimeout, 'stopTimeout'))
    deadline.addEventListener('abort', () => this.#giveUp.abort(), { once: true })
    const failures: unknown[] = []
    const attempt = async (what: string, step: () => Promise<unknown>) => {
      try {
        await step()
      } catch (thrown) {
        failures.push(thrown)
        this.log.error({ err: thrown }, `${what} failed: ${reasonOf(thrown)}`)
      }
    }
    if (!wasNew) {
      const runtime = this.runtime()
      if (runtime !== null) {
        await attempt('a hook on shutdown', () => this.#hooks.run('onShutdown', runtime.context))
      }
      const brokers = this.brokers()
      for (const broker of brokers) await attempt('stopping', () => broker.stopDeclarations(deadline))
      this.#giveUp.abort()
      await this.#dependencies.stop((name, thrown) =>
        this.log.error({ err: thrown }, `letting go of "${name}" failed`),
      )
      for (const broker of brokers) await attempt('disconnecting', () => broker.closeBroker(deadline))
      await attempt('a hook after shutdown', () => this.#hooks.run('afterShutdown', undefined))
    }
    for (const monitor of this.#monitors) await monitor.stop()
    this.#state = 'stopped'
    if (!wasNew) this.log.info({ app: this.name }, 'stopped')
    this.#resolveStopped()
    if (failures.length > 0) throw failures[0]
  }

  async #tellError(thrown: unknown, context: HandlerContext): Promise<void> {
    for (const hook of this.#errorHooks) {
      try {
        await hook(thrown, context as never)
      } catch (reason) {
        this.log.error({ err: reason }, 'a hook on errors failed')
      }
    }
  }

  #parts(): AppParts {
    return {
      name: this.name,
      log: this.log,
      dependencies: this.#dependencies,
      signal: this.#giveUp.signal,
      metrics: this.metrics,
      errorHooks: this.#errorHooks,
      onError: (thrown, context) => this.#tellError(thrown, context),
      observer: this.#observer,
    }
  }
}
