/** Monitoring over HTTP: nats-server's pages with its keys. */
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { quoted } from '../../wire/index.ts'
import { connz } from './connz.ts'
import { goJson } from './go-text.ts'
import { healthz } from './healthz.ts'
import { jsz } from './jsz.ts'
import type { MonitoredServer } from './monitored-server.ts'
import { BadQuery, Query } from './query.ts'
import { rootPage } from './root.ts'
import { subsz } from './subsz.ts'
import { type Target, targetOf } from './target.ts'
import { varz } from './varz.ts'

export { ClosedConnections, recordOf } from './connection-record.ts'
export type { MonitoredServer } from './monitored-server.ts'

const JSON_TYPE = 'application/json'
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

const pages: ReadonlyMap<string, Page> = new Map([
  ['/', () => ({ status: 200, type: HTML_TYPE, text: rootPage() })],
  ['/varz', json(varz)],
  ['/connz', json(connz)],
  ['/subsz', json(subsz)],
  ['/subscriptionsz', json(subsz)],
  ['/jsz', json(jsz)],
  ['/healthz', health],
])

export class Monitor {
  /** The port in use, once it listens. */
  port = 0
  private readonly http: HttpServer
  private readonly server: MonitoredServer

  constructor(server: MonitoredServer) {
    this.server = server
    this.http = createServer((request, response) => this.answer(request, response))
  }

  /** Listens; resolves to the port. Rejects with node:net's error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject)
      this.http.listen({ host, port }, () => {
        this.http.off('error', reject)
        const address = this.http.address()
        this.port = typeof address === 'object' && address !== null ? address.port : port
        resolve(this.port)
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.http.close(() => resolve())
      this.http.closeAllConnections()
    })
  }

  /** Whatever is asked, and whatever a page throws: the answer is a status, and the server goes on. */
  private answer(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.show(targetOf(request.url ?? '/'), response)
    } catch (error) {
      const { message, stack } = error as Error
      this.server.bus.log('error', `Monitoring ${quoted(request.url ?? '')} failed: ${stack ?? message}`)
      if (response.headersSent) response.destroy()
      else send(response, 500, TEXT_TYPE, '500 Internal Server Error\n')
    }
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
    const page = pages.get(path)
    if (page === undefined) {
      send(response, 404, TEXT_TYPE, '404 page not found\n')
      return
    }
    this.server.requests[path] = (this.server.requests[path] ?? 0) + 1
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

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

function htmlText(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
