/**
 * What a connection is going to be sent: encoded straight into a buffer that is written once per turn.
 */
import { type FrameSink, viewOf } from '../wire/index.ts'
import { OutputBuffer } from './output-buffer.ts'
import type { Turn, TurnTask } from './turn.ts'

/** Where bytes leave the process (or change hands within it). */
export interface Transport {
  /**
   * Sends the bytes. True: they were taken whole and the buffer may be used again at once. False: the buffer
   * stays with the transport until it calls `Output.sent`. While it has one it gets no other, except the last
   * words before `close`.
   */
  write(bytes: Buffer): boolean
  /** Stops and starts the arrival of bytes. */
  pause(): void
  resume(): void
  /** Ends the connection; `flush`: after what was written. */
  close(flush: boolean): void
}

/** Turns with little output after which a large buffer is given back. */
const QUIET_TURNS = 256

/**
 * The output of one connection. Encoders call `reserve`, write at `buffer[length…]` and advance `length`.
 * Full buffers queue up behind; `pendingBytes` is all that the transport has not taken.
 */
export class Output implements TurnTask, FrameSink {
  deferred = false
  buffer: Buffer = EMPTY
  view: DataView = EMPTY_VIEW
  length = 0
  /** Milliseconds (clock) since the transport has been busy with one write; 0 while it is not. */
  busySinceMs = 0
  /** Bytes it is busy with, as the number of pieces and in all (for the log). */
  busyBytes = 0
  /** Milliseconds (clock) of the last write with messages in it; 0 before the first. */
  deliveredMs = 0
  /** Whose messages are counted; null: nobody's. */
  counters: { readonly outMessages: number } | null = null
  private outMessages = 0
  private current = OutputBuffer.none
  private readonly full: OutputBuffer[] = []
  private fullBytes = 0
  private busy: OutputBuffer | null = null
  private quietTurns = 0
  private readonly turn: Turn
  private readonly transport: Transport
  private readonly now: () => number
  /** Called when the transport has taken everything after it was busy. */
  onDrain: (() => void) | null = null
  /** Sees what the transport is given. */
  onWrite: ((bytes: Buffer) => void) | null = null

  constructor(turn: Turn, transport: Transport, now: () => number) {
    this.turn = turn
    this.transport = transport
    this.now = now
  }

  /** Bytes encoded and not yet taken by the transport. */
  get pendingBytes(): number {
    return this.length + this.fullBytes + this.busyBytes
  }

  /** Makes room for `bytes` more at `buffer[length]`, and has the output flushed at the end of the turn. */
  reserve(bytes: number): void {
    if (!this.deferred) this.turn.deferFlush(this)
    if (this.length + bytes > this.buffer.length) this.grow(bytes)
  }

  private grow(bytes: number): void {
    const { current, length } = this
    const wanted = length + bytes
    if (wanted <= OutputBuffer.largestBytes || length === 0) {
      const larger = OutputBuffer.take(wanted)
      this.buffer.copy(larger.bytes, 0, 0, length)
      current.give()
      this.use(larger)
      return
    }
    current.length = length
    this.full.push(current)
    this.fullBytes += length
    this.length = 0
    this.use(OutputBuffer.take(Math.max(bytes, OutputBuffer.largestBytes)))
  }

  private use(buffer: OutputBuffer): void {
    this.current = buffer
    this.buffer = buffer.bytes
    this.view = buffer.view
  }

  /** One write per turn: everything encoded since the last. */
  run(): void {
    if (this.busy !== null) return
    while (this.full.length > 0) {
      const next = this.full.shift() as OutputBuffer
      this.fullBytes -= next.length
      if (!this.send(next)) return
      next.give()
    }
    const { current, length } = this
    if (length === 0) return
    current.length = length
    this.length = 0
    if (this.send(current)) {
      this.shrink(length)
      return
    }
    this.use(OutputBuffer.none)
  }

  /** The transport has taken what it was busy with. */
  sent(): void {
    const { busy } = this
    if (busy === null) return
    this.busy = null
    this.busyBytes = 0
    this.busySinceMs = 0
    busy.give()
    if (this.length > 0 || this.full.length > 0) this.run()
    if (this.busy === null) this.onDrain?.()
  }

  /** The last words: hands over everything, even to a busy transport. */
  finish(): void {
    if (this.busy === null) {
      this.run()
      if (this.busy === null) return
    }
    for (const buffer of this.full) this.hand(buffer.written())
    this.current.length = this.length
    if (this.length > 0) this.hand(this.current.written())
    this.discard()
  }

  /** Forgets everything; nothing more is sent. */
  discard(): void {
    this.full.length = 0
    this.fullBytes = 0
    this.length = 0
    this.busyBytes = 0
    this.busySinceMs = 0
    this.use(OutputBuffer.none)
  }

  private hand(bytes: Buffer): boolean {
    this.onWrite?.(bytes)
    return this.transport.write(bytes)
  }

  private send(buffer: OutputBuffer): boolean {
    const nowMs = this.now()
    if (this.counters !== null && this.counters.outMessages !== this.outMessages) {
      this.outMessages = this.counters.outMessages
      this.deliveredMs = nowMs
    }
    if (this.hand(buffer.written())) return true
    this.busy = buffer
    this.busyBytes = buffer.length
    this.busySinceMs = nowMs
    return false
  }

  /** Gives a large buffer back after a while of little output. */
  private shrink(used: number): void {
    if (!this.current.isLargeFor(used)) {
      this.quietTurns = 0
      return
    }
    if (++this.quietTurns < QUIET_TURNS) return
    this.quietTurns = 0
    this.current.give()
    this.use(OutputBuffer.none)
  }
}

const EMPTY = Buffer.alloc(0)
const EMPTY_VIEW = viewOf(EMPTY)
