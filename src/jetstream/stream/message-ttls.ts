import { Alarm } from '../../ports/alarm.ts'
import type { Ledger } from '../../storage/index.ts'
import { Chore } from './chore.ts'
import type { DeleteMarkers } from './delete-markers.ts'
import type { StreamLog } from './stream-log.ts'

/** Ledgers of the stream itself begin with a dot: consumers can't be called so. */
const LEDGER_NAME = '.ttls'
const ENTRY_BYTES = 16
/** Messages that end soon after each other are removed together. */
const SMALLEST_WAIT_MS = 50
/** Messages removed in one step. */
const STEP = 64
/** What is known of messages that are gone is dropped when there is this much more than messages. */
const MOST_STALE = 1024

/**
 * The times to live of single messages (ADR-43): when each ends, in a heap with the next one first, and one timer.
 * A ledger keeps them over a restart. Messages without a time to live have nothing here.
 */
export class MessageTtls {
  /** In the order in which they end: with what got too old before it a message may be its subject's last. */
  beforeExpiry: () => void = () => {}
  private readonly stream: StreamLog
  private readonly markers: DeleteMarkers
  private readonly seqs: number[] = []
  private readonly ends: number[] = []
  /** Messages that never get too old, by sequence. */
  private readonly nevers = new Set<number>()
  private readonly entry = Buffer.alloc(ENTRY_BYTES)
  private ledger: Ledger | null = null
  private readonly alarm: Alarm
  private readonly chore: Chore

  constructor(stream: StreamLog, markers: DeleteMarkers) {
    this.stream = stream
    this.markers = markers
    this.alarm = new Alarm(stream.clock, () => this.expire(), SMALLEST_WAIT_MS)
    this.chore = new Chore(stream.host.bus.turn, () => this.step())
    const ledger = stream.log.ledgers.get(LEDGER_NAME)
    if (ledger !== undefined) this.recover(ledger)
  }

  /** Is it exempt from `max_age`? */
  isForever(seq: number): boolean {
    return this.nevers.size > 0 && this.nevers.has(seq)
  }

  get hasForever(): boolean {
    return this.nevers.size > 0
  }

  /** A message was stored that ends at `endMs` since the epoch, or never (Infinity). */
  add(seq: number, endMs: number): void {
    const { log } = this.stream
    if (this.seqs.length + this.nevers.size > 2 * log.messages + MOST_STALE) this.dropStale()
    this.keep(seq, endMs)
    if (!log.inMemory) {
      if (this.ledger === null) this.use(log.createLedger(LEDGER_NAME, {}))
      this.entry.writeDoubleLE(seq, 0)
      this.entry.writeDoubleLE(endMs, 8)
      this.ledger?.append(this.entry, 0, ENTRY_BYTES, false)
    }
    if (this.seqs[0] === seq) this.arm()
  }

  /** Sets the timer to the message that ends next. */
  arm(): void {
    this.alarm.move(this.seqs.length === 0 || this.stream.isClosed ? Number.POSITIVE_INFINITY : this.ends[0])
  }

  /** Removes what has ended, and sets the timer for the rest. */
  expire(): void {
    this.alarm.clear()
    const { stream } = this
    if (stream.isClosed) return
    if (this.seqs.length > 0 && this.ends[0] <= stream.clock.now()) this.beforeExpiry()
    this.chore.start()
  }

  /** Removes some of what has ended; with the last of it the timer is set. */
  private step(): boolean {
    const { stream } = this
    if (stream.isClosed) return false
    const { log } = stream
    const nowMs = stream.clock.now()
    const isMarked = this.markers.isOn
    const over: number[] = []
    /** The last of those that stand at the front of the stream, one after the other: they go as one. */
    let through = 0
    let left = STEP
    for (; left > 0 && this.seqs.length > 0 && this.ends[0] <= nowMs; left--) {
      const seq = this.seqs[0]
      this.shift()
      if (isMarked) {
        over.push(seq)
        continue
      }
      if (seq === (through === 0 ? log.firstSeq : through + 1)) {
        through = seq
        continue
      }
      if (through > 0) stream.removeThroughSoon(through)
      through = 0
      if (seq === log.firstSeq) through = seq
      else stream.removeSoon(seq)
    }
    if (through > 0) stream.removeThroughSoon(through)
    if (over.length > 0) this.markers.expire(over).catch(stream.host.bus.fault)
    if (left > 0) this.arm()
    return left === 0
  }

  close(): void {
    this.alarm.clear()
  }

  private keep(seq: number, endMs: number): void {
    if (endMs === Number.POSITIVE_INFINITY) {
      this.nevers.add(seq)
      return
    }
    let at = this.seqs.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.isBefore(parent, seq, endMs)) break
      this.put(at, this.seqs[parent], this.ends[parent])
      at = parent
    }
    this.put(at, seq, endMs)
  }

  /** Takes the first out of the heap. */
  private shift(): void {
    const seq = this.seqs.pop() as number
    const endMs = this.ends.pop() as number
    const size = this.seqs.length
    if (size === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.isBefore(child + 1, this.seqs[child], this.ends[child])) child++
      if (!this.isBefore(child, seq, endMs)) break
      this.put(at, this.seqs[child], this.ends[child])
      at = child
    }
    this.put(at, seq, endMs)
  }

  /** Of those that end together the first stored comes first: so they can go as one. */
  private isBefore(at: number, seq: number, endMs: number): boolean {
    return this.ends[at] < endMs || (this.ends[at] === endMs && this.seqs[at] < seq)
  }

  private put(at: number, seq: number, endMs: number): void {
    this.seqs[at] = seq
    this.ends[at] = endMs
  }

  private dropStale(): void {
    const { log } = this.stream
    const seqs = this.seqs.splice(0)
    const ends = this.ends.splice(0)
    for (let i = 0; i < seqs.length; i++) if (log.has(seqs[i])) this.keep(seqs[i], ends[i])
    for (const seq of this.nevers) if (!log.has(seq)) this.nevers.delete(seq)
  }

  private recover(ledger: Ledger): void {
    const { snapshot, entries } = ledger.recovered ?? { snapshot: null, entries: [] }
    if (snapshot) this.read(snapshot)
    for (const entry of entries) this.read(entry)
    ledger.recovered = null
    this.dropStale()
    this.use(ledger)
  }

  private read(bytes: Buffer): void {
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      this.keep(bytes.readDoubleLE(at), bytes.readDoubleLE(at + 8))
    }
  }

  private use(ledger: Ledger): void {
    this.ledger = ledger
    ledger.snapshot = () => {
      const { log } = this.stream
      const bytes = Buffer.alloc((this.seqs.length + this.nevers.size) * ENTRY_BYTES)
      let at = 0
      const write = (seq: number, endMs: number): void => {
        if (!log.has(seq)) return
        bytes.writeDoubleLE(seq, at)
        at = bytes.writeDoubleLE(endMs, at + 8)
      }
      for (let i = 0; i < this.seqs.length; i++) write(this.seqs[i], this.ends[i])
      for (const seq of this.nevers) write(seq, Number.POSITIVE_INFINITY)
      return bytes.subarray(0, at)
    }
  }
}
