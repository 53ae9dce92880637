import type { Segment } from './segment.ts'

/** Called when what a reader waited for is in memory. */
export interface LoadWaiter {
  onLoaded(): void
}

/**
 * Whole records of a segment that begin in one cell of its data (`offset >>> chunkBits`): the unit in which
 * data is appended, written, read and cached.
 */
export class Chunk {
  readonly segment: Segment
  readonly id: number
  /** Offset in the segment of the first byte. */
  readonly start: number
  buffer: Buffer
  length = 0
  /** Bytes that are in the file. */
  flushed = 0
  /** Sequence of the last record. */
  lastSeq = 0
  /** Read from disk: the checksum of each record is verified as it is read. */
  isFromDisk = false
  isLoading = false
  /** Why it could not be read: nothing can be told of its records until it is tried again. */
  failure: Error | null = null
  /** Used since the cache last looked: it stays. */
  isTouched = false
  waiters: LoadWaiter[] = []

  constructor(segment: Segment, id: number, start: number, buffer: Buffer) {
    this.segment = segment
    this.id = id
    this.start = start
    this.buffer = buffer
  }

  /** Makes room for `bytes` more; grows by doubling up to `fullBytes`, or as far as the record needs. */
  reserve(bytes: number, fullBytes: number): void {
    const wanted = this.length + bytes
    if (wanted <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow(
      Math.max(wanted, Math.min(this.buffer.length * 2, fullBytes + 1024)),
    )
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

/** Keeps chunks that can be read again from their files, up to a number of bytes; the unused go first. */
export class ChunkCache {
  bytes = 0
  private chunks: Chunk[] = []
  private hand = 0
  private readonly limitBytes: number

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  add(chunk: Chunk): void {
    this.chunks.push(chunk)
    this.bytes += chunk.buffer.length
    // Twice round at most: the first time a used chunk only loses its mark.
    for (let steps = this.chunks.length * 2; this.bytes > this.limitBytes && steps > 0; steps--) {
      if (this.hand >= this.chunks.length) this.hand = 0
      const candidate = this.chunks[this.hand]
      if (candidate.isTouched && candidate !== chunk) {
        candidate.isTouched = false
        this.hand++
      } else if (candidate === chunk) {
        this.hand++
      } else {
        this.removeAt(this.hand)
        candidate.segment.chunks.delete(candidate.id)
      }
    }
  }

  /** Forgets the chunks of a segment that goes away. */
  drop(segment: Segment): void {
    for (let i = this.chunks.length - 1; i >= 0; i--) if (this.chunks[i].segment === segment) this.removeAt(i)
    segment.chunks.clear()
  }

  private removeAt(index: number): void {
    this.bytes -= this.chunks[index].buffer.length
    const last = this.chunks.pop() as Chunk
    if (index < this.chunks.length) this.chunks[index] = last
  }
}
