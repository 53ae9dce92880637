/** How messages go: one, or all up to one, or all. What counts them, and which is a subject's first and last, follows. */
import { copy } from '../format/bytes.ts'
import { type Columns, HAS_HEADERS } from '../segments/columns.ts'
import type { Segment } from '../segments/segment.ts'
import type { SubjectSet } from '../subjects/subject-set.ts'
import { LogContents, type SubjectBytes } from './log-contents.ts'

const NO_BYTES = Buffer.alloc(0)

export class RemovableLog extends LogContents {
  /** Subject of the message that `remove` removed last. */
  readonly removed: SubjectBytes = { buffer: NO_BYTES, start: 0, end: 0 }
  /** Whose first message was asked for last: it can be removed without the index of its segment. */
  protected askedSlot = 0

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

  protected clear(): number {
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
}
