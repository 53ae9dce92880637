import type { FileHandle } from '../../ports/index.ts'

/** Called when what a reader waited for is in memory. */
export interface LoadWaiter {
  onLoaded(): void
}

/** The data file of a segment, as those see it that open, read and write it. */
export interface SegmentFile {
  readonly logId: number
  readonly id: number
  /** What of it is in memory, by number. */
  readonly chunks: Map<number, Chunk>
  /** Bytes of its records, whether in the file yet or not. */
  readonly dataBytes: number
  /** Nothing is appended to it any more. */
  readonly isSealed: boolean
  /** Its file has its data packed. */
  readonly isPacked: boolean
  handle: FileHandle | null
  opening: Promise<FileHandle> | null
  /** Users of the file: it stays open. */
  pins: number
}

/**
 * Whole records of a segment that begin in one cell of its data (`offset >>> chunkBits`): the unit in which
 * data is appended, written, read and cached.
 */
export class Chunk {
  segment: SegmentFile
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
  /** Owned by the cache. */
  isCached = false

  constructor(segment: SegmentFile, id: number, start: number, buffer: Buffer) {
    this.segment = segment
    this.id = id
    this.start = start
    this.buffer = buffer
  }

  /** Makes room for `bytes` more; grows by doubling up to that of a full chunk, or as far as the record needs. */
  reserve(bytes: number, buffers: ChunkBuffers): void {
    const wanted = this.length + bytes
    if (wanted <= this.buffer.length) return
    const larger = buffers.take(Math.max(wanted, Math.min(this.buffer.length * 2, buffers.fullBytes)))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

/** Buffers of chunks, of which some full ones are used again: collecting them would cost more than filling them. */
export class ChunkBuffers {
  /** Of a full chunk: its last record may reach beyond the cell. */
  readonly fullBytes: number
  private readonly unused: Buffer[] = []
  /** Given back in this turn of the event loop: who has just read in one, and waits for a promise, may still look at it. */
  private resting: Buffer[] = []

  constructor(chunkBits: number) {
    this.fullBytes = (1 << chunkBits) + 1024
  }

  /** A buffer of at least so many bytes. */
  take(bytes: number): Buffer {
    const isFull = bytes * 2 > this.fullBytes && bytes <= this.fullBytes
    if (!isFull) return Buffer.allocUnsafeSlow(bytes)
    return this.unused.pop() ?? Buffer.allocUnsafeSlow(this.fullBytes)
  }

  /** Nobody uses it any more when this turn of the event loop is over. */
  give(buffer: Buffer): void {
    if (buffer.length !== this.fullBytes || this.unused.length + this.resting.length >= KEPT_BUFFERS) return
    this.resting.push(buffer)
    if (this.resting.length > 1) return
    setImmediate(() => {
      this.unused.push(...this.resting)
      this.resting = []
    })
  }
}

const KEPT_BUFFERS = 16
const NOTHING = Buffer.alloc(0)

/** Keeps chunks that can be read again from their files, up to a number of bytes; the unused go first. */
export class ChunkCache {
  bytes = 0
  private chunks: Chunk[] = []
  private hand = 0
  private readonly limitBytes: number
  readonly buffers: ChunkBuffers

  constructor(limitBytes: number, buffers: ChunkBuffers) {
    this.limitBytes = limitBytes
    this.buffers = buffers
  }

  add(chunk: Chunk): void {
    if (chunk.isCached) return
    chunk.isCached = true
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
        this.buffers.give(candidate.buffer)
        candidate.buffer = NOTHING
      }
    }
  }

  /** Forgets the chunks of a segment that goes away. */
  drop(segment: SegmentFile): void {
    for (let i = this.chunks.length - 1; i >= 0; i--) if (this.chunks[i].segment === segment) this.removeAt(i)
    segment.chunks.clear()
  }

  private removeAt(index: number): void {
    this.bytes -= this.chunks[index].buffer.length
    this.chunks[index].isCached = false
    const last = this.chunks.pop() as Chunk
    if (index < this.chunks.length) this.chunks[index] = last
  }
}
