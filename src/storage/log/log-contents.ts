/** What a log has: its segments, how many messages and bytes, each subject's place; and how more comes to it, and segments go. */

import type { SubjectFilter } from '../../subjects/filter.ts'
import { RECORD_OVERHEAD_BYTES, type RecordView } from '../format/record.ts'
import type { Journal } from '../journal/journal.ts'
import type { Json } from '../journal/json-records.ts'
import type { Chunk } from '../segments/chunk.ts'
import { Columns, HAS_HEADERS } from '../segments/columns.ts'
import { compacted, isLarge, isSparse, takeOver } from '../segments/compaction.ts'
import { Segment, type SegmentFiles } from '../segments/segment.ts'
import type { SubjectTable } from '../subjects/subject-table.ts'
import { Ledgers } from './ledgers.ts'
import { LostRecords } from './lost-records.ts'
import { SegmentList } from './segment-list.ts'

/** Sequences never used take a place in a segment's index, up to so many at once; beyond, a new segment begins. */
const MAX_GAP = 1024

/** What a log needs of the store. */
export interface LogHost extends SegmentFiles {
  /** Null in a store without files, and while one is opened: what is replayed is not written once more. */
  readonly journal: Journal | null
  readonly segmentBytes: number
  /** Share of live bytes below which a segment is rewritten. */
  readonly compactBelow: number
  /** Are sealed segments of a log with this metadata to be packed? */
  compresses(meta: Json): boolean
  /** The log has something that the last checkpoint lacks. */
  changed(log: LogContents): void
  /** The segment has no live message: its files can go. */
  segmentEmptied(log: LogContents, segment: Segment): void
  /** Little lives in a segment of the log, or it is to be packed: it can be rewritten. */
  segmentSparse(log: LogContents): void
  /** A chunk is full: it can be written out when it is committed. */
  chunkFilled(log: LogContents, chunk: Chunk): void
  /** Damage was found: see `log.lost`. */
  lostRecords(log: LogContents): void
}

/** A subject as its UTF-8 bytes `[start, end)`. */
export interface SubjectBytes {
  buffer: Buffer
  start: number
  end: number
}

export class LogContents {
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
  readonly ledgers = new Ledgers()
  protected readonly list = new SegmentList()
  nextSegmentId = 1
  nextLedgerId = 1
  protected readonly host: LogHost
  protected active: Segment | null = null

  constructor(host: LogHost, id: number, name: string, meta: Json, inMemory: boolean, createdMs: number) {
    this.host = host
    this.id = id
    this.name = name
    this.meta = meta
    this.inMemory = inMemory
    this.createdMs = createdMs
  }

  /** What is sealed from now on is to be packed. */
  get packs(): boolean {
    return !this.inMemory && this.host.compresses(this.meta)
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

  /** Bytes that a message counts for: nats-server's accounting for the kind of storage. */
  sizeOf(subjectLength: number, headerLength: number, payloadLength: number): number {
    if (this.inMemory) return subjectLength + headerLength + payloadLength + 16
    return 30 + subjectLength + payloadLength + (headerLength > 0 ? headerLength + 4 : 0)
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

  /** Segments come from the state file; their subjects have been counted into the table. */
  restoreSegments(segments: Segment[]): void {
    this.list.all = segments
  }

  protected segmentFor(length: number): Segment {
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
  protected seal(): void {
    const { active } = this
    if (active === null) return
    this.active = null
    active.isSealed = true
    active.packing = this.packs ? 'wanted' : 'none'
    if (active.tail !== null) this.host.chunkFilled(this, active.tail)
    this.sweep(active)
  }

  protected roomIn(segment: Segment, length: number): Chunk {
    const before = segment.tail
    const chunk = segment.room(length)
    if (before !== null && before !== chunk) this.host.chunkFilled(this, before)
    return chunk
  }

  protected note(
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
  protected sizeFrom(length: number, hasHeaders: boolean): number {
    const content = length - RECORD_OVERHEAD_BYTES
    return this.inMemory ? content + 16 : content + 30 + (hasHeaders ? 4 : 0)
  }

  /** Slot of the subject at a position, -1 when it has none. */
  protected slotAt(columns: Columns, position: number): number {
    return this.table.findOf(columns.dictionary, columns.localAt(position))
  }

  protected nextUpTo(filter: SubjectFilter | null, from: number, limit: number): number {
    const start = Math.max(from, this.firstSeq)
    return start > limit || this.messages === 0 ? 0 : this.list.next(filter, start, limit)
  }

  /** The first sequence is that of the first live message from where it was. */
  advanceFirst(): void {
    if (this.messages === 0) this.firstSeq = this.lastSeq + 1
    else this.firstSeq = this.nextUpTo(null, this.firstSeq, this.lastSeq)
  }

  /** Lets go of a segment in which nothing lives, unless messages are still appended to it. */
  protected sweep(segment: Segment): void {
    if (segment === this.active) return
    if (segment.live > 0) {
      const isSmaller = isSparse(segment, this.host.compactBelow, this.host.segmentBytes)
      if (!isSmaller && !this.isToPack(segment)) return
      if (this.inMemory) this.compactInMemory(segment)
      else this.host.segmentSparse(this)
      return
    }
    if (this.list.remove(segment)) this.host.segmentEmptied(this, segment)
  }

  /** Is it sealed as one that is to be packed, and large enough? */
  isToPack(segment: Segment): boolean {
    return (
      segment.packing === 'wanted' &&
      segment.isSealed &&
      segment.live > 0 &&
      isLarge(segment, this.host.segmentBytes) &&
      this.packs
    )
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

  /** Takes a message as it was encoded. `view`: its parts, behind the last message. */
  appendEncoded(buffer: Buffer, start: number, end: number, view: RecordView): void {
    const length = end - start
    const segment = this.segmentFor(length)
    const chunk = this.roomIn(segment, length)
    buffer.copy(chunk.buffer, chunk.length, start, end)
    const slot = this.table.findOrAdd(buffer, view.subjectStart, view.subjectEnd)
    this.note(segment, chunk, slot, length, view.seq, view.headerLength > 0, view.sec, view.nsec)
    this.committedSeq = view.seq
  }
}
