/** Monitoring over HTTP: nats-server's pages with its keys. */
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { quoted } from '../../wire/index.ts'
import { Descriptors, RefusalLog } from '../descriptors.ts'
import type { TlsSettings } from '../tls-options.ts'
import { accountz, accstatz } from './accounts.ts'
import { connz } from './connz.ts'
import { gatewayz, ipqueuesz, leafz, NO_RAFT, routez } from './fixed.ts'
import { goJson } from './go-text.ts'
import { healthz } from './healthz.ts'
import { jsz } from './jsz.ts'
import { METRICS_TYPE, metrics } from './metrics.ts'
import type { MonitoredServer } from './monitored-server.ts'
import { debugVars, stacksz } from './process-pages.ts'
import { BadQuery, Query } from './query.ts'
import { rootPage } from './root.ts'
import { subsz } from './subsz.ts'
import { type Target, targetOf } from './target.ts'
import { varz } from './varz.ts'

const JSON_TYPE = 'application/json'
/** Connections that are taken though descriptors are scarce, and how long one may be silent, milliseconds. */
const SPARE_CONNECTIONS = 8
const SPARE_MS = 2000
const NO_DESCRIPTORS =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n'
const HTML_TYPE = 'text/html; charset=utf-8'
const TEXT_TYPE = 'text/plain; charset=utf-8'

type Page = (server: MonitoredServer, query: Query) => { status: number; type: string; text: string }

const json =
  (body: (server: MonitoredServer, query: Query) => unknown): Page =>
  (server, query) => ({ status: 200, type: JSON_TYPE, text: goJson(body(server, query)) })

const health: Page = (server, query) => {
  const { status, body } = healthz(server, query)
  return { status, type: JSON_TYPE, text: goJson(body, false) }
}

const text =
  (type: string, body: (server: MonitoredServer) => string): Page =>
  (server) => ({
    status: 200,
    type,
    text: body(server),
  })

const pages: ReadonlyMap<string, Page> = new Map([
  ['/', text(HTML_TYPE, rootPage)],
  ['/varz', json(varz)],
  ['/connz', json(connz)],
  ['/routez', json(routez)],
  ['/gatewayz', json(gatewayz)],
  ['/leafz', json(leafz)],
  ['/subsz', json(subsz)],
  ['/subscriptionsz', json(subsz)],
  ['/accountz', json(accountz)],
  ['/accstatz', json(accstatz)],
  ['/jsz', json(jsz)],
  ['/healthz', health],
  ['/ipqueuesz', json(ipqueuesz)],
  ['/raftz', () => ({ status: 404, type: TEXT_TYPE, text: NO_RAFT })],
  // Named so by nats-server, though it is no JSON.
  ['/stacksz', text(JSON_TYPE, stacksz)],
  ['/metrics', text(METRICS_TYPE, metrics)],
])

/** Besides the base path, where Go has them. */
const goPages: ReadonlyMap<string, Page> = new Map([
  ['/debug/vars', text('application/json; charset=utf-8', debugVars)],
])
/** Pages that are not counted, or as another. */
const countedAs: Readonly<Record<string, string>> = {
  '/subscriptionsz': '/subsz',
  '/ipqueuesz': '',
  '/raftz': '',
}

export class Monitor {
  /** The port in use, once it listens. */
  port = 0
  private readonly http: HttpServer | HttpsServer
  private readonly server: MonitoredServer
  private readonly descriptors = new Descriptors()
  private readonly refusals: RefusalLog
  /** Connections taken though descriptors were scarce. */
  private readonly spare = new Set<Socket>()

  /** `tls`: over HTTPS by it; null: over HTTP. */
  constructor(server: MonitoredServer, tls: TlsSettings | null) {
    this.server = server
    this.refusals = new RefusalLog((level, text) => server.bus.log(level, `Monitoring port: ${text}`))
    const onRequest = (request: IncomingMessage, response: ServerResponse) => this.answer(request, response)
    this.http = tls === null ? createServer(onRequest) : createSecureServer(withoutClients(tls), onRequest)
    this.http.on('connection', (socket) => this.admit(socket))
  }

  /** Listens; resolves to the port. Rejects with node:net's error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject)
      this.http.listen({ host, port }, () => {
        this.http.off('error', reject)
        this.http.on('error', (error) => this.refusals.refuse(error.message))
        const address = this.http.address()
        this.port = typeof address === 'object' && address !== null ? address.port : port
        resolve(this.port)
      })
    })
  }

  /** New certificates. */
  changeTls(tls: TlsSettings): void {
    if (this.http instanceof HttpsServer) this.http.setSecureContext(withoutClients(tls))
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.http.close(() => resolve())
      this.http.closeAllConnections()
    })
  }

  /**
   * Without descriptors to spare a few are taken all the same, for a moment: whoever watches wants to see just then, and
   * must not take the server for dead.
   */
  private admit(socket: Socket): void {
    if (!this.descriptors.areScarce(socket)) {
      this.refusals.accept()
    } else if (this.spare.size < SPARE_CONNECTIONS) {
      this.spare.add(socket)
      socket.on('close', () => this.spare.delete(socket))
      socket.setTimeout(SPARE_MS, () => socket.destroy())
    } else {
      this.refusals.refuse(this.descriptors.describe())
      socket.write(NO_DESCRIPTORS)
      socket.destroySoon()
    }
  }

  /** Whatever is asked, and whatever a page throws: the answer is a status, and the server goes on. */
  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.spare.has(request.socket)) response.setHeader('Connection', 'close')
    try {
      this.show(targetOf(request.url ?? '/'), response)
    } catch (error) {
      const { message, stack } = error as Error
      this.server.bus.log('error', `Monitoring ${quoted(request.url ?? '')} failed: ${stack ?? message}`)
      if (response.headersSent) response.destroy()
      else send(response, 500, TEXT_TYPE, '500 Internal Server Error\n')
    }
  }

  private count(path: string): void {
    const { requests } = this.server
    const name = countedAs[path] ?? path
    if (name !== '') requests[name] = (requests[name] ?? 0) + 1
  }

  private show(target: Target, response: ServerResponse): void {
    if (target.kind === 'bad') {
      send(response, 400, TEXT_TYPE, '400 Bad Request')
      return
    }
    if (target.kind === 'redirect') {
      response.setHeader('Location', target.location)
      send(response, 307, HTML_TYPE, `<a href="${htmlText(target.location)}">Temporary Redirect</a>.\n\n`)
      return
    }
    const base = this.server.settings.monitorBasePath
    const path = target.path.startsWith(base) ? target.path.slice(base.length) || '/' : ''
    const page = pages.get(path) ?? goPages.get(target.path)
    if (page === undefined) {
      send(response, 404, TEXT_TYPE, '404 page not found\n')
      return
    }
    this.count(pages.has(path) ? path : '')
    try {
      const { status, type, text } = page(this.server, new Query(target.parameters))
      if (type === JSON_TYPE) response.setHeader('Access-Control-Allow-Origin', '*')
      send(response, status, type, text)
    } catch (error) {
      if (!(error instanceof BadQuery)) throw error
      send(response, 400, TEXT_TYPE, error.message)
    }
  }
}

/** Whoever watches needs no certificate. */
function withoutClients({ options }: TlsSettings): TlsSettings['options'] {
  return { ...options, requestCert: false, rejectUnauthorized: false }
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

function htmlText(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
