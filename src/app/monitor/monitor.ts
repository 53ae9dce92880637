/** A small HTTP server beside the app, for Prometheus and for whoever runs the app (Kubernetes, systemd, a load balancer). */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ContrailError, reasonOf } from '../errors.ts'
import { type EndpointOptions, nodeMonitor } from './endpoints.ts'
import type { MonitoredApp } from './health.ts'

export interface MonitorOptions extends EndpointOptions {
  /** 0: any free one. Default: 9464. */
  port?: number
  /** Address to listen on; '0.0.0.0' for all, as in a container. Default: '127.0.0.1'. */
  host?: string
}

const DEFAULT_PORT = 9464
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
    this.#port = options.port ?? DEFAULT_PORT
    this.#host = options.host ?? DEFAULT_HOST
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
