/** The life of an app, from top to bottom: start, run, drain, stop. */
import type { AppBroker } from './app-broker.ts'
import type { AppParts } from './app-parts.ts'
import { ContrailError, reasonOf } from './errors.ts'
import { onSignals } from './signals.ts'

export class Life {
  readonly #parts: AppParts
  readonly #brokers: ReadonlyMap<string, AppBroker>
  #starting: Promise<void> | null = null
  #hasFailed = false
  #stopping: Promise<void> | null = null
  /** All steps of the start are done, or one has failed. */
  #startEnds: Promise<void> = Promise.resolve()
  #resolveStopped: () => void = () => {}
  /** Resolves at the end, whatever brought it about. */
  readonly stopped: Promise<void>

  constructor(parts: AppParts, brokers: ReadonlyMap<string, AppBroker>) {
    this.#parts = parts
    this.#brokers = brokers
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve
    })
  }

  /** Starts, and resolves when the app has stopped. */
  async run(): Promise<void> {
    const { log } = this.#parts
    const forget = onSignals(
      (signal) => {
        log.info({ signal }, 'stopping')
        // What failed is in the log.
        this.stop().catch(() => {
          process.exitCode = 1
        })
      },
      (signal) => log.info({ signal }, 'a signal without a meaning'),
    )
    try {
      await this.start()
      await this.stopped
    } finally {
      forget()
    }
  }

  // --- start

  /** Once: whoever asks again gets the same promise. */
  start(): Promise<void> {
    const { state } = this.#parts
    const hasEnded = state === 'stopping' || state === 'stopped'
    if (this.#starting !== null && (!hasEnded || this.#hasFailed)) return this.#starting
    if (hasEnded) {
      const is = state === 'stopping' ? 'is stopping' : 'has stopped'
      return Promise.reject(new ContrailError('STOPPED', `The app ${is}: it can't be started again.`))
    }
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const parts = this.#parts
    parts.state = 'starting'
    const begun = performance.now()
    const starting = this.#comeUp()
    this.#startEnds = starting.catch(() => {})
    try {
      await starting
    } catch (thrown) {
      // Whoever awaits the start has the error, and prints it: once.
      parts.log.debug('the app could not start')
      this.#hasFailed = true
      if (parts.state === 'starting') parts.state = 'running'
      await this.stop().catch(() => {})
      throw thrown
    }
    parts.log.info({ app: parts.name, ms: Math.round(performance.now() - begun) }, 'started')
  }

  async #comeUp(): Promise<void> {
    const { hooks, dependencies } = this.#parts
    const brokers = [...this.#brokers.values()]
    this.#heedSignal()
    await this.#openMonitors()
    await hooks.run('onStart', undefined)
    for (const broker of brokers) broker.scope.checkClaims()
    for (const broker of brokers) await broker.open()
    await dependencies.start(this.#context())
    for (const broker of brokers) broker.addToContext(dependencies.values)
    for (const broker of brokers) await broker.scope.start()
    for (const broker of brokers) await broker.tidyUp()
    this.#isUp()
    await hooks.run('afterStart', this.#context())
  }

  #heedSignal(): void {
    const { signal } = this.#parts
    if (signal?.aborted) throw new ContrailError('STOPPED', 'The signal was aborted before the start.')
    signal?.addEventListener('abort', () => void this.stop(), { once: true })
  }

  async #openMonitors(): Promise<void> {
    const { monitors, log } = this.#parts
    for (const monitor of monitors) {
      await monitor.start()
      log.info({ url: monitor.url }, 'the monitor listens')
    }
  }

  /** It runs, unless a stop was asked for meanwhile; when its connection is closed for good it stops. */
  #isUp(): void {
    const parts = this.#parts
    if (parts.state === 'starting') parts.state = 'running'
    this.#main.onConnection((event) => {
      if (event !== 'closed' || parts.state !== 'running') return
      parts.log.error('the connection was closed for good: stopping')
      void this.stop()
    })
  }

  // --- stop

  /** Once: whoever asks again gets the same promise. @throws the first that failed, when all is down */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    const parts = this.#parts
    // Not for the whole of `start`: when that fails it waits for us.
    if (parts.state === 'starting') await this.#startEnds
    const wasNew = parts.state === 'new'
    parts.state = 'stopping'
    const failures = wasNew ? [] : await this.#goDown()
    for (const monitor of parts.monitors) await monitor.stop()
    parts.state = 'stopped'
    if (!wasNew) parts.log.info({ app: parts.name }, 'stopped')
    this.#resolveStopped()
    if (failures.length > 0) throw failures[0]
  }

  /** Every step is taken, also when one before it fails. Resolves to what failed. */
  async #goDown(): Promise<unknown[]> {
    const { hooks, dependencies, giveUp, log, stopTimeoutMs } = this.#parts
    const brokers = [...this.#brokers.values()]
    const deadline = AbortSignal.timeout(stopTimeoutMs)
    deadline.addEventListener('abort', () => giveUp.abort(), { once: true })
    const failures: unknown[] = []
    const attempt = async (what: string, step: () => Promise<unknown>) => {
      try {
        await step()
      } catch (thrown) {
        failures.push(thrown)
        log.error({ err: thrown }, `${what} failed: ${reasonOf(thrown)}`)
      }
    }
    const context = this.#main.runtime?.context
    if (context !== undefined) await attempt('a hook on shutdown', () => hooks.run('onShutdown', context))
    for (const broker of brokers) await attempt('stopping', () => broker.drain(deadline))
    giveUp.abort()
    await dependencies.stop((name, err) => log.error({ err }, `letting go of "${name}" failed`))
    for (const broker of brokers) await attempt('disconnecting', () => broker.close(deadline))
    await attempt('a hook after shutdown', () => hooks.run('afterShutdown', undefined))
    return failures
  }

  get #main(): AppBroker {
    return this.#brokers.get('main') as AppBroker
  }

  /** Of hooks and of the app's dependencies. */
  #context(): object {
    const { runtime, scope } = this.#main
    if (runtime === null) throw scope.notRunning('The app')
    return runtime.context
  }
}
