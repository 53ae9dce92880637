/** What an app consists of besides its brokers: made once, known to all of its parts. */
import type { HandlerContext } from './context.ts'
import { Dependencies } from './dependencies.ts'
import { type ErrorHook, Hooks } from './hooks.ts'
import { LOG_LEVELS, type Log, type LogLevel, makeLog } from './log.ts'
import { type BrokerReport, Metrics } from './metrics/metrics.ts'
import type { Monitor } from './monitor/monitor.ts'
import {
  checkOptions,
  duration,
  type Field,
  flag,
  listOf,
  object,
  oneOf,
  type Table,
  text,
} from './options.ts'
import { type Declarer, declarerOf } from './program.ts'
import type { AudienceOptions } from './publisher/audience.ts'
import type { HandlingObserver } from './runtime.ts'
import { SubjectPattern } from './subject-pattern.ts'
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
  /**
   * Publishing what no declared stream keeps and no handler of the app hears rejects with NOBODY_LISTENS. Default: false, a
   * warning once for each subject.
   */
  strict?: boolean
  /** Subjects that others keep or hear, wildcards allowed: publishing there is no mistake. Default: none. */
  elsewhere?: readonly string[]
}

const LOG: Field = {
  takes: (value) =>
    object.takes(value) && ['debug', 'info', 'warn', 'error', 'child'].every((name) => name in Object(value)),
  isNot: 'is no log (with debug, info, warn, error and child)',
}

const APP_OPTIONS: Table<AppOptions> = {
  name: text,
  log: LOG,
  logLevel: oneOf(...LOG_LEVELS),
  stopTimeout: duration,
  signal: { takes: (value) => value instanceof AbortSignal, isNot: 'is no AbortSignal' },
  strict: flag,
  elsewhere: listOf(text, "['mail.>']"),
}

export type AppState = 'new' | 'starting' | 'running' | 'stopping' | 'stopped'

const DEFAULT_NAME = 'contrail'
/** Below the 30 s after which Kubernetes kills. */
const DEFAULT_STOP_TIMEOUT = '25s'

export class AppParts {
  readonly name: string
  readonly declarer: Declarer
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
  readonly audience: AudienceOptions
  observer: HandlingObserver | undefined
  state: AppState = 'new'

  /** @throws ContrailError INVALID_OPTION */
  constructor(options: AppOptions, reports: () => BrokerReport[]) {
    checkOptions('the app', options, APP_OPTIONS)
    this.name = options.name ?? DEFAULT_NAME
    this.declarer = declarerOf(options.name, DEFAULT_NAME)
    this.log = options.log ?? makeLog(options.logLevel)
    this.stopTimeoutMs = toMs(options.stopTimeout ?? DEFAULT_STOP_TIMEOUT, 'stopTimeout')
    this.signal = options.signal
    this.audience = {
      strict: options.strict ?? false,
      elsewhere: (options.elsewhere ?? []).map((source) => new SubjectPattern(source).subject),
    }
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
