import type { WebSocket } from 'ws'
import type { ClientProtocol, Transport } from '../core/index.ts'
import type { Guard } from './guard.ts'

/** The last words have so long to be taken, milliseconds. */
const CLOSING_MS = 1000
const NORMAL_CLOSURE = 1000

/** Bytes of one connection in the messages of a WebSocket. */
export class WebSocketTransport implements Transport {
  protocol: ClientProtocol | null = null
  private readonly socket: WebSocket
  private readonly guard: Guard
  private isBusy = false
  private sending = 0
  private readonly onSent = (): void => {
    if (--this.sending > 0 || !this.isBusy) return
    this.isBusy = false
    this.guard.run(() => this.protocol?.output.sent())
  }

  constructor(socket: WebSocket, guard: Guard) {
    this.socket = socket
    this.guard = guard
  }

  write(bytes: Buffer): boolean {
    const { socket } = this
    if (socket.readyState !== socket.OPEN) return true
    this.sending++
    socket.send(bytes, { binary: true }, this.onSent)
    if (socket.bufferedAmount === 0) return true
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
    const { socket } = this
    if (!flush) {
      socket.terminate()
      return
    }
    // A paused socket hears no answer.
    socket.resume()
    socket.close(NORMAL_CLOSURE)
    setTimeout(() => socket.terminate(), CLOSING_MS).unref()
  }
}
