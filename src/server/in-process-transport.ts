/** A client's connection without a socket: two queues of chunks between `@nats-io/nats-core` and a client's protocol. */
import type { Server as ClientServer, ConnectionOptions, ServerInfo } from '@nats-io/nats-core'
import type { Transport as ClientTransport } from '@nats-io/nats-core/internal'
import type { Bus, ClientProtocol, Transport } from '../core/index.ts'
import type { Admission } from './admission.ts'
import type { Guard } from './guard.ts'
import { CONTRAIL_VERSION } from './versions.ts'

/** Bytes the client has not read yet above which the server holds back what follows. */
const HIGH_WATER_BYTES = 256 * 1024

/** What the transport needs of the server it leads to. */
export interface InProcessHost {
  /** Null once the server is stopping. */
  readonly bus: Bus | null
  readonly admission: Admission
  readonly guard: Guard
  /** nats-core's own check of what the client wants against what INFO offers. */
  checkOptions(info: ServerInfo, options: ConnectionOptions): void
}

/** Implements the client's `Transport` and, turned around, the server's. */
export class InProcessTransport implements ClientTransport {
  readonly lang = 'nats.js'
  readonly version = CONTRAIL_VERSION
  closeError?: Error
  isClosed = false
  private readonly host: InProcessHost
  private protocol: ClientProtocol | null = null
  /** Chunks for the client. */
  private inbound: Uint8Array[] = []
  private inboundBytes = 0
  private isHeldBack = false
  private isEnding = false
  private wake: (() => void) | null = null
  /** Chunks for the server while it does not want any. */
  private outbound: Buffer[] = []
  private isPaused = false
  private readonly whenClosed: Promise<Error | undefined>
  private tellClosed: (error: Error | undefined) => void = () => {}

  constructor(host: InProcessHost) {
    this.host = host
    this.whenClosed = new Promise((resolve) => {
      this.tellClosed = resolve
    })
  }

  async connect(_server: ClientServer, options: ConnectionOptions): Promise<void> {
    const { bus } = this.host
    if (bus === null || bus.isClosed) throw new Error('the server has stopped')
    this.host.checkOptions(bus.info as unknown as ServerInfo, options)
    const peer = { host: '127.0.0.1', port: 0, kind: 'in-process' as const }
    this.host.guard.run(() => {
      this.protocol = this.host.admission.admit(this.serverSide(), peer)
    })
    if (this.protocol === null) throw new Error('the server has stopped')
  }

  /** The server's end. */
  private serverSide(): Transport {
    return {
      write: (bytes) => this.toClient(bytes),
      pause: () => {
        this.isPaused = true
      },
      resume: () => this.resume(),
      close: (flush) => {
        if (!flush) this.inbound.length = 0
        this.isEnding = true
        this.wakeUp()
      },
    }
  }

  /** The one copy: the client keeps views of what it reads, and the server uses its buffer again. */
  private toClient(bytes: Buffer): boolean {
    if (this.isClosed) return true
    this.inbound.push(Buffer.from(bytes))
    this.inboundBytes += bytes.length
    this.wakeUp()
    if (this.inboundBytes <= HIGH_WATER_BYTES) return true
    this.isHeldBack = true
    return false
  }

  /** Later, as a socket would: whoever lets go on may be in the middle of something. */
  private resume(): void {
    this.isPaused = false
    if (this.outbound.length > 0) setImmediate(() => this.feed())
  }

  /** Gives the server what has been waiting, until it has enough again. */
  private feed(): void {
    let fed = 0
    while (!this.isPaused && fed < this.outbound.length) this.receive(this.outbound[fed++])
    this.outbound.splice(0, fed)
  }

  send(frame: Uint8Array): void {
    if (this.isClosed || this.protocol === null) return
    const chunk = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    if (this.isPaused || this.outbound.length > 0) this.outbound.push(chunk)
    else this.receive(chunk)
  }

  /** The stack is the client's: what the server throws does not concern it. */
  private receive(chunk: Buffer): void {
    try {
      this.protocol?.receive(chunk)
    } catch (thrown) {
      this.host.guard.report(thrown)
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return this.read()
  }

  private async *read(): AsyncIterableIterator<Uint8Array> {
    while (!this.isClosed) {
      if (this.inbound.length === 0) {
        if (this.isEnding) break
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
        continue
      }
      const chunks = this.inbound
      this.inbound = []
      for (let i = 0; i < chunks.length && !this.isClosed; i++) {
        this.inboundBytes -= chunks[i].length
        yield chunks[i]
      }
      if (this.isHeldBack && this.inboundBytes <= HIGH_WATER_BYTES) {
        this.isHeldBack = false
        this.host.guard.run(() => this.protocol?.output.sent())
      }
    }
    this.finish(undefined)
  }

  isEncrypted(): boolean {
    return false
  }

  close(error?: Error): Promise<void> {
    this.finish(error)
    return Promise.resolve()
  }

  disconnect(): void {
    this.finish(undefined)
  }

  discard(): void {
    this.finish(undefined)
  }

  closed(): Promise<Error | undefined> {
    return this.whenClosed
  }

  private finish(error: Error | undefined): void {
    if (this.isClosed) return
    // What the client sent before it left is still the server's to read.
    this.isPaused = false
    this.feed()
    this.isClosed = true
    this.closeError = error
    this.inbound.length = 0
    this.wakeUp()
    this.host.guard.run(() => this.protocol?.session.close('Client Closed', false))
    this.tellClosed(error)
  }

  private wakeUp(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }
}
