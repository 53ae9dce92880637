/**
 * Checkpoints: everything appended so far is carried over from the journal into the logs' files, and the journal before it is
 * free. Behind each, segments in which little lives are rewritten.
 */
import type { Clock, Timer } from '../ports/index.ts'
import type { Chunk, ChunkCache } from './chunk.ts'
import { type Columns, encodeIndex } from './columns.ts'
import { isSparse } from './compaction.ts'
import { writeCopy, writeDocument, writeFileDurably } from './document.ts'
import type { SegmentFlusher } from './flusher.ts'
import type { Journal } from './journal.ts'
import type { LogCatalog } from './log-catalog.ts'
import type { LogFiles } from './log-files.ts'
import { captureState, type LogState } from './log-state.ts'
import type { MessageLog } from './message-log.ts'
import { isPassing, RETRY_MS } from './passing-error.ts'
import { type Emptied, type ReclaimHost, Reclaimer } from './reclaim.ts'
import type { Reserve } from './reserve.ts'
import type { Segment, SegmentState } from './segment.ts'

export interface CheckpointDocument {
  lsn: number
  nextLogId: number
  nextBatch: number
  /** Logs that are deleted, and whose files could not be removed yet. */
  deletedLogs?: number[]
}

/** A log as a checkpoint carries it over. */
interface CapturedLog {
  log: MessageLog
  state: LogState
  segments: { segment: Segment; count: number; bytes: number; columns: Columns; chunks: Chunk[] }[]
}

/** What a checkpoint is to do: all as of one moment. */
interface Work {
  document: CheckpointDocument
  captured: CapturedLog[]
  emptied: Emptied[]
  deleted: { id: number; log: MessageLog | null }[]
}

/** What a checkpoint needs of the store. */
export interface CheckpointHost extends ReclaimHost {
  readonly failure: Error | null
  readonly shortage: Error | null
  /** A checkpoint went through, or did not. */
  checkpointed(): void
  checkpointFailed(error: Error): void
}

/** Segments of one log rewritten after one checkpoint, and the time until the next names them, milliseconds. */
const MAX_COMPACTIONS = 8
const AFTER_COMPACTION_MS = 1000
/** Time from when nothing lives in a segment until its files go, milliseconds. */
const AFTER_EMPTIED_MS = 2000
/** Time until a file that could not be removed is tried again, milliseconds. */
const AFTER_NOT_REMOVED_MS = 10_000

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
  private readonly reserve: Reserve
  private readonly reclaimer: Reclaimer
  private emptied: Omit<Emptied, 'replacedBy'>[] = []
  /** Logs whose files are to go, by number; null: nothing else is known of it. */
  private readonly deletedLogs = new Map<number, MessageLog | null>()
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
    reserve: Reserve
  }) {
    this.host = parts.host
    this.catalog = parts.catalog
    this.files = parts.files
    this.flusher = parts.flusher
    this.cache = parts.cache
    this.clock = parts.clock
    this.directory = parts.directory
    this.reserve = parts.reserve
    this.reclaimer = new Reclaimer(parts.host, parts.files, parts.flusher, parts.reserve)
  }

  /** The segment has no live message: its files can go. */
  segmentEmptied(log: MessageLog, segment: Segment): void {
    this.emptied.push({ log, segment })
    this.request(AFTER_EMPTIED_MS)
  }

  /** A log is deleted: its files can go. With nothing but its number, where it was so before the store was opened. */
  logDeleted(id: number, log: MessageLog | null): void {
    if (log !== null) this.dirty.delete(log)
    this.deletedLogs.set(id, log)
  }

  /** Is there something that the last checkpoint lacks? */
  get isWanted(): boolean {
    return this.dirty.size > 0 || this.deletedLogs.size > 0
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
    const work = this.capture(journal)
    const { captured, document } = work
    try {
      // States must not be ahead of the journal.
      await this.host.durable()
      // First: it may make the room that the rest needs.
      await this.removeDeleted(work)
      if (this.host.shortage !== null) await this.reclaim(work)
      await this.carryOverAll(work)
      if (work.deleted.length > 0) document.deletedLogs = work.deleted.map(({ id }) => id)
      const path = `${this.directory}/checkpoint.json`
      await writeDocument(this.files.fileSystem, path, document)
      await this.files.fileSystem.syncDirectory(this.directory)
      await writeCopy(this.files.fileSystem, path, document)
    } catch (error) {
      // All of it is for the next one.
      for (const { log } of captured) if (this.catalog.has(log)) this.dirty.add(log)
      for (const each of work.emptied) this.emptied.push(each)
      throw error
    }
    await journal.release(document.lsn)
    if (this.host.shortage !== null) {
      // Only with this in hand is anything new taken.
      await this.reserve.make()
      await journal.prepareNext()
    }
    for (const { log } of captured) await this.compact(log)
  }

  /** Everything as of this moment. */
  private capture(journal: Journal): Work {
    const lsn = journal.nextLsn
    const captured = [...this.dirty].map((log) => ({
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
    const emptied = this.emptied.map((each) => ({ ...each, replacedBy: replacementOf(each) }))
    this.emptied = []
    const document = { lsn, nextLogId: this.catalog.nextId, nextBatch: journal.lastBatch + 1 }
    const deleted = [...this.deletedLogs].map(([id, log]) => ({ id, log }))
    return { document, captured, emptied, deleted }
  }

  /** Removes the files of deleted logs. What can't be removed now is kept in mind, and harms nobody. */
  private async removeDeleted(work: Work): Promise<void> {
    if (work.deleted.length === 0) return
    const left: Work['deleted'] = []
    for (const { id, log } of work.deleted) {
      const remove = (): Promise<void> => this.files.removeFolder(id, log?.segments ?? [])
      try {
        await (log === null ? remove() : this.flusher.inTurn(log, remove))
        this.deletedLogs.delete(id)
      } catch (error) {
        left.push({ id, log })
        this.notRemoved(this.files.folder(id), error as Error)
      }
    }
    work.deleted = left
    await this.files.fileSystem.syncDirectory(`${this.directory}/logs`)
  }

  private notRemoved(path: string, error: Error): void {
    this.host.warn(`${path}: could not be removed, and will be later: ${error.message}`)
    this.request(AFTER_NOT_REMOVED_MS)
  }

  /** On a full disk: what is not needed goes before anything is written. */
  private async reclaim(work: Work): Promise<void> {
    const byLog = new Map<MessageLog, Emptied[]>()
    for (const each of work.emptied) {
      if (this.catalog.has(each.log)) byLog.set(each.log, [...(byLog.get(each.log) ?? []), each])
    }
    for (const [log, emptied] of byLog) {
      if (!(await this.reclaimer.removeEmptied(log, emptied))) continue
      work.emptied = work.emptied.filter((each) => each.log !== log)
    }
    const stillHas = (log: MessageLog) => (): boolean => !this.isClosed && this.catalog.has(log)
    for (const { log } of work.captured) {
      if (this.catalog.has(log)) await this.reclaimer.rewriteSparse(log, stillHas(log))
    }
    // The rest is not to take the room that housekeeping needs.
    await this.reserve.make()
  }

  private async carryOverAll(work: Work): Promise<void> {
    let shortage: Error | null = null
    let isOneGone = false
    const left = new Set<MessageLog>()
    for (const each of work.captured) {
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
      }
    }
    const kept: Emptied[] = []
    for (const each of work.emptied) {
      if (left.has(each.log)) {
        kept.push(each)
        continue
      }
      try {
        await this.flusher.inTurn(each.log, () => this.files.removeSegment(each.segment))
      } catch (error) {
        // No state names it: at the latest the next start removes it.
        this.notRemoved(this.files.dataPath(each.segment), error as Error)
        this.emptied.push(each)
      }
    }
    work.emptied = kept
    if (shortage !== null) throw shortage
    // A log deleted meanwhile is not carried over: the journal has it until its deletion is durable.
    if (isOneGone) await this.host.durable()
  }

  /** Data, indexes and state of a log, as they were captured. */
  private async carryOver({ log, state, segments }: CapturedLog): Promise<void> {
    const folder = this.files.folder(log.id)
    await this.files.makeFolder(log.id)
    await this.flusher.inTurn(log, async () => {
      for (const { chunks, bytes } of segments) await this.files.flushThrough(chunks, bytes)
    })
    for (const { segment, count, bytes, columns } of segments) {
      await this.files.syncData(segment)
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
      let fresh: Segment | null
      try {
        fresh = await this.reclaimer.rewrite(log, old)
      } catch (error) {
        if (!isPassing(error as Error)) throw error
        // No room to save room: the old one is as good.
        return
      }
      if (fresh === null) continue
      for (const chunk of fresh.chunks.values()) this.cache.add(chunk)
      this.host.indexLoaded(fresh)
      this.dirty.add(log)
      this.request(AFTER_COMPACTION_MS)
    }
  }
}

/** What stands in the place of a segment now; null: nothing does. */
function replacementOf({ log, segment }: Omit<Emptied, 'replacedBy'>): SegmentState | null {
  let { replacement } = segment
  while (replacement?.replacement) replacement = replacement.replacement
  return replacement !== null && log.segments.includes(replacement) ? replacement.state() : null
}
