/**
 * The store: logs by name, one journal for all of them, and checkpoints that carry the journal's content over
 * into the logs' own files.
 */
import type { Clock, FileHandle, FileSystem } from '../ports/index.ts'
import { type CheckpointDocument, Checkpointer, type CheckpointHost } from './checkpoint/checkpointer.ts'
import { readDocumentOrCopy } from './files/document.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './files/limits.ts'
import { isPassing, RETRY_MS } from './files/passing-error.ts'
import { Reserve } from './files/reserve.ts'
import { sideBySide } from './files/side-by-side.ts'
import * as format from './format/journal-format.ts'
import { Journal } from './journal/journal.ts'
import { replayJournal } from './journal/journal-reader.ts'
import { appendJson, appendTwice, type Json } from './journal/json-records.ts'
import { SegmentFlusher } from './log/flusher.ts'
import { LogCatalog } from './log/log-catalog.ts'
import { LogFiles } from './log/log-files.ts'
import { type LogState, recount, restoreState } from './log/log-state.ts'
import type { DamagedBytes } from './log/lost-records.ts'
import { MessageLog } from './log/message-log.ts'
import { Replay, type ReplayHost } from './recovery/replay.ts'
import {
  type Encryption,
  endConverting,
  keepStoreDocument,
  openSealing,
  type Sealing,
} from './sealing/index.ts'
import { type Chunk, ChunkBuffers, ChunkCache } from './segments/chunk.ts'
import { IndexCache } from './segments/index-cache.ts'
import type { Segment } from './segments/segment.ts'

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

interface Waiting {
  batch: number
  done: () => void
}

/** Time after opening until what was replayed is carried over into the logs' files, milliseconds. */
const AFTER_REPLAY_MS = 500
/** Logs whose files are read side by side at opening. */
const RESTORED_AT_A_TIME = 16
/** Time after the deletion of a log until its files go, milliseconds. */
const AFTER_DELETION_MS = 1000

export class Store implements CheckpointHost, ReplayHost {
  readonly limits: StoreLimits
  readonly catalog = new LogCatalog()
  journal: Journal | null = null
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
  private unlock: (() => Promise<void>) | null = null
  private isClosed = false
  private watchRoomAtBytes = 0

  private constructor(options: StoreOptions) {
    this.options = options
    this.limits = { ...DEFAULT_STORE_LIMITS, ...options.limits }
    this.buffers = new ChunkBuffers(this.limits.chunkBits)
    this.cache = new ChunkCache(this.limits.cacheBytes, this.buffers)
    this.indexes = new IndexCache(this.limits.indexBytes)
    const directory = options.directory ?? ''
    const { catalog, cache } = this
    this.files = new LogFiles(options.fileSystem, directory, this.limits.openSegments)
    this.flusher = new SegmentFlusher(this.files, cache, (error) => this.failedOrShort(error))
    this.reserve = new Reserve(options.fileSystem, directory, this.limits, (text) => this.warn(text))
    this.reserve.onLent = (error) => this.short(error)
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
    if (options.directory !== null) await store.recover(options.directory)
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
    await new Promise<void>((resolve, reject) => {
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
    await this.journal?.sync()
  }

  private readonly onFailed = new Set<(error: Error) => void>()

  // What logs and segments ask of the store.

  changed(log: MessageLog): void {
    if (log.inMemory) return
    this.checkpointer.dirty.add(log)
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
    return this.files.readData(segment)
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
    if (this.restoring.has(log)) return
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
    this.watchRoom()
    this.onCommitted?.(batch)
    while (this.waiting.length > 0 && this.waiting[0].batch <= batch) (this.waiting.shift() as Waiting).done()
    if (this.overloaded && (this.journal as Journal).pendingBytes < this.limits.drainBytes) {
      this.overloaded = false
      this.onDrain?.()
    }
  }

  /** Now and then: is there room for what is in the journal only? Before it has to be written somewhere else. */
  private watchRoom(): void {
    const { writtenBytes } = this.journal as Journal
    if (this.shortage !== null || writtenBytes < this.watchRoomAtBytes) return
    this.watchRoomAtBytes = writtenBytes + this.limits.layoutBytes
    this.needRoom().catch((error: Error) => this.short(error))
  }

  async needRoom(): Promise<void> {
    const { fileSystem, directory } = this.options
    const freeBytes = await fileSystem.freeBytes(directory ?? '')
    const { missingBytes, pendingBytes } = this.journal as Journal
    // What comes until the next look, and something to spare where it is asked whether there is enough again.
    const spareBytes = (this.shortage === null ? 2 : 3) * this.limits.layoutBytes + pendingBytes
    if (freeBytes >= this.checkpointer.neededBytes + missingBytes + spareBytes) return
    const error = new Error(`ENOSPC: ${freeBytes} bytes are left on the disk`)
    throw Object.assign(error, { code: 'ENOSPC' })
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
    this.flusher.isHeld = true
    this.options.log?.('error', `nothing new is stored until it can be written again: ${error.message}`)
    this.onShortage?.(error)
    this.checkpointer.request(RETRY_MS)
  }

  // What checkpoints tell.

  checkpointed(): void {
    if (this.shortage === null || this.isHeldUp) return
    this.shortage = null
    this.flusher.resume()
    this.options.log?.('info', 'it can be written again: messages are stored as before')
    this.onRelief?.()
  }

  checkpointFailed(error: Error): void {
    this.failedOrShort(error)
  }

  private failedOrShort(error: Error): void {
    if (isPassing(error)) this.short(error)
    else this.failed(error)
  }

  // Opening.

  private readonly restoring = new Set<MessageLog>()

  private async recover(directory: string): Promise<void> {
    const { fileSystem } = this.options
    try {
      await fileSystem.makeDirectory(directory)
      // A file of a few bytes, for which there may be no room.
      this.unlock = await this.reserve.lending(this.reserve.documentBytes, () =>
        fileSystem.lock(`${directory}/lock`),
      )
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
      await this.abandon()
      await this.unlock()
      throw error
    }
  }

  /** It could not be opened: nothing more happens to its files. */
  private async abandon(): Promise<void> {
    this.isClosed = true
    await this.checkpointer.close()
    await this.flusher.settled()
    await this.journal?.close()
    await this.files.close()
  }

  private async recoverLocked(directory: string): Promise<void> {
    const raw = this.options.fileSystem
    await raw.makeDirectory(`${directory}/journal`)
    await raw.makeDirectory(`${directory}/logs`)
    const sealing = await openSealing(raw, directory, this.options.encryption, (text) => this.warn(text))
    if (sealing !== null) this.files.fileSystem = sealing.fileSystem
    const checkpoint = await this.readDocument<CheckpointDocument>(`${directory}/checkpoint.json`)
    this.catalog.nextId = checkpoint?.nextLogId ?? 1
    const lsn = checkpoint?.lsn ?? 0
    for (const id of checkpoint?.deletedLogs ?? []) this.forgotten(id)
    const lsns = await this.restoreLogs(directory, lsn, new Set(checkpoint?.deletedLogs))
    await this.replayJournal(directory, sealing, lsn, checkpoint?.nextBatch ?? 1, lsns)
    // Deleted before another of its name was made, by a record that is not in the journal any more.
    for (const log of this.catalog.nameless()) this.forget(log)
    await this.reserve.make().catch((error: Error) => this.failedOrShort(error))
    if (sealing === null)
      await this.reserve.lending(this.reserve.documentBytes, () => keepStoreDocument(raw, directory))
    else if (sealing.isConverting) await this.leaveNothingPlain(raw, directory)
    // What was replayed is carried over soon: it is in memory, and would be replayed again.
    if (this.checkpointer.isWanted) this.checkpointer.request(AFTER_REPLAY_MS)
  }

  /** The logs as their files have them; returns for each the journal record from which on something is missing. */
  private async restoreLogs(
    directory: string,
    checkpointLsn: number,
    deleted: ReadonlySet<number>,
  ): Promise<Map<number, number>> {
    const { catalog, files } = this
    const lsns = new Map<number, number>()
    const ids: number[] = []
    for (const name of await files.fileSystem.list(`${directory}/logs`)) {
      if (!/^\d+$/.test(name)) continue
      const id = Number(name)
      catalog.nextId = Math.max(catalog.nextId, id + 1)
      if (!deleted.has(id)) ids.push(id)
    }
    const restore = async (id: number): Promise<void> => {
      const lsn = await this.restoreLog(id, checkpointLsn)
      if (lsn !== null) lsns.set(id, lsn)
    }
    await sideBySide(ids, RESTORED_AT_A_TIME, restore)
    // So may folders that it had removed.
    await files.fileSystem.syncDirectory(`${directory}/logs`)
    return lsns
  }

  /** Null: there is no such log. */
  private async restoreLog(id: number, checkpointLsn: number): Promise<number | null> {
    const { catalog, files } = this
    let isDamaged = false
    const state = await this.readDocument<LogState>(`${files.folder(id)}/state.json`, () => {
      isDamaged = true
    })
    if (state === null) return null
    const log = new MessageLog(this, id, state.name, state.meta, false, state.createdMs)
    catalog.add(log)
    // Written anew with the next checkpoint.
    if (isDamaged) this.checkpointer.dirty.add(log)
    // Of a checkpoint in which the process before was killed: its rename may not be on the disk, and is built upon from here.
    if (state.lsn > checkpointLsn) await files.fileSystem.syncDirectory(files.folder(id))
    this.restoring.add(log)
    await restoreState(log, state, this, files.fileSystem, (segment) => files.indexPath(segment), null)
    await files.removeLeftovers(log)
    this.restoring.delete(log)
    // What came before the checkpoint is in the state, however old that is: files of the journal from then may be half
    // overwritten. Of a copy, which may lack something, as much is made up for as the journal still has.
    return isDamaged ? state.lsn : Math.max(state.lsn, checkpointLsn)
  }

  private async replayJournal(
    directory: string,
    sealing: Sealing | null,
    fromLsn: number,
    nextBatch: number,
    lsns: ReadonlyMap<number, number>,
  ): Promise<void> {
    const replay = new Replay(this)
    let bytes = 0
    const { files, position } = await replayJournal(
      this.options.fileSystem,
      `${directory}/journal`,
      smallest(lsns.values(), fromLsn),
      nextBatch,
      sealing?.sealer ?? null,
      {
        entry: (type, logId, buffer, start, end, lsn) => {
          if (lsn < (lsns.get(logId) ?? fromLsn)) return
          bytes += format.ENTRY_OVERHEAD_BYTES + end - start
          replay.record(type, logId, buffer, start, end)
        },
        damaged: (logId, count, where, bytes) => this.journalDamaged(replay, logId, count, where, bytes),
      },
    )
    this.checkpointer.replayed(bytes)
    const journal = new Journal(
      {
        fileSystem: this.options.fileSystem,
        clock: this.options.clock,
        directory: `${directory}/journal`,
        limits: this.limits,
        sealer: sealing?.sealer ?? null,
        syncInterval: this.options.syncInterval ?? 'always',
        reserve: this.reserve,
      },
      position,
    )
    journal.adopt(files)
    journal.onClosed = () => this.closed()
    journal.onCommitted = (batch) => this.committed(batch)
    journal.onFailed = (error) => this.failed(error)
    journal.onShort = (error) => this.short(error)
    journal.onRotated = () => this.checkpointer.begin()
    journal.onIdle = () => this.checkpointer.trim()
    this.journal = journal
    for (const log of this.logs.values()) for (const ledger of log.ledgers.values()) ledger.attach(journal)
  }

  private journalDamaged(
    replay: Replay,
    logId: number,
    count: number,
    where: string,
    bytes: Buffer | null,
  ): void {
    this.warn(`journal: ${count} damaged record(s), ${where}`)
    const log = this.catalog.get(logId)
    if (log !== undefined) replay.damaged(log, count)
    if (bytes === null) return
    this.options.onDamaged?.({ log: log?.name ?? '', sequences: [], where, bytes: Buffer.from(bytes) })
  }

  /** Ends the conversion to an encrypted store: what the journal had is in the logs' files, sealed, and its own files go. */
  private async leaveNothingPlain(raw: FileSystem, directory: string): Promise<void> {
    await this.checkpointer.run()
    await (this.journal as Journal).discardFree()
    await endConverting(raw, directory)
  }

  /** A document, or the copy of it when it is damaged. */
  private readDocument<T>(path: string, onDamage: () => void = () => {}): Promise<T | null> {
    return readDocumentOrCopy<T>(this.files.fileSystem, path, (outcome) => {
      onDamage()
      this.options.log?.('error', `${path}: damaged; ${outcome}`)
    })
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

function smallest(values: Iterable<number>, most: number): number {
  let least = most
  for (const value of values) if (value < least) least = value
  return least
}
