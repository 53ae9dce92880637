/**
 * Checkpoints: everything appended so far is carried over from the journal into the logs' files, and the journal before it is
 * free. Behind each, segments in which little lives are rewritten.
 */
import { Alarm } from '../../ports/alarm.ts'
import type { Clock } from '../../ports/index.ts'
import { writeCopy, writeDocument } from '../files/document.ts'
import type { StoreLimits } from '../files/limits.ts'
import { isPassing, RETRY_MS } from '../files/passing-error.ts'
import type { Reserve } from '../files/reserve.ts'
import { sideBySide } from '../files/side-by-side.ts'
import type { Journal } from '../journal/journal.ts'
import type { SegmentFlusher } from '../log/flusher.ts'
import type { LogCatalog } from '../log/log-catalog.ts'
import type { LogFiles } from '../log/log-files.ts'
import type { MessageLog } from '../log/message-log.ts'
import type { ChunkCache } from '../segments/chunk.ts'
import { isSparse } from '../segments/compaction.ts'
import type { Segment } from '../segments/segment.ts'
import { type CapturedLog, captureLog, carryOver } from './carry-over.ts'
import { type Emptied, emptiedNow, Reclaimer, type ReclaimHost } from './reclaim.ts'

export interface CheckpointDocument {
  lsn: number
  nextLogId: number
  nextBatch: number
  /** Logs that are deleted, and whose files could not be removed yet. */
  deletedLogs?: number[]
}

/** What a checkpoint is to do, as of the moment in which it began. */
interface Work {
  /** Null: the journal keeps what it has, since not all changed logs are carried over. */
  document: CheckpointDocument | null
  logs: MessageLog[]
  emptied: Emptied[]
  deleted: { id: number; log: MessageLog | null }[]
  /** Logs that could not be carried over: the next one does. */
  readonly left: Set<MessageLog>
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

/** Logs captured in one turn, and carried over side by side. */
const AT_A_TIME = 8
/** Segments of one log rewritten after one checkpoint, and the time until the next names them, milliseconds. */
const MAX_COMPACTIONS = 8
const AFTER_COMPACTION_MS = 1000
/** Time from when nothing lives in a segment until its files go, and from when little does until it is rewritten, milliseconds. */
const AFTER_EMPTIED_MS = 2000
const AFTER_SPARSE_MS = 5000
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
  /** Logs with segments in which little lives. */
  private readonly sparse = new Set<MessageLog>()
  /** Logs whose files are to go, by number; null: nothing else is known of it. */
  private readonly deletedLogs = new Map<number, MessageLog | null>()
  private running: Promise<void> | null = null
  private isWantedAgain = false
  private readonly alarm: Alarm
  private isClosed = false
  /** What runs is to end soon, done or not. */
  private isHurried = false
  /** What the journal had written when the last whole checkpoint began, without what was replayed. */
  private coveredBytes = 0

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
    this.alarm = new Alarm(parts.clock, () => this.begin())
    this.directory = parts.directory
    this.reserve = parts.reserve
    this.reclaimer = new Reclaimer(parts.host, parts.files, parts.flusher, parts.reserve)
  }

  /** The segment has no live message: its files can go. */
  segmentEmptied(log: MessageLog, segment: Segment): void {
    this.emptied.push({ log, segment })
    this.request(AFTER_EMPTIED_MS)
  }

  /** Little lives in a segment of the log. Noted again with each message that goes. */
  segmentSparse(log: MessageLog): void {
    if (this.sparse.has(log)) return
    this.sparse.add(log)
    this.request(AFTER_SPARSE_MS)
  }

  /** A log is deleted: its files can go. With nothing but its number, where it was so before the store was opened. */
  logDeleted(id: number, log: MessageLog | null): void {
    if (log !== null) {
      this.dirty.delete(log)
      this.sparse.delete(log)
    }
    this.deletedLogs.set(id, log)
  }

  /** Is there something that the last checkpoint lacks? */
  get isWanted(): boolean {
    return this.dirty.size > 0 || this.deletedLogs.size > 0
  }

  /** So much was replayed at the start, and is in no other file yet. */
  replayed(bytes: number): void {
    this.coveredBytes -= bytes
  }

  /**
   * Is it worth its while to carry everything over? Files of many logs, in which little has changed, take longer to write than
   * the journal takes to be read again.
   */
  private get isWorthwhile(): boolean {
    const { limits, journal, shortage } = this.host
    const logs = this.dirty.size - limits.fewLogs
    if (logs <= 0 || shortage !== null) return true
    const left = (journal as Journal).writtenBytes - this.coveredBytes
    return left >= Math.min(logs * limits.journalBytesPerLog, limits.replayBytes)
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
    if (!this.isClosed) this.alarm.set(this.clock.now() + delayMs)
  }

  /** Begins one at once; while one runs, another follows it. */
  begin(): void {
    if (this.isClosed || this.host.failure !== null) return
    // Asked for by what was found while the store is opened, which takes its time.
    if (this.host.journal === null) {
      this.request(RETRY_MS)
      return
    }
    if (this.running !== null) {
      this.isWantedAgain = true
      return
    }
    this.running = this.run(this.isWorthwhile)
      .then(
        (isWhole) => {
          if (isWhole) this.host.checkpointed()
        },
        (error: Error) => this.host.checkpointFailed(error),
      )
      .finally(() => this.ended())
  }

  /** Little is written: gives back the room that the journal has for more. */
  trim(): void {
    const { failure, shortage } = this.host
    if (this.isClosed || failure !== null || shortage !== null) return
    const journal = this.host.journal as Journal
    if (this.running !== null) {
      journal.watchIdle()
      return
    }
    this.running = journal
      .trim(this.isWorthwhile)
      .then(
        (isWanted) => {
          if (isWanted) this.isWantedAgain = true
        },
        (error: Error) => this.host.warn(`the journal keeps its room on the disk: ${error.message}`),
      )
      .finally(() => this.ended())
  }

  private ended(): void {
    this.running = null
    if (this.host.shortage !== null) this.request(RETRY_MS)
    if (!this.isWantedAgain) return
    this.isWantedAgain = false
    this.begin()
  }

  /** No more are begun, and the one that runs has ended: soon, with what it has not come to yet left in the journal. */
  async close(): Promise<void> {
    this.isClosed = true
    this.isHurried = true
    this.alarm.clear()
    await this.running
    this.isHurried = false
  }

  /** The last one; nothing more is appended. What costs more to be carried over than to be replayed is left in the journal. */
  async finish(): Promise<void> {
    const { writtenBytes } = this.host.journal as Journal
    if (!this.isWanted && this.emptied.length === 0 && writtenBytes === this.coveredBytes) return
    if (this.isWorthwhile) {
      await this.run()
      return
    }
    const journal = this.host.journal as Journal
    journal.conclude()
    await this.host.durable()
  }

  /**
   * Carries everything appended so far over into the logs' files; the journal before it is free then. Else (`isWhole` false)
   * only what lets files go that are not needed. False: not all is carried over.
   */
  async run(isWhole = true): Promise<boolean> {
    const journal = this.host.journal as Journal
    this.reserve.fit(this.storedBytes())
    // Before the rest takes the room.
    if (this.host.shortage === null) await this.reserve.make()
    else await this.reclaim(journal)
    const coveredBytes = journal.writtenBytes
    const work = this.begun(journal, isWhole)
    const { document } = work
    try {
      // What is removed was so durably.
      await this.host.durable()
      // First: it may make the room that the rest needs.
      work.deleted = await this.removeDeleted(work.deleted)
      const isDone = await this.carryOverAll(work, journal)
      if (!isDone) return false
      if (document === null) {
        for (const log of work.logs) await this.compact(log)
        return false
      }
      if (work.deleted.length > 0) document.deletedLogs = work.deleted.map(({ id }) => id)
      const path = `${this.directory}/checkpoint.json`
      const bytes = await writeDocument(this.files.fileSystem, path, document)
      await this.files.fileSystem.syncDirectory(this.directory)
      await writeCopy(this.files.fileSystem, path, bytes)
    } finally {
      // What is left is for the next one.
      for (const log of work.left) if (this.catalog.has(log)) this.dirty.add(log)
      for (const each of work.emptied) this.emptied.push(each)
    }
    this.coveredBytes = coveredBytes
    await journal.release(document.lsn, this.host.shortage !== null)
    // Only with this in hand is anything new taken again.
    if (this.host.shortage !== null) {
      await this.reserve.make()
      await journal.prepareNext()
      await this.host.needRoom()
    }
    for (const log of work.logs) await this.compact(log)
    return true
  }

  /** What is to be done, as of this moment. */
  private begun(journal: Journal, isWhole: boolean): Work {
    const lsn = journal.nextLsn
    const emptied = this.emptied.map(({ log, segment }) => emptiedNow(log, segment))
    this.emptied = []
    const logs = [...new Set([...(isWhole ? this.dirty : emptied.map(({ log }) => log)), ...this.sparse])]
    this.sparse.clear()
    const document = { lsn, nextLogId: this.catalog.nextId, nextBatch: journal.lastBatch + 1 }
    const deleted = [...this.deletedLogs].map(([id, log]) => ({ id, log }))
    return { document: isWhole ? document : null, logs, emptied, deleted, left: new Set() }
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
    const removeOne = async ({ id, log }: Work['deleted'][number]): Promise<void> => {
      const remove = (): Promise<void> => this.files.removeFolder(id, log?.segments ?? [])
      try {
        await (log === null ? remove() : this.flusher.inTurn(log, remove))
        this.deletedLogs.delete(id)
      } catch (error) {
        left.push({ id, log })
        this.notRemoved(this.files.folder(id), error as Error)
      }
    }
    await sideBySide(logs, AT_A_TIME, removeOne)
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

  /**
   * Carries the logs over, a few at a time: each as it is when its turn comes, which its state says. False: it is to end
   * before it has come to all.
   */
  private async carryOverAll(work: Work, journal: Journal): Promise<boolean> {
    const { logs, left } = work
    let failure: Error | null = null
    let shortage: Error | null = null
    let isOneGone = false
    for (let i = 0; i < logs.length && failure === null; i += AT_A_TIME) {
      const some = logs.slice(i, i + AT_A_TIME)
      if (this.isHurried) {
        // They are changed as before, and what was emptied in them stays.
        for (const log of logs.slice(i)) left.add(log)
        await this.removeEmptied(work)
        return false
      }
      const carried = some.map((log) => this.catalog.has(log) && this.captured(log, journal.nextLsn))
      try {
        // States must not be ahead of the journal.
        await this.host.durable()
      } catch (error) {
        for (const log of some) left.add(log)
        throw error
      }
      const carry = async (log: MessageLog, captured: CapturedLog | Error | false): Promise<void> => {
        if (captured === false || !this.catalog.has(log)) {
          isOneGone = true
          return
        }
        try {
          if (captured instanceof Error) throw captured
          await carryOver(captured, this.files, this.flusher, this.host)
        } catch (error) {
          left.add(log)
          // The other logs go on; this one is for the next checkpoint.
          if (isPassing(error as Error)) shortage = error as Error
          else failure = error as Error
        }
      }
      await Promise.all(some.map((log, at) => carry(log, carried[at])))
    }
    if (failure !== null) throw failure
    await this.removeEmptied(work)
    if (shortage !== null) throw shortage
    // A log deleted meanwhile is not carried over: the journal has it until its deletion is durable.
    if (isOneGone) await this.host.durable()
    return true
  }

  /** The log as it is now, which is what the checkpoint will have of it; an error where that can't be read. */
  private captured(log: MessageLog, lsn: number): CapturedLog | Error {
    try {
      log.sealSparse(this.host.segmentBytes / 8, this.host.compactBelow)
      const captured = captureLog(log, lsn)
      this.dirty.delete(log)
      return captured
    } catch (error) {
      return error as Error
    }
  }

  /** Removes the files of segments in which nothing lives, and which no state names any more. */
  private async removeEmptied(work: Work): Promise<void> {
    const kept: Emptied[] = []
    for (const each of work.emptied) {
      if (work.left.has(each.log)) {
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
  }

  /** Rewrites segments of the log in which little lives, or which are to be packed. The next checkpoint names them and removes the old ones. */
  private async compact(log: MessageLog): Promise<void> {
    const { compactBelow, segmentBytes } = this.host
    const stillHas = (): boolean => !this.isClosed && this.catalog.has(log)
    const isSmaller = (segment: Segment): boolean => isSparse(segment, compactBelow, segmentBytes)
    const worth = log.segments.filter(
      (each) => each.indexedCount === each.count && (isSmaller(each) || log.isToPack(each)),
    )
    for (const old of worth.slice(0, MAX_COMPACTIONS)) {
      if (!stillHas()) return
      let fresh: Segment | null
      try {
        if (isSmaller(old)) fresh = await this.reclaimer.rewrite(log, old)
        else fresh = await this.reclaimer.pack(log, old, stillHas)
      } catch (error) {
        if (!isPassing(error as Error)) throw error
        // No room to save room: the old one is as good.
        return
      }
      if (fresh === null) continue
      for (const chunk of fresh.chunks.values()) this.cache.add(chunk)
      if (fresh.columns !== null) this.host.indexLoaded(fresh)
      this.dirty.add(log)
      this.request(AFTER_COMPACTION_MS)
    }
  }
}
