/** Live subjects of a log: how many messages each has, and where the first and last are. */
import { SubjectGroups } from './subject-groups.ts'
import { ChangingSubjectSet, enlarge, NONE } from './subject-set.ts'

/** A number (here: a slot) is free again when its subject has no message left. */
export class SubjectTable extends ChangingSubjectSet {
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
  private groups = new SubjectGroups()

  override get memoryBytes(): number {
    return super.memoryBytes + this.counts.length * 36 + this.groups.memoryBytes
  }

  /** Slot of the subject given as latin1 text of its bytes, -1 when there is none. */
  findLatin1(subject: string): number {
    if (this.size === 0) return NONE
    const bytes = Buffer.from(subject, 'latin1')
    return this.find(bytes, 0, bytes.length)
  }

  /** Gives the slot back, whose last message is gone. */
  override drop(slot: number): void {
    this.counts[slot] = 0
    this.segmentIds[slot] = 0
    this.firstSizes[slot] = 0
    this.lastSizes[slot] = 0
    this.groups.remove(slot)
    super.drop(slot)
  }

  /** Visits the slots of the subjects that match a pattern. Nothing may come or go meanwhile. */
  eachMatch(pattern: string, visit: (slot: number) => void): void {
    this.groups.eachMatch(this, pattern, visit)
  }

  protected override add(hash: number, buffer: Buffer, start: number, end: number): number {
    const slot = super.add(hash, buffer, start, end)
    this.groups.insert(slot, buffer, start, end)
    return slot
  }

  protected override reset(): void {
    super.reset()
    this.groups = new SubjectGroups()
    this.resize((column) => new (column.constructor as new (length: number) => typeof column)(0))
  }

  protected override grow(capacity: number): void {
    super.grow(capacity)
    this.resize((column) => enlarge(column, capacity))
  }

  private resize(resized: <T extends Uint32Array | Float64Array>(column: T) => T): void {
    this.counts = resized(this.counts)
    this.firsts = resized(this.firsts)
    this.lasts = resized(this.lasts)
    this.firstSizes = resized(this.firstSizes)
    this.lastSizes = resized(this.lastSizes)
    this.segmentIds = resized(this.segmentIds)
    this.localIds = resized(this.localIds)
  }
}
