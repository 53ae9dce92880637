/** The three endpoints, for any HTTP server: what a path is answered with. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MetricsReport } from '../metrics/metrics.ts'
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from '../metrics/prometheus.ts'
import { duration, flag, object, shape, type Table, text } from '../options.ts'
import { type HealthOptions, liveness, type MonitoredApp, readiness } from './health.ts'

export interface EndpointOptions extends HealthOptions {
  /** Where they are. Default: '/metrics', '/healthz', '/readyz'. */
  paths?: { metrics?: string; live?: string; ready?: string }
  /** `/metrics` asks the server about every consumer (pending, redelivered). Default: true. */
  consumers?: boolean
}

export const ENDPOINT_OPTIONS: Table<EndpointOptions> = {
  paths: shape<NonNullable<EndpointOptions['paths']>>({ metrics: text, live: text, ready: text }),
  consumers: flag,
  checks: object,
  checkTimeout: duration,
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const JSON_TYPE = 'application/json; charset=utf-8'
const NOT_FOUND = 404
const METHOD_NOT_ALLOWED = 405
const UNAVAILABLE = 503
/** Scrapes within this time get the same figures of consumers: the server is not asked again. */
const FRESH_MS = 1000

/** Answers for one app. */
export class Endpoints {
  readonly #app: MonitoredApp
  readonly #options: EndpointOptions
  readonly #paths: { metrics: string; live: string; ready: string }
  #lastReport: Promise<MetricsReport> | null = null
  #reportedAt = 0

  constructor(app: MonitoredApp, options: EndpointOptions = {}) {
    this.#app = app
    this.#options = options
    const { metrics = '/metrics', live = '/healthz', ready = '/readyz' } = options.paths ?? {}
    this.#paths = { metrics, live, ready }
  }

  /** Null: the path is none of these. */
  async answer(method: string, path: string): Promise<Answer | null> {
    const { metrics, live, ready } = this.#paths
    if (path !== metrics && path !== live && path !== ready) return null
    if (method !== 'GET' && method !== 'HEAD') {
      return { status: METHOD_NOT_ALLOWED, headers: { allow: 'GET, HEAD' }, body: '' }
    }
    if (path === metrics) {
      const body = prometheusText(await this.#report())
      return { status: 200, headers: { 'content-type': PROMETHEUS_CONTENT_TYPE }, body }
    }
    const report = path === live ? liveness(this.#app) : await readiness(this.#app, this.#options)
    const isGood = report.status === 'ok' || report.status === 'ready'
    return {
      status: isGood ? 200 : UNAVAILABLE,
      headers: { 'content-type': JSON_TYPE, 'cache-control': 'no-store' },
      body: JSON.stringify(report),
    }
  }

  #report(): Promise<MetricsReport> | MetricsReport {
    if (this.#options.consumers === false) return this.#app.metrics.report()
    const now = performance.now()
    if (this.#lastReport === null || now - this.#reportedAt > FRESH_MS) {
      this.#lastReport = this.#app.metrics.withConsumers()
      this.#reportedAt = now
    }
    return this.#lastReport
  }
}

/**
 * The endpoints as a function of the Fetch API, for Hono and its like: `hono.get('/readyz', (c) => monitor(c.req.raw))`.
 * Other paths are answered with 404.
 */
export function fetchMonitor(
  app: MonitoredApp,
  options?: EndpointOptions,
): (request: Request) => Promise<Response> {
  const endpoints = new Endpoints(app, options)
  return async (request) => {
    const answer = await endpoints.answer(request.method, new URL(request.url).pathname)
    if (answer === null) return new Response('not found\n', { status: NOT_FOUND })
    const body = request.method === 'HEAD' ? null : answer.body
    return new Response(body, { status: answer.status, headers: answer.headers })
  }
}

/**
 * The endpoints as a listener of `node:http`, and as middleware of Express and its like: `express.use(nodeMonitor(app))`.
 * Other paths go to `next`, without one they are answered with 404.
 */
export function nodeMonitor(
  app: MonitoredApp,
  options?: EndpointOptions,
): (request: IncomingMessage, response: ServerResponse, next?: (thrown?: unknown) => void) => void {
  const endpoints = new Endpoints(app, options)
  return (request, response, next) => {
    const path = (request.url ?? '/').split('?', 1)[0]
    endpoints.answer(request.method ?? 'GET', path).then(
      (answer) => {
        if (answer === null && next !== undefined) {
          next()
          return
        }
        const { status, headers, body } = answer ?? { status: NOT_FOUND, headers: {}, body: 'not found\n' }
        response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
        response.end(request.method === 'HEAD' ? undefined : body)
      },
      (thrown) => {
        if (next !== undefined) next(thrown)
        else response.writeHead(UNAVAILABLE).end()
      },
    )
  }
}
