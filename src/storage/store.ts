/**
 * The store: logs by name, one journal for all of them, and checkpoints that carry the journal's content over
 * into the logs' own files.
 */
import type { Clock, FileHandle, FileSystem, Timer } from '../ports/index.ts'
import { type Chunk, ChunkCache } from './chunk.ts'
import { encodeIndex } from './columns.ts'
import { FORMAT, readDocument, writeDocument, writeFileDurably } from './document.ts'
import { Journal } from './journal.ts'
import * as format from './journal-format.ts'
import { replayJournal } from './journal-reader.ts'
import { Ledger } from './ledger.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './limits.ts'
import { captureState, type LogState, restoreState } from './log-state.ts'
import { appendJson, type Json, type LogHost, MessageLog } from './message-log.ts'
import { getU32, RecordView } from './record.ts'
import type { Segment } from './segment.ts'

export interface StoreOptions {
  /** Where the files are; null for a store in memory only. */
  directory: string | null
  fileSystem: FileSystem
  clock: Clock
  log?: (level: 'error' | 'info' | 'warn', text: string) => void
  /** 'always' (default): acknowledged means on disk. A number: synced every so many milliseconds. */
  syncInterval?: 'always' | number
  limits?: Partial<StoreLimits>
}

interface CheckpointDocument {
  lsn: number
  nextLogId: number
  nextBatch: number
}

interface Waiting {
  batch: number
  done: () => void
}

export class Store implements LogHost {
  readonly limits: StoreLimits
  readonly logs = new Map<string, MessageLog>()
  journal: Journal | null = null
  isReplaying = false
  failure: Error | null = null
  /** The one notice upwards: this batch, and all before, is durable. */
  onCommitted: ((batch: number) => void) | null = null
  onFailure: ((error: Error) => void) | null = null
  /** Called when the store can take more after it was `overloaded`. */
  onDrain: (() => void) | null = null
  overloaded = false
  private readonly options: StoreOptions
  private readonly fileSystem: FileSystem
  private readonly cache: ChunkCache
  private readonly byId = new Map<number, MessageLog>()
  private readonly segmentLogs = new Map<Segment, MessageLog>()
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
   * @throws Error when it is in use by another process, not writable, or of a newer format
   */
  static async open(options: StoreOptions): Promise<Store> {
    const store = new Store(options)
    if (options.directory !== null) await store.recover(options.directory)
    return store
  }

  get segmentBytes(): number {
    return this.limits.segmentBytes
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
      appendJson(this.journal as Journal, format.LOG_CREATE, log.id, { name, meta, createdMs: log.createdMs })
      this.changed(log)
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
    const { journal } = this
    if (journal !== null) {
      if (this.failure === null) {
        journal.onNeedsCommit = null
        await new Promise<void>((resolve) => {
          this.onFailureOnce = resolve
          this.barrier(resolve)
        })
        await this.checkpointing
        if (this.failure === null) await this.checkpoint()
      }
      await journal.close()
      for (const segment of this.segmentLogs.keys()) await this.closeHandle(segment)
    }
    await this.unlock?.()
  }

  private onFailureOnce: (() => void) | null = null

  // What logs and segments ask of the store.

  changed(log: MessageLog): void {
    if (log.inMemory) return
    this.dirty.add(log)
    this.appended.add(log)
    if (!this.overloaded && (this.journal as Journal).pendingBytes > this.limits.overloadBytes)
      this.overloaded = true
  }

  segmentEmptied(log: MessageLog, segment: Segment): void {
    this.cache.drop(segment)
    segment.columns = null
    this.segmentLogs.delete(segment)
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

  recordsLost(segment: Segment, count: number, bytes: number): void {
    const log = this.logOf(segment)
    this.warn(`${log.name}: ${count} record(s) of segment ${segment.id} are damaged and set aside`)
    log.lostRecords += count
    if (log === this.restoring) return
    log.messages -= count
    log.bytes -= bytes
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
    await this.makeFolder(this.logOf(segment))
    return this.fileSystem.open(this.dataPath(segment), true)
  }

  private async makeFolder(log: MessageLog): Promise<void> {
    if (this.withFolder.has(log)) return
    await this.fileSystem.makeDirectory(this.folder(log))
    this.withFolder.add(log)
  }

  private readonly withFolder = new WeakSet<MessageLog>()

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
    this.options.log?.('error', `store is read-only from here on: ${error.message}`)
    this.onFailure?.(error)
    this.onFailureOnce?.()
  }

  // Segments are filled behind the commits.

  private flushLater(log: MessageLog): void {
    this.flushInTurn(log, () => this.flushFull(log)).catch((error: Error) => this.failed(error))
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

  /** Writes the first `bytes` of a segment, as far as they are not in its file. */
  private async flushThrough(segment: Segment, bytes: number): Promise<void> {
    const chunks = [...segment.chunks.values()].filter((chunk) => !chunk.isFromDisk && chunk.start < bytes)
    for (const chunk of chunks) await this.writeChunk(chunk, Math.min(chunk.length, bytes - chunk.start))
  }

  private async writeChunk(chunk: Chunk, length: number): Promise<void> {
    if (chunk.flushed >= length) return
    const handle = await this.openData(chunk.segment)
    const from = chunk.flushed
    await new Promise<void>((resolve, reject) =>
      handle.write(chunk.buffer, from, length - from, chunk.start + from, (error) =>
        error === null ? resolve() : reject(error),
      ),
    )
    chunk.flushed = Math.max(chunk.flushed, length)
    this.unsynced.add(chunk.segment)
  }

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
      .catch((error: Error) => this.failed(error))
      .finally(() => {
        this.checkpointing = null
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
        })),
    }))
    this.dirty.clear()
    const { emptied, deletedLogs } = this
    this.emptied = []
    this.deletedLogs = []
    const document: CheckpointDocument = { lsn, nextLogId: this.nextLogId, nextBatch: journal.openBatch + 1 }
    await new Promise<void>((resolve, reject) => {
      if (this.failure !== null) reject(this.failure)
      else this.barrier(resolve)
    })
    for (const { log, state, segments } of captured) {
      if (this.byId.get(log.id) !== log) continue
      const folder = this.folder(log)
      await this.makeFolder(log)
      await this.flushInTurn(log, async () => {
        for (const { segment, bytes } of segments) await this.flushThrough(segment, bytes)
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
    }
    for (const { log, segment } of emptied) await this.removeSegment(log, segment)
    for (const log of deletedLogs) await this.fileSystem.removeTree(this.folder(log))
    if (deletedLogs.length > 0) await this.fileSystem.syncDirectory(`${directory}/logs`)
    await writeDocument(this.fileSystem, `${directory}/checkpoint.json`, document)
    await this.fileSystem.syncDirectory(directory)
    await journal.release(lsn)
  }

  private async syncData(segment: Segment): Promise<void> {
    const handle = await this.openData(segment)
    await new Promise<void>((resolve, reject) =>
      handle.sync((error) => (error === null ? resolve() : reject(error))),
    )
  }

  private async removeSegment(log: MessageLog, segment: Segment): Promise<void> {
    await this.closeHandle(segment)
    for (const path of [this.pathOf(log, segment, 'segment'), this.pathOf(log, segment, 'index')]) {
      if (await this.fileSystem.exists(path)) await this.fileSystem.remove(path)
    }
  }

  // Opening.

  private async recover(directory: string): Promise<void> {
    const { fileSystem } = this
    await fileSystem.makeDirectory(directory)
    this.unlock = await fileSystem.lock(`${directory}/lock`)
    try {
      await this.recoverLocked(directory)
    } catch (error) {
      await this.unlock()
      throw error
    }
  }

  private async recoverLocked(directory: string): Promise<void> {
    const { fileSystem } = this
    await fileSystem.makeDirectory(`${directory}/journal`)
    await fileSystem.makeDirectory(`${directory}/logs`)
    const checkpoint = await readDocument<CheckpointDocument>(fileSystem, `${directory}/checkpoint.json`)
    this.nextLogId = checkpoint?.nextLogId ?? 1
    const lsns = new Map<number, number>()
    for (const name of await fileSystem.list(`${directory}/logs`)) {
      const state = await readDocument<LogState>(fileSystem, `${directory}/logs/${name}/state.json`)
      if (state === null) continue
      const log = new MessageLog(this, Number(name), state.name, state.meta, false, state.createdMs)
      this.logs.set(log.name, log)
      this.byId.set(log.id, log)
      this.nextLogId = Math.max(this.nextLogId, log.id + 1)
      lsns.set(log.id, state.lsn)
      this.restoring = log
      await restoreState(log, state, this, fileSystem, (segment) => this.pathOf(log, segment, 'index'), null)
      for (const segment of log.segments) this.segmentLogs.set(segment, log)
    }
    this.restoring = null
    this.isReplaying = true
    const view = new RecordView()
    const fromLsn = checkpoint?.lsn ?? 0
    const oldest = Math.min(fromLsn, ...lsns.values())
    const { files, position } = await replayJournal(
      fileSystem,
      `${directory}/journal`,
      oldest,
      checkpoint?.nextBatch ?? 1,
      {
        entry: (type, logId, buffer, start, end, lsn) => {
          if (lsn < (lsns.get(logId) ?? fromLsn)) return
          this.replay(type, logId, buffer, start, end, view)
        },
        damaged: (logId, count, where) => {
          this.warn(`journal: ${count} damaged record(s), ${where}`)
          const log = this.byId.get(logId)
          if (log !== undefined) log.lostRecords += count
        },
      },
    )
    this.isReplaying = false
    const journal = new Journal(
      {
        fileSystem,
        clock: this.options.clock,
        directory: `${directory}/journal`,
        limits: this.limits,
        syncInterval: this.options.syncInterval ?? 'always',
      },
      position,
    )
    journal.adopt(files)
    journal.onClosed = () => this.closed()
    journal.onCommitted = (batch) => this.committed(batch)
    journal.onFailed = (error) => this.failed(error)
    journal.onRotated = () => this.checkpointNow()
    this.journal = journal
    for (const log of this.logs.values()) for (const ledger of log.ledgers.values()) ledger.attach(journal)
    await writeDocument(fileSystem, `${directory}/store.json`, { format: FORMAT })
    await fileSystem.syncDirectory(directory)
  }

  private restoring: MessageLog | null = null

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
      const { name, meta, createdMs } = json<{ name: string; meta: Json; createdMs: number }>()
      const log = new MessageLog(this, logId, name, meta, false, createdMs)
      this.logs.set(name, log)
      this.byId.set(logId, log)
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
      default:
        this.warn(`journal: record of unknown type ${type}`)
    }
  }

  private forgetLog(log: MessageLog): void {
    this.logs.delete(log.name)
    this.byId.delete(log.id)
    this.dirty.delete(log)
    this.unflushed.delete(log)
    for (const segment of log.segments) {
      this.cache.drop(segment)
      this.segmentLogs.delete(segment)
      if (!log.inMemory) void this.closeHandle(segment)
    }
    if (!log.inMemory) this.deletedLogs.push(log)
  }

  // Files of segments.

  private folder(log: MessageLog): string {
    return `${this.options.directory}/logs/${log.id}`
  }

  private pathOf(log: MessageLog, segment: Segment, kind: 'index' | 'segment'): string {
    return `${this.folder(log)}/${String(segment.id).padStart(8, '0')}.${kind}`
  }

  private logOf(segment: Segment): MessageLog {
    const known = this.segmentLogs.get(segment) ?? this.restoring
    if (known !== null && known !== undefined) return known
    for (const log of this.logs.values()) {
      if (!log.segments.includes(segment)) continue
      this.segmentLogs.set(segment, log)
      return log
    }
    throw new Error(`segment ${segment.id} belongs to no log`)
  }

  private dataPath(segment: Segment): string {
    return this.pathOf(this.logOf(segment), segment, 'segment')
  }

  private indexPath(segment: Segment): string {
    return this.pathOf(this.logOf(segment), segment, 'index')
  }

  private trimHandles(keep: Segment): void {
    for (let i = 0; this.openHandles.length > this.limits.openSegments && i < this.openHandles.length; i++) {
      const segment = this.openHandles[0]
      if (segment !== keep && segment.isSealed && !this.unsynced.has(segment) && !hasLoading(segment))
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

function hasLoading(segment: Segment): boolean {
  for (const chunk of segment.chunks.values()) if (chunk.isLoading) return true
  return false
}

function ledgerOf(log: MessageLog, id: number): Ledger | undefined {
  for (const ledger of log.ledgers.values()) if (ledger.id === id) return ledger
  return undefined
}
