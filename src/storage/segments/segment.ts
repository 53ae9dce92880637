/** A stretch of a log: records one after another in one file (or in memory), with their index. */
import type { FileHandle } from '../../ports/index.ts'
import { readAt, shortRead } from '../files/handles.ts'
import { RECORD_HEAD_BYTES, recordLengthAt, seqAt } from '../format/record.ts'
import { Chunk, type ChunkBuffers, type LoadWaiter, type SegmentFile } from './chunk.ts'
import { Columns, decodeIndex, HAS_HEADERS } from './columns.ts'

const NO_SUBJECT = Buffer.alloc(0)
/** Of the first chunk of a segment, to begin with. */
const FIRST_CHUNK_BYTES = 4096

/** What a segment needs of the store. */
export interface SegmentFiles {
  /** Opens the data file, to read. */
  openData(segment: Segment): Promise<FileHandle>
  /**
   * Reads the index file whole; null when it is missing, or the disk can't give it. Blocks: index files are small and hot.
   * @throws ReadFailure
   */
  readIndex(segment: Segment): Buffer | null
  /**
   * Reads the data file whole, to make a damaged index anew; empty when it is missing. Blocks.
   * @throws ReadFailure
   */
  readData(segment: Segment): Buffer
  /** Bytes of the data file, 0 when there is none. */
  dataBytes(segment: Segment): Promise<number>
  /** Records turned out to be damaged when the index was made anew; `bytes` they counted for, estimated. */
  recordsLost(segment: Segment, sequences: readonly number[], bytes: number): void
  /** The index was made anew: its file is to be too. */
  indexRebuilt(segment: Segment): void
  /** Bytes that are no record any more. */
  damaged(segment: Segment, sequences: readonly number[], bytes: Buffer): void
  /** An index was loaded from its file, and may be given up again. */
  indexLoaded(segment: Segment): void
  /** A chunk was read from disk, or could not be. */
  chunkLoaded(chunk: Chunk): void
  chunkFailed(chunk: Chunk): void
  warn(text: string): void
  readonly chunkBits: number
  readonly buffers: ChunkBuffers
}

/** A segment as the state file has it. */
export interface SegmentState {
  id: number
  firstSeq: number
  count: number
  dataBytes: number
  live: number
  liveBytes: number
  firstMs: number
  lastMs: number
  /** Bits of deleted messages, base64. */
  deleted?: string
  /** Not there: its data are as they are. */
  packing?: 'done' | 'wanted'
}

export class Segment implements SegmentFile {
  readonly id: number
  readonly firstSeq: number
  count = 0
  dataBytes = 0
  /** Messages not deleted, and what they count for. */
  live = 0
  liveBytes = 0
  firstMs = 0
  lastMs = 0
  /** A bit per message: deleted. Null while nothing is. */
  deleted: Uint8Array | null = null
  columns: Columns | null = null
  /** Used since the cache of indexes last looked: it stays. */
  isIndexUsed = false
  isSealed = false
  /** Are its data packed in the file, or to be once it is sealed? */
  packing: 'done' | 'none' | 'wanted' = 'none'
  /** Messages that the index file covers; -1 before it was written. */
  indexedCount = -1
  readonly chunks = new Map<number, Chunk>()
  tail: Chunk | null = null
  handle: FileHandle | null = null
  opening: Promise<FileHandle> | null = null
  /** Where its messages went when it was rewritten, or its end was. */
  readonly successors: Segment[] = []
  /** Users of the data file: it stays open. */
  pins = 0
  /** The log it belongs to. */
  readonly logId: number
  readonly files: SegmentFiles

  constructor(logId: number, id: number, firstSeq: number, files: SegmentFiles) {
    this.logId = logId
    this.id = id
    this.firstSeq = firstSeq
    this.files = files
  }

  get isPacked(): boolean {
    return this.packing === 'done'
  }

  get endSeq(): number {
    return this.firstSeq + this.count
  }

  /** The chunk into which the next record of `length` bytes goes, with room for it. */
  room(length: number): Chunk {
    const { chunkBits, buffers } = this.files
    const id = this.dataBytes >>> chunkBits
    let chunk = this.tail
    if (chunk === null || chunk.id !== id) {
      // A log that has filled a chunk fills the next; one that is hardly used takes little.
      const bytes = chunk === null ? FIRST_CHUNK_BYTES : Math.min(chunk.length, buffers.fullBytes)
      chunk = new Chunk(this, id, this.dataBytes, buffers.take(Math.max(bytes, length)))
      this.chunks.set(id, chunk)
      this.tail = chunk
    }
    chunk.reserve(length, buffers)
    return chunk
  }

  isDeleted(position: number): boolean {
    const { deleted } = this
    return deleted !== null && (deleted[position >>> 3] & (1 << (position & 7))) !== 0
  }

  markDeleted(position: number): void {
    const bytes = (Math.max(this.count, position + 1) + 7) >>> 3
    if (this.deleted === null || this.deleted.length < bytes) {
      const larger = new Uint8Array(this.isSealed ? bytes : bytes * 2 + 32)
      if (this.deleted !== null) larger.set(this.deleted)
      this.deleted = larger
    }
    this.deleted[position >>> 3] |= 1 << (position & 7)
  }

  /** Gives a sequence away that no message has. */
  skip(): void {
    const columns = this.columns as Columns
    nameNothing(columns)
    columns.pushNothing(this.dataBytes)
    this.markDeleted(this.count++)
  }

  /**
   * The index: loaded from its file, or made anew from the data when that is damaged.
   * @throws ReadFailure: neither can be read for now; nothing has changed
   */
  index(): Columns {
    this.isIndexUsed = true
    const present = this.columns
    if (present !== null) return present
    const bytes = this.files.readIndex(this)
    let columns = bytes === null ? null : decodeIndex(bytes)
    if (columns === null || columns.count < this.count) {
      const data = this.files.readData(this)
      this.files.warn(`index of segment ${this.id} is missing or damaged: made anew from its data`)
      const liveBefore = this.live
      const lost: number[] = []
      columns = rebuildIndex(this, data, lost)
      this.columns = columns
      this.indexedCount = 0
      this.files.indexRebuilt(this)
      if (lost.length > 0) {
        const bytes = Math.round((this.liveBytes * lost.length) / liveBefore)
        this.liveBytes -= bytes
        this.files.recordsLost(this, lost, bytes)
      }
    }
    this.columns = columns
    this.files.indexLoaded(this)
    return columns
  }

  /** Takes the chunks of another over, that has the same data at the same places. */
  takeChunks(old: Segment): void {
    for (const [id, chunk] of old.chunks) {
      // What is still being read is for those that wait for it.
      if (chunk.isLoading || chunk.failure !== null) continue
      chunk.segment = this
      this.chunks.set(id, chunk)
      old.chunks.delete(id)
    }
  }

  /** Ends in front of a position, which has others behind it. */
  cutOff(position: number, columns: Columns): void {
    this.dataBytes = columns.offsets[position]
    this.count = position
    this.indexedCount = position
    this.lastMs = position > 0 ? columns.secs[position - 1] * 1000 + columns.nsecs[position - 1] / 1e6 : 0
    columns.count = position
    for (const [id, chunk] of this.chunks) if (chunk.start >= this.dataBytes) this.chunks.delete(id)
  }

  /** Bytes of the record at a position. */
  lengthAt(columns: Columns, position: number): number {
    const end = position + 1 < this.count ? columns.offsets[position + 1] : this.dataBytes
    return end - columns.offsets[position]
  }

  /** The chunk with the record at `offset`, or null when it has to be read: the waiter is called then. */
  chunkAt(offset: number, waiter: LoadWaiter | null): Chunk | null {
    const id = offset >>> this.files.chunkBits
    const chunk = this.chunks.get(id)
    if (chunk === undefined) {
      this.load(id, waiter)
      return null
    }
    if (chunk.isLoading) {
      if (waiter !== null && !chunk.waiters.includes(waiter)) chunk.waiters.push(waiter)
      return null
    }
    chunk.isTouched = true
    return chunk
  }

  /** Where the chunk of this number ends: the first record of a later one. */
  chunkEnd(columns: Columns, id: number): number {
    const next = lowerBound(columns.offsets, this.count, (id + 1) * 2 ** this.files.chunkBits)
    return next < this.count ? columns.offsets[next] : this.dataBytes
  }

  private load(id: number, waiter: LoadWaiter | null): void {
    const columns = this.index()
    const { chunkBits, buffers } = this.files
    const first = lowerBound(columns.offsets, this.count, id * 2 ** chunkBits)
    const next = lowerBound(columns.offsets, this.count, (id + 1) * 2 ** chunkBits)
    const start = columns.offsets[first]
    const end = this.chunkEnd(columns, id)
    const chunk = new Chunk(this, id, start, buffers.take(end - start))
    chunk.isLoading = true
    chunk.isFromDisk = true
    chunk.lastSeq = this.firstSeq + next - 1
    if (waiter !== null) chunk.waiters.push(waiter)
    this.chunks.set(id, chunk)
    this.pins++
    const finish = (error: Error | null, read: number): void => {
      chunk.isLoading = false
      chunk.length = read
      chunk.flushed = read
      this.pins--
      if (error === null) this.files.chunkLoaded(chunk)
      else {
        chunk.failure = error
        this.files.chunkFailed(chunk)
      }
      const waiters = chunk.waiters
      chunk.waiters = []
      for (const each of waiters) each.onLoaded()
    }
    this.readChunk(chunk, end - start).then(
      (read) => finish(null, read),
      (error: Error) => finish(error, 0),
    )
  }

  /** Reads the bytes of a chunk: all, or as far as the file goes where it was cut off. */
  private async readChunk(chunk: Chunk, bytes: number): Promise<number> {
    const { buffer, start } = chunk
    const handle = await this.files.openData(this)
    const read = await readAt(handle, buffer, bytes, start)
    if (read === bytes || (await this.files.dataBytes(this)) < start + bytes) return read
    throw shortRead(read, bytes)
  }

  state(): SegmentState {
    const { deleted } = this
    return {
      id: this.id,
      firstSeq: this.firstSeq,
      count: this.count,
      dataBytes: this.dataBytes,
      live: this.live,
      liveBytes: this.liveBytes,
      firstMs: this.firstMs,
      lastMs: this.lastMs,
      ...(this.packing === 'none' ? {} : { packing: this.packing }),
      ...(deleted === null
        ? {}
        : { deleted: Buffer.from(deleted.subarray(0, (this.count + 7) >>> 3)).toString('base64') }),
    }
  }

  static restore(logId: number, state: SegmentState, files: SegmentFiles): Segment {
    const segment = new Segment(logId, state.id, state.firstSeq, files)
    segment.count = state.count
    segment.dataBytes = state.dataBytes
    segment.live = state.live
    segment.liveBytes = state.liveBytes
    segment.firstMs = state.firstMs
    segment.lastMs = state.lastMs
    segment.isSealed = true
    segment.packing = state.packing ?? 'none'
    segment.indexedCount = state.count
    if (state.deleted !== undefined) segment.deleted = new Uint8Array(Buffer.from(state.deleted, 'base64'))
    return segment
  }
}

/** Makes the index of a segment from its data. Messages whose records can't be read are marked deleted, and put into `lost`. */
function rebuildIndex(segment: Segment, data: Buffer, lost: number[]): Columns {
  const columns = new Columns(segment.count)
  /** Where the last record ended: what comes up to the next one is damaged. */
  let reached = 0
  const noteMissing = (seq: number, at: number): void => {
    const before = lost.length
    while (segment.firstSeq + columns.count < seq) {
      if (!segment.isDeleted(columns.count)) {
        segment.markDeleted(columns.count)
        segment.live--
        lost.push(segment.firstSeq + columns.count)
      }
      columns.pushNothing(at)
    }
    if (lost.length > before) segment.files.damaged(segment, lost.slice(before), data.subarray(reached, at))
  }
  const limit = Math.min(data.length, segment.dataBytes)
  for (let at = 0; at < limit && columns.count < segment.count; ) {
    const length = recordLengthAt(data, at, limit)
    const seq = length > 0 ? seqAt(data, at) : 0
    if (length === 0 || seq < segment.firstSeq + columns.count || seq >= segment.endSeq) {
      at++
      continue
    }
    noteMissing(seq, at)
    const subjectAt = at + RECORD_HEAD_BYTES
    const local = columns.dictionary.findOrAdd(data, subjectAt, subjectAt + data.readUInt16LE(at + 18))
    const hasHeaders = data.readUInt32LE(at + 8) > 0
    columns.push(
      at,
      data.readUInt32LE(at + 20),
      data.readUInt32LE(at + 24),
      (hasHeaders ? HAS_HEADERS : 0) | local,
    )
    at += length
    reached = at
  }
  noteMissing(segment.endSeq, limit)
  nameNothing(columns)
  return columns
}

/** Positions without a message have the first subject: there is to be one. */
function nameNothing({ dictionary }: Columns): void {
  if (dictionary.count === 0) dictionary.findOrAdd(NO_SUBJECT, 0, 0)
}

/** First index in the sorted column with a value of at least `value`. */
function lowerBound(column: Uint32Array, count: number, value: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (column[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}
