/** What can be asked of a log without reading a message: what comes next, how many there are, of which subject, of what time. */
import type { SubjectFilter } from '../../subjects/filter.ts'
import { HAS_HEADERS } from '../segments/columns.ts'
import type { SubjectCounts } from '../subjects/subject-counts.ts'
import type { SubjectBytes } from './log-contents.ts'
import { RemovableLog } from './removable-log.ts'

const NO_BYTES = Buffer.alloc(0)
const FEW_OF_A_SUBJECT = 64
/** Room for the subjects that a filter matches, at first. */
const FEW_SUBJECTS = 1024

export class SearchableLog extends RemovableLog {
  private readonly asked: SubjectBytes = { buffer: NO_BYTES, start: 0, end: 0 }

  /** Live sequences from `fromSeq` on that match, below `upToSeq` (0: no bound). */
  protected matching(filter: SubjectFilter, upToSeq: number, fromSeq: number): number[] {
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
    const { lasts, count: subjects } = this.table
    // A filter may match a few of a million.
    let seqs = new Float64Array(filter === null ? subjects : Math.min(subjects, FEW_SUBJECTS))
    let count = 0
    this.list.eachSlot(filter, (slot) => {
      if (count === seqs.length) {
        const wider = new Float64Array(Math.min(subjects, count * 2))
        wider.set(seqs)
        seqs = wider
      }
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
}
