/**
 * The messages of one stream: appended in sequence, read by sequence, found by subject, removed one by one or
 * from the front. Kept in segments; on disk the journal has each change first.
 */
import { type SubjectFilter, subjectFilter } from '../subjects/filter.ts'
import type { Chunk, LoadWaiter } from './chunk.ts'
import { Columns, HAS_HEADERS } from './columns.ts'
import { compacted, isSparse, takeOver } from './compaction.ts'
import type { Journal } from './journal.ts'
import {
  LEDGER_CREATE,
  LOG_META,
  MESSAGE,
  PADDING,
  PADDING_BYTES,
  PURGE,
  REMOVE,
  REMOVE_THROUGH,
  SKIP_TO,
} from './journal-format.ts'
import { Ledger } from './ledger.ts'
import { Ledgers } from './ledgers.ts'
import { LostRecords } from './lost-records.ts'
import { ReadFailure } from './read-failure.ts'
import {
  copy,
  encodeRecord,
  isRecordIntact,
  putU32,
  RECORD_HEAD_BYTES,
  RECORD_OVERHEAD_BYTES,
  type RecordView,
  recordLengthAt,
  viewRecord,
} from './record.ts'
import { Segment, type SegmentFiles } from './segment.ts'
import { SegmentList } from './segment-list.ts'
import type { SubjectCounts } from './subject-counts.ts'
import type { SubjectSet } from './subject-set.ts'
import type { SubjectTable } from './subject-table.ts'

/** Sequences never used take a place in a segment's index, up to so many at once; beyond, a new segment begins. */
const MAX_GAP = 1024
const NO_BYTES = Buffer.alloc(0)
const FEW_OF_A_SUBJECT = 64

export type Json = { [key: string]: unknown }
/**
 * 'missing': deleted, damaged or never there. 'wait': being read; the waiter is called. 'failed': it is there, and can't be
 * read now; asked for again, it is tried again.
 */
export type ReadResult = 'failed' | 'missing' | 'ok' | 'wait'

/** What a log needs of the store. */
export interface LogHost extends SegmentFiles {
  /** Null in a store without files. */
  readonly journal: Journal | null
  readonly segmentBytes: number
  /** Share of live bytes below which a segment is rewritten. */
  readonly compactBelow: number
  /** The log has something that the last checkpoint lacks. */
  changed(log: MessageLog): void
  /** The segment has no live message: its files can go. */
  segmentEmptied(log: MessageLog, segment: Segment): void
  /** Little lives in a segment of the log: it can be rewritten. */
  segmentSparse(log: MessageLog): void
  /** A chunk is full: it can be written out when it is committed. */
  chunkFilled(log: MessageLog, chunk: Chunk): void
  /** Damage was found: see `log.lost`. */
  lostRecords(log: MessageLog): void
  /** Is the journal being replayed? Then nothing is written to it. */
  readonly isReplaying: boolean
}

/** A subject as its UTF-8 bytes `[start, end)`. */
export interface SubjectBytes {
  buffer: Buffer
  start: number
  end: number
}

export class MessageLog {
  readonly name: string
  readonly id: number
  readonly inMemory: boolean
  readonly createdMs: number
  meta: Json
  messages = 0
  bytes = 0
  firstSeq = 1
  lastSeq = 0
  lastSec = 0
  lastNsec = 0
  /** Highest sequence that is durable: readers stop here. */
  committedSeq = 0
  /** Highest sequence of the batch that is being written. */
  closingSeq = 0
  readonly lost = new LostRecords()
  private lostInReplay = 0
  /** Subject of the message that `remove` removed last. */
  readonly removed: SubjectBytes = { buffer: NO_BYTES, start: 0, end: 0 }
  private readonly asked: SubjectBytes = { buffer: NO_BYTES, start: 0, end: 0 }
  readonly ledgers = new Ledgers()
  private readonly list = new SegmentList()
  nextSegmentId = 1
  nextLedgerId = 1
  private readonly host: LogHost
  private active: Segment | null = null
  /** Whose first message was asked for last: it can be removed without the index of its segment. */
  private askedSlot = 0

  constructor(host: LogHost, id: number, name: string, meta: Json, inMemory: boolean, createdMs: number) {
    this.host = host
    this.id = id
    this.name = name
    this.meta = meta
    this.inMemory = inMemory
    this.createdMs = createdMs
  }

  /** Deleted messages between the first and the last. */
  get numDeleted(): number {
    return this.lastSeq - this.firstSeq + 1 - this.messages
  }

  get subjectCount(): number {
    return this.table.size
  }

  get segments(): readonly Segment[] {
    return this.list.all
  }

  /** Bytes that are in no file but the journal's. */
  get unflushedBytes(): number {
    let bytes = 0
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const segment = this.segments[i]
      if (segment.indexedCount === segment.count) break
      for (const chunk of segment.chunks.values())
        if (!chunk.isFromDisk) bytes += chunk.length - chunk.flushed
    }
    return bytes
  }

  /** Bytes of its segments that nothing needs any more, about. */
  get deadBytes(): number {
    let bytes = 0
    for (const { dataBytes, liveBytes } of this.segments) bytes += Math.max(0, dataBytes - liveBytes)
    return bytes
  }

  /** Live subjects: how many messages of each, the first and the last. */
  get table(): SubjectTable {
    return this.list.table
  }

  setMeta(meta: Json): void {
    this.meta = meta
    this.journalJson(LOG_META, meta)
  }

  /** Bytes that a message counts for: nats-server's accounting for the kind of storage. */
  sizeOf(subjectLength: number, headerLength: number, payloadLength: number): number {
    if (this.inMemory) return subjectLength + headerLength + payloadLength + 16
    return 30 + subjectLength + payloadLength + (headerLength > 0 ? headerLength + 4 : 0)
  }

  /** Appends a copy; returns its sequence. `sec` and `nsec`: its time. */
  append(
    subject: Buffer,
    subjectStart: number,
    subjectEnd: number,
    body: Buffer,
    bodyStart: number,
    headerLength: number,
    bodyEnd: number,
    sec: number,
    nsec: number,
  ): number {
    const { host } = this
    const seq = this.lastSeq + 1
    const length = RECORD_OVERHEAD_BYTES + subjectEnd - subjectStart + bodyEnd - bodyStart
    const journal = this.inMemory ? null : host.journal
    const segment = this.segmentFor(length)
    const chunk = this.roomIn(segment, length)
    if (journal !== null) {
      const at = journal.begin(MESSAGE, this.id, length)
      encodeRecord(
        journal.buffer,
        at,
        length,
        seq,
        sec,
        nsec,
        subject,
        subjectStart,
        subjectEnd,
        body,
        bodyStart,
        headerLength,
        bodyEnd,
      )
      copy(journal.buffer, at, at + length, chunk.buffer, chunk.length)
    } else {
      encodeRecord(
        chunk.buffer,
        chunk.length,
        length,
        seq,
        sec,
        nsec,
        subject,
        subjectStart,
        subjectEnd,
        body,
        bodyStart,
        headerLength,
        bodyEnd,
      )
      this.committedSeq = seq
    }
    const slot = this.table.findOrAdd(subject, subjectStart, subjectEnd)
    this.note(segment, chunk, slot, length, seq, headerLength > 0, sec, nsec)
    if (journal !== null) {
      // Last, since it may begin the commit.
      host.changed(this)
      journal.end(true)
    }
    return seq
  }

  /** Journal replay: the record as it was encoded. */
  replayMessage(buffer: Buffer, start: number, end: number, view: RecordView): void {
    if (!viewRecord(view, buffer, start, end - start) || view.seq <= this.lastSeq) return
    const gap = view.seq - this.lastSeq - 1
    if (gap > 0) {
      // Records are missing of which not even this was known.
      this.lost.count += Math.max(0, gap - this.lostInReplay)
      for (let i = 0; i < Math.min(gap, MAX_GAP); i++) this.lost.name(this.lastSeq + 1 + i)
      this.applySkip(view.seq, 0, 0)
    }
    this.lostInReplay = 0
    const length = end - start
    const segment = this.segmentFor(length)
    const chunk = this.roomIn(segment, length)
    buffer.copy(chunk.buffer, chunk.length, start, end)
    const slot = this.table.findOrAdd(buffer, view.subjectStart, view.subjectEnd)
    this.note(segment, chunk, slot, length, view.seq, view.headerLength > 0, view.sec, view.nsec)
    this.committedSeq = view.seq
  }

  /** Journal replay: records of this log are damaged. */
  replayDamage(count: number): void {
    this.lost.count += count
    this.lostInReplay += count
  }

  /**
   * The next message gets sequence `nextSeq`; what lies between was never there. With a time: that of the last
   * message that was not kept.
   */
  skipTo(nextSeq: number, sec = 0, nsec = 0): void {
    if (nextSeq <= this.lastSeq + 1) return
    this.applySkip(nextSeq, sec, nsec)
    const journal = this.inMemory ? null : this.host.journal
    if (journal === null || this.host.isReplaying) return
    const at = journal.begin(SKIP_TO, this.id, 16)
    journal.buffer.writeDoubleLE(nextSeq, at)
    putU32(journal.buffer, at + 8, sec)
    putU32(journal.buffer, at + 12, nsec)
    this.host.changed(this)
    journal.end(false)
  }

  /**
   * Removes a message; false when it is not there.
   * @throws ReadFailure: nothing was removed
   */
  remove(seq: number): boolean {
    if (!this.applyRemove(seq)) return false
    this.journalNumber(REMOVE, seq)
    return true
  }

  /**
   * Removes everything up to and with `seq`; returns how many.
   * @throws ReadFailure: what was removed before it stays so
   */
  removeThrough(seq: number): number {
    const before = this.messages
    const last = Math.min(seq, this.lastSeq)
    try {
      this.applyRemoveThrough(last)
    } catch (error) {
      if (this.messages < before) this.journalNumber(REMOVE_THROUGH, this.firstSeq - 1)
      throw error
    }
    const removed = before - this.messages
    if (removed > 0) this.journalNumber(REMOVE_THROUGH, last)
    return removed
  }

  /**
   * Removes what matches (null: everything) below `upToSeq` (exclusive; 0: no bound) except the `keep` newest.
   * Returns how many.
   * `fromSeq`: nothing before it matches any more.
   * @throws ReadFailure: what was removed before it stays so
   */
  purge(filter: SubjectFilter | null, upToSeq: number, keep: number, fromSeq = 0): number {
    if (filter === null || filter.all) {
      const bound = upToSeq > 0 ? Math.min(upToSeq - 1, this.lastSeq) : this.lastSeq
      if (keep > 0) return this.removeThrough(Math.min(this.list.nthLast(keep, bound) - 1, bound))
      if (bound < this.lastSeq) return this.removeThrough(bound)
      const removed = this.clear()
      this.journalJson(PURGE, { patterns: filter?.patterns ?? null, upToSeq, keep: 0 })
      return removed
    }
    const seqs = this.matching(filter, upToSeq, fromSeq)
    const removed = Math.max(0, seqs.length - keep)
    let done = 0
    try {
      while (done < removed) this.applyRemove(seqs[done++])
    } catch (error) {
      for (const seq of seqs.slice(0, done - 1)) this.journalNumber(REMOVE, seq)
      throw error
    }
    if (removed > 0) {
      // By a bound alone, so that it does the same again however much of it is gone already.
      const patterns = filter.patterns
      this.journalJson(PURGE, { patterns, upToSeq: keep > 0 ? seqs[removed] : upToSeq, keep: 0 })
    }
    return removed
  }

  /** Live sequences from `fromSeq` on that match, below `upToSeq` (0: no bound). */
  private matching(filter: SubjectFilter, upToSeq: number, fromSeq: number): number[] {
    const bound = upToSeq > 0 ? upToSeq - 1 : this.lastSeq
    const seqs: number[] = []
    // The few of a subject are found by it, without a look at all that lies between. Not for each stretch of many.
    const slots = fromSeq === 0 ? this.slotsOf(filter) : null
    if (slots?.every((slot) => this.table.counts[slot] <= FEW_OF_A_SUBJECT)) {
      for (const slot of slots) this.list.sequencesOf(slot, seqs)
      // Where an index was made anew just now, the first of a subject may be gone.
      return seqs.filter((seq) => seq >= this.firstSeq && seq <= bound).sort((a, b) => a - b)
    }
    for (
      let seq = this.nextUpTo(filter, Math.max(fromSeq, this.firstSeq), bound);
      seq > 0;
      seq = this.nextUpTo(filter, seq + 1, bound)
    ) {
      seqs.push(seq)
    }
    return seqs
  }

  /** Loads the record of `seq` into `out`. */
  read(seq: number, out: RecordView, waiter: LoadWaiter | null): ReadResult {
    if (seq > this.committedSeq) return 'missing'
    return this.readStored(seq, out, waiter)
  }

  /** The same for what may not be durable yet: for who stores something that follows from it. */
  readStored(seq: number, out: RecordView, waiter: LoadWaiter | null): ReadResult {
    const segment = this.list.find(seq)
    if (segment === null) return 'missing'
    const position = seq - segment.firstSeq
    if (segment.isDeleted(position)) return 'missing'
    const columns = segment.columns ?? this.indexOrNull(segment)
    if (columns === null) return 'failed'
    const offset = columns.offsets[position]
    const chunk = segment.chunkAt(offset, waiter)
    if (chunk === null) return 'wait'
    if (chunk.failure !== null) return 'failed'
    // Where the index was just made anew it may have turned out to be lost.
    if (segment.isDeleted(position)) return 'missing'
    const at = offset - chunk.start
    const length = recordLengthAt(chunk.buffer, at, chunk.length)
    const isGood =
      length > 0 &&
      (!chunk.isFromDisk || isRecordIntact(chunk.buffer, at, length)) &&
      viewRecord(out, chunk.buffer, at, length) &&
      out.seq === seq
    if (isGood) return 'ok'
    this.host.warn(`${this.name}: record ${seq} is damaged and set aside`)
    const bytes = segment.lengthAt(columns, position)
    this.host.damaged(segment, [seq], chunk.buffer.subarray(at, Math.min(at + bytes, chunk.length)))
    this.lost.add(seq, bytes)
    this.remove(seq)
    this.host.lostRecords(this)
    return 'missing'
  }

  private indexOrNull(segment: Segment): Columns | null {
    try {
      return segment.index()
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      this.host.warn(`${this.name}: ${error.message}`)
      return null
    }
  }

  /**
   * Smallest live sequence from `from` on that matches and is committed; 0 when there is none.
   * @throws ReadFailure, as all that looks for subjects or times
   */
  next(filter: SubjectFilter | null, from: number): number {
    return this.nextUpTo(filter, from, this.committedSeq)
  }

  /** Largest live sequence up to `upTo` that matches and is committed; 0 when there is none. */
  previous(filter: SubjectFilter | null, upTo: number): number {
    return this.list.previous(filter, Math.min(upTo, this.committedSeq))
  }

  /** For each subject that matches its last live, committed sequence up to `upTo`; no more than `most` and one. */
  lastOfEach(filter: SubjectFilter, upTo: number, most: number): number[] {
    if (upTo >= this.lastSeq && this.committedSeq === this.lastSeq) {
      const found: number[] = []
      this.list.eachSlot(filter, (slot) => {
        found.push(this.table.lasts[slot])
      })
      // Newest first, so that a cut leaves the oldest out.
      found.sort((a, b) => b - a)
      return found.length > most ? found.slice(0, most + 1) : found
    }
    return this.list.lastOfEach(filter, Math.min(upTo, this.committedSeq), most)
  }

  /** How many live messages from `from` on match: exact. */
  count(filter: SubjectFilter | null, from: number): number {
    if (from > this.firstSeq) return this.list.countFrom(filter, from)
    return filter === null || filter.all ? this.messages : this.list.countAll(filter)
  }

  /** Last live sequence of exactly this subject, 0 when there is none. */
  lastSeqOf(subject: Buffer, start: number, end: number): number {
    const slot = this.table.find(subject, start, end)
    return slot < 0 ? 0 : this.table.lasts[slot]
  }

  /** Live messages of exactly this subject. */
  countOf(subject: Buffer, start: number, end: number): number {
    const slot = this.table.find(subject, start, end)
    return slot < 0 ? 0 : this.table.counts[slot]
  }

  /** Live messages of the subject that has the most. */
  mostOfASubject(): number {
    const { counts, count } = this.table
    let most = 0
    for (let slot = 0; slot < count; slot++) if (counts[slot] > most) most = counts[slot]
    return most
  }

  /** Oldest live sequence of exactly this subject, 0 when there is none. */
  firstSeqOf(subject: Buffer, start: number, end: number): number {
    const slot = this.table.find(subject, start, end)
    if (slot < 0) return 0
    this.askedSlot = slot
    return this.list.firstOf(slot)
  }

  /** What a message counts for; 0 when it is not there. */
  sizeOfSeq(seq: number): number {
    const segment = this.list.find(seq)
    if (segment === null || segment.isDeleted(seq - segment.firstSeq)) return 0
    const columns = segment.index()
    const position = seq - segment.firstSeq
    return this.sizeFrom(segment.lengthAt(columns, position), (columns.locals[position] & HAS_HEADERS) !== 0)
  }

  /** Smallest live sequence from `from` on, committed or not yet; 0 when there is none. */
  nextLive(from: number): number {
    return this.nextUpTo(null, from, this.lastSeq)
  }

  /** Is this message there, committed or not yet? */
  has(seq: number): boolean {
    const segment = this.list.find(seq)
    return segment !== null && !segment.isDeleted(seq - segment.firstSeq)
  }

  /**
   * Subject of a message, committed or not yet; null when it is not there. Valid until the next call.
   * @throws ReadFailure
   */
  subjectOf(seq: number): SubjectBytes | null {
    const segment = this.list.find(seq)
    if (segment === null || segment.isDeleted(seq - segment.firstSeq)) return null
    const position = seq - segment.firstSeq
    const columns = segment.index()
    if (segment.isDeleted(position)) return null
    const { dictionary } = columns
    const local = columns.localAt(position)
    const { asked } = this
    asked.buffer = dictionary.bytes
    asked.start = dictionary.starts[local]
    asked.end = dictionary.endOf(local)
    return asked
  }

  /** Is this message there, and the only one of its subject? */
  isLastOfSubject(seq: number): boolean {
    const segment = this.list.find(seq)
    if (segment === null || segment.isDeleted(seq - segment.firstSeq)) return false
    const slot = this.slotAt(segment.index(), seq - segment.firstSeq)
    return slot >= 0 && this.table.counts[slot] === 1
  }

  /** Visits the live subjects that match, as UTF-8 text. */
  eachSubject(
    filter: SubjectFilter | null,
    visit: (subject: string, count: number, lastSeq: number) => void,
  ): void {
    this.list.eachSlot(filter, (slot) => {
      visit(this.table.text(slot), this.table.counts[slot], this.table.lasts[slot])
    })
  }

  /** Slots of the live subjects that match, to be visited by and by (`visitSlot`); null: of all, up to `subjectSlots`. */
  slotsOf(filter: SubjectFilter): number[] | null {
    if (filter.all) return null
    const slots: number[] = []
    this.list.eachSlot(filter, (slot) => {
      slots.push(slot)
    })
    return slots
  }

  /** Visits the subject of a slot, as UTF-8 text, if there is one that matches. */
  visitSlot(slot: number, filter: SubjectFilter, visit: (subject: string, count: number) => void): void {
    const { table } = this
    if (!table.has(slot)) return
    if (!filter.all && !table.isMatch(filter, slot)) return
    visit(table.text(slot), table.counts[slot])
  }

  /** Adds the subject of a slot and how many messages it has to a list, if there is one that matches. */
  listSlot(slot: number, filter: SubjectFilter, list: SubjectCounts): void {
    const { table } = this
    if (!table.has(slot)) return
    if (!filter.all && !table.isMatch(filter, slot)) return
    list.add(table.bytes, table.starts[slot], table.endOf(slot), table.counts[slot])
  }

  /** Last live sequence of each subject that matches, in no order. */
  lastSeqs(filter: SubjectFilter | null): Float64Array {
    const seqs = new Float64Array(this.table.count)
    let count = 0
    const { lasts } = this.table
    this.list.eachSlot(filter, (slot) => {
      seqs[count++] = lasts[slot]
    })
    return seqs.subarray(0, count)
  }

  get subjectSlots(): number {
    return this.table.count
  }

  /** Smallest live sequence whose time is not before the given one; `lastSeq + 1` when there is none. */
  seqAtTime(sec: number, nsec: number): number {
    return this.list.atTime(sec, nsec) || this.lastSeq + 1
  }

  /** Time of the oldest live message in milliseconds; Infinity when there is none. */
  oldestMs(): number {
    const first = this.firstTime()
    return first === null ? Number.POSITIVE_INFINITY : first.sec * 1000 + first.nsec / 1e6
  }

  /** Time of a message in milliseconds, 0 when it is not there. */
  timeOfMs(seq: number): number {
    const segment = this.list.find(seq)
    if (segment === null) return 0
    const columns = segment.index()
    return columns.secs[seq - segment.firstSeq] * 1000 + columns.nsecs[seq - segment.firstSeq] / 1e6
  }

  /** Time of the oldest live message; null when there is none. */
  firstTime(): { sec: number; nsec: number } | null {
    for (let tries = this.segments.length; tries >= 0 && this.messages > 0; tries--) {
      const segment = this.list.find(this.firstSeq)
      if (segment === null) return null
      // Where the index is made anew, the first may turn out to be lost, and another is it then.
      const { secs, nsecs } = segment.index()
      const position = this.firstSeq - segment.firstSeq
      if (position < segment.count && !segment.isDeleted(position)) {
        return { sec: secs[position], nsec: nsecs[position] }
      }
    }
    return null
  }

  /** Sequences of deleted messages between the first and the last, the oldest `most` of them. */
  deleted(most = Infinity): number[] {
    return this.list.deleted(this.firstSeq, this.lastSeq, most)
  }

  createLedger(name: string, meta: Json): Ledger {
    const ledger = new Ledger(this, this.inMemory ? null : this.host.journal, this.nextLedgerId++, name, meta)
    this.ledgers.set(name, ledger)
    const journal = this.inMemory ? null : this.host.journal
    if (journal !== null && !this.host.isReplaying) {
      this.host.changed(this)
      appendTwice(journal, LEDGER_CREATE, this.id, { id: ledger.id, name, meta })
    }
    return ledger
  }

  /** The store has something new to write for this log. */
  touch(): void {
    this.host.changed(this)
  }

  applySkip(nextSeq: number, sec: number, nsec: number): void {
    const { active } = this
    const gap = nextSeq - this.lastSeq - 1
    if (active !== null && gap <= MAX_GAP) for (let i = 0; i < gap; i++) active.skip()
    else this.seal()
    if (sec > 0) {
      this.lastSec = sec
      this.lastNsec = nsec
    }
    this.lastSeq = nextSeq - 1
    if (this.messages === 0) this.firstSeq = nextSeq
    if (this.inMemory) this.committedSeq = this.lastSeq
  }

  applyRemove(seq: number): boolean {
    const segment = this.list.find(seq)
    if (segment === null) return false
    const position = seq - segment.firstSeq
    if (segment.isDeleted(position)) return false
    if (!this.forgetFirst(segment, position)) {
      const columns = segment.index()
      // It may have turned out to be lost just now.
      if (segment.isDeleted(position)) return false
      this.noteRemoved(columns.dictionary, columns.localAt(position))
      this.forget(segment, columns, position)
    }
    if (seq === this.firstSeq) this.advanceFirst()
    this.sweep(segment)
    return true
  }

  applyRemoveThrough(seq: number): number {
    let removed = 0
    while (this.firstSeq <= seq && this.messages > 0) {
      const segment = this.list.find(this.firstSeq) as Segment
      const columns = segment.index()
      const end = Math.min(segment.count, seq - segment.firstSeq + 1)
      for (let position = this.firstSeq - segment.firstSeq; position < end; position++) {
        if (segment.isDeleted(position)) continue
        this.forget(segment, columns, position)
        removed++
      }
      this.firstSeq = segment.firstSeq + end
      this.sweep(segment)
      this.advanceFirst()
    }
    if (this.messages === 0) this.firstSeq = this.lastSeq + 1
    return removed
  }

  /** Replay of a purge from its record. */
  replayPurge(json: { patterns: string[] | null; upToSeq: number; keep: number }): void {
    const filter = json.patterns === null ? null : subjectFilter(json.patterns)
    this.purge(filter, json.upToSeq, json.keep)
  }

  /** Segments come from the state file; their subjects have been counted into the table. */
  restoreSegments(segments: Segment[]): void {
    this.list.all = segments
  }

  private clear(): number {
    const removed = this.messages
    for (const segment of this.segments) {
      segment.live = 0
      segment.liveBytes = 0
      this.host.segmentEmptied(this, segment)
    }
    this.list.clear()
    this.active = null
    this.messages = 0
    this.bytes = 0
    this.firstSeq = this.lastSeq + 1
    return removed
  }

  private segmentFor(length: number): Segment {
    const active = this.active
    if (active !== null && (active.dataBytes + length <= this.host.segmentBytes || active.count === 0))
      return active
    this.seal()
    const segment = new Segment(this.id, this.nextSegmentId++, this.lastSeq + 1, this.host)
    segment.columns = new Columns(64)
    this.list.all.push(segment)
    this.active = segment
    return segment
  }

  /** Ends the segment in use where little of it lives, so that it can be rewritten. */
  sealSparse(leastBytes: number, below: number): void {
    const { active } = this
    if (active !== null && active.dataBytes >= leastBytes && active.liveBytes < active.dataBytes * below) {
      this.seal()
    }
  }

  /** Nothing more is appended to the segment in use. */
  private seal(): void {
    const { active } = this
    if (active === null) return
    this.active = null
    active.isSealed = true
    if (active.tail !== null) this.host.chunkFilled(this, active.tail)
    this.sweep(active)
  }

  private roomIn(segment: Segment, length: number): Chunk {
    const before = segment.tail
    const chunk = segment.room(length)
    if (before !== null && before !== chunk) this.host.chunkFilled(this, before)
    return chunk
  }

  private note(
    segment: Segment,
    chunk: Chunk,
    slot: number,
    length: number,
    seq: number,
    hasHeaders: boolean,
    sec: number,
    nsec: number,
  ): void {
    const { table } = this
    const columns = segment.columns as Columns
    if (table.segmentIds[slot] !== segment.id) {
      table.segmentIds[slot] = segment.id
      table.localIds[slot] = columns.dictionary.findOrAddOf(table, slot)
    }
    const local = table.localIds[slot]
    columns.push(segment.dataBytes, sec, nsec, hasHeaders ? (local | HAS_HEADERS) >>> 0 : local)
    const ms = sec * 1000 + nsec / 1e6
    if (segment.count === 0) segment.firstMs = ms
    segment.lastMs = ms
    segment.count++
    segment.live++
    segment.dataBytes += length
    chunk.length += length
    chunk.lastSeq = seq
    const size = this.sizeFrom(length, hasHeaders)
    segment.liveBytes += size
    this.bytes += size
    if (table.counts[slot]++ === 0) {
      table.firsts[slot] = seq
      table.firstSizes[slot] = size
    }
    table.lasts[slot] = seq
    table.lastSizes[slot] = size
    if (this.messages++ === 0) this.firstSeq = seq
    this.lastSeq = seq
    this.lastSec = sec
    this.lastNsec = nsec
  }

  /** What a record of `length` bytes counts for. */
  private sizeFrom(length: number, hasHeaders: boolean): number {
    const content = length - RECORD_OVERHEAD_BYTES
    return this.inMemory ? content + 16 : content + 30 + (hasHeaders ? 4 : 0)
  }

  /** Takes a message out of all counts. */
  private forget(segment: Segment, columns: Columns, position: number): void {
    const hasHeaders = (columns.locals[position] & HAS_HEADERS) !== 0
    const size = this.sizeFrom(segment.lengthAt(columns, position), hasHeaders)
    this.forgetOne(segment, position, this.slotAt(columns, position), size)
  }

  /** The same for what its subject's slot tells enough of; false: it doesn't. */
  private forgetFirst(segment: Segment, position: number): boolean {
    const { table, askedSlot: slot } = this
    if (slot >= table.count || !table.has(slot) || table.firsts[slot] !== segment.firstSeq + position)
      return false
    const size = table.firstSizes[slot]
    if (size === 0) return false
    this.noteRemoved(table, slot)
    this.forgetOne(segment, position, slot, size)
    return true
  }

  /** A copy, since the subject may be given up with its last message. */
  private noteRemoved(subjects: SubjectSet, number: number): void {
    const { removed } = this
    const length = subjects.lengths[number]
    if (removed.buffer.length < length) removed.buffer = Buffer.allocUnsafeSlow(Math.max(64, length * 2))
    copy(subjects.bytes, subjects.starts[number], subjects.endOf(number), removed.buffer, 0)
    removed.end = length
  }

  private forgetOne(segment: Segment, position: number, slot: number, size: number): void {
    const { table } = this
    const seq = segment.firstSeq + position
    const isLast = slot >= 0 && table.counts[slot] > 1 && table.lasts[slot] === seq
    // Before anything changes, since other indexes may have to be read.
    const last = isLast ? this.list.lastBefore(slot, seq) : 0
    segment.markDeleted(position)
    segment.live--
    segment.liveBytes -= size
    this.bytes -= size
    this.messages--
    if (slot < 0) return
    if (--table.counts[slot] === 0) {
      table.drop(slot)
      return
    }
    if (isLast) {
      table.lasts[slot] = last
      table.lastSizes[slot] = 0
    }
    if (table.firsts[slot] !== seq) return
    // Negative: behind that sequence, and found when it is asked for.
    const isOnly = table.counts[slot] === 1
    table.firsts[slot] = isOnly ? table.lasts[slot] : -seq
    table.firstSizes[slot] = isOnly ? table.lastSizes[slot] : 0
  }

  /** Slot of the subject at a position, -1 when it has none. */
  private slotAt(columns: Columns, position: number): number {
    return this.table.findOf(columns.dictionary, columns.localAt(position))
  }

  private nextUpTo(filter: SubjectFilter | null, from: number, limit: number): number {
    const start = Math.max(from, this.firstSeq)
    return start > limit || this.messages === 0 ? 0 : this.list.next(filter, start, limit)
  }

  /** The first sequence is that of the first live message from where it was. */
  advanceFirst(): void {
    if (this.messages === 0) this.firstSeq = this.lastSeq + 1
    else this.firstSeq = this.nextUpTo(null, this.firstSeq, this.lastSeq)
  }

  /** Lets go of a segment in which nothing lives, unless messages are still appended to it. */
  private sweep(segment: Segment): void {
    if (segment === this.active) return
    if (segment.live > 0) {
      if (!isSparse(segment, this.host.compactBelow, this.host.segmentBytes)) return
      if (this.inMemory) this.compactInMemory(segment)
      else this.host.segmentSparse(this)
      return
    }
    if (this.list.remove(segment)) this.host.segmentEmptied(this, segment)
  }

  private compactInMemory(old: Segment): void {
    const { chunkBits } = this.host
    const fresh = compacted(old, this.nextSegmentId++, this.host, (offset) => {
      const chunk = old.chunks.get(offset >>> chunkBits) as Chunk
      return { buffer: chunk.buffer, at: offset - chunk.start }
    })
    this.replaceSegment(old, fresh)
  }

  /**
   * Makes two of a sealed segment: `tail` has the messages from `position` on, the other keeps those before. False when it is
   * not there any more.
   */
  split(old: Segment, position: number, tail: Segment): boolean {
    if (!this.list.insertBehind(old, tail)) return false
    const columns = old.index()
    const shift = tail.firstSeq - old.firstSeq
    tail.isSealed = true
    for (let i = 0; i < tail.count; i++) {
      if (old.isDeleted(i + shift)) {
        tail.markDeleted(i)
        continue
      }
      const hasHeaders = (columns.locals[i + shift] & HAS_HEADERS) !== 0
      tail.live++
      tail.liveBytes += this.sizeFrom(old.lengthAt(columns, i + shift), hasHeaders)
    }
    tail.firstMs = columns.secs[shift] * 1000 + columns.nsecs[shift] / 1e6
    tail.lastMs = old.lastMs
    old.cutOff(position, columns)
    old.successors.push(tail)
    old.live -= tail.live
    old.liveBytes -= tail.liveBytes
    this.sweep(old)
    this.sweep(tail)
    return true
  }

  /** Puts a rewritten segment in the place of the old one; false when that is not there any more. */
  replaceSegment(old: Segment, fresh: Segment): boolean {
    if (!this.list.replace(old, fresh)) return false
    takeOver(fresh, old)
    old.successors.push(fresh)
    this.host.segmentEmptied(this, old)
    return true
  }

  private journalNumber(type: number, value: number): void {
    const journal = this.inMemory ? null : this.host.journal
    if (journal === null || this.host.isReplaying) return
    const at = journal.begin(type, this.id, 8)
    journal.buffer.writeDoubleLE(value, at)
    this.host.changed(this)
    journal.end(false)
  }

  private journalJson(type: number, value: Json): void {
    const journal = this.inMemory ? null : this.host.journal
    if (journal === null || this.host.isReplaying) return
    this.host.changed(this)
    appendJson(journal, type, this.id, value)
  }
}

/** Appends a record whose payload is JSON. */
export function appendJson(
  journal: Journal,
  type: number,
  logId: number,
  value: unknown,
  isUrgent = true,
): void {
  const bytes = Buffer.from(JSON.stringify(value), 'utf8')
  const at = journal.begin(type, logId, bytes.length)
  bytes.copy(journal.buffer, at)
  journal.end(isUrgent)
}

/** The same, twice and apart: for what all that follows depends on, so that a sector that goes bad does not take it. */
export function appendTwice(journal: Journal, type: number, logId: number, value: unknown): void {
  appendJson(journal, type, logId, value, false)
  const at = journal.begin(PADDING, logId, PADDING_BYTES)
  journal.buffer.fill(0, at, at + PADDING_BYTES)
  journal.end(false)
  appendJson(journal, type, logId, value)
}

export { RECORD_HEAD_BYTES }
