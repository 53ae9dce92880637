/**
 * Checkpoints: everything appended so far is carried over from the journal into the logs' files, and the journal before it is
 * free. Behind each, segments in which little lives are rewritten.
 */
import type { Clock, Timer } from '../ports/index.ts'
import type { Chunk, ChunkCache } from './chunk.ts'
import { type Columns, encodeIndex } from './columns.ts'
import { compacted, isSparse } from './compaction.ts'
import { writeCopy, writeDocument, writeFileDurably } from './document.ts'
import type { SegmentFlusher } from './flusher.ts'
import type { Journal } from './journal.ts'
import type { LogCatalog } from './log-catalog.ts'
import type { LogFiles } from './log-files.ts'
import { captureState, type LogState } from './log-state.ts'
import type { LogHost, MessageLog } from './message-log.ts'
import { isPassing, RETRY_MS } from './passing-error.ts'
import type { Segment } from './segment.ts'

export interface CheckpointDocument {
  lsn: number
  nextLogId: number
  nextBatch: number
}

/** A log as a checkpoint carries it over. */
interface CapturedLog {
  log: MessageLog
  state: LogState
  segments: { segment: Segment; count: number; bytes: number; columns: Columns; chunks: Chunk[] }[]
}

/** What a checkpoint needs of the store. */
export interface CheckpointHost extends LogHost {
  readonly failure: Error | null
  readonly shortage: Error | null
  /** All appended so far is durable; rejects when the store fails before. */
  durable(): Promise<void>
  /** A checkpoint went through, or did not. */
  checkpointed(): void
  checkpointFailed(error: Error): void
}

/** Segments of one log rewritten after one checkpoint, and the time until the next names them, milliseconds. */
const MAX_COMPACTIONS = 8
const AFTER_COMPACTION_MS = 1000

export class Checkpointer {
  /** Logs that have something which the last checkpoint lacks. */
  readonly dirty = new Set<MessageLog>()
  private readonly host: CheckpointHost
  private readonly catalog: LogCatalog
  private readonly files: LogFiles
  private readonly flusher: SegmentFlusher
  private readonly cache: ChunkCache
  private readonly clock: Clock
  private readonly directory: string
  private emptied: { log: MessageLog; segment: Segment }[] = []
  private deletedLogs: MessageLog[] = []
  private running: Promise<void> | null = null
  private isWantedAgain = false
  private timer: Timer | null = null
  private isClosed = false

  constructor(parts: {
    host: CheckpointHost
    catalog: LogCatalog
    files: LogFiles
    flusher: SegmentFlusher
    cache: ChunkCache
    clock: Clock
    directory: string
  }) {
    this.host = parts.host
    this.catalog = parts.catalog
    this.files = parts.files
    this.flusher = parts.flusher
    this.cache = parts.cache
    this.clock = parts.clock
    this.directory = parts.directory
  }

  /** The segment has no live message: its files can go. */
  segmentEmptied(log: MessageLog, segment: Segment): void {
    this.emptied.push({ log, segment })
  }

  logDeleted(log: MessageLog): void {
    this.dirty.delete(log)
    this.deletedLogs.push(log)
  }

  /** Asks for a checkpoint, soon; several wishes are one. */
  request(delayMs: number): void {
    if (this.timer !== null || this.isClosed) return
    this.timer = this.clock.setTimer(() => {
      this.timer = null
      this.begin()
    }, delayMs)
  }

  /** Begins one at once; while one runs, another follows it. */
  begin(): void {
    if (this.isClosed || this.host.failure !== null) return
    if (this.running !== null) {
      this.isWantedAgain = true
      return
    }
    this.running = this.run()
      .then(
        () => this.host.checkpointed(),
        (error: Error) => this.host.checkpointFailed(error),
      )
      .finally(() => {
        this.running = null
        if (this.host.shortage !== null) this.request(RETRY_MS)
        if (!this.isWantedAgain) return
        this.isWantedAgain = false
        this.begin()
      })
  }

  /** No more are begun, and the one that runs has ended. */
  async close(): Promise<void> {
    this.isClosed = true
    this.timer?.clear()
    await this.running
  }

  /** Carries everything appended so far over into the logs' files; the journal before it is free then. */
  async run(): Promise<void> {
    const journal = this.host.journal as Journal
    const { directory } = this
    const lsn = journal.nextLsn
    const captured: CapturedLog[] = [...this.dirty].map((log) => ({
      log,
      state: captureState(log, lsn),
      segments: log.segments
        .filter((segment) => segment.indexedCount !== segment.count)
        .map((segment) => ({
          segment,
          count: segment.count,
          bytes: segment.dataBytes,
          columns: segment.index(),
          // Kept here, since a purge meanwhile takes them from the segment.
          chunks: [...segment.chunks.values()].filter((chunk) => !chunk.isFromDisk),
        })),
    }))
    this.dirty.clear()
    const { emptied, deletedLogs } = this
    this.emptied = []
    this.deletedLogs = []
    const document: CheckpointDocument = {
      lsn,
      nextLogId: this.catalog.nextId,
      nextBatch: journal.lastBatch + 1,
    }
    // States must not be ahead of the journal.
    await this.host.durable()
    // First: it may make the room that the rest needs.
    await this.removeDeleted(deletedLogs)
    let shortage: Error | null = null
    let isOneGone = false
    const left = new Set<MessageLog>()
    for (const each of captured) {
      if (!this.catalog.has(each.log)) {
        isOneGone = true
        continue
      }
      try {
        await this.carryOver(each)
      } catch (error) {
        if (!isPassing(error as Error)) throw error
        // The other logs go on; this one is for the next checkpoint.
        shortage = error as Error
        left.add(each.log)
        this.dirty.add(each.log)
      }
    }
    for (const each of emptied) {
      if (left.has(each.log)) this.emptied.push(each)
      else await this.flusher.inTurn(each.log, () => this.files.removeSegment(each.segment))
    }
    if (shortage !== null) throw shortage
    // A log deleted meanwhile is not carried over: the journal has it until its deletion is durable.
    if (isOneGone) await this.host.durable()
    await writeDocument(this.files.fileSystem, `${directory}/checkpoint.json`, document)
    await this.files.fileSystem.syncDirectory(directory)
    await writeCopy(this.files.fileSystem, `${directory}/checkpoint.json`, document)
    await journal.release(lsn)
    for (const { log } of captured) await this.compact(log)
  }

  private async removeDeleted(logs: MessageLog[]): Promise<void> {
    for (const log of logs) await this.flusher.inTurn(log, () => this.files.removeFolder(log))
    if (logs.length > 0) await this.files.fileSystem.syncDirectory(`${this.directory}/logs`)
  }

  /** Data, indexes and state of a log, as they were captured. */
  private async carryOver({ log, state, segments }: CapturedLog): Promise<void> {
    const folder = this.files.folder(log.id)
    await this.files.makeFolder(log.id)
    await this.flusher.inTurn(log, async () => {
      for (const { chunks, bytes } of segments) await this.files.flushThrough(chunks, bytes)
    })
    for (const { segment, count, bytes, columns } of segments) {
      if (this.files.unsynced.delete(segment)) await this.files.syncData(segment)
      await writeFileDurably(
        this.files.fileSystem,
        this.files.indexPath(segment),
        encodeIndex(columns, count, bytes),
      )
      segment.indexedCount = count
      if (segment.isSealed && segment.count === count) this.host.indexLoaded(segment)
    }
    // The state names these files: their entries are durable before it is.
    if (segments.length > 0) await this.files.fileSystem.syncDirectory(folder)
    await writeDocument(this.files.fileSystem, `${folder}/state.json`, state)
    await this.files.fileSystem.syncDirectory(folder)
    await writeCopy(this.files.fileSystem, `${folder}/state.json`, state)
  }

  /** Rewrites segments of the log in which little lives. The next checkpoint names them and removes the old ones. */
  private async compact(log: MessageLog): Promise<void> {
    const sparse = log.segments.filter(
      (segment) =>
        segment.indexedCount === segment.count &&
        isSparse(segment, this.host.compactBelow, this.host.segmentBytes),
    )
    for (const old of sparse.slice(0, MAX_COMPACTIONS)) {
      if (this.isClosed || !this.catalog.has(log)) return
      const data = await this.files.fileSystem.readFile(this.files.dataPath(old))
      if (!log.segments.includes(old) || data.length < old.dataBytes) continue
      const fresh = compacted(old, log.nextSegmentId++, this.host, (offset) => ({ buffer: data, at: offset }))
      const chunks = [...fresh.chunks.values()]
      try {
        await this.flusher.inTurn(log, () => this.files.flushThrough(chunks, fresh.dataBytes))
        await this.files.syncData(fresh)
        this.files.unsynced.delete(fresh)
        const index = encodeIndex(fresh.columns as Columns, fresh.count, fresh.dataBytes)
        await writeFileDurably(this.files.fileSystem, this.files.indexPath(fresh), index)
        // The next state names it, and may be written without other segments.
        await this.files.fileSystem.syncDirectory(this.files.folder(log.id))
      } catch (error) {
        if (!isPassing(error as Error)) throw error
        // No room to save room: the old one is as good.
        await this.files.removeSegment(fresh)
        return
      }
      fresh.indexedCount = fresh.count
      if (!log.replaceSegment(old, fresh)) {
        await this.files.removeSegment(fresh)
        continue
      }
      for (const chunk of chunks) this.cache.add(chunk)
      this.host.indexLoaded(fresh)
      this.dirty.add(log)
      this.request(AFTER_COMPACTION_MS)
    }
  }
}
