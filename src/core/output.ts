/**
 * What a connection is going to be sent: encoded straight into a buffer that is written once per turn.
 */
import type { Turn, TurnTask } from './turn.ts'

/** Where bytes leave the process (or change hands within it). */
export interface Transport {
  /**
   * Sends the bytes. True: they were taken whole and the buffer may be used again at once. False: the buffer
   * stays with the transport until it calls `Output.sent`.
   */
  write(bytes: Buffer): boolean
  /** Stops and starts the arrival of bytes. */
  pause(): void
  resume(): void
  /** Ends the connection; `flush`: after what was written. */
  close(flush: boolean): void
}

/** Sizes of output buffers, in bytes. A connection starts small and grows as it is used. */
const FIRST_BYTES = 4096
const FULL_BYTES = 64 * 1024
/** Full-sized buffers kept for the next who needs one. */
const POOLED = 64
/** Turns with little output after which a full-sized buffer is given back. */
const QUIET_TURNS = 256

const pool: Buffer[] = []

function take(bytes: number): Buffer {
  if (bytes <= FIRST_BYTES) return Buffer.allocUnsafeSlow(FIRST_BYTES)
  if (bytes <= FULL_BYTES) return pool.pop() ?? Buffer.allocUnsafeSlow(FULL_BYTES)
  return Buffer.allocUnsafeSlow(bytes)
}

function give(buffer: Buffer): void {
  if (buffer.length === FULL_BYTES && pool.length < POOLED) pool.push(buffer)
}

/**
 * The output of one connection. Encoders call `reserve`, write at `buffer[length…]` and advance `length`.
 * Full buffers queue up behind; `pendingBytes` is all that the transport has not taken.
 */
export class Output implements TurnTask {
  deferred = false
  buffer: Buffer = Buffer.alloc(0)
  length = 0
  /** Milliseconds (clock) since the transport has been busy with one write; 0 while it is not. */
  busySinceMs = 0
  private readonly full: Buffer[] = []
  private fullBytes = 0
  private busy: Buffer | null = null
  private busyBytes = 0
  private quietTurns = 0
  private readonly turn: Turn
  private readonly transport: Transport
  private readonly now: () => number
  /** Called when the transport has taken everything after it was busy. */
  onDrain: (() => void) | null = null

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
    if (this.length + bytes <= this.buffer.length) return
    this.grow(bytes)
  }

  private grow(bytes: number): void {
    const wanted = this.length + bytes
    if (wanted <= FULL_BYTES || this.length === 0) {
      const larger = take(wanted <= FIRST_BYTES ? wanted : Math.max(wanted, FULL_BYTES))
      this.buffer.copy(larger, 0, 0, this.length)
      give(this.buffer)
      this.buffer = larger
      return
    }
    this.full.push(this.length === this.buffer.length ? this.buffer : this.buffer.subarray(0, this.length))
    this.fullBytes += this.length
    this.buffer = take(Math.max(bytes, FULL_BYTES))
    this.length = 0
  }

  /** One write per turn: everything encoded since the last. */
  run(): void {
    if (this.busy !== null) return
    while (this.full.length > 0) {
      const bytes = this.full.shift() as Buffer
      this.fullBytes -= bytes.length
      if (!this.send(bytes)) return
      this.recycle(bytes)
    }
    if (this.length === 0) return
    const buffer = this.buffer
    const length = this.length
    this.length = 0
    if (this.send(length === buffer.length ? buffer : buffer.subarray(0, length))) {
      this.shrink(length)
      return
    }
    this.buffer = EMPTY
  }

  /** The transport has taken what it was busy with. */
  sent(): void {
    const bytes = this.busy
    if (bytes === null) return
    this.busy = null
    this.busyBytes = 0
    this.busySinceMs = 0
    this.recycle(bytes)
    if (this.length > 0 || this.full.length > 0) this.run()
    if (this.busy === null) this.onDrain?.()
  }

  /** Forgets everything; nothing more is sent. */
  discard(): void {
    this.full.length = 0
    this.fullBytes = 0
    this.length = 0
    this.busyBytes = 0
  }

  private send(bytes: Buffer): boolean {
    if (this.transport.write(bytes)) return true
    this.busy = bytes
    this.busyBytes = bytes.length
    this.busySinceMs = this.now()
    return false
  }

  private recycle(bytes: Buffer): void {
    if (bytes.byteOffset === 0 && bytes.buffer.byteLength === FULL_BYTES) {
      give(bytes.length === FULL_BYTES ? bytes : Buffer.from(bytes.buffer as ArrayBuffer))
    }
  }

  private shrink(used: number): void {
    if (this.buffer.length <= FIRST_BYTES || used > FIRST_BYTES) {
      this.quietTurns = 0
      return
    }
    if (++this.quietTurns < QUIET_TURNS) return
    this.quietTurns = 0
    give(this.buffer)
    this.buffer = take(FIRST_BYTES)
  }
}

const EMPTY = Buffer.alloc(0)
