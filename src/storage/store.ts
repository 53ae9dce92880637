/**
 * The store: logs by name, one journal for all of them, and checkpoints that carry the journal's content over
 * into the logs' own files.
 */
import type { Clock, FileHandle, FileSystem, Timer } from '../ports/index.ts'
import { type Chunk, ChunkCache } from './chunk.ts'
import { type Columns, encodeIndex } from './columns.ts'
import { compacted, isSparse } from './compaction.ts'
import { copyPath, readDocument, writeCopy, writeDocument, writeFileDurably } from './document.ts'
import { Journal } from './journal.ts'
import * as format from './journal-format.ts'
import { replayJournal } from './journal-reader.ts'
import { Ledger } from './ledger.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './limits.ts'
import { captureState, type LogState, recount, restoreState } from './log-state.ts'
import type { DamagedBytes } from './lost-records.ts'
import { appendJson, appendTwice, type Json, type LogHost, MessageLog } from './message-log.ts'
import { isPassing, RETRY_MS } from './passing-error.ts'
import { getU32, RecordView } from './record.ts'
import { type Encryption, endConverting, openSealing, writeStoreDocument } from './sealing/index.ts'
import type { Segment } from './segment.ts'

export interface StoreOptions {
  /** Where the files are; null for a store in memory only. */
  directory: string | null
  fileSystem: FileSystem
  clock: Clock
  log?: (level: 'error' | 'info' | 'warn', text: string) => void
  /** 'always' (default): acknowledged means on disk. A number: synced every so many milliseconds. */
  syncInterval?: 'always' | number
  /** What is on disk is encrypted. A store that was not until now is, from here on. Default: not. */
  encryption?: Encryption
  limits?: Partial<StoreLimits>
  /** Called with what was found damaged, to be kept elsewhere. */
  onDamaged?: (damaged: DamagedBytes) => void
}

interface CheckpointDocument {
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

interface Waiting {
  batch: number
  done: () => void
}

/** Time after opening until what was replayed is carried over into the logs' files, milliseconds. */
const AFTER_REPLAY_MS = 500
/** Segments of one log rewritten after one checkpoint, and the time until the next names them, milliseconds. */
const MAX_COMPACTIONS = 8
const AFTER_COMPACTION_MS = 1000

export class Store implements LogHost {
  readonly limits: StoreLimits
  readonly logs = new Map<string, MessageLog>()
  journal: Journal | null = null
  isReplaying = false
  /** Why nothing can be written any more; null: it can. For good. */
  failure: Error | null = null
  /** Why nothing new is to be taken for now: no space on the disk. What removes something still is, and may make room. */
  shortage: Error | null = null
  /** The one notice upwards: this batch, and all before, is durable. */
  onCommitted: ((batch: number) => void) | null = null
  onFailure: ((error: Error) => void) | null = null
  /** No space is left, and: there is again. */
  onShortage: ((error: Error) => void) | null = null
  onRelief: (() => void) | null = null
  /** Damage was found while the store is in use; what was found at opening is in each log's `lost`. */
  onLost: ((log: MessageLog) => void) | null = null
  /** Called when the store can take more after it was `overloaded`. */
  onDrain: (() => void) | null = null
  overloaded = false
  private readonly options: StoreOptions
  /** For what is sealed where the store is encrypted: all but the journal and store.json. */
  private fileSystem: FileSystem
  private readonly cache: ChunkCache
  private readonly byId = new Map<number, MessageLog>()
  private readonly dirty = new Set<MessageLog>()
  private readonly closing = new Set<MessageLog>()
  private readonly appended = new Set<MessageLog>()
  private readonly waiting: Waiting[] = []
  private readonly unflushed = new Map<MessageLog, Chunk[]>()
  private readonly flushing = new Map<MessageLog, Promise<void>>()
  private emptied: { log: MessageLog; segment: Segment }[] = []
  private deletedLogs: MessageLog[] = []
  private loadedIndexes: Segment[] = []
  private openHandles: Segment[] = []
  private nextLogId = 1
  private checkpointing: Promise<void> | null = null
  private checkpointAgain = false
  private unlock: (() => Promise<void>) | null = null
  private isClosed = false
  private checkpointTimer: Timer | null = null

  private constructor(options: StoreOptions) {
    this.options = options
    this.fileSystem = options.fileSystem
    this.limits = { ...DEFAULT_STORE_LIMITS, ...options.limits }
    this.cache = new ChunkCache(this.limits.cacheBytes)
  }

  /**
   * Opens the directory, recovers what it holds, and is ready to append.
   * @throws Error when it is in use by another process, not writable, of a newer format, or encrypted otherwise
   */
  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options)
    if (options.directory !== null) await store.recover(options.directory)
    return store
  }

  get segmentBytes(): number {
    return this.limits.segmentBytes
  }

  get compactBelow(): number {
    return this.limits.compactBelow
  }

  get chunkBits(): number {
    return this.limits.chunkBits
  }

  /** Number of the batch that is open; everything appended now is in it. */
  get openBatch(): number {
    return this.journal?.openBatch ?? 0
  }

  get committedBatch(): number {
    return this.journal?.committedBatch ?? 0
  }

  /** Does nothing become durable, for now or for good? Whoever only reads need not wait for it. */
  get isHeldUp(): boolean {
    return this.failure !== null || (this.journal !== null && this.journal.stall !== null)
  }

  /** Called when something is appended that is to be committed at the end of the turn (see `commit`). */
  set onNeedsCommit(listener: (() => void) | null) {
    if (this.journal !== null) this.journal.onNeedsCommit = listener
  }

  commit(): void {
    this.journal?.commit()
  }

  /** A log that is there from now on, and durable with the next commit. */
  createLog(name: string, meta: Json, options: { inMemory: boolean }): MessageLog {
    if (this.logs.has(name)) throw new Error(`there is a log ${name}`)
    const inMemory = options.inMemory || this.journal === null
    const log = new MessageLog(this, this.nextLogId++, name, meta, inMemory, this.options.clock.now())
    this.logs.set(name, log)
    this.byId.set(log.id, log)
    if (!inMemory) {
      this.changed(log)
      const created = { name, meta, createdMs: log.createdMs }
      appendTwice(this.journal as Journal, format.LOG_CREATE, log.id, created)
    }
    return log
  }

  deleteLog(log: MessageLog): void {
    if (this.logs.get(log.name) !== log) return
    this.forgetLog(log)
    if (!log.inMemory) {
      appendJson(this.journal as Journal, format.LOG_DELETE, log.id, {})
      this.requestCheckpoint(1000)
    }
  }

  /** Calls `done` once all appended so far is durable: at once when nothing is outstanding. */
  barrier(done: () => void): void {
    const { journal } = this
    if (journal === null || journal.isIdle) {
      done()
      return
    }
    this.waiting.push({ batch: journal.lastBatch, done })
    journal.hurry()
  }

  usage(): { memoryBytes: number; fileBytes: number } {
    let memoryBytes = 0
    let fileBytes = 0
    for (const log of this.logs.values()) {
      if (log.inMemory) memoryBytes += log.bytes
      else fileBytes += log.bytes
    }
    return { memoryBytes, fileBytes }
  }

  /** Commits, carries everything over into the logs' files, and gives the directory back. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.checkpointTimer?.clear()
    if (this.journal !== null) {
      this.journal.mayWait = false
      if (this.journal.stall !== null) this.failed(this.journal.stall)
    }
    try {
      if (this.journal !== null) await this.closeFiles(this.journal)
    } finally {
      await this.unlock?.()
    }
  }

  private async closeFiles(journal: Journal): Promise<void> {
    if (this.failure === null) {
      journal.onNeedsCommit = null
      await this.durable().catch(() => {})
    }
    await this.checkpointing
    try {
      if (this.failure === null) await this.checkpoint()
    } catch (error) {
      // The journal has everything, and is replayed at the next start.
      if (!isPassing(error as Error)) throw error
      this.warn(`closed without a checkpoint: ${(error as Error).message}`)
    } finally {
      await Promise.all(this.flushing.values())
      await journal.close()
      for (const segment of [...this.openHandles]) await this.closeHandle(segment)
    }
  }

  /** All appended so far is durable. Rejects when the store fails before. */
  private durable(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failure !== null) {
        reject(this.failure)
        return
      }
      this.onFailed.add(reject)
      this.barrier(() => {
        this.onFailed.delete(reject)
        resolve()
      })
    })
  }

  private readonly onFailed = new Set<(error: Error) => void>()

  // What logs and segments ask of the store.

  changed(log: MessageLog): void {
    if (log.inMemory) return
    this.dirty.add(log)
    // At opening: what is found damaged then is carried over soon.
    if (this.journal === null) return
    this.appended.add(log)
    const { pendingBytes, stall } = this.journal
    if (!this.overloaded && pendingBytes > this.limits.overloadBytes) this.overloaded = true
    if (stall !== null && pendingBytes > this.limits.stalledBytes) {
      this.failed(new Error(`too much waits for space on the disk (${stall.message})`, { cause: stall }))
    }
  }

  segmentEmptied(log: MessageLog, segment: Segment): void {
    this.cache.drop(segment)
    segment.columns = null
    if (log.inMemory) return
    this.emptied.push({ log, segment })
    const queue = this.unflushed.get(log)
    if (queue !== undefined)
      this.unflushed.set(
        log,
        queue.filter((chunk) => chunk.segment !== segment),
      )
  }

  chunkFilled(log: MessageLog, chunk: Chunk): void {
    if (log.inMemory) return
    const queue = this.unflushed.get(log)
    if (queue === undefined) this.unflushed.set(log, [chunk])
    else queue.push(chunk)
  }

  chunkLoaded(chunk: Chunk): void {
    this.cache.add(chunk)
  }

  indexLoaded(segment: Segment): void {
    this.loadedIndexes.push(segment)
    if (this.loadedIndexes.length <= this.limits.cachedIndexes) return
    const oldest = this.loadedIndexes.shift() as Segment
    if (oldest !== segment) oldest.columns = null
  }

  readIndex(segment: Segment): Buffer | null {
    try {
      return this.fileSystem.readFileSync(this.indexPath(segment))
    } catch {
      return null
    }
  }

  recordsLost(segment: Segment, sequences: readonly number[], bytes: number): void {
    const log = this.byId.get(segment.logId)
    if (log === undefined) return
    const count = sequences.length
    this.warn(`${log.name}: ${count} record(s) of segment ${segment.id} are damaged and set aside`)
    for (const seq of sequences) log.lost.add(seq, Math.round(bytes / count))
    this.lostRecords(log)
    if (log === this.restoring) return
    log.messages -= count
    log.bytes -= bytes
    recount(log)
    this.changed(log)
  }

  indexRebuilt(segment: Segment): void {
    const log = this.byId.get(segment.logId)
    if (log !== undefined) this.changed(log)
  }

  damaged(segment: Segment, sequences: readonly number[], bytes: Buffer): void {
    const log = this.byId.get(segment.logId)?.name ?? ''
    this.options.onDamaged?.({ log, sequences, where: this.dataPath(segment), bytes: Buffer.from(bytes) })
  }

  lostRecords(log: MessageLog): void {
    this.onLost?.(log)
  }

  readData(segment: Segment): Buffer {
    try {
      return this.fileSystem.readFileSync(this.dataPath(segment))
    } catch {
      return Buffer.alloc(0)
    }
  }

  async openData(segment: Segment): Promise<FileHandle> {
    if (segment.handle !== null) return segment.handle
    segment.opening ??= this.openFile(segment).finally(() => {
      segment.opening = null
    })
    const handle = await segment.opening
    if (segment.handle === null) {
      segment.handle = handle
      this.openHandles.push(segment)
      this.trimHandles(segment)
    }
    return handle
  }

  private async openFile(segment: Segment): Promise<FileHandle> {
    await this.makeFolder(segment.logId)
    return this.fileSystem.open(this.dataPath(segment), true)
  }

  private async makeFolder(logId: number): Promise<void> {
    if (this.withFolder.has(logId)) return
    await this.fileSystem.makeDirectory(this.folder(logId))
    this.withFolder.add(logId)
  }

  /** Ids of the logs whose folder is there. */
  private readonly withFolder = new Set<number>()

  warn(text: string): void {
    this.options.log?.('warn', text)
  }

  // Commits.

  private closed(): void {
    for (const log of this.appended) {
      log.closingSeq = log.lastSeq
      this.closing.add(log)
    }
    this.appended.clear()
  }

  private committed(batch: number): void {
    for (const log of this.closing) {
      if (log.closingSeq > log.committedSeq) log.committedSeq = log.closingSeq
      if (this.unflushed.has(log) && !this.flushing.has(log)) this.flushLater(log)
    }
    this.closing.clear()
    this.onCommitted?.(batch)
    while (this.waiting.length > 0 && this.waiting[0].batch <= batch) (this.waiting.shift() as Waiting).done()
    if (this.overloaded && (this.journal as Journal).pendingBytes < this.limits.drainBytes) {
      this.overloaded = false
      this.onDrain?.()
    }
  }

  private failed(error: Error): void {
    if (this.failure !== null) return
    this.failure = error
    if (this.journal !== null) this.journal.failure ??= error
    this.options.log?.('error', `store is read-only from here on: ${error.message}`)
    this.onFailure?.(error)
    for (const reject of this.onFailed) reject(error)
    this.onFailed.clear()
  }

  /** Something could not be written and may be later: nothing new is taken until a checkpoint has gone through. */
  private short(error: Error): void {
    if (this.shortage !== null || this.failure !== null) return
    this.shortage = error
    this.options.log?.('error', `nothing new is stored until there is space again: ${error.message}`)
    this.onShortage?.(error)
    this.requestCheckpoint(RETRY_MS)
  }

  private relieved(): void {
    if (this.shortage === null || this.isHeldUp) return
    this.shortage = null
    this.options.log?.('info', 'there is space again: messages are stored as before')
    this.onRelief?.()
  }

  private failedOrShort(error: Error): void {
    if (isPassing(error)) this.short(error)
    else this.failed(error)
  }

  // Segments are filled behind the commits.

  private flushLater(log: MessageLog): void {
    this.flushInTurn(log, () => this.flushFull(log)).catch((error: Error) => this.failedOrShort(error))
  }

  /** One writer per log at a time. */
  private flushInTurn(log: MessageLog, work: () => Promise<void>): Promise<void> {
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

  /** Writes chunks that are full and committed; they are the cache's then. */
  private async flushFull(log: MessageLog): Promise<void> {
    for (;;) {
      const chunk = this.unflushed.get(log)?.[0]
      if (chunk === undefined || chunk.lastSeq > log.committedSeq) return
      await this.writeChunk(chunk, chunk.length)
      const rest = this.unflushed.get(log)
      if (rest?.[0] === chunk) rest.shift()
      if (rest?.length === 0) this.unflushed.delete(log)
      if (chunk.segment.chunks.get(chunk.id) === chunk) this.cache.add(chunk)
    }
  }

  /** Writes the first `bytes` of a segment from its chunks, as far as they are not in its file. */
  private async flushThrough(chunks: Chunk[], bytes: number): Promise<void> {
    for (const chunk of chunks) await this.writeChunk(chunk, Math.min(chunk.length, bytes - chunk.start))
  }

  private async writeChunk(chunk: Chunk, length: number): Promise<void> {
    if (chunk.flushed >= length) return
    const from = chunk.flushed
    this.unsynced.add(chunk.segment)
    await this.withData(chunk.segment, (handle, done) =>
      handle.write(chunk.buffer, from, length - from, chunk.start + from, done),
    )
    chunk.flushed = Math.max(chunk.flushed, length)
  }

  /** Does something with the data file, which stays open meanwhile. */
  private async withData(
    segment: Segment,
    work: (handle: FileHandle, done: (error: Error | null) => void) => void,
  ): Promise<void> {
    segment.pins++
    try {
      const handle = await this.openData(segment)
      await new Promise<void>((resolve, reject) =>
        work(handle, (error) => (error === null ? resolve() : reject(error))),
      )
    } finally {
      segment.pins--
    }
  }

  /** Segments with data that is written and not synced. */
  private readonly unsynced = new Set<Segment>()

  // Checkpoints.

  /** Asks for a checkpoint, soon; several wishes are one. */
  private requestCheckpoint(delayMs: number): void {
    if (this.checkpointTimer !== null || this.isClosed) return
    this.checkpointTimer = this.options.clock.setTimer(() => {
      this.checkpointTimer = null
      this.checkpointNow()
    }, delayMs)
  }

  private checkpointNow(): void {
    if (this.isClosed || this.failure !== null) return
    if (this.checkpointing !== null) {
      this.checkpointAgain = true
      return
    }
    this.checkpointing = this.checkpoint()
      .then(
        () => this.relieved(),
        (error: Error) => this.failedOrShort(error),
      )
      .finally(() => {
        this.checkpointing = null
        if (this.shortage !== null) this.requestCheckpoint(RETRY_MS)
        if (!this.checkpointAgain) return
        this.checkpointAgain = false
        this.checkpointNow()
      })
  }

  /** Carries everything appended so far over into the logs' files; the journal before it is free then. */
  private async checkpoint(): Promise<void> {
    const journal = this.journal as Journal
    const directory = this.options.directory as string
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
    const document: CheckpointDocument = { lsn, nextLogId: this.nextLogId, nextBatch: journal.openBatch + 1 }
    await this.durable()
    // First: it may make the room that the rest needs.
    await this.removeDeleted(deletedLogs)
    let shortage: Error | null = null
    let isOneGone = false
    const left = new Set<MessageLog>()
    for (const each of captured) {
      if (this.byId.get(each.log.id) !== each.log) {
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
      else await this.flushInTurn(each.log, () => this.removeSegment(each.segment))
    }
    if (shortage !== null) throw shortage
    // A log deleted meanwhile is not carried over: the journal has it until its deletion is durable.
    if (isOneGone) await this.durable()
    await writeDocument(this.fileSystem, `${directory}/checkpoint.json`, document)
    await this.fileSystem.syncDirectory(directory)
    await writeCopy(this.fileSystem, `${directory}/checkpoint.json`, document)
    await journal.release(lsn)
    for (const { log } of captured) await this.compact(log)
  }

  private async removeDeleted(logs: MessageLog[]): Promise<void> {
    for (const log of logs) await this.flushInTurn(log, () => this.removeFolder(log))
    if (logs.length > 0) await this.fileSystem.syncDirectory(`${this.options.directory}/logs`)
  }

  /** Data, indexes and state of a log, as they were captured. */
  private async carryOver({ log, state, segments }: CapturedLog): Promise<void> {
    const folder = this.folder(log.id)
    await this.makeFolder(log.id)
    await this.flushInTurn(log, async () => {
      for (const { chunks, bytes } of segments) await this.flushThrough(chunks, bytes)
    })
    for (const { segment, count, bytes, columns } of segments) {
      if (this.unsynced.delete(segment)) await this.syncData(segment)
      await writeFileDurably(this.fileSystem, this.indexPath(segment), encodeIndex(columns, count, bytes))
      segment.indexedCount = count
      if (segment.isSealed && segment.count === count) this.indexLoaded(segment)
    }
    // The state names these files: their entries are durable before it is.
    if (segments.length > 0) await this.fileSystem.syncDirectory(folder)
    await writeDocument(this.fileSystem, `${folder}/state.json`, state)
    await this.fileSystem.syncDirectory(folder)
    await writeCopy(this.fileSystem, `${folder}/state.json`, state)
  }

  /** What was written and can't be synced may be gone from memory: that does not pass. */
  private async syncData(segment: Segment): Promise<void> {
    try {
      await this.withData(segment, (handle, done) => handle.sync(done))
    } catch (error) {
      throw new Error(`segment ${segment.id} can't be synced: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Rewrites segments of the log in which little lives. The next checkpoint names them and removes the old ones. */
  private async compact(log: MessageLog): Promise<void> {
    const sparse = log.segments.filter(
      (segment) =>
        segment.indexedCount === segment.count && isSparse(segment, this.compactBelow, this.segmentBytes),
    )
    for (const old of sparse.slice(0, MAX_COMPACTIONS)) {
      if (this.isClosed || this.byId.get(log.id) !== log) return
      const data = await this.fileSystem.readFile(this.dataPath(old))
      if (!log.segments.includes(old) || data.length < old.dataBytes) continue
      const fresh = compacted(old, log.nextSegmentId++, this, (offset) => ({ buffer: data, at: offset }))
      const chunks = [...fresh.chunks.values()]
      try {
        await this.flushInTurn(log, () => this.flushThrough(chunks, fresh.dataBytes))
        await this.syncData(fresh)
        this.unsynced.delete(fresh)
        const index = encodeIndex(fresh.columns as Columns, fresh.count, fresh.dataBytes)
        await writeFileDurably(this.fileSystem, this.indexPath(fresh), index)
      } catch (error) {
        if (!isPassing(error as Error)) throw error
        // No room to save room: the old one is as good.
        await this.removeSegment(fresh)
        return
      }
      fresh.indexedCount = fresh.count
      if (!log.replaceSegment(old, fresh)) {
        await this.removeSegment(fresh)
        continue
      }
      for (const chunk of chunks) this.cache.add(chunk)
      this.indexLoaded(fresh)
      this.dirty.add(log)
      this.requestCheckpoint(AFTER_COMPACTION_MS)
    }
  }

  private async removeSegment(segment: Segment): Promise<void> {
    await this.closeHandle(segment)
    this.unsynced.delete(segment)
    for (const path of [this.dataPath(segment), this.indexPath(segment)]) {
      if (await this.fileSystem.exists(path)) await this.fileSystem.remove(path)
    }
  }

  private async removeFolder(log: MessageLog): Promise<void> {
    for (const segment of log.segments) {
      this.unsynced.delete(segment)
      await this.closeHandle(segment)
    }
    this.withFolder.delete(log.id)
    await this.fileSystem.removeTree(this.folder(log.id))
  }

  // Opening.

  private async recover(directory: string): Promise<void> {
    const { fileSystem } = this
    try {
      await fileSystem.makeDirectory(directory)
      this.unlock = await fileSystem.lock(`${directory}/lock`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error
      throw new Error(
        `${directory}: not writable (${code}); give this user the permission, or use another directory`,
        { cause: error },
      )
    }
    try {
      await this.recoverLocked(directory)
    } catch (error) {
      await this.unlock()
      throw error
    }
  }

  private async recoverLocked(directory: string): Promise<void> {
    const raw = this.options.fileSystem
    await raw.makeDirectory(`${directory}/journal`)
    await raw.makeDirectory(`${directory}/logs`)
    const sealing = await openSealing(raw, directory, this.options.encryption, (text) => this.warn(text))
    if (sealing !== null) this.fileSystem = sealing.fileSystem
    const { fileSystem } = this
    const checkpoint = await this.readOrCopy<CheckpointDocument>(`${directory}/checkpoint.json`)
    this.nextLogId = checkpoint?.nextLogId ?? 1
    const lsns = new Map<number, number>()
    for (const name of await fileSystem.list(`${directory}/logs`)) {
      if (!/^\d+$/.test(name)) continue
      this.nextLogId = Math.max(this.nextLogId, Number(name) + 1)
      const path = `${this.folder(Number(name))}/state.json`
      let isDamaged = false
      const state = await this.readOrCopy<LogState>(path, () => {
        isDamaged = true
      })
      if (state === null) continue
      const log = new MessageLog(this, Number(name), state.name, state.meta, false, state.createdMs)
      this.nameLog(log)
      // Written anew with the next checkpoint.
      if (isDamaged) this.dirty.add(log)
      lsns.set(log.id, state.lsn)
      this.restoring = log
      await restoreState(log, state, this, fileSystem, (segment) => this.indexPath(segment), null)
      await this.removeLeftovers(log)
    }
    this.restoring = null
    this.isReplaying = true
    const view = new RecordView()
    const fromLsn = checkpoint?.lsn ?? 0
    const oldest = Math.min(fromLsn, ...lsns.values())
    const { files, position } = await replayJournal(
      raw,
      `${directory}/journal`,
      oldest,
      checkpoint?.nextBatch ?? 1,
      sealing?.sealer ?? null,
      {
        entry: (type, logId, buffer, start, end, lsn) => {
          if (lsn < (lsns.get(logId) ?? fromLsn)) return
          this.replay(type, logId, buffer, start, end, view)
        },
        damaged: (logId, count, where, bytes) => {
          this.warn(`journal: ${count} damaged record(s), ${where}`)
          const log = this.byId.get(logId)
          log?.replayDamage(count)
          if (bytes !== null) {
            this.options.onDamaged?.({
              log: log?.name ?? '',
              sequences: [],
              where,
              bytes: Buffer.from(bytes),
            })
          }
        },
      },
    )
    this.isReplaying = false
    // Deleted before another of its name was made, by a record that is not in the journal any more.
    for (const log of [...this.byId.values()]) if (this.logs.get(log.name) !== log) this.forgetLog(log)
    const journal = new Journal(
      {
        fileSystem: raw,
        clock: this.options.clock,
        directory: `${directory}/journal`,
        limits: this.limits,
        sealer: sealing?.sealer ?? null,
        syncInterval: this.options.syncInterval ?? 'always',
      },
      position,
    )
    journal.adopt(files)
    journal.onClosed = () => this.closed()
    journal.onCommitted = (batch) => this.committed(batch)
    journal.onFailed = (error) => this.failed(error)
    journal.onStalled = (error) => this.short(error)
    journal.onRotated = () => this.checkpointNow()
    this.journal = journal
    for (const log of this.logs.values()) for (const ledger of log.ledgers.values()) ledger.attach(journal)
    // What was replayed is carried over soon: it is in memory, and would be replayed again.
    if (this.dirty.size > 0) this.requestCheckpoint(AFTER_REPLAY_MS)
    if (sealing === null) await writeStoreDocument(raw, directory)
    else if (sealing.isConverting) await this.leaveNothingPlain(raw, directory, journal)
  }

  /** Ends the conversion to an encrypted store: what the journal had is in the logs' files, sealed, and its own files go. */
  private async leaveNothingPlain(raw: FileSystem, directory: string, journal: Journal): Promise<void> {
    await this.checkpoint()
    await journal.discardFree()
    await endConverting(raw, directory)
  }

  private restoring: MessageLog | null = null

  /** A document, or the copy of it when it is damaged. */
  private async readOrCopy<T>(path: string, onDamage: () => void = () => {}): Promise<T | null> {
    const value = await readDocument<T>(this.fileSystem, path)
    if (value !== null || !(await this.fileSystem.exists(path))) return value
    onDamage()
    const copy = await readDocument<T>(this.fileSystem, copyPath(path))
    const outcome = copy === null ? 'and so is its copy: what it told is lost' : 'its copy is used'
    this.options.log?.('error', `${path}: damaged; ${outcome}`)
    return copy
  }

  /** Removes files of segments that the state doesn't name: a crash came between it and their removal. */
  private async removeLeftovers(log: MessageLog): Promise<void> {
    const folder = this.folder(log.id)
    const named = new Set(log.segments.map((segment) => fileNumber(segment.id)))
    for (const name of await this.fileSystem.list(folder)) {
      const [stem, kind] = name.split('.')
      const isOurs = kind === 'segment' || kind === 'index'
      if (isOurs && !named.has(stem)) await this.fileSystem.remove(`${folder}/${name}`)
    }
  }

  private replay(
    type: number,
    logId: number,
    buffer: Buffer,
    start: number,
    end: number,
    view: RecordView,
  ): void {
    const json = <T>(): T => JSON.parse(buffer.toString('utf8', start, end)) as T
    if (type === format.LOG_CREATE) {
      if (this.byId.has(logId)) return
      const { name, meta, createdMs } = json<{ name: string; meta: Json; createdMs: number }>()
      const log = new MessageLog(this, logId, name, meta, false, createdMs)
      this.nameLog(log)
      this.dirty.add(log)
      this.nextLogId = Math.max(this.nextLogId, logId + 1)
      return
    }
    const log = this.byId.get(logId)
    if (log === undefined) return
    this.dirty.add(log)
    switch (type) {
      case format.MESSAGE:
        log.replayMessage(buffer, start, end, view)
        break
      case format.REMOVE:
        log.applyRemove(buffer.readDoubleLE(start))
        break
      case format.REMOVE_THROUGH:
        log.applyRemoveThrough(buffer.readDoubleLE(start))
        break
      case format.SKIP_TO:
        log.applySkip(buffer.readDoubleLE(start), getU32(buffer, start + 8), getU32(buffer, start + 12))
        log.committedSeq = log.lastSeq
        break
      case format.PURGE:
        log.replayPurge(json())
        break
      case format.LOG_META:
        log.meta = json()
        break
      case format.LOG_DELETE:
        this.forgetLog(log)
        break
      case format.LEDGER_CREATE: {
        const { id, name, meta } = json<{ id: number; name: string; meta: Json }>()
        if (ledgerOf(log, id) !== undefined) break
        const ledger = new Ledger(log, null, id, name, meta)
        ledger.recovered = { snapshot: null, entries: [] }
        log.ledgers.set(name, ledger)
        log.nextLedgerId = Math.max(log.nextLedgerId, id + 1)
        break
      }
      case format.LEDGER_META: {
        const { id, meta } = json<{ id: number; meta: Json }>()
        const ledger = ledgerOf(log, id)
        if (ledger !== undefined) ledger.meta = meta
        break
      }
      case format.LEDGER_ENTRY:
        ledgerOf(log, getU32(buffer, start))?.recovered?.entries.push(
          Buffer.from(buffer.subarray(start + 4, end)),
        )
        break
      case format.LEDGER_DELETE: {
        const ledger = ledgerOf(log, json<{ id: number }>().id)
        if (ledger !== undefined) log.ledgers.delete(ledger.name)
        break
      }
      case format.PADDING:
        break
      default:
        this.warn(`journal: record of unknown type ${type}`)
    }
  }

  /** Of two logs of a name the one made later has it: the other was deleted, and its deletion is still to be replayed. */
  private nameLog(log: MessageLog): void {
    this.byId.set(log.id, log)
    const other = this.logs.get(log.name)
    if (other === undefined || other.id < log.id) this.logs.set(log.name, log)
  }

  private forgetLog(log: MessageLog): void {
    if (this.logs.get(log.name) === log) this.logs.delete(log.name)
    this.byId.delete(log.id)
    this.dirty.delete(log)
    this.unflushed.delete(log)
    for (const segment of log.segments) this.cache.drop(segment)
    if (!log.inMemory) this.deletedLogs.push(log)
  }

  // Files of segments.

  private folder(logId: number): string {
    return `${this.options.directory}/logs/${logId}`
  }

  private dataPath(segment: Segment): string {
    return `${this.folder(segment.logId)}/${fileNumber(segment.id)}.segment`
  }

  private indexPath(segment: Segment): string {
    return `${this.folder(segment.logId)}/${fileNumber(segment.id)}.index`
  }

  private trimHandles(keep: Segment): void {
    for (let i = 0; this.openHandles.length > this.limits.openSegments && i < this.openHandles.length; i++) {
      const segment = this.openHandles[0]
      if (segment !== keep && segment.isSealed && !this.unsynced.has(segment) && segment.pins === 0)
        void this.closeHandle(segment)
      else this.openHandles.push(this.openHandles.shift() as Segment)
    }
  }

  private async closeHandle(segment: Segment): Promise<void> {
    const at = this.openHandles.indexOf(segment)
    if (at >= 0) this.openHandles.splice(at, 1)
    const { handle } = segment
    segment.handle = null
    if (handle !== null) await new Promise<void>((resolve) => handle.close(() => resolve()))
  }
}

function fileNumber(id: number): string {
  return String(id).padStart(8, '0')
}

function ledgerOf(log: MessageLog, id: number): Ledger | undefined {
  for (const ledger of log.ledgers.values()) if (ledger.id === id) return ledger
  return undefined
}
