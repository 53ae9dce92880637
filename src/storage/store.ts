/**
 * The store: logs by name, one journal for all of them, and checkpoints that carry the journal's content over
 * into the logs' own files.
 */
import type { Clock, FileHandle, FileSystem } from '../ports/index.ts'
import { Checkpointer, type CheckpointHost } from './checkpoint/checkpointer.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './files/limits.ts'
import { isPassing, RETRY_MS } from './files/passing-error.ts'
import { Reserve } from './files/reserve.ts'
import * as format from './format/journal-format.ts'
import { Journal, type JournalFile, type JournalPosition } from './journal/journal.ts'
import { appendJson, appendTwice, type Json } from './journal/json-records.ts'
import { SegmentFlusher } from './log/flusher.ts'
import { LogCatalog } from './log/log-catalog.ts'
import { LogFiles } from './log/log-files.ts'
import { recount } from './log/log-state.ts'
import type { DamagedBytes } from './log/lost-records.ts'
import { MessageLog } from './log/message-log.ts'
import { Recovery, type RecoveryHost } from './recovery/recovery.ts'
import type { Encryption, Sealing } from './sealing/index.ts'
import { type Chunk, ChunkBuffers, ChunkCache } from './segments/chunk.ts'
import { IndexCache } from './segments/index-cache.ts'
import type { Segment } from './segments/segment.ts'
import { Writability } from './writability.ts'

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
  /** Are the sealed segments of a log with this metadata to be compressed? Default: of none. Asked again for each segment. */
  compresses?: (meta: Json) => boolean
  /** Called with what was found damaged, to be kept elsewhere. */
  onDamaged?: (damaged: DamagedBytes) => void
}

interface Waiting {
  batch: number
  done: () => void
}

/** Time after opening until what was replayed is carried over into the logs' files, milliseconds. */
const AFTER_REPLAY_MS = 500
/** Time after the deletion of a log until its files go, milliseconds. */
const AFTER_DELETION_MS = 1000

export class Store implements CheckpointHost, RecoveryHost {
  readonly limits: StoreLimits
  readonly catalog = new LogCatalog()
  journal: Journal | null = null
  /** The one notice upwards: this batch, and all before, is durable. */
  onCommitted: ((batch: number) => void) | null = null
  /** Damage was found while the store is in use; what was found at opening is in each log's `lost`. */
  onLost: ((log: MessageLog) => void) | null = null
  /** Called when the store can take more after it was `overloaded`. */
  onDrain: (() => void) | null = null
  overloaded = false
  /** Can it be written, for now and at all? Tells when that changes. */
  readonly writability: Writability
  private readonly options: StoreOptions
  readonly buffers: ChunkBuffers
  private readonly cache: ChunkCache
  private readonly files: LogFiles
  private readonly flusher: SegmentFlusher
  private readonly checkpointer: Checkpointer
  private readonly reserve: Reserve
  private readonly closing = new Set<MessageLog>()
  private readonly appended = new Set<MessageLog>()
  private readonly waiting: Waiting[] = []
  private readonly indexes: IndexCache
  private readonly recovery: Recovery
  private unlock: (() => Promise<void>) | null = null
  private isClosed = false

  private constructor(options: StoreOptions) {
    this.options = options
    this.limits = { ...DEFAULT_STORE_LIMITS, ...options.limits }
    this.buffers = new ChunkBuffers(this.limits.chunkBits)
    this.cache = new ChunkCache(this.limits.cacheBytes, this.buffers)
    this.indexes = new IndexCache(this.limits.indexBytes)
    const directory = options.directory ?? ''
    const { catalog, cache } = this
    this.files = new LogFiles(options.fileSystem, directory, this.limits.openSegments, (text) =>
      options.log?.('info', text),
    )
    this.flusher = new SegmentFlusher(this.files, cache, (error) => this.writability.failedOrShort(error))
    this.reserve = new Reserve(options.fileSystem, directory, this.limits, (text) => this.warn(text))
    this.reserve.onLent = (error) => this.writability.short(error)
    this.checkpointer = new Checkpointer({
      host: this,
      catalog,
      files: this.files,
      flusher: this.flusher,
      cache,
      clock: options.clock,
      directory,
      reserve: this.reserve,
    })
    const store = this
    this.writability = new Writability({
      get journal() {
        return store.journal
      },
      checkpointer: this.checkpointer,
      flusher: this.flusher,
      fileSystem: options.fileSystem,
      directory,
      limits: this.limits,
      log: (level, text) => options.log?.(level, text),
    })
    const recovery = { ...options, directory }
    this.recovery = new Recovery(recovery, this, this.files, this.reserve)
  }

  /** Why nothing can be written any more; null: it can. */
  get failure(): Error | null {
    return this.writability.failure
  }

  /** Why nothing new is to be taken for now: no space on the disk. What removes something still is, and may make room. */
  get shortage(): Error | null {
    return this.writability.shortage
  }

  /** Without a folder: nothing is kept, whatever a log asks for. */
  get isInMemory(): boolean {
    return this.options.directory === null
  }

  /**
   * Opens the directory, recovers what it holds, and is ready to append.
   * @throws Error when it is in use by another process, not writable, of a newer format, or encrypted otherwise
   */
  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options)
    if (options.directory !== null) await store.recover(store.recovery)
    return store
  }

  /** The logs by name. */
  get logs(): ReadonlyMap<string, MessageLog> {
    return this.catalog.byName
  }

  get segmentBytes(): number {
    return this.limits.segmentBytes
  }

  get compactBelow(): number {
    return this.limits.compactBelow
  }

  compresses(meta: Json): boolean {
    return this.options.compresses?.(meta) ?? false
  }

  get chunkBits(): number {
    return this.limits.chunkBits
  }

  /** The batch that has the last of what was appended: all is committed when it is. */
  get lastBatch(): number {
    return this.journal?.lastBatch ?? 0
  }

  /** Is all that was appended committed? */
  get isIdle(): boolean {
    return this.journal?.isIdle ?? true
  }

  get committedBatch(): number {
    return this.journal?.committedBatch ?? 0
  }

  /** Last batch that no power failure takes: with a `syncInterval` it may be behind the committed one. */
  get syncedBatch(): number {
    return this.journal?.syncedBatch ?? 0
  }

  /** Is it so much more than it can take that nothing must come any more, not even a little from each of many? */
  get isFlooded(): boolean {
    return (this.journal?.pendingBytes ?? 0) > 2 * this.limits.overloadBytes
  }

  /** Does nothing become durable, for now or for good? Whoever only reads need not wait for it. */
  get isHeldUp(): boolean {
    return this.failure !== null || (this.journal !== null && this.journal.heldUp !== null)
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
    const log = new MessageLog(this, this.catalog.nextId, name, meta, inMemory, this.options.clock.now())
    this.catalog.add(log)
    if (!inMemory) {
      this.changed(log)
      const created = { name, meta, createdMs: log.createdMs }
      appendTwice(this.journal as Journal, format.LOG_CREATE, log.id, created)
    }
    return log
  }

  deleteLog(log: MessageLog): void {
    if (this.logs.get(log.name) !== log) return
    this.forget(log)
    if (!log.inMemory) {
      appendJson(this.journal as Journal, format.LOG_DELETE, log.id, {})
      this.checkpointer.request(AFTER_DELETION_MS)
    }
  }

  /** Is all appended so far durable? */
  get isSettled(): boolean {
    return this.journal === null || this.journal.isIdle
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

  /** Commits, carries everything over into the logs' files, and gives the directory back. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    if (this.journal !== null) {
      this.journal.mayWait = false
      if (this.journal.heldUp !== null) this.writability.failed(this.journal.heldUp)
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
    await this.checkpointer.close()
    try {
      if (this.failure === null) await this.checkpointer.finish()
    } catch (error) {
      // The journal has everything, and is replayed at the next start.
      if (!isPassing(error as Error)) throw error
      this.warn(`closed without a checkpoint: ${(error as Error).message}`)
    } finally {
      await this.flusher.settled()
      await journal.close()
      await this.files.close()
    }
  }

  /** All appended so far is durable, with a `syncInterval` too. Rejects when the store fails before. */
  async durable(): Promise<void> {
    await this.writability.orFailure((done) => this.barrier(done))
    await this.journal?.sync()
  }

  // What logs and segments ask of the store.

  changed(log: MessageLog): void {
    if (log.inMemory) return
    this.checkpointer.dirty.add(log)
    // At opening: what is found damaged then is carried over soon.
    if (this.journal === null) return
    this.appended.add(log)
    const { pendingBytes, heldUp } = this.journal
    if (!this.overloaded && pendingBytes > this.limits.overloadBytes) this.overloaded = true
    if (heldUp !== null && pendingBytes > this.limits.heldUpBytes) {
      this.writability.failed(
        new Error(`too much waits for space on the disk (${heldUp.message})`, { cause: heldUp }),
      )
    }
  }

  segmentEmptied(log: MessageLog, segment: Segment): void {
    this.cache.drop(segment)
    this.indexes.drop(segment)
    segment.columns = null
    if (log.inMemory) return
    this.checkpointer.segmentEmptied(log, segment)
    this.flusher.segmentEmptied(log, segment)
  }

  segmentSparse(log: MessageLog): void {
    this.checkpointer.segmentSparse(log)
  }

  chunkFilled(log: MessageLog, chunk: Chunk): void {
    if (!log.inMemory) this.flusher.chunkFilled(log, chunk)
  }

  chunkLoaded(chunk: Chunk): void {
    this.cache.add(chunk)
  }

  /** It is read again when it is asked for after a while. */
  chunkFailed(chunk: Chunk): void {
    const { segment } = chunk
    this.warn(`${this.files.dataPath(segment)} can't be read now: ${(chunk.failure as Error).message}`)
    this.options.clock.setTimer(() => {
      if (segment.chunks.get(chunk.id) === chunk) segment.chunks.delete(chunk.id)
    }, RETRY_MS)
  }

  indexLoaded(segment: Segment): void {
    this.indexes.add(segment)
  }

  readIndex(segment: Segment): Buffer | null {
    return this.files.readIndex(segment)
  }

  readData(segment: Segment): Buffer {
    return this.files.readAllSync(segment)
  }

  dataBytes(segment: Segment): Promise<number> {
    return this.files.dataBytes(segment)
  }

  openData(segment: Segment): Promise<FileHandle> {
    return this.files.openData(segment)
  }

  recordsLost(segment: Segment, sequences: readonly number[], bytes: number): void {
    const log = this.catalog.get(segment.logId)
    if (log === undefined) return
    const count = sequences.length
    this.warn(`${log.name}: ${count} record(s) of segment ${segment.id} are damaged and set aside`)
    for (const seq of sequences) log.lost.add(seq, Math.round(bytes / count))
    this.lostRecords(log)
    if (this.recovery.restoring.has(log)) return
    log.messages -= count
    log.bytes -= bytes
    recount(log)
    this.changed(log)
  }

  indexRebuilt(segment: Segment): void {
    const log = this.catalog.get(segment.logId)
    if (log !== undefined) this.changed(log)
  }

  damaged(segment: Segment, sequences: readonly number[], bytes: Buffer): void {
    const log = this.catalog.get(segment.logId)?.name ?? ''
    this.options.onDamaged?.({
      log,
      sequences,
      where: this.files.dataPath(segment),
      bytes: Buffer.from(bytes),
    })
  }

  lostRecords(log: MessageLog): void {
    this.onLost?.(log)
  }

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
      this.flusher.committed(log)
    }
    this.closing.clear()
    this.writability.watchRoom()
    this.onCommitted?.(batch)
    while (this.waiting.length > 0 && this.waiting[0].batch <= batch) (this.waiting.shift() as Waiting).done()
    if (this.overloaded && (this.journal as Journal).pendingBytes < this.limits.drainBytes) {
      this.overloaded = false
      this.onDrain?.()
    }
  }

  // What checkpoints tell.

  needRoom(): Promise<void> {
    return this.writability.needRoom()
  }

  checkpointed(): void {
    if (!this.isHeldUp) this.writability.relieved()
  }

  checkpointFailed(error: Error): void {
    this.writability.failedOrShort(error)
  }

  // Opening.

  private async recover(recovery: Recovery): Promise<void> {
    this.unlock = await recovery.lock()
    try {
      await recovery.run()
    } catch (error) {
      await this.abandon()
      await this.unlock()
      throw error
    }
    // What was replayed is carried over soon: it is in memory, and would be replayed again.
    if (this.checkpointer.isWanted) this.checkpointer.request(AFTER_REPLAY_MS)
  }

  /** It could not be opened: nothing more happens to its files. */
  private async abandon(): Promise<void> {
    this.isClosed = true
    await this.checkpointer.close()
    await this.flusher.settled()
    await this.journal?.close()
    await this.files.close()
  }

  goOn(
    sealing: Sealing | null,
    files: JournalFile[],
    position: JournalPosition,
    replayedBytes: number,
  ): void {
    const { fileSystem, clock, directory, syncInterval = 'always' } = this.options
    this.checkpointer.replayed(replayedBytes)
    const journal = new Journal(
      {
        fileSystem,
        clock,
        directory: `${directory}/journal`,
        limits: this.limits,
        sealer: sealing?.sealer ?? null,
        syncInterval,
        reserve: this.reserve,
      },
      position,
    )
    journal.adopt(files)
    journal.onClosed = () => this.closed()
    journal.onCommitted = (batch) => this.committed(batch)
    journal.onFailed = (error) => this.writability.failed(error)
    journal.onShort = (error) => this.writability.short(error)
    journal.onRotated = () => this.checkpointer.begin()
    journal.onIdle = () => this.checkpointer.trim()
    this.journal = journal
    for (const log of this.logs.values()) for (const ledger of log.ledgers.values()) ledger.attach(journal)
  }

  async carryAllOver(): Promise<void> {
    await this.checkpointer.run()
    await (this.journal as Journal).discardFree()
  }

  failedOrShort(error: Error): void {
    this.writability.failedOrShort(error)
  }

  // What replay does.

  replayed(log: MessageLog): void {
    this.checkpointer.dirty.add(log)
  }

  forget(log: MessageLog): void {
    this.catalog.remove(log)
    this.flusher.forget(log)
    for (const segment of log.segments) {
      this.cache.drop(segment)
      this.indexes.drop(segment)
    }
    if (!log.inMemory) this.checkpointer.logDeleted(log.id, log)
  }

  forgotten(logId: number): void {
    this.checkpointer.logDeleted(logId, null)
  }
}
