import { hashBytes } from '../../subjects/index.ts'
import { copyBytes, equalBytes } from '../../wire/index.ts'

/** Ids remembered at most; when there are more within the window, the oldest are forgotten. */
export const MAX_IDS = 1 << 24
const FIRST_ENTRIES = 64
const CHUNK_BYTES = 64 * 1024
const NONE = -1

/**
 * The ids of the messages of the last while (`duplicate_window`), oldest first: a ring of entries in typed arrays, a
 * hash table over it, and the ids' bytes in chunks that are given back as they get old.
 */
export class DuplicateWindow {
  /** Milliseconds; 0: nothing is remembered. */
  windowMs: number
  private mask = FIRST_ENTRIES - 1
  private first = 0
  private count = 0
  private hashes = new Int32Array(FIRST_ENTRIES)
  private seqs = new Float64Array(FIRST_ENTRIES)
  private times = new Float64Array(FIRST_ENTRIES)
  /** Number of the chunk since the beginning, and where in it the id is. */
  private chunkOf = new Float64Array(FIRST_ENTRIES)
  private starts = new Int32Array(FIRST_ENTRIES)
  private ends = new Int32Array(FIRST_ENTRIES)
  /** Next older entry of the same bucket. */
  private next = new Int32Array(FIRST_ENTRIES)
  private buckets = new Int32Array(FIRST_ENTRIES).fill(NONE)
  private chunks: Buffer[] = []
  private firstChunk = 0
  private chunkLength = 0

  constructor(windowMs: number) {
    this.windowMs = windowMs
  }

  get size(): number {
    return this.count
  }

  /** Sequence of the message with this id, 0 when there was none within the window. */
  find(buffer: Buffer, start: number, end: number, nowMs: number): number {
    if (this.count === 0) return 0
    this.expire(nowMs)
    const hash = hashOf(buffer, start, end)
    for (let slot = this.buckets[hash & this.mask]; slot !== NONE; slot = this.next[slot]) {
      if (this.hashes[slot] !== hash) continue
      const chunk = this.chunks[this.chunkOf[slot] - this.firstChunk]
      if (equalBytes(chunk, this.starts[slot], this.ends[slot], buffer, start, end)) return this.seqs[slot]
    }
    return 0
  }

  /** Remembers an id. Times must not go back. */
  add(buffer: Buffer, start: number, end: number, seq: number, timeMs: number): void {
    if (this.windowMs === 0) return
    this.expire(timeMs)
    if (this.count > this.mask) {
      if (this.count === MAX_IDS) this.forgetOldest()
      else this.grow()
    }
    const slot = (this.first + this.count) & this.mask
    const hash = hashOf(buffer, start, end)
    this.keep(slot, buffer, start, end)
    this.hashes[slot] = hash
    this.seqs[slot] = seq
    this.times[slot] = timeMs
    this.next[slot] = this.buckets[hash & this.mask]
    this.buckets[hash & this.mask] = slot
    this.count++
  }

  /** Forgets what is older than the window. */
  expire(nowMs: number): void {
    const oldest = nowMs - this.windowMs
    while (this.count > 0 && this.times[this.first] < oldest) this.forgetOldest()
  }

  /** Forgets everything. */
  clear(): void {
    while (this.count > 0) this.forgetOldest()
  }

  private keep(slot: number, buffer: Buffer, start: number, end: number): void {
    const length = end - start
    let chunk = this.chunks[this.chunks.length - 1]
    if (chunk === undefined || this.chunkLength + length > chunk.length) {
      chunk = Buffer.allocUnsafeSlow(Math.max(this.chunks.length === 0 ? 4096 : CHUNK_BYTES, length))
      this.chunks.push(chunk)
      this.chunkLength = 0
    }
    this.chunkOf[slot] = this.firstChunk + this.chunks.length - 1
    this.starts[slot] = this.chunkLength
    this.chunkLength = copyBytes(buffer, start, end, chunk, this.chunkLength)
    this.ends[slot] = this.chunkLength
  }

  private forgetOldest(): void {
    const slot = this.first
    const bucket = this.hashes[slot] & this.mask
    if (this.buckets[bucket] === slot) this.buckets[bucket] = NONE
    else {
      // It is the last of its chain: newer ones are put in front.
      let before = this.buckets[bucket]
      while (this.next[before] !== slot) before = this.next[before]
      this.next[before] = NONE
    }
    this.first = (this.first + 1) & this.mask
    this.count--
    if (this.count === 0) {
      this.firstChunk += this.chunks.length
      this.chunks.length = 0
      this.chunkLength = 0
      return
    }
    while (this.firstChunk < this.chunkOf[this.first]) {
      this.chunks.shift()
      this.firstChunk++
    }
  }

  private grow(): void {
    const capacity = (this.mask + 1) * 2
    const order = (values: Float64Array | Int32Array, into: Float64Array | Int32Array): void => {
      for (let i = 0; i < this.count; i++) into[i] = values[(this.first + i) & this.mask]
    }
    const ints = (values: Int32Array): Int32Array<ArrayBuffer> => {
      const into = new Int32Array(capacity)
      order(values, into)
      return into
    }
    const floats = (values: Float64Array): Float64Array<ArrayBuffer> => {
      const into = new Float64Array(capacity)
      order(values, into)
      return into
    }
    this.hashes = ints(this.hashes)
    this.seqs = floats(this.seqs)
    this.times = floats(this.times)
    this.chunkOf = floats(this.chunkOf)
    this.starts = ints(this.starts)
    this.ends = ints(this.ends)
    this.next = new Int32Array(capacity)
    this.buckets = new Int32Array(capacity).fill(NONE)
    this.first = 0
    this.mask = capacity - 1
    for (let slot = 0; slot < this.count; slot++) {
      const bucket = this.hashes[slot] & this.mask
      this.next[slot] = this.buckets[bucket]
      this.buckets[bucket] = slot
    }
  }
}

function hashOf(buffer: Buffer, start: number, end: number): number {
  const hash = hashBytes(buffer, start, end)
  return hash ^ (hash >>> 15)
}
