import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { type Bus, type ClientProtocol, CloseReason, type Transport } from '../core/index.ts'
import type { Admission } from './admission.ts'
import { Descriptors, RefusalLog } from './descriptors.ts'
import type { Guard } from './guard.ts'
import { readInto } from './read-into.ts'

/** Bytes of one connection through a TCP socket. */
class SocketTransport implements Transport {
  protocol: ClientProtocol | null = null
  private readonly socket: Socket
  /** Writes whose callback has not come; while there are some, the last may still hold its buffer. */
  private callbacks = 0
  private isBusy = false
  private readonly guard: Guard
  private readonly onWritten = (): void => {
    if (--this.callbacks > 0 || !this.isBusy) return
    this.isBusy = false
    try {
      this.protocol?.output.sent()
    } catch (thrown) {
      this.guard.report(thrown)
    }
  }

  constructor(socket: Socket, guard: Guard) {
    this.socket = socket
    this.guard = guard
  }

  write(bytes: Buffer): boolean {
    const { socket } = this
    if (socket.destroyed) return true
    this.callbacks++
    socket.write(bytes, this.onWritten)
    // Zero means that the kernel took it all within the call, so the buffer is free again.
    if (socket.writableLength === 0) return true
    this.isBusy = true
    return false
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  close(flush: boolean): void {
    if (flush) this.socket.destroySoon()
    else this.socket.destroy()
  }
}

/** Accepts clients on a TCP port. */
export class TcpListener {
  private readonly server: NetServer
  private readonly sockets = new Set<Socket>()
  private readonly admission: Admission
  private readonly guard: Guard
  private readonly descriptors = new Descriptors()
  private readonly refusals: RefusalLog

  constructor(bus: Bus, admission: Admission, guard: Guard) {
    this.admission = admission
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
    const { guard } = this
    const isTooMany = this.descriptors.areScarce(socket)
    const transport = new SocketTransport(socket, guard)
    this.sockets.add(socket)
    const protocol = this.admission.admit(transport, {
      host: plainAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      kind: 'tcp',
    })
    const { session } = protocol
    transport.protocol = protocol
    readInto(socket, (buffer, end) => {
      try {
        protocol.receive(buffer, end)
      } catch (thrown) {
        guard.report(thrown)
      }
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      guard.run(() => session.close(isGone ? 'Client Closed' : 'Read Error', false))
    })
    socket.on('end', () => guard.run(() => session.close('Client Closed', true)))
    socket.on('close', () => {
      this.sockets.delete(socket)
      guard.run(() => session.close('Client Closed', false))
    })
    if (isTooMany) {
      session.end('maximum connections exceeded', CloseReason.maxConnections)
      this.refusals.refuse(this.descriptors.describe())
    } else {
      this.refusals.accept()
    }
  }
}

/** IPv4 addresses that come as IPv6 are shown as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
