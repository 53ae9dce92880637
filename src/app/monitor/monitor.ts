/** A small HTTP server beside the app, for Prometheus and for whoever runs the app (Kubernetes, systemd, a load balancer). */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { wholeNumber } from '../broker-options.ts'
import { ContrailError, reasonOf } from '../errors.ts'
import { checkOptions, type Table, text, whole } from '../options.ts'
import { ENDPOINT_OPTIONS, type EndpointOptions, nodeMonitor } from './endpoints.ts'
import type { MonitoredApp } from './health.ts'

export interface MonitorOptions extends EndpointOptions {
  /**
   * 0: any free one. Default: CONTRAIL_MONITOR_PORT of the environment, or 9464. The workers of `contrail run --workers` have
   * ports one after the other, beginning with this one.
   */
  port?: number
  /** Address to listen on; '0.0.0.0' for all, as in a container. Default: CONTRAIL_MONITOR_HOST, or '127.0.0.1'. */
  host?: string
}

const PORT = whole(0, 65_535)
const MONITOR_OPTIONS: Table<MonitorOptions> = { ...ENDPOINT_OPTIONS, port: PORT, host: text }

const DEFAULT_PORT = 9464
const PORT_NAME = 'CONTRAIL_MONITOR_PORT'
const DEFAULT_HOST = '127.0.0.1'
const MAX_CONNECTIONS = 256
const REQUEST_TIMEOUT_MS = 10_000
/** How long answers under way may take at the end. */
const CLOSE_MS = 1000

export class Monitor {
  readonly #server: Server
  readonly #port: number
  readonly #host: string

  constructor(app: MonitoredApp, options: MonitorOptions = {}) {
    checkOptions('the monitor', options, MONITOR_OPTIONS)
    this.#port = portOf(options.port ?? wholeNumber(PORT_NAME, process.env[PORT_NAME]) ?? DEFAULT_PORT)
    this.#host = options.host ?? (process.env.CONTRAIL_MONITOR_HOST || DEFAULT_HOST)
    this.#server = createServer(nodeMonitor(app, options))
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS
  }

  /** `http://host:port`; null while it does not listen. */
  get url(): string | null {
    const address = this.#server.address() as AddressInfo | null
    if (address === null) return null
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return `http://${host}:${address.port}`
  }

  /** @internal @throws ContrailError CANNOT_LISTEN */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (thrown) => {
        const where = `${this.#host}:${this.#port}`
        const sentence = `The monitor can't listen on ${where}: ${reasonOf(thrown)}.`
        reject(new ContrailError('CANNOT_LISTEN', sentence, { cause: thrown }))
      })
      this.#server.listen(this.#port, this.#host, () => resolve())
    })
  }

  /** @internal */
  stop(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS)
      this.#server.close(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#server.closeIdleConnections()
    })
  }
}

/** The port of this worker: the first one has the port itself. */
function portOf(first: number): number {
  const worker = Number(process.env.CONTRAIL_WORKER || 1)
  return first === 0 ? 0 : first + worker - 1
}
