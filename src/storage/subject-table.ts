/** Live subjects of a log: how many messages each has, and where the first and last are. */
import { enlarge, NONE, SubjectSet } from './subject-set.ts'

/** Bytes of subjects that are gone above which the rest is packed, when they are the larger part. */
const PACK_BYTES = 64 * 1024

/** So many slots are kept when the last subject is gone; more are given back. */
const FEW = 1024

/** A number (here: a slot) is free again when its subject has no message left. */
export class SubjectTable extends SubjectSet {
  /** Live subjects. */
  size = 0
  counts = new Uint32Array(0)
  /** Sequences. A negative first: behind that one, and to be looked for. */
  firsts = new Float64Array(0)
  lasts = new Float64Array(0)
  /** What the first and the last message count for; 0: to be looked for. */
  firstSizes = new Uint32Array(0)
  lastSizes = new Uint32Array(0)
  /** Segment in whose dictionary the subject was noted last, and under which number. */
  segmentIds = new Uint32Array(0)
  localIds = new Uint32Array(0)
  private readonly free: number[] = []
  private goneBytes = 0

  override get memoryBytes(): number {
    return super.memoryBytes + this.counts.length * 36
  }

  /** Has this slot a subject? */
  has(slot: number): boolean {
    return this.counts[slot] > 0
  }

  /** Slot of the subject given as latin1 text of its bytes, -1 when there is none. */
  findLatin1(subject: string): number {
    if (this.size === 0) return NONE
    const bytes = Buffer.from(subject, 'latin1')
    return this.find(bytes, 0, bytes.length)
  }

  /** Gives the slot back, whose last message is gone. */
  drop(slot: number): void {
    this.unlink(slot)
    this.counts[slot] = 0
    this.segmentIds[slot] = 0
    this.firstSizes[slot] = 0
    this.lastSizes[slot] = 0
    this.goneBytes += this.lengths[slot]
    this.free.push(slot)
    if (--this.size === 0 && this.count > FEW) this.reset()
  }

  protected override reset(): void {
    super.reset()
    this.free.length = 0
    this.goneBytes = 0
    this.counts = new Uint32Array(0)
    this.firsts = new Float64Array(0)
    this.lasts = new Float64Array(0)
    this.firstSizes = new Uint32Array(0)
    this.lastSizes = new Uint32Array(0)
    this.segmentIds = new Uint32Array(0)
    this.localIds = new Uint32Array(0)
  }

  protected override freeNumber(): number {
    if (this.goneBytes > PACK_BYTES && this.goneBytes * 2 > this.usedBytes) {
      this.pack()
      this.goneBytes = 0
    }
    this.size++
    return this.free.pop() ?? this.count
  }

  protected override isUsed(slot: number): boolean {
    return this.counts[slot] > 0
  }

  protected override grow(capacity: number): void {
    super.grow(capacity)
    this.counts = enlarge(this.counts, capacity)
    this.firsts = enlarge(this.firsts, capacity)
    this.lasts = enlarge(this.lasts, capacity)
    this.firstSizes = enlarge(this.firstSizes, capacity)
    this.lastSizes = enlarge(this.lastSizes, capacity)
    this.segmentIds = enlarge(this.segmentIds, capacity)
    this.localIds = enlarge(this.localIds, capacity)
  }
}
