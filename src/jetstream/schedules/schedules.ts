/** The schedules of a stream (ADR-51): which message has its turn when, and one timer for the next of them. */
import { Message } from '../../core/index.ts'
import { Alarm } from '../../ports/alarm.ts'
import { type Ledger, ReadFailure, RecordView } from '../../storage/index.ts'
import { readHeaderLines } from '../headers/header-lines.ts'
import { readStoredRecord } from '../stream/read-record.ts'
import type { StreamLog } from '../stream/stream-log.ts'
import { definitionOf, generatedBody, type Stored, storedMessage, turnBehind } from './generate.ts'
import { turnAfter } from './pattern.ts'

/** Ledgers of the stream itself begin with a dot: consumers can't be called so. */
const LEDGER_NAME = '.schedules'
const ENTRY_HEAD_BYTES = 18
const MAX_SUBJECT_BYTES = 0xffff
/** Turns that come soon after each other are had together, and a flood of schedules does not hold up publishing. */
const SMALLEST_WAIT_MS = 50
/** What has no room now is tried again after so long. */
const RETRY_MS = 1000

interface Entry {
  readonly subject: string
  readonly seq: number
  dueMs: number
  /** Its turn is under way. */
  isRunning: boolean
}

/**
 * At most one schedule for each subject: the last message there. A ledger keeps the turns over a restart, so that what was
 * due meanwhile is had once.
 */
export class Schedules {
  /**
   * Stores what a schedule makes; `ends`: the subject of the schedule that is over with it. False: no room now. Whoever puts the stream
   * together says how.
   */
  store: (message: Message, ends: string | null) => boolean = () => false
  readonly #stream: StreamLog
  readonly #bySubject = new Map<string, Entry>()
  #ledger: Ledger | null = null
  readonly #alarm: Alarm

  constructor(stream: StreamLog) {
    this.#stream = stream
    this.#alarm = new Alarm(stream.clock, () => this.#rang(), SMALLEST_WAIT_MS)
    const ledger = stream.log.ledgers.get(LEDGER_NAME)
    if (ledger !== undefined) this.#recover(ledger)
  }

  /** Does the last message of a subject hold a schedule? */
  has(subject: string): boolean {
    const entry = this.#bySubject.get(subject)
    return entry !== undefined && this.#isThere(entry)
  }

  get size(): number {
    return this.#bySubject.size
  }

  /** A message with `Nats-Schedule` was stored. */
  added(
    subject: string,
    seq: number,
    body: Buffer,
    bodyStart: number,
    headerLength: number,
    timeMs: number,
  ): void {
    const definition = definitionOf(readHeaderLines(body, bodyStart, headerLength))
    if (definition === null) return
    const nowMs = this.#stream.clock.now()
    const dueMs = turnAfter(definition.pattern, timeMs, nowMs)
    if (dueMs === null) return
    if (this.#bySubject.size > 2 * this.#stream.log.messages) this.#dropStale()
    this.#set({ subject, seq, dueMs, isRunning: false })
  }

  /** Another message was stored on a subject: a schedule there is over. */
  replaced(subject: string): void {
    this.#bySubject.delete(subject)
  }

  /** Sets the timer to the next turn. */
  arm(): void {
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.#bySubject.values()) {
      if (!entry.isRunning && entry.dueMs < next) next = entry.dueMs
    }
    this.#alarm.move(this.#stream.isClosed ? Number.POSITIVE_INFINITY : next)
  }

  close(): void {
    this.#alarm.clear()
  }

  #set(entry: Entry): void {
    this.#bySubject.set(entry.subject, entry)
    this.#note(entry)
    if (!this.#stream.isClosed) this.#alarm.set(entry.dueMs)
  }

  #rang(): void {
    if (this.#stream.isClosed) return
    const nowMs = this.#stream.clock.now()
    const due = [...this.#bySubject.values()].filter((entry) => entry.dueMs <= nowMs && !entry.isRunning)
    // In the order of the stream, whatever the order of the turns.
    due.sort((left, right) => left.seq - right.seq)
    for (const entry of due) entry.isRunning = true
    this.#runAll(due)
      .finally(() => this.arm())
      .catch(this.#stream.host.bus.fault)
    this.arm()
  }

  async #runAll(due: readonly Entry[]): Promise<void> {
    for (const entry of due) {
      try {
        await this.#run(entry)
      } catch (error) {
        if (!(error instanceof ReadFailure)) throw error
        entry.dueMs = this.#stream.clock.now() + RETRY_MS
      } finally {
        entry.isRunning = false
      }
    }
  }

  async #run(entry: Entry): Promise<void> {
    const stream = this.#stream
    const schedule = await this.#read(entry.seq)
    // It may have been removed or replaced while it was read.
    if (stream.isClosed || this.#bySubject.get(entry.subject) !== entry) return
    const definition = schedule === null || !this.#isThere(entry) ? null : definitionOf(schedule.lines)
    if (schedule === null || definition === null) {
      this.#bySubject.delete(entry.subject)
      return
    }
    const nowMs = stream.clock.now()
    const next = turnBehind(definition, entry.dueMs, nowMs)
    const content =
      definition.source === '' ? schedule : ((await this.#readLast(definition.source)) ?? schedule)
    if (stream.isClosed || this.#bySubject.get(entry.subject) !== entry) return
    const { body, headerLength } = generatedBody(definition, entry.subject, content, next)
    const message = new Message(Buffer.from(definition.target))
    message.subjectEnd = message.subject.length
    message.body = body
    message.headerLength = headerLength
    message.bodyEnd = body.length
    if (!this.store(message, next === null ? entry.subject : null)) {
      entry.dueMs = nowMs + RETRY_MS
      return
    }
    if (next === null) this.#bySubject.delete(entry.subject)
    else {
      entry.dueMs = next
      this.#note(entry)
    }
  }

  /** A schedule may be due before it is durable: what it makes is behind it in the journal. */
  async #read(seq: number): Promise<Stored | null> {
    const view = new RecordView()
    if (!(await readStoredRecord(this.#stream.log, seq, view))) return null
    return storedMessage(view.buffer, view.bodyStart, view.headerLength, view.bodyEnd)
  }

  #readLast(subject: string): Promise<Stored | null> {
    const bytes = Buffer.from(subject)
    const seq = this.#stream.log.lastSeqOf(bytes, 0, bytes.length)
    return seq === 0 ? Promise.resolve(null) : this.#read(seq)
  }

  #isThere(entry: Entry): boolean {
    return this.#stream.log.has(entry.seq)
  }

  #dropStale(): void {
    for (const [subject, entry] of this.#bySubject) if (!this.#isThere(entry)) this.#bySubject.delete(subject)
  }

  // --- over a restart

  #note(entry: Entry): void {
    const { log } = this.#stream
    if (log.inMemory) return
    if (this.#ledger === null) this.#use(log.createLedger(LEDGER_NAME, {}))
    const bytes = encode(entry)
    this.#ledger?.append(bytes, 0, bytes.length, false)
  }

  #use(ledger: Ledger): void {
    this.#ledger = ledger
    ledger.snapshot = () => {
      this.#dropStale()
      return Buffer.concat([...this.#bySubject.values()].map(encode))
    }
  }

  #recover(ledger: Ledger): void {
    const { snapshot, entries } = ledger.recovered ?? { snapshot: null, entries: [] }
    if (snapshot) this.#decode(snapshot)
    for (const entry of entries) this.#decode(entry)
    ledger.recovered = null
    this.#dropStale()
    this.#use(ledger)
  }

  #decode(bytes: Buffer): void {
    for (let at = 0; at + ENTRY_HEAD_BYTES <= bytes.length; ) {
      const end = at + ENTRY_HEAD_BYTES + bytes.readUInt16LE(at + 16)
      const subject = bytes.toString('utf8', at + ENTRY_HEAD_BYTES, end)
      const seq = bytes.readDoubleLE(at)
      this.#bySubject.set(subject, { subject, seq, dueMs: bytes.readDoubleLE(at + 8), isRunning: false })
      at = end
    }
  }
}

function encode(entry: Entry): Buffer {
  const subject = Buffer.from(entry.subject).subarray(0, MAX_SUBJECT_BYTES)
  const bytes = Buffer.alloc(ENTRY_HEAD_BYTES + subject.length)
  bytes.writeDoubleLE(entry.seq, 0)
  bytes.writeDoubleLE(entry.dueMs, 8)
  bytes.writeUInt16LE(subject.length, 16)
  subject.copy(bytes, ENTRY_HEAD_BYTES)
  return bytes
}
