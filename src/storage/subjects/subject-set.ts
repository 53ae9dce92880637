/**
 * Subjects by number: their bytes one after another in one buffer, found by their bytes. No text is made of any of them
 * unless somebody asks for it.
 */
import type { SubjectFilter } from '../../subjects/filter.ts'
import { hashBytes } from '../../subjects/hash.ts'

/** No number; and in a bucket: free. */
export const NONE = -1
/** A bucket whose number was given up. */
const GONE = -2
const EMPTY_BYTES = Buffer.alloc(0)

export class SubjectSet {
  /** How many numbers were given. */
  count = 0
  /** The subjects' bytes; the buffer is another one after some were added. */
  bytes: Buffer
  /** Where each begins in `bytes`, and how long it is. */
  starts: Uint32Array
  lengths: Uint16Array
  protected usedBytes = 0
  /** Open addressing; null until something is looked for. */
  private buckets: Int32Array | null = null
  private hashes: Int32Array
  private usedBuckets = 0

  constructor() {
    this.bytes = EMPTY_BYTES
    this.starts = new Uint32Array(0)
    this.lengths = new Uint16Array(0)
    this.hashes = new Int32Array(0)
  }

  /** A set whose subjects are in `bytes` already: number i is `lengths[i]` bytes from `starts[i]`. */
  static over(bytes: Buffer, starts: Uint32Array, lengths: Uint16Array): SubjectSet {
    const set = new SubjectSet()
    set.bytes = bytes
    set.usedBytes = bytes.length
    set.starts = starts
    set.lengths = lengths
    set.count = starts.length
    return set
  }

  /** Bytes of memory that it takes, about. */
  get memoryBytes(): number {
    const buckets = this.buckets === null ? 0 : this.buckets.byteLength + this.hashes.byteLength
    return this.bytes.length + this.starts.byteLength + this.lengths.byteLength + buckets
  }

  endOf(number: number): number {
    return this.starts[number] + this.lengths[number]
  }

  text(number: number): string {
    return this.bytes.toString('utf8', this.starts[number], this.endOf(number))
  }

  /** Number of the subject in bytes, -1 when it isn't there. */
  find(buffer: Buffer, start: number, end: number): number {
    return this.lookUp(hashBytes(buffer, start, end), buffer, start, end)
  }

  /** Number of the subject, given when it isn't there. */
  findOrAdd(buffer: Buffer, start: number, end: number): number {
    const hash = hashBytes(buffer, start, end)
    const found = this.lookUp(hash, buffer, start, end)
    return found === NONE ? this.add(hash, buffer, start, end) : found
  }

  /** Number of a subject of another set, -1 when it isn't there. */
  findOf(other: SubjectSet, number: number): number {
    return this.find(other.bytes, other.starts[number], other.endOf(number))
  }

  /** The same, given when it isn't there. */
  findOrAddOf(other: SubjectSet, number: number): number {
    return this.findOrAdd(other.bytes, other.starts[number], other.endOf(number))
  }

  isMatch(filter: SubjectFilter, number: number): boolean {
    return filter.matches(this.bytes, this.starts[number], this.endOf(number))
  }

  private lookUp(hash: number, buffer: Buffer, start: number, end: number): number {
    const buckets = this.buckets ?? this.rehash()
    const { hashes, lengths, starts, bytes } = this
    const mask = buckets.length - 1
    const length = end - start
    for (let b = spread(hash) & mask; ; b = (b + 1) & mask) {
      const number = buckets[b]
      if (number === NONE) return NONE
      if (number < 0 || hashes[number] !== hash || lengths[number] !== length) continue
      const at = starts[number] - start
      let i = start
      while (i < end && bytes[at + i] === buffer[i]) i++
      if (i === end) return number
    }
  }

  /** A number for a subject that isn't there. */
  protected add(hash: number, buffer: Buffer, start: number, end: number): number {
    let buckets = this.buckets as Int32Array
    if ((this.usedBuckets + 1) * 4 > buckets.length * 3) buckets = this.rehash()
    const number = this.freeNumber()
    if (number === this.starts.length) this.grow(Math.max(16, number * 2))
    if (number === this.count) this.count++
    this.put(number, buffer, start, end)
    if (number >= this.hashes.length) this.hashes = enlarge(this.hashes, this.starts.length)
    this.hashes[number] = hash
    this.place(buckets, number, hash)
    return number
  }

  /** Forgets all. */
  protected reset(): void {
    this.count = 0
    this.usedBytes = 0
    this.usedBuckets = 0
    this.bytes = EMPTY_BYTES
    this.starts = new Uint32Array(0)
    this.lengths = new Uint16Array(0)
    this.hashes = new Int32Array(0)
    this.buckets = null
  }

  /** The number for the next subject. */
  protected freeNumber(): number {
    return this.count
  }

  /** Is there a subject of this number? */
  protected isUsed(_number: number): boolean {
    return true
  }

  /** Room for so many subjects. */
  protected grow(capacity: number): void {
    this.starts = enlarge(this.starts, capacity)
    this.lengths = enlarge(this.lengths, capacity)
  }

  /** Forgets where the subject is found. */
  protected unlink(number: number): void {
    const buckets = this.buckets ?? this.rehash()
    const mask = buckets.length - 1
    let b = spread(this.hashes[number]) & mask
    while (buckets[b] !== number) b = (b + 1) & mask
    buckets[b] = GONE
  }

  /** Bytes of subjects that are there no more are given up: called where there are many. */
  protected pack(): void {
    let used = 0
    for (let number = 0; number < this.count; number++) if (this.isUsed(number)) used += this.lengths[number]
    const packed = Buffer.allocUnsafeSlow(Math.max(256, used + (used >>> 1)))
    let at = 0
    for (let number = 0; number < this.count; number++) {
      if (!this.isUsed(number)) continue
      this.bytes.copy(packed, at, this.starts[number], this.endOf(number))
      this.starts[number] = at
      at += this.lengths[number]
    }
    this.bytes = packed
    this.usedBytes = at
  }

  private put(number: number, buffer: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.usedBytes + length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, (this.usedBytes + length) * 2))
      this.bytes.copy(larger, 0, 0, this.usedBytes)
      this.bytes = larger
    }
    const { bytes } = this
    for (let i = start, at = this.usedBytes; i < end; i++, at++) bytes[at] = buffer[i]
    this.starts[number] = this.usedBytes
    this.lengths[number] = length
    this.usedBytes += length
  }

  private place(buckets: Int32Array, number: number, hash: number): void {
    const mask = buckets.length - 1
    let b = spread(hash) & mask
    while (buckets[b] !== NONE) b = (b + 1) & mask
    buckets[b] = number
    this.usedBuckets++
  }

  private rehash(): Int32Array {
    const isFirst = this.buckets === null
    if (this.hashes.length < this.starts.length) this.hashes = enlarge(this.hashes, this.starts.length)
    let used = 0
    for (let number = 0; number < this.count; number++) if (this.isUsed(number)) used++
    let length = 16
    while (length < used * 2) length *= 2
    const buckets = new Int32Array(length).fill(NONE)
    this.usedBuckets = 0
    for (let number = 0; number < this.count; number++) {
      if (!this.isUsed(number)) continue
      if (isFirst) this.hashes[number] = hashBytes(this.bytes, this.starts[number], this.endOf(number))
      this.place(buckets, number, this.hashes[number])
    }
    this.buckets = buckets
    return buckets
  }
}

function spread(hash: number): number {
  return hash ^ (hash >>> 15)
}

/** Fewer numbers are kept when the last subject is gone. */
const FEW = 1024
/** Bytes of subjects that are gone above which the rest is packed, when they are the larger part. */
const PACK_BYTES = 64 * 1024

/** The same, of which some go again: their numbers are given anew, and memory comes back. */
export class ChangingSubjectSet extends SubjectSet {
  /** How many are there. */
  size = 0
  private used = new Uint8Array(0)
  private readonly free: number[] = []
  private goneBytes = 0

  override get memoryBytes(): number {
    return super.memoryBytes + this.used.length + this.free.length * 8
  }

  /** Is there a subject of this number? */
  has(number: number): boolean {
    return this.used[number] === 1
  }

  drop(number: number): void {
    this.unlink(number)
    this.used[number] = 0
    this.goneBytes += this.lengths[number]
    this.free.push(number)
    if (--this.size === 0 && this.count > FEW) this.reset()
  }

  protected override reset(): void {
    super.reset()
    this.used = new Uint8Array(0)
    this.free.length = 0
    this.goneBytes = 0
  }

  protected override add(hash: number, buffer: Buffer, start: number, end: number): number {
    const number = super.add(hash, buffer, start, end)
    this.used[number] = 1
    this.size++
    return number
  }

  protected override freeNumber(): number {
    if (this.goneBytes > PACK_BYTES && this.goneBytes * 2 > this.usedBytes) {
      this.pack()
      this.goneBytes = 0
    }
    return this.free.pop() ?? this.count
  }

  protected override isUsed(number: number): boolean {
    return this.used[number] === 1
  }

  protected override grow(capacity: number): void {
    super.grow(capacity)
    this.used = enlarge(this.used, capacity)
  }
}

/** The same column, longer. */
export function enlarge<T extends Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array>(
  column: T,
  capacity: number,
): T {
  const larger = new (column.constructor as new (length: number) => T)(capacity)
  larger.set(column)
  return larger
}
