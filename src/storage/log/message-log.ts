/**
 * The messages of one stream: appended in sequence, read by sequence, found by subject, removed one by one or
 * from the front. Kept in segments; on disk the journal has each change first.
 *
 * A log in four files, each of which builds upon the one before: what it has (log-contents.ts), how messages go
 * (removable-log.ts), what can be asked (searchable-log.ts), and here what its owner does with it, journalled, and reading.
 */
import type { SubjectFilter } from '../../subjects/filter.ts'
import { ReadFailure } from '../files/read-failure.ts'
import { copy, putU32 } from '../format/bytes.ts'
import {
  ERASE,
  LEDGER_CREATE,
  LOG_META,
  MESSAGE,
  PURGE,
  REMOVE,
  REMOVE_THROUGH,
  SKIP_TO,
} from '../format/journal-format.ts'
import {
  encodeRecord,
  isRecordIntact,
  RECORD_OVERHEAD_BYTES,
  type RecordView,
  recordLengthAt,
  viewRecord,
} from '../format/record.ts'
import { appendJson, appendTwice, type Json } from '../journal/json-records.ts'
import type { LoadWaiter } from '../segments/chunk.ts'
import type { Columns } from '../segments/columns.ts'
import type { Segment } from '../segments/segment.ts'
import { Ledger } from './ledger.ts'
import { SearchableLog } from './searchable-log.ts'

/**
 * 'missing': deleted, damaged or never there. 'wait': being read; the waiter is called. 'failed': it is there, and can't be
 * read now; asked for again, it is tried again.
 */
export type ReadResult = 'failed' | 'missing' | 'ok' | 'wait'

export class MessageLog extends SearchableLog {
  setMeta(meta: Json): void {
    this.meta = meta
    this.journalJson(LOG_META, meta)
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

  /**
   * The next message gets sequence `nextSeq`; what lies between was never there. With a time: that of the last
   * message that was not kept.
   */
  skipTo(nextSeq: number, sec = 0, nsec = 0): void {
    if (nextSeq <= this.lastSeq + 1) return
    this.applySkip(nextSeq, sec, nsec)
    const journal = this.inMemory ? null : this.host.journal
    if (journal === null) return
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
   * Removes a message, and has its bytes overwritten wherever they are on disk: `Store.erased` tells when that is done.
   * False when it is not there.
   * @throws ReadFailure: nothing was removed
   */
  erase(seq: number): boolean {
    if (!this.remove(seq)) return false
    if (this.inMemory) return true
    this.noteErase(seq)
    this.toBeErased(seq)
    return true
  }

  /** The journal says that what was removed is to be overwritten. */
  noteErase(seq: number): void {
    this.journalNumber(ERASE, seq)
  }

  /** A removed message is to be overwritten. */
  toBeErased(seq: number): void {
    this.host.erasing(this, seq, this.list.find(seq))
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

  createLedger(name: string, meta: Json): Ledger {
    const ledger = new Ledger(this, this.inMemory ? null : this.host.journal, this.nextLedgerId++, name, meta)
    this.ledgers.set(name, ledger)
    const journal = this.inMemory ? null : this.host.journal
    if (journal !== null) {
      this.host.changed(this)
      appendTwice(journal, LEDGER_CREATE, this.id, { id: ledger.id, name, meta })
    }
    return ledger
  }

  /** The store has something new to write for this log. */
  touch(): void {
    this.host.changed(this)
  }

  private journalNumber(type: number, value: number): void {
    const journal = this.inMemory ? null : this.host.journal
    if (journal === null) return
    const at = journal.begin(type, this.id, 8)
    journal.buffer.writeDoubleLE(value, at)
    this.host.changed(this)
    journal.end(false)
  }

  private journalJson(type: number, value: Json): void {
    const journal = this.inMemory ? null : this.host.journal
    if (journal === null) return
    this.host.changed(this)
    appendJson(journal, type, this.id, value)
  }
}
