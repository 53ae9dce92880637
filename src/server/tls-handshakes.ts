import { createHash, type X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { createServer, type Server as NodeTlsServer, type TLSSocket } from 'node:tls'
import { certificateNames } from '../auth/index.ts'
import type { PeerTls } from '../core/index.ts'
import { ianaCipher } from './tls-names.ts'
import type { TlsSettings } from './tls-options.ts'

interface Waiting {
  secured(socket: TLSSocket, facts: PeerTls): void
  failed(reason: string): void
}

/** Certificates of a client that are looked at. */
const LONGEST_CHAIN = 16
const SECOND_MS = 1000

/** TLS handshakes of sockets that a listener has accepted. */
export class TlsHandshakes {
  settings: TlsSettings
  private server: NodeTlsServer
  /** By the address of the client. */
  private readonly waiting = new Map<string, Waiting>()
  private secondEndsMs = Number.NEGATIVE_INFINITY
  private inThisSecond = 0

  constructor(settings: TlsSettings) {
    this.settings = settings
    this.server = this.makeServer(settings)
  }

  /** New certificates, for handshakes from now on. */
  change(settings: TlsSettings): void {
    this.server = this.makeServer(settings)
    this.settings = settings
  }

  /** May one more begin now? Counts it, as nats-server does: the first of a second is free. */
  admits(): boolean {
    const { mostInASecond } = this.settings
    if (mostInASecond <= 0) return true
    const nowMs = performance.now()
    if (nowMs > this.secondEndsMs) {
      this.secondEndsMs = nowMs + SECOND_MS
      this.inThisSecond = 0
    } else this.inThisSecond++
    return this.inThisSecond < mostInASecond
  }

  /** Begins; the socket has not been read from. `failed`: it is closed. */
  begin(socket: Socket, waiting: Waiting): void {
    const key = addressOf(socket)
    this.waiting.set(key, waiting)
    socket.once('close', () => {
      if (this.waiting.get(key) === waiting) this.fail(key, 'closed')
    })
    this.server.emit('connection', socket)
  }

  private makeServer(settings: TlsSettings): NodeTlsServer {
    const server = createServer(settings.options)
    server.on('secureConnection', (socket) => this.secured(socket))
    server.on('tlsClientError', (error, socket) => this.end(socket, error.message))
    return server
  }

  private secured(socket: TLSSocket): void {
    const key = addressOf(socket)
    const waiting = this.waiting.get(key)
    if (waiting === undefined) {
      socket.destroy()
      return
    }
    const facts = factsOf(socket)
    const { pinnedCerts } = this.settings
    if (pinnedCerts.length > 0 && !pinnedCerts.includes(facts.publicKeyHash)) {
      this.end(socket, 'certificate not pinned')
      return
    }
    this.waiting.delete(key)
    waiting.secured(socket, facts)
  }

  /** Later: OpenSSL is still at work here, and must not lose the socket under its hands. */
  private end(socket: TLSSocket, reason: string): void {
    const key = addressOf(socket)
    setImmediate(() => {
      this.fail(key, reason)
      socket.destroy()
    })
  }

  private fail(key: string, reason: string): void {
    const waiting = this.waiting.get(key)
    this.waiting.delete(key)
    waiting?.failed(reason)
  }
}

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

/** What is known of a client by its TLS. */
export function factsOf(socket: TLSSocket): PeerTls {
  const certificate = socket.getPeerX509Certificate()
  return {
    version: (socket.getProtocol() ?? '').replace(/^TLSv/, ''),
    cipher: ianaCipher(socket.getCipher()?.name ?? ''),
    certificate:
      certificate === undefined
        ? null
        : certificateNames(certificate.subject ?? '', certificate.subjectAltName ?? ''),
    publicKeyHash:
      certificate === undefined
        ? ''
        : createHash('sha256')
            .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
            .digest('hex'),
    ...(certificate === undefined ? {} : { pem: chainOf(certificate), isVerified: socket.authorized }),
  }
}

/** A certificate and those that have signed it, as PEM. */
function chainOf(certificate: X509Certificate): string[] {
  const found: string[] = []
  let next: X509Certificate | undefined = certificate
  while (next !== undefined && found.length < LONGEST_CHAIN) {
    found.push(next.toString())
    next = next.issuerCertificate
  }
  return found
}
