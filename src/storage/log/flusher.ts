/** Fills the segments behind the commits: chunks that are full and durable are written to their files. */
import type { Chunk, ChunkCache } from '../segments/chunk.ts'
import type { Segment } from '../segments/segment.ts'
import type { LogFiles } from './log-files.ts'
import type { MessageLog } from './message-log.ts'

export class SegmentFlusher {
  private readonly files: LogFiles
  private readonly cache: ChunkCache
  private readonly onError: (error: Error) => void
  /** Full chunks by log, oldest first, and the writers under way. */
  private readonly unflushed = new Map<MessageLog, Chunk[]>()
  private readonly flushing = new Map<MessageLog, Promise<void>>()
  /** Nothing is written behind the commits: there is no room that it should take. */
  isHeld = false

  constructor(files: LogFiles, cache: ChunkCache, onError: (error: Error) => void) {
    this.files = files
    this.cache = cache
    this.onError = onError
  }

  chunkFilled(log: MessageLog, chunk: Chunk): void {
    const queue = this.unflushed.get(log)
    if (queue === undefined) this.unflushed.set(log, [chunk])
    else queue.push(chunk)
  }

  /** Chunks of a segment in which nothing lives need not be written. */
  segmentEmptied(log: MessageLog, segment: Segment): void {
    const queue = this.unflushed.get(log)
    if (queue === undefined) return
    this.unflushed.set(
      log,
      queue.filter((chunk) => chunk.segment !== segment),
    )
  }

  forget(log: MessageLog): void {
    this.unflushed.delete(log)
  }

  /** More of the log is durable. */
  committed(log: MessageLog): void {
    if (this.isHeld || !this.unflushed.has(log) || this.flushing.has(log)) return
    this.inTurn(log, () => this.flushFull(log)).catch(this.onError)
  }

  /** Goes on after it was held. */
  resume(): void {
    this.isHeld = false
    for (const log of [...this.unflushed.keys()]) this.committed(log)
  }

  /** One writer per log at a time. */
  inTurn(log: MessageLog, work: () => Promise<void>): Promise<void> {
    const before = this.flushing.get(log) ?? Promise.resolve()
    const run = before.then(work)
    const settled = run
      .catch(() => {})
      .then(() => {
        if (this.flushing.get(log) === settled) this.flushing.delete(log)
      })
    this.flushing.set(log, settled)
    return run
  }

  /** Nothing is being written any more. */
  async settled(): Promise<void> {
    await Promise.all(this.flushing.values())
  }

  /** Writes chunks that are full and committed; they are the cache's then. */
  private async flushFull(log: MessageLog): Promise<void> {
    for (;;) {
      const chunk = this.unflushed.get(log)?.[0]
      if (this.isHeld || chunk === undefined || chunk.lastSeq > log.committedSeq) return
      await this.files.writeChunk(chunk, chunk.length)
      const rest = this.unflushed.get(log)
      if (rest?.[0] === chunk) rest.shift()
      if (rest?.length === 0) this.unflushed.delete(log)
      if (chunk.segment.chunks.get(chunk.id) === chunk) this.cache.add(chunk)
    }
  }
}
