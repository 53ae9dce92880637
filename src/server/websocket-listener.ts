import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Bus } from '../core/index.ts'
import type { Admission } from './admission.ts'
import { shownByCookies } from './cookies.ts'
import { Descriptors, RefusalLog } from './descriptors.ts'
import type { Guard } from './guard.ts'
import { factsOf } from './tls-handshakes.ts'
import { originOf, type WebSocketSettings } from './websocket-options.ts'
import { WebSocketTransport } from './websocket-transport.ts'

/** Beside the largest payload: lines around it. A client may put several operations into a message. */
const ROOM_BYTES = 64 * 1024
/** How often slow upgrades are looked for, milliseconds. */
const CHECK_MS = 500
/** Paths of listeners that there are none of. */
const ELSEWHERE = new Set(['/leafnode', '/mqtt'])

/** Accepts clients by WebSocket. */
export class WebSocketListener {
  private readonly http: HttpServer
  private readonly upgrades: WebSocketServer
  private readonly sockets = new Set<Socket>()
  private readonly settings: WebSocketSettings
  private readonly admission: Admission
  private readonly guard: Guard
  private readonly descriptors = new Descriptors()
  private readonly refusals: RefusalLog

  constructor(bus: Bus, admission: Admission, guard: Guard, settings: WebSocketSettings) {
    const { tls, compression, handshakeTimeoutMs, headers } = settings
    this.settings = settings
    this.admission = admission
    this.guard = guard
    this.refusals = new RefusalLog((level, text) => bus.log(level, `WebSocket port: ${text}`))
    const timeouts = {
      headersTimeout: handshakeTimeoutMs,
      requestTimeout: handshakeTimeoutMs,
      connectionsCheckingInterval: CHECK_MS,
    }
    this.http = tls === null ? createServer(timeouts) : createTlsServer({ ...timeouts, ...tls.options })
    this.upgrades = new WebSocketServer({
      noServer: true,
      maxPayload: bus.limits.maxPayloadBytes + ROOM_BYTES,
      perMessageDeflate: compression
        ? { serverNoContextTakeover: true, clientNoContextTakeover: true }
        : false,
      skipUTF8Validation: true,
    })
    this.upgrades.on('headers', (lines) => {
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
    })
    this.http.on('connection', (socket) => this.count(socket))
    this.http.on('request', (_request, response) => {
      response.writeHead(400).end('Bad Request\n')
    })
    this.http.on('upgrade', (request, socket, head) => guard.run(() => this.upgrade(request, socket, head)))
  }

  /** Listens; resolves to the port in use. */
  listen(): Promise<number> {
    const { host, port } = this.settings
    return new Promise((resolve, reject) => {
      this.http.once('error', reject)
      this.http.listen({ host, port, backlog: 1024 }, () => {
        this.http.off('error', reject)
        this.http.on('error', (error) => this.refusals.refuse(error.message))
        const address = this.http.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** Takes no more clients; those there stay. */
  stopAccepting(): void {
    this.http.close()
  }

  /** Takes no more clients; resolves when the sockets of those there are gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.http.close(() => resolve())
      this.http.closeIdleConnections()
      setTimeout(() => this.destroySockets(), 1000).unref()
    })
  }

  /** Ends all at once. */
  destroy(): void {
    this.http.close()
    this.destroySockets()
  }

  private destroySockets(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  private count(socket: Socket): void {
    if (this.descriptors.areScarce(socket)) {
      this.refusals.refuse(this.descriptors.describe())
      socket.destroy()
      return
    }
    this.refusals.accept()
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const path = (request.url ?? '/').split('?')[0]
    if (ELSEWHERE.has(path)) refuse(socket, 404, 'Not Found')
    else if (!this.isAllowed(request)) refuse(socket, 403, 'Forbidden', 'origin not allowed')
    else if (!this.isPinned(request)) refuse(socket, 403, 'Forbidden', 'certificate not pinned')
    else {
      this.upgrades.handleUpgrade(request, socket, head, (client) =>
        this.guard.run(() => this.accept(client, request)),
      )
    }
  }

  private accept(client: WebSocket, request: IncomingMessage): void {
    const { guard } = this
    const { socket } = request
    const transport = new WebSocketTransport(client, guard)
    const isSecure = this.settings.tls !== null
    const cookies = shownByCookies(request, this.settings.cookies)
    const protocol = this.admission.admit(transport, {
      host: (socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
      port: socket.remotePort ?? 0,
      kind: 'websocket',
      tls: isSecure ? factsOf(socket as TLSSocket) : null,
      ...(cookies === null ? {} : { cookies }),
    })
    const { session } = protocol
    transport.protocol = protocol
    client.on('message', (data) => guard.run(() => protocol.receive(data as Buffer)))
    client.on('error', () => guard.run(() => session.close('Protocol Violation', false)))
    client.on('close', () => guard.run(() => session.close('Client Closed', false)))
  }

  private isPinned({ socket }: IncomingMessage): boolean {
    const pinnedCerts = this.settings.tls?.pinnedCerts ?? []
    return pinnedCerts.length === 0 || pinnedCerts.includes(factsOf(socket as TLSSocket).publicKeyHash)
  }

  /** Browsers say where the page is from; others say nothing. */
  private isAllowed(request: IncomingMessage): boolean {
    const { sameOrigin, allowedOrigins, tls } = this.settings
    const { host = '' } = request.headers
    const origin = request.headers.origin ?? request.headers['sec-websocket-origin']
    if (origin === undefined || (!sameOrigin && allowedOrigins.length === 0)) return true
    const from = originOf(`${origin}`)
    if (from === null) return false
    if (sameOrigin && from !== originOf(`${tls === null ? 'http' : 'https'}://${host}`)) return false
    return allowedOrigins.length === 0 || allowedOrigins.includes(from)
  }
}

function refuse(socket: Duplex, status: number, text: string, body = text): void {
  const answer = `${body}\n`
  socket.end(
    `HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`,
  )
}
