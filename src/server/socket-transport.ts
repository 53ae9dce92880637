import type { Socket } from 'node:net'
import type { ClientProtocol, Transport } from '../core/index.ts'
import type { Guard } from './guard.ts'

/** The last words have so long to be taken, milliseconds. */
const CLOSING_MS = 1000

/** Bytes of one connection through a socket, plain or of TLS. */
export class SocketTransport implements Transport {
  protocol: ClientProtocol | null = null
  private socket: Socket
  /** Writes whose callback has not come; while there are some, the last may still hold its buffer. */
  private callbacks = 0
  private isBusy = false
  /** A handshake is under way: what is to be sent waits. */
  private isHeld = false
  private held: Buffer[] = []
  isPaused = false
  private readonly guard: Guard
  private readonly onWritten = (): void => {
    if (--this.callbacks > 0 || !this.isBusy || this.isHeld) return
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
    if (this.isHeld) {
      this.held.push(bytes)
      this.isBusy = true
      return false
    }
    this.callbacks++
    socket.write(bytes, this.onWritten)
    // Zero means that the kernel took it all within the call, so the buffer is free again.
    if (socket.writableLength === 0) return true
    this.isBusy = true
    return false
  }

  /** Nothing is sent until `useInstead`. */
  hold(): void {
    this.isHeld = true
  }

  /** Goes on through another socket, with what was held back. */
  useInstead(socket: Socket): void {
    this.socket = socket
    this.isHeld = false
    if (this.isPaused) socket.pause()
    const { held } = this
    this.held = []
    for (const bytes of held) {
      this.callbacks++
      socket.write(bytes, this.onWritten)
    }
  }

  pause(): void {
    this.isPaused = true
    if (!this.isHeld) this.socket.pause()
  }

  resume(): void {
    this.isPaused = false
    if (!this.isHeld) this.socket.resume()
  }

  close(flush: boolean): void {
    const { socket } = this
    if (!flush || this.isHeld) {
      socket.destroy()
      return
    }
    socket.destroySoon()
    // Who reads nothing would keep the socket, and what waits for it, for ever.
    if (!socket.destroyed && socket.writableLength > 0) setTimeout(() => socket.destroy(), CLOSING_MS).unref()
  }
}
