/** A broker of an app: its connection while the app runs, its figures, and what is declared on it. */
import type { AppParts, AppState } from './app-parts.ts'
import { aborted, Broker } from './broker.ts'
import type { BrokerOptions } from './broker-options.ts'
import { CronJob } from './consumer/cron.ts'
import { DEFAULT_PULL_TIMES, LEAPING_PULL_TIMES } from './consumer/pull-loop.ts'
import { removeStaleJobs } from './consumer/stale-jobs.ts'
import type { BaseContext } from './context.ts'
import type { SetTimer } from './dispatcher.ts'
import { ContrailError } from './errors.ts'
import type { BrokerReport } from './metrics/metrics.ts'
import type { Middleware, PublishMiddleware } from './middleware.ts'
import { Audience } from './publisher/audience.ts'
import type { ConnectionEvent, Runtime } from './runtime.ts'
import { Scope } from './scope.ts'
import { openKeyValue, openObjectStore } from './stores/open.ts'

export class AppBroker {
  /** 'main' for the app's first. */
  readonly name: string
  readonly scope: Scope
  readonly #parts: AppParts
  #options: BrokerOptions
  #broker: Broker | null = null
  #runtime: Runtime | null = null
  #forgetStale: () => void = () => {}
  #lastReport: BrokerReport | null = null

  /** @param around whose middleware is around its own; null: nobody's */
  constructor(name: string, options: BrokerOptions, parts: AppParts, around: Scope | null = null) {
    this.name = name
    this.#options = options
    this.#parts = parts
    this.scope = new BrokerScope(this, parts, around)
  }

  /** Null while it is not connected. */
  get runtime(): Runtime | null {
    return this.#runtime
  }

  /** URL of the embedded server, if it has a port; else null. */
  get url(): string | null {
    return this.#broker?.url ?? null
  }

  /** For tests: another broker than the one it was made with, before it starts. */
  use(options: BrokerOptions): void {
    this.#options = options
  }

  /** Connects. Errors: those of `Broker.open`. */
  async open(): Promise<void> {
    const { name, log } = this.#parts
    const options = { name, ...this.#options }
    const audience = new Audience(log, this.#parts.audience)
    for (const declaration of this.scope.declarations()) audience.know(declaration.takes?.() ?? new Map())
    const broker = await Broker.open(options, this.scope.publishMiddleware(), log, audience)
    this.#broker = broker
    this.#runtime = runtimeOf(broker, this.name, options, this.#parts)
  }

  /** The app's dependencies have come up. */
  addToContext(values: object): void {
    const runtime = this.#runtime as Runtime
    this.#runtime = { ...runtime, context: { ...runtime.context, ...values } }
  }

  /** What it no longer declares is removed, where the app makes what it needs. */
  async tidyUp(): Promise<void> {
    const declarations = this.scope.declarations()
    const jobs = declarations.filter((one) => one instanceof CronJob).map((job) => job.name)
    const makesStores = declarations.some((one) => one.stage === 'store' && one.claim?.() != null)
    if (jobs.length === 0 && !makesStores) return
    this.#forgetStale = await removeStaleJobs(this.#runtime as Runtime, new Set(jobs))
  }

  /** Ends what is declared on it; what is just coming up is waited for. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.#forgetStale()
    await Promise.race([this.scope.endComingUp(), aborted(deadline)])
    await this.scope.stop(deadline)
  }

  /** Waits for what was published, then disconnects. */
  async close(deadline: AbortSignal): Promise<void> {
    const broker = this.#broker
    this.#runtime = null
    await broker?.close(deadline)
    this.report()
    this.#broker = null
  }

  /** Its figures; those of the end when it is closed. */
  report(): BrokerReport {
    const broker = this.#broker
    if (broker !== null) this.#lastReport = { broker: this.name, ...broker.report() }
    const last = this.#lastReport ?? { broker: this.name, ...NOTHING_YET }
    return broker === null ? { ...last, connected: false } : last
  }

  /** @throws ContrailError NOT_STARTED */
  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    if (this.#runtime === null) throw this.scope.notRunning('The app')
    return this.#runtime.onConnection(listener)
  }
}

/** The outermost scope of a broker: what is declared in it finds the connection here. */
class BrokerScope extends Scope {
  readonly #broker: AppBroker
  readonly #parts: AppParts
  readonly #around: Scope | null

  constructor(broker: AppBroker, parts: AppParts, around: Scope | null) {
    super()
    this.#broker = broker
    this.#parts = parts
    this.#around = around
  }

  override runtime(): Runtime | null {
    return this.#broker.runtime
  }

  override notRunning(who: string): ContrailError {
    const { state } = this.#parts
    const code = state === 'stopping' || state === 'stopped' ? 'STOPPED' : 'NOT_STARTED'
    return new ContrailError(code, `${who} is not connected: the app ${STATES[state]}.`)
  }

  override middleware(): readonly Middleware<never>[] {
    return [...(this.#around?.middleware() ?? []), ...super.middleware()]
  }

  override publishMiddleware(): readonly PublishMiddleware[] {
    return this.#around === null
      ? super.publishMiddleware()
      : [...this.#around.publishMiddleware(), ...super.publishMiddleware()]
  }
}

const STATES: Record<AppState, string> = {
  new: 'has not been started',
  starting: 'is only starting',
  running: 'has lost this broker',
  stopping: 'is stopping',
  stopped: 'has stopped',
}

/** What declarations on a connected broker work with. */
function runtimeOf(broker: Broker, name: string, options: BrokerOptions, parts: AppParts): Runtime {
  const { nc, js, jsm, publisher } = broker
  const { log, dependencies, metrics, errorHooks } = parts
  const { replicas } = options
  const context: BaseContext = {
    nc,
    js,
    jsm,
    log,
    kv: (bucket, wanted) => openKeyValue(js, bucket, replicas, wanted),
    obj: (bucket, wanted) => openObjectStore(js, bucket, replicas, wanted),
    publish: publisher.publish.bind(publisher),
    request: publisher.request.bind(publisher),
    requestMany: publisher.requestMany.bind(publisher) as never,
  }
  return {
    nc,
    js,
    jsm,
    log,
    publisher,
    dependencies,
    broker: name,
    metrics,
    onError: (thrown, of) => parts.tellError(thrown, of),
    errorHooks,
    app: parts.name,
    declarer: parts.declarer,
    replicas,
    context,
    signal: parts.giveUp.signal,
    pullTimes: 'clock' in options && options.clock !== undefined ? LEAPING_PULL_TIMES : DEFAULT_PULL_TIMES,
    setTimer: timersOf(options),
    observer: parts.observer,
    isConnected: () => broker.isConnected,
    onConnection: (listener) => broker.onConnection(listener),
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
