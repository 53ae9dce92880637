import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { type Bus, type ClientProtocol, CloseReason, type LogLevel, type PeerTls } from '../core/index.ts'
import type { Admission } from './admission.ts'
import { Descriptors, RefusalLog } from './descriptors.ts'
import type { Guard } from './guard.ts'
import type { ProxiedAddress } from './proxy-header.ts'
import { awaitProxyHeader } from './proxy-wait.ts'
import { readInto } from './read-into.ts'
import { SocketTransport } from './socket-transport.ts'
import type { TlsHandshakes } from './tls-handshakes.ts'
import type { TlsSettings } from './tls-options.ts'

/** Accepts clients on a TCP port. */
export class TcpListener {
  private readonly server: NetServer
  private readonly sockets = new Set<Socket>()
  private readonly admission: Admission
  private readonly guard: Guard
  private readonly descriptors = new Descriptors()
  private readonly refusals: RefusalLog

  private readonly handshakes: TlsHandshakes | null
  private readonly log: (level: LogLevel, text: string) => void

  private readonly hasProxies: boolean

  /** `handshakes`: null for plain TCP. `hasProxies`: clients may come through proxies that say so. */
  constructor(
    bus: Bus,
    admission: Admission,
    guard: Guard,
    handshakes: TlsHandshakes | null,
    hasProxies = false,
  ) {
    this.hasProxies = hasProxies
    this.admission = admission
    this.handshakes = handshakes
    this.log = bus.log
    this.guard = guard
    this.refusals = new RefusalLog((level, text) => bus.log(level, `Client port: ${text}`))
    this.server = createServer({ noDelay: true }, (socket) => guard.run(() => this.accept(socket)))
  }

  /**
   * Listens; resolves to the port in use.
   * @param port 0 for any free one
   * @throws Error with `code` EADDRINUSE, EACCES … as from node:net
   */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen({ host, port, backlog: 1024 }, () => {
        this.server.off('error', reject)
        // Without descriptors libuv drops who knocks and goes on listening.
        this.server.on('error', (error) => this.refusals.refuse(error.message))
        const address = this.server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** Takes no more clients; those there stay. */
  stopAccepting(): void {
    this.server.close()
  }

  /** Takes no more clients; resolves when the sockets of those there are gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve())
      const timer = setTimeout(() => {
        for (const socket of this.sockets) socket.destroy()
      }, 1000)
      timer.unref()
    })
  }

  /** Ends all at once. */
  destroy(): void {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    const isTooMany = this.descriptors.areScarce(socket)
    if (isTooMany) {
      const { session } = this.admit(socket)
      session.end('maximum connections exceeded', CloseReason.maxConnections)
      this.refusals.refuse(this.descriptors.describe())
      return
    }
    this.refusals.accept()
    const { handshakes } = this
    if (handshakes === null) {
      if (this.hasProxies) this.readBehindProxy(socket)
      else this.read(socket, this.admit(socket))
    } else if (handshakes.settings.handshakeFirstMs === null) this.introduce(socket, handshakes)
    else this.secureFirst(socket, handshakes, handshakes.settings.handshakeFirstMs)
  }

  /** `address`: who is behind the proxy that it is of; null: it is the client itself, undefined: nobody knows yet. */
  private admit(
    socket: Socket,
    tls: PeerTls | null = null,
    address: ProxiedAddress | null | undefined = this.hasProxies ? undefined : null,
  ): ClientProtocol {
    const transport = new SocketTransport(socket, this.guard)
    const protocol = this.admission.admit(transport, {
      host: address?.host ?? plainAddress(socket.remoteAddress ?? ''),
      port: address?.port ?? socket.remotePort ?? 0,
      kind: 'tcp',
      info: tlsInfo(this.handshakes?.settings ?? null),
      tls,
      ...(address === undefined ? { isUnsure: true } : {}),
    })
    transport.protocol = protocol
    this.watch(socket, protocol)
    return protocol
  }

  private readBehindProxy(socket: Socket): void {
    const protocol = this.admit(socket)
    protocol.output.run()
    this.introduceProxied(socket, protocol, () => this.readPlainly(socket, protocol))
  }

  /** Goes on when it is known who comes. */
  private introduceProxied(socket: Socket, protocol: ClientProtocol, goOn: () => void): void {
    if (!this.hasProxies) {
      goOn()
      return
    }
    const refuse = (): void => protocol.session.close(CloseReason.protocolViolation, false)
    this.behindProxy(socket, refuse, (address) => {
      protocol.proxied(address)
      goOn()
    })
  }

  /** Goes on when the proxy has said who comes (null: the client itself). `refuse`: what it says is none. */
  private behindProxy(
    socket: Socket,
    refuse: () => void,
    goOn: (address: ProxiedAddress | null) => void,
  ): void {
    awaitProxyHeader(socket, (header) =>
      this.guard.run(() => {
        if (header.kind !== 'bad') {
          goOn(header.kind === 'read' ? header.address : null)
          return
        }
        const from = `${socket.remoteAddress}:${socket.remotePort}`
        this.log('warn', `Error reading PROXY protocol header from ${from}: ${header.reason}`)
        refuse()
      }),
    )
  }

  /** INFO first, then TLS; or what the client begins with, where both are taken. */
  private introduce(socket: Socket, handshakes: TlsHandshakes): void {
    const protocol = this.admit(socket)
    protocol.output.run()
    this.introduceProxied(socket, protocol, () => this.secureOrNot(socket, protocol, handshakes))
  }

  private secureOrNot(socket: Socket, protocol: ClientProtocol, handshakes: TlsHandshakes): void {
    if (!handshakes.settings.allowsPlain) {
      this.secure(socket, protocol, handshakes)
      return
    }
    firstBytes(socket, 0, (chunk) => {
      if (chunk !== null && chunk[0] === TLS_HANDSHAKE) this.secure(socket, protocol, handshakes)
      else this.readPlainly(socket, protocol)
    })
  }

  private secure(socket: Socket, protocol: ClientProtocol, handshakes: TlsHandshakes): void {
    if (!handshakes.admits()) {
      protocol.session.refuse(THROTTLED, CloseReason.maxConnections)
      return
    }
    const transport = protocol.transport as SocketTransport
    transport.hold()
    handshakes.begin(socket, {
      secured: (secure, facts) =>
        this.guard.run(() => {
          protocol.secured(facts)
          this.watch(secure, protocol)
          transport.useInstead(secure)
          this.readPlainly(secure, protocol)
        }),
      failed: (reason) =>
        this.guard.run(() => {
          const { session } = protocol
          if (!session.isClosed) this.log('error', `${session.label()} - TLS handshake error: ${reason}`)
          session.close(CloseReason.tlsHandshake, false)
        }),
    })
  }

  /** TLS before anything else; after `patienceMs` without a byte INFO goes first (0: never). */
  private secureFirst(socket: Socket, handshakes: TlsHandshakes, patienceMs: number): void {
    const beginFor = (address: ProxiedAddress | null): void =>
      handshakes.begin(socket, {
        secured: (secure, facts) =>
          this.guard.run(() => {
            this.readPlainly(secure, this.admit(secure, facts, address))
          }),
        failed: (reason) => this.log('error', `TLS handshake error: ${reason}`),
      })
    const begin = (): void => {
      if (this.hasProxies) this.behindProxy(socket, () => socket.destroy(), beginFor)
      else beginFor(null)
    }
    socket.on('error', () => {})
    if (patienceMs === 0) begin()
    else {
      firstBytes(socket, patienceMs, (chunk) =>
        this.guard.run(() => (chunk === null ? this.introduce(socket, handshakes) : begin())),
      )
    }
  }

  private read(socket: Socket, protocol: ClientProtocol): void {
    const { guard } = this
    readInto(socket, (buffer, end) => {
      try {
        protocol.receive(buffer, end)
      } catch (thrown) {
        guard.report(thrown)
      }
    })
  }

  private readPlainly(socket: Socket, protocol: ClientProtocol): void {
    socket.on('data', (chunk: Buffer) => this.guard.run(() => protocol.receive(chunk)))
    if (!(protocol.transport as SocketTransport).isPaused) socket.resume()
  }

  private watch(socket: Socket, { session }: ClientProtocol): void {
    const { guard } = this
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      guard.run(() => session.close(isGone ? 'Client Closed' : 'Read Error', false))
    })
    socket.on('end', () => guard.run(() => session.close('Client Closed', true)))
    socket.on('close', () => guard.run(() => session.close('Client Closed', false)))
  }
}

const THROTTLED = 'Connection throttling is active. Please try again later.'
/** The first byte of a TLS handshake. */
const TLS_HANDSHAKE = 22

/** Waits for the first bytes, which stay to be read; null when none came in time (0: however long). */
function firstBytes(socket: Socket, patienceMs: number, tell: (chunk: Buffer | null) => void): void {
  const end = (chunk: Buffer | null): void => {
    if (timer !== null) clearTimeout(timer)
    socket.off('data', end)
    socket.pause()
    if (chunk !== null) socket.unshift(chunk)
    tell(chunk)
  }
  const timer = patienceMs === 0 ? null : setTimeout(() => end(null), patienceMs)
  socket.on('data', end)
  socket.once('close', () => {
    if (timer !== null) clearTimeout(timer)
  })
}

/** What INFO says of TLS. */
function tlsInfo(settings: TlsSettings | null): Record<string, unknown> {
  if (settings === null) return {}
  return {
    ...(settings.allowsPlain ? { tls_available: true } : { tls_required: true }),
    ...(settings.verify ? { tls_verify: true } : {}),
  }
}

/** IPv4 addresses that come as IPv6 are shown as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
