/**
 * Checkpoints: everything appended so far is carried over from the journal into the logs' files, and the journal before it is
 * free. Behind each, segments in which little lives are rewritten.
 */
import type { Clock, Timer } from '../ports/index.ts'
import { type CapturedLog, captureLog, carryOver } from './carry-over.ts'
import type { ChunkCache } from './chunk.ts'
import { isSparse } from './compaction.ts'
import { writeCopy, writeDocument } from './document.ts'
import type { SegmentFlusher } from './flusher.ts'
import type { Journal } from './journal.ts'
import type { StoreLimits } from './limits.ts'
import type { LogCatalog } from './log-catalog.ts'
import type { LogFiles } from './log-files.ts'
import type { MessageLog } from './message-log.ts'
import { isPassing, RETRY_MS } from './passing-error.ts'
import { type Emptied, emptiedNow, Reclaimer, type ReclaimHost } from './reclaim.ts'
import type { Reserve } from './reserve.ts'
import type { Segment } from './segment.ts'

export interface CheckpointDocument {
  lsn: number
  nextLogId: number
  nextBatch: number
  /** Logs that are deleted, and whose files could not be removed yet. */
  deletedLogs?: number[]
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
  readonly limits: StoreLimits
  readonly failure: Error | null
  readonly shortage: Error | null
  /** Rejects when there is not enough room on the disk to go on. */
  needRoom(): Promise<void>
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
  private dueMs = 0
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

  /** Bytes that the next checkpoint writes, about. */
  get neededBytes(): number {
    // Documents of logs are small, most of them.
    let bytes = this.host.limits.documentBytes
    for (const log of this.dirty) bytes += this.host.limits.documentBytes / 4 + log.unflushedBytes
    return bytes
  }

  /** Asks for a checkpoint, soon; several wishes are one, of the earliest time. */
  request(delayMs: number): void {
    if (this.isClosed) return
    const dueMs = this.clock.now() + delayMs
    if (this.timer !== null && this.dueMs <= dueMs) return
    this.timer?.clear()
    this.dueMs = dueMs
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
    this.reserve.fit(this.storedBytes())
    // Before the rest takes the room.
    if (this.host.shortage === null) await this.reserve.make()
    else await this.reclaim(journal)
    const work = this.capture(journal)
    const { captured, document } = work
    try {
      // States must not be ahead of the journal.
      await this.host.durable()
      // First: it may make the room that the rest needs.
      work.deleted = await this.removeDeleted(work.deleted)
      await this.carryOverAll(work)
      if (work.deleted.length > 0) document.deletedLogs = work.deleted.map(({ id }) => id)
      const path = `${this.directory}/checkpoint.json`
      const bytes = await writeDocument(this.files.fileSystem, path, document)
      await this.files.fileSystem.syncDirectory(this.directory)
      await writeCopy(this.files.fileSystem, path, bytes)
    } catch (error) {
      // All of it is for the next one.
      for (const { log } of captured) if (this.catalog.has(log)) this.dirty.add(log)
      for (const each of work.emptied) this.emptied.push(each)
      throw error
    }
    await journal.release(document.lsn, this.host.shortage !== null)
    // Only with this in hand is anything new taken again.
    if (this.host.shortage !== null) {
      await this.reserve.make()
      await journal.prepareNext()
      await this.host.needRoom()
    }
    for (const { log } of captured) await this.compact(log)
  }

  /** Everything as of this moment. */
  private capture(journal: Journal): Work {
    const lsn = journal.nextLsn
    for (const log of this.dirty) log.sealSparse(this.host.segmentBytes / 8, this.host.compactBelow)
    const captured = [...this.dirty].map((log) => captureLog(log, lsn))
    this.dirty.clear()
    const emptied = this.emptied.map(({ log, segment }) => emptiedNow(log, segment))
    this.emptied = []
    const document = { lsn, nextLogId: this.catalog.nextId, nextBatch: journal.lastBatch + 1 }
    const deleted = [...this.deletedLogs].map(([id, log]) => ({ id, log }))
    return { document, captured, emptied, deleted }
  }

  private storedBytes(): number {
    let bytes = 0
    for (const log of this.catalog.byName.values()) if (!log.inMemory) bytes += log.bytes
    return bytes
  }

  /** Removes the files of deleted logs. What can't be removed now is kept in mind, and harms nobody. */
  private async removeDeleted(logs: Work['deleted']): Promise<Work['deleted']> {
    const left: Work['deleted'] = []
    if (logs.length === 0) return left
    for (const { id, log } of logs) {
      const remove = (): Promise<void> => this.files.removeFolder(id, log?.segments ?? [])
      try {
        await (log === null ? remove() : this.flusher.inTurn(log, remove))
        this.deletedLogs.delete(id)
      } catch (error) {
        left.push({ id, log })
        this.notRemoved(this.files.folder(id), error as Error)
      }
    }
    await this.files.fileSystem.syncDirectory(`${this.directory}/logs`)
    return left
  }

  private notRemoved(path: string, error: Error): void {
    this.host.warn(`${path}: could not be removed, and will be later: ${error.message}`)
    this.request(AFTER_NOT_REMOVED_MS)
  }

  /** On a full disk: what is not needed goes before anything larger is written. */
  private async reclaim(journal: Journal): Promise<void> {
    const emptied = this.emptied.map(({ log, segment }) => emptiedNow(log, segment))
    const deleted = [...this.deletedLogs].map(([id, log]) => ({ id, log }))
    await this.host.durable()
    await this.removeDeleted(deleted)
    const byLog = new Map<MessageLog, Emptied[]>()
    for (const each of emptied) {
      if (this.catalog.has(each.log)) byLog.set(each.log, [...(byLog.get(each.log) ?? []), each])
    }
    for (const [log, segments] of byLog) {
      if (!(await this.reclaimer.removeEmptied(log, segments))) continue
      const removed = new Set(segments.map(({ segment }) => segment))
      this.emptied = this.emptied.filter(({ segment }) => !removed.has(segment))
    }
    // Those first that give back most.
    const logs = [...this.dirty].filter((log) => log.deadBytes > 0)
    logs.sort((a, b) => b.deadBytes - a.deadBytes)
    for (const log of logs) {
      const stillHas = (): boolean => !this.isClosed && this.catalog.has(log)
      if (stillHas()) await this.reclaimer.shrink(log, journal, stillHas)
    }
    // The rest is not to take the room that housekeeping needs, unless that gives the whole journal back.
    const freeBytes = await this.files.fileSystem.freeBytes(this.directory)
    if (freeBytes < this.neededBytes) await this.reserve.make()
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
        await carryOver(each, this.files, this.flusher, this.host)
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
