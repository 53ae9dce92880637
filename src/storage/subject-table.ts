/** Live subjects of a log: how many messages each has, and where the first and last are. */

import { hashBytes } from '../subjects/hash.ts'

const NONE = -1

/**
 * Open addressing over the bytes of the subjects (held as latin1 text, a byte a character). A slot is free
 * again when its subject has no message left.
 */
export class SubjectTable {
  /** Live subjects. */
  size = 0
  subjects: (string | null)[] = []
  counts: number[] = []
  firsts: number[] = []
  lasts: number[] = []
  /** Segment in whose dictionary the subject was noted last, and under which number. */
  segmentIds: number[] = []
  localIds: number[] = []
  private readonly free: number[] = []
  private buckets: Int32Array = new Int32Array(64).fill(NONE)
  private hashes: number[] = []
  private used = 0

  /** Slot of the subject in bytes, -1 when there is none. */
  find(buffer: Buffer, start: number, end: number): number {
    const hash = hashBytes(buffer, start, end)
    const mask = this.buckets.length - 1
    const length = end - start
    for (let b = spread(hash) & mask; ; b = (b + 1) & mask) {
      const slot = this.buckets[b]
      if (slot === NONE) return NONE
      if (slot < 0 || this.hashes[slot] !== hash) continue
      const subject = this.subjects[slot] as string
      if (subject.length !== length) continue
      let i = 0
      while (i < length && subject.charCodeAt(i) === buffer[start + i]) i++
      if (i === length) return slot
    }
  }

  findText(subject: string): number {
    const bytes = Buffer.from(subject, 'latin1')
    return this.find(bytes, 0, bytes.length)
  }

  /** Slot of the subject, made when there is none. */
  findOrAdd(buffer: Buffer, start: number, end: number): number {
    const slot = this.find(buffer, start, end)
    return slot !== NONE
      ? slot
      : this.add(buffer.toString('latin1', start, end), hashBytes(buffer, start, end))
  }

  findOrAddText(subject: string): number {
    const bytes = Buffer.from(subject, 'latin1')
    return this.findOrAdd(bytes, 0, bytes.length)
  }

  /** Gives the slot back. */
  drop(slot: number): void {
    const mask = this.buckets.length - 1
    let b = spread(this.hashes[slot]) & mask
    while (this.buckets[b] !== slot) b = (b + 1) & mask
    this.buckets[b] = GONE
    this.subjects[slot] = null
    this.counts[slot] = 0
    this.segmentIds[slot] = 0
    this.free.push(slot)
    this.size--
  }

  private add(subject: string, hash: number): number {
    if (this.used * 4 >= this.buckets.length * 3) this.rehash()
    const slot = this.free.pop() ?? this.subjects.length
    this.subjects[slot] = subject
    this.hashes[slot] = hash
    this.counts[slot] = 0
    this.firsts[slot] = 0
    this.lasts[slot] = 0
    this.segmentIds[slot] = 0
    this.localIds[slot] = 0
    this.place(slot)
    this.size++
    return slot
  }

  private place(slot: number): void {
    const mask = this.buckets.length - 1
    let b = spread(this.hashes[slot]) & mask
    while (this.buckets[b] !== NONE) b = (b + 1) & mask
    this.buckets[b] = slot
    this.used++
  }

  private rehash(): void {
    let length = 64
    while (length < this.size * 3) length *= 2
    this.buckets = new Int32Array(length).fill(NONE)
    this.used = 0
    for (let slot = 0; slot < this.subjects.length; slot++) if (this.subjects[slot] !== null) this.place(slot)
  }
}

/** Marks a bucket whose slot was given back. */
const GONE = -2

function spread(hash: number): number {
  return hash ^ (hash >>> 15)
}
