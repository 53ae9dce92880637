/** What an app consists of besides its brokers: made once, known to all of its parts. */
import type { HandlerContext } from './context.ts'
import { Dependencies } from './dependencies.ts'
import { type ErrorHook, Hooks } from './hooks.ts'
import { type Log, type LogLevel, makeLog } from './log.ts'
import { type BrokerReport, Metrics } from './metrics/metrics.ts'
import type { Monitor } from './monitor/monitor.ts'
import type { HandlingObserver } from './runtime.ts'
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

const DEFAULT_NAME = 'contrail'
/** Below the 30 s after which Kubernetes kills. */
const DEFAULT_STOP_TIMEOUT = '25s'

export class AppParts {
  readonly name: string
  readonly log: Log
  readonly stopTimeoutMs: number
  /** Of whoever made the app: aborted, it stops. */
  readonly signal: AbortSignal | undefined
  /** Aborted when handlers are not waited for any longer. */
  readonly giveUp = new AbortController()
  readonly dependencies = new Dependencies()
  readonly hooks = new Hooks()
  readonly errorHooks: ErrorHook<object>[] = []
  readonly monitors: Monitor[] = []
  readonly metrics: Metrics
  observer: HandlingObserver | undefined
  state: AppState = 'new'

  /** @throws ContrailError INVALID_OPTION */
  constructor(options: AppOptions, reports: () => BrokerReport[]) {
    this.name = options.name ?? DEFAULT_NAME
    this.log = options.log ?? makeLog(options.logLevel)
    this.stopTimeoutMs = toMs(options.stopTimeout ?? DEFAULT_STOP_TIMEOUT, 'stopTimeout')
    this.signal = options.signal
    this.metrics = new Metrics(reports)
  }

  /** Tells the error hooks; what they throw is logged. */
  async tellError(thrown: unknown, context: HandlerContext): Promise<void> {
    for (const hook of this.errorHooks) {
      try {
        await hook(thrown, context as never)
      } catch (reason) {
        this.log.error({ err: reason }, 'a hook on errors failed')
      }
    }
  }
}
