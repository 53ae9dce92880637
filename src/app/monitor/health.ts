/** Is the app alive, and is it ready for work? */
import type { Metrics } from '../metrics/metrics.ts'
import { type Duration, toMs } from '../units.ts'

/** What is asked of an app. */
export interface MonitoredApp {
  readonly name: string
  readonly state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped'
  readonly metrics: Metrics
}

export interface HealthOptions {
  /** More that must be in order for the app to be ready: each throws, or returns false, when it is not. */
  checks?: Readonly<Record<string, () => unknown>>
  /** How long a check may take. Default: 2 s. */
  checkTimeout?: Duration
}

export interface Liveness {
  readonly status: 'ok' | 'stopped'
  readonly app: string
  /** Seconds since the process began. */
  readonly uptime: number
}

export interface Readiness {
  readonly status: 'ready' | 'not ready'
  readonly app: string
  readonly state: MonitoredApp['state']
  readonly brokers: ReadonlyArray<{ readonly broker: string; readonly connected: boolean }>
  /** Subscriptions that run. */
  readonly subscriptions: number
  /** Messages in handlers. */
  readonly inFlight: number
  /** 'ok', or what is wrong. */
  readonly checks: Readonly<Record<string, string>>
}

const DEFAULT_CHECK_TIMEOUT = '2s'

/** False only for an app that has stopped: whoever runs it should start it again. */
export function liveness(app: MonitoredApp): Liveness {
  return {
    status: app.state === 'stopped' ? 'stopped' : 'ok',
    app: app.name,
    uptime: Math.round(process.uptime()),
  }
}

/** Ready: it runs and is not about to stop, every broker is connected, every check is in order. */
export async function readiness(app: MonitoredApp, options: HealthOptions = {}): Promise<Readiness> {
  const timeoutMs = toMs(options.checkTimeout ?? DEFAULT_CHECK_TIMEOUT, 'checkTimeout')
  const checks = Object.fromEntries(
    await Promise.all(
      Object.entries(options.checks ?? {}).map(
        async ([name, check]) => [name, await outcome(check, timeoutMs)] as const,
      ),
    ),
  )
  const brokers = app.metrics.report().brokers.map(({ broker, connected }) => ({ broker, connected }))
  const isReady =
    app.state === 'running' &&
    brokers.every((one) => one.connected) &&
    Object.values(checks).every((one) => one === 'ok')
  return {
    status: isReady ? 'ready' : 'not ready',
    app: app.name,
    state: app.state,
    brokers,
    subscriptions: app.metrics.subscriptions,
    inFlight: app.metrics.inFlight,
    checks,
  }
}

async function outcome(check: () => unknown, timeoutMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer in ${timeoutMs} ms`), timeoutMs)
  })
  const run = async () => ((await check()) === false ? 'not in order' : 'ok')
  try {
    return await Promise.race([run(), late])
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } finally {
    clearTimeout(timer)
  }
}
