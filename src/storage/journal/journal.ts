/**
 * The one journal of the store: what is appended between two commits is one batch, written and made durable
 * in one step. Files are laid out ahead, and used again once a checkpoint covers what is in them.
 */
import type { Clock, FileHandle, FileSystem, Timer } from '../../ports/index.ts'
import { closeFile, syncFile, writeZeros } from '../files/handles.ts'
import type { StoreLimits } from '../files/limits.ts'
import { isPassing, RETRY_MS } from '../files/passing-error.ts'
import { isNoSpace, type Reserve } from '../files/reserve.ts'
import { wipe } from '../files/wipe.ts'
import { getU32 } from '../format/bytes.ts'
import {
  addToCheck,
  BATCH_HEAD_BYTES,
  CHECKSUM_BYTES,
  checkOf,
  ENTRY_HEAD_BYTES,
  ENTRY_OVERHEAD_BYTES,
  encodeBatchHead,
  encodeBatchTail,
  encodeEntryHead,
  MESSAGE,
  SYNCED,
  sealEntry,
} from '../format/journal-format.ts'
import { SEAL_BYTES, type Sealer } from '../sealing/index.ts'
import { CommitPace, DURABLE_COMMITS, RELAXED_COMMITS } from './commit-pace.ts'

export interface JournalFile {
  readonly path: string
  readonly handle: FileHandle
  readonly bytes: number
  /** Number of the last record in it. */
  lastLsn: number
  /** Bytes from its beginning on that hold something, or did. */
  writtenBytes: number
}

export interface JournalOptions {
  fileSystem: FileSystem
  clock: Clock
  directory: string
  limits: StoreLimits
  /** Always: every commit is durable. A number: synced every so many milliseconds. */
  syncInterval: 'always' | number
  /** Encrypts the batches; null: they are written as they are. */
  sealer: Sealer | null
  /** Room on a full disk for the batches that make room. */
  reserve: Reserve
}

/** Where recovery left off. */
export interface JournalPosition {
  nextLsn: number
  nextBatch: number
  generation: number
  nextFile: number
}

const FIRST_BUFFER_BYTES = 64 * 1024
/** Buffers above this are not kept for the next batch. */
const KEPT_BUFFER_BYTES = 4 * 1024 * 1024
/** On a full disk files are laid out in steps of this size. */
const SMALLEST_FILE_BYTES = 64 * 1024
/** Files kept for use again. */
const SPARE_FILES = 2
/** When less than the first file has room for was written in so long, the journal is idle, milliseconds. */
const IDLE_MS = 5000
/** Files are large from so many times the first one's size on. */
const LARGE = 4

export class Journal {
  /** The open batch: entries are encoded into it (see `begin`). */
  buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES)
  /** Number of the batch that is open, of the next record, and of the last batch that is durable. */
  openBatch: number
  nextLsn: number
  committedBatch: number
  /** Last batch that no power failure takes; where every commit waits for the disk, the one committed last. */
  syncedBatch: number
  /** Bytes written since the store was opened. */
  writtenBytes = 0
  failure: Error | null = null
  /** Why the batch under way can't be written for now: it is tried again, and what comes meanwhile waits behind it. */
  heldUp: Error | null = null
  /** False when the store closes: then nothing is tried again. */
  mayWait = true
  /** A batch was closed and is being written: what is in it is fixed. */
  onClosed: (() => void) | null = null
  onCommitted: ((batch: number) => void) | null = null
  onFailed: ((error: Error) => void) | null = null
  /** Something can't be written for now: the batch under way (see `heldUp`), or the file that comes next. */
  onShort: ((error: Error) => void) | null = null
  onNeedsCommit: (() => void) | null = null
  /** A file is full and the next is in use: time for a checkpoint. */
  onRotated: (() => void) | null = null
  /** Little is written, and files take more room than that needs: see `trim`. */
  onIdle: (() => void) | null = null
  private readonly options: JournalOptions
  private readonly pace: CommitPace
  private readonly memoryPace: CommitPace
  /** Syncs under way: writes may wait for them. */
  private syncing = 0
  /** What seals the records at either end; where the first of a batch stands, and what comes behind the last. */
  private readonly sealBytes: number
  private readonly headBytes: number
  private readonly tailBytes: number
  private length: number
  private count = 0
  /** Of the checksums of the records in the open batch. */
  private check = 0
  private entryAt = 0
  private spareBuffer: Buffer | null = null
  private writing: Buffer | null = null
  private writingLength = 0
  private current: JournalFile | null = null
  private position = 0
  private generation: number
  private nextFile: number
  /** Files that are full and not covered yet, and those free for use. */
  private readonly full: JournalFile[] = []
  private readonly free: JournalFile[] = []
  private sparesKept = SPARE_FILES
  /** The next batch goes to another file, although there is room in this one. */
  private isLeaving = false
  private idleTimer: Timer | null = null
  private idleFromBytes = 0
  private preparing: Promise<void> | null = null
  /** No file is made ahead before this, since that failed. */
  private prepareAgainMs = 0
  private lazyTimer: Timer | null = null
  private syncTimer: Timer | null = null
  private retryTimer: Timer | null = null
  private asked = false
  /** Synced now and then. What the journal itself has of how far. */
  private readonly isRelaxed: boolean
  private notedSynced: number
  private isClosed = false

  constructor(options: JournalOptions, position: JournalPosition) {
    this.options = options
    this.sealBytes = options.sealer === null ? 0 : SEAL_BYTES
    this.headBytes = BATCH_HEAD_BYTES + this.sealBytes
    this.tailBytes = this.headBytes
    this.length = this.headBytes
    this.nextLsn = position.nextLsn
    this.openBatch = position.nextBatch
    this.committedBatch = position.nextBatch - 1
    this.syncedBatch = position.nextBatch - 1
    this.notedSynced = this.syncedBatch
    this.isRelaxed = options.syncInterval !== 'always'
    this.pace = new CommitPace(DURABLE_COMMITS, options.limits.hiccupMs)
    this.memoryPace = new CommitPace(RELAXED_COMMITS, options.limits.hiccupMs)
    this.generation = position.generation
    this.nextFile = position.nextFile
  }

  /** Bytes appended and not yet durable. */
  get pendingBytes(): number {
    return this.length - this.headBytes + this.writingLength
  }

  get isIdle(): boolean {
    return this.writing === null && this.count === 0
  }

  /** The batch that has the last record appended. */
  get lastBatch(): number {
    return this.count > 0 ? this.openBatch : this.openBatch - 1
  }

  /** Has the open batch committed soon, even if nothing in it is urgent. */
  hurry(): void {
    if (this.count > 0) this.ask()
  }

  /** Files found by recovery, oldest first; used again when covered. */
  adopt(files: JournalFile[]): void {
    for (const file of files) this.full.push(file)
    this.watchIdle()
  }

  /**
   * Begins an entry of `length` payload bytes; returns where in `buffer` the payload is to be encoded.
   * Follow with `end`.
   */
  begin(type: number, logId: number, length: number): number {
    // What can't be written any more is not kept.
    if (this.failure !== null) this.length = this.headBytes
    const at = this.length
    const wanted = at + length + ENTRY_OVERHEAD_BYTES + this.tailBytes
    if (wanted > this.buffer.length) this.grow(wanted)
    encodeEntryHead(this.buffer, at, length, type, logId)
    this.entryAt = at
    this.length = at + ENTRY_HEAD_BYTES + length
    if (type !== MESSAGE) this.length += 4
    return at + ENTRY_HEAD_BYTES
  }

  /** Ends the entry; `isUrgent`: a commit is to follow at the end of the turn, else within `lazyCommitMs`. */
  end(isUrgent: boolean): void {
    this.closeEntry()
    if (isUrgent) this.ask()
    else if (!this.asked && this.lazyTimer === null) {
      this.lazyTimer = this.options.clock.setTimer(() => {
        this.lazyTimer = null
        this.ask()
      }, this.options.limits.lazyCommitMs)
    }
  }

  private closeEntry(): void {
    const at = this.entryAt
    if (this.buffer[at + 4] !== MESSAGE) sealEntry(this.buffer, at, this.length - at - ENTRY_OVERHEAD_BYTES)
    this.check = addToCheck(this.check, getU32(this.buffer, this.length - CHECKSUM_BYTES))
    this.count++
    this.nextLsn++
  }

  /** The last record, before the store closes: damage to what stands before it can be told from a commit that did not end. */
  conclude(): void {
    this.noteSynced()
  }

  /** So that a batch that is missing is known to have been there, or not. */
  private noteSynced(): void {
    const at = this.begin(SYNCED, 0, 8)
    this.buffer.writeDoubleLE(this.syncedBatch, at)
    this.closeEntry()
    this.notedSynced = this.syncedBatch
  }

  /** Closes the open batch and writes it, unless one is being written or there is nothing. */
  commit(): void {
    if (this.writing !== null || this.count === 0 || this.failure !== null || this.isClosed) return
    this.asked = false
    this.lazyTimer?.clear()
    this.lazyTimer = null
    if (this.isRelaxed && this.syncedBatch > this.notedSynced) this.noteSynced()
    const { buffer } = this
    const { sealer } = this.options
    this.writing = buffer
    this.writingLength = this.length + this.tailBytes
    const head = {
      generation: 0,
      batch: this.openBatch,
      firstLsn: this.nextLsn - this.count,
      length: this.length + this.sealBytes - BATCH_HEAD_BYTES,
      count: this.count,
      isSealed: sealer !== null,
      hasTail: true,
      isRelaxed: this.isRelaxed,
      check: checkOf(this.check),
    }
    if (sealer !== null) sealer.sealInPlace(buffer, this.headBytes, this.length, this.openBatch)
    this.openBatch++
    this.length = this.headBytes
    this.count = 0
    this.check = 0
    this.buffer = this.spareBuffer ?? Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES)
    this.spareBuffer = null
    this.onClosed?.()
    const ended = (error: Error | null): void => {
      if (error === null || !isPassing(error) || !this.mayWait) this.written(error, head.batch)
      else this.tryLater(error, attempt)
    }
    const write = (): void => {
      const file = this.current as JournalFile
      head.generation = this.generation
      encodeBatchHead(buffer, head)
      encodeBatchTail(buffer, BATCH_HEAD_BYTES + head.length, head)
      file.lastLsn = head.firstLsn + head.count - 1
      if (!this.isRelaxed) this.writeDurably(file.handle, buffer, head.count, ended)
      else this.writeRelaxed(file.handle, buffer, head.count, ended)
    }
    const attempt = (): void => {
      const isRoom = this.current !== null && this.position + this.writingLength <= this.current.bytes
      if (isRoom && !this.isLeaving) write()
      else this.rotate(this.writingLength).then(write, ended)
    }
    attempt()
  }

  private tryLater(error: Error, again: () => void): void {
    this.heldUp = error
    this.onShort?.(error)
    this.retryTimer = this.options.clock.setTimer(again, RETRY_MS)
  }

  private writeDurably(
    handle: FileHandle,
    buffer: Buffer,
    records: number,
    done: (error: Error | null) => void,
  ): void {
    const { writingLength, position, pace } = this
    const inPlace = handle.writeDurableSync
    if (inPlace === undefined || !pace.waits(records, writingLength))
      handle.writeDurable(buffer, 0, writingLength, position, done)
    else this.writeInPlace(inPlace, handle, buffer, pace, done)
  }

  /** To the memory of the operating system: at once, unless it has the disk to wait for. */
  private writeRelaxed(
    handle: FileHandle,
    buffer: Buffer,
    records: number,
    done: (error: Error | null) => void,
  ): void {
    const { writingLength, position, memoryPace } = this
    const inPlace = handle.writeSync
    if (inPlace === undefined || this.syncing > 0 || !memoryPace.waits(records, writingLength))
      handle.write(buffer, 0, writingLength, position, done)
    else this.writeInPlace(inPlace, handle, buffer, memoryPace, done)
  }

  /** While the thread waits; `pace` is told for how long. */
  private writeInPlace(
    write: NonNullable<FileHandle['writeSync']>,
    handle: FileHandle,
    buffer: Buffer,
    pace: CommitPace,
    done: (error: Error | null) => void,
  ): void {
    const startedMs = performance.now()
    try {
      write.call(handle, buffer, 0, this.writingLength, this.position)
    } catch (error) {
      done(error as Error)
      return
    }
    pace.took(performance.now() - startedMs)
    done(null)
  }

  /**
   * Records before `lsn` are kept elsewhere: files that hold nothing else are free. `isShort`: as little as can be is kept.
   * `wipes`: what they hold is overwritten.
   */
  async release(lsn: number, isShort: boolean, wipes = false): Promise<void> {
    const released: JournalFile[] = []
    while (this.full.length > 0 && this.full[0].lastLsn < lsn) released.push(this.full.shift() as JournalFile)
    try {
      if (wipes) await this.wipe(released)
    } finally {
      this.free.push(...released)
    }
    this.free.sort((a, b) => (isShort ? a.bytes - b.bytes : b.bytes - a.bytes))
    await this.discard(this.free.splice(isShort ? 1 : this.sparesKept))
    this.watchIdle()
  }

  /** Overwrites what is left in the files that are free. */
  async wipeFree(): Promise<void> {
    // The file that is left is there for the next time.
    this.sparesKept = Math.max(1, this.sparesKept)
    // Nothing goes on in one of them meanwhile.
    const files = this.free.splice(0)
    try {
      await this.wipe(files)
    } finally {
      this.free.push(...files)
    }
  }

  private async wipe(files: readonly JournalFile[]): Promise<void> {
    for (const file of files) {
      await wipe(file.handle, file.writtenBytes)
      file.writtenBytes = 0
    }
  }

  /** Goes on in another file, with a record that is durable when it does. */
  leave(): void {
    this.isLeaving = true
    this.noteSynced()
    this.hurry()
  }

  /** Removes the files that are free, with what is left in them. */
  async discardFree(): Promise<void> {
    await this.discard(this.free.splice(0))
  }

  private async discard(files: readonly JournalFile[]): Promise<void> {
    if (files.length === 0) return
    for (const file of files) {
      await closeFile(file.handle)
      await this.options.fileSystem.remove(file.path)
    }
    await this.options.fileSystem.syncDirectory(this.options.directory)
  }

  /**
   * Gives back room on the disk that was laid out for more than is written now. True: a checkpoint gives back the rest; it
   * follows by itself where a large file was left for a small one, by the record that this appends.
   */
  async trim(mayLeave: boolean): Promise<boolean> {
    if (this.isClosed || this.fileBytes < this.largeBytes) return false
    await this.preparing?.catch(() => {})
    const surplus = this.free.splice(0)
    this.sparesKept = 0
    try {
      if (mayLeave && this.current !== null && this.current.bytes >= this.largeBytes) {
        this.preparing = this.layOutFile(this.options.limits.firstJournalBytes).finally(() => {
          this.preparing = null
        })
        await this.preparing
        this.leave()
      }
    } finally {
      await this.discard(surplus)
    }
    return mayLeave
  }

  private get largeBytes(): number {
    return LARGE * this.options.limits.firstJournalBytes
  }

  /** Tells when little has been written for a while. */
  watchIdle(): void {
    if (this.idleTimer !== null || this.isClosed) return
    if (this.fileBytes < this.largeBytes) return
    this.idleFromBytes = this.writtenBytes
    this.idleTimer = this.options.clock.setTimer(() => {
      this.idleTimer = null
      if (this.writtenBytes - this.idleFromBytes >= this.options.limits.firstJournalBytes) this.watchIdle()
      else this.onIdle?.()
    }, IDLE_MS)
  }

  /** Bytes of all files. */
  get fileBytes(): number {
    let bytes = this.current?.bytes ?? 0
    for (const file of this.full) bytes += file.bytes
    for (const file of this.free) bytes += file.bytes
    return bytes
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.lazyTimer?.clear()
    this.syncTimer?.clear()
    this.retryTimer?.clear()
    this.idleTimer?.clear()
    await this.preparing?.catch(() => {})
    const files = [...this.full, ...this.free]
    if (this.current !== null) files.push(this.current)
    for (const file of files) await closeFile(file.handle)
  }

  private ask(): void {
    if (this.asked) return
    this.asked = true
    if (this.onNeedsCommit !== null) this.onNeedsCommit()
    else this.commit()
  }

  private grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, this.buffer.length * 2))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }

  private written(error: Error | null, batch: number): void {
    if (error !== null) {
      this.fail(error)
      return
    }
    this.heldUp = null
    const buffer = this.writing as Buffer
    this.position += this.writingLength
    this.writtenBytes += this.writingLength
    this.writing = null
    this.writingLength = 0
    if (buffer.length <= KEPT_BUFFER_BYTES) this.spareBuffer = buffer
    this.committedBatch = batch
    if (this.options.syncInterval === 'always') this.syncedBatch = batch
    else this.syncLater(this.options.syncInterval)
    this.onCommitted?.(batch)
    if (this.isHalfFull && this.options.clock.now() >= this.prepareAgainMs) this.prepareAhead()
    if (this.count > 0) {
      this.asked = false
      this.ask()
    }
  }

  private fail(error: Error): void {
    if (this.failure !== null) return
    this.failure = error
    this.onFailed?.(error)
  }

  private syncLater(intervalMs: number): void {
    if (this.syncTimer !== null || this.isClosed) return
    this.syncTimer = this.options.clock.setTimer(() => {
      this.syncTimer = null
      this.sync().catch((error: Error) => this.fail(error))
    }, intervalMs)
  }

  /** All that is committed is durable, where commits do not wait for that themselves. */
  async sync(): Promise<void> {
    if (!this.isRelaxed || this.current === null) return
    const batch = this.committedBatch
    this.syncing++
    try {
      await syncFile(this.current.handle)
    } finally {
      this.syncing--
    }
    this.syncedBatch = Math.max(this.syncedBatch, batch)
  }

  private get isHalfFull(): boolean {
    return this.current !== null && this.position * 2 > this.current.bytes
  }

  /** Bytes of the file that is still to be made, 0 when there is one to go on in. */
  get missingBytes(): number {
    return this.free.length > 0 ? 0 : this.options.limits.firstJournalBytes
  }

  private get grownBytes(): number {
    const { firstJournalBytes, journalBytes } = this.options.limits
    return this.current === null ? firstJournalBytes : Math.min(journalBytes, this.current.bytes * 2)
  }

  /** Makes sure that there is a file to go on in. Rejects when none can be made. */
  async prepareNext(): Promise<void> {
    if (this.isHalfFull) await this.prepare(0)
  }

  /**
   * Ahead of time, so that what is left of the file in use is there for what makes room, when there is none for another:
   * nothing new is to be taken from then on.
   */
  private prepareAhead(): void {
    this.prepare(0).catch((error: Error) => {
      if (this.isClosed) return
      if (!isPassing(error)) this.fail(error)
      else {
        this.prepareAgainMs = this.options.clock.now() + RETRY_MS
        this.onShort?.(error)
      }
    })
  }

  /** Goes on in another file that has room for `bytes`. */
  private async rotate(bytes: number): Promise<void> {
    await this.preparing?.catch(() => {})
    const fits = (file: JournalFile): boolean => file.bytes >= bytes
    if (!this.free.some(fits)) {
      await this.options.reserve.lending(bytes + SMALLEST_FILE_BYTES, () => this.prepare(bytes))
      await this.rotate(bytes)
      return
    }
    // Before anything changes, since it may fail, and before one is taken, since it may take a while.
    await this.sync()
    const index = this.free.findIndex(fits)
    if (index < 0) {
      await this.rotate(bytes)
      return
    }
    const [file] = this.free.splice(index, 1)
    if (!this.isLeaving) this.sparesKept = SPARE_FILES
    this.isLeaving = false
    if (this.current !== null) {
      this.current.writtenBytes = Math.max(this.current.writtenBytes, this.position)
      this.full.push(this.current)
    }
    this.current = file
    this.position = 0
    this.generation++
    if (this.full.length > 0) this.onRotated?.()
  }

  /** Lays a file out ahead, unless one is free. */
  private prepare(bytes: number): Promise<void> {
    if (this.preparing !== null) return this.preparing
    if (bytes === 0 && this.free.length > 0) return Promise.resolve()
    this.preparing = this.layOut(bytes).finally(() => {
      this.preparing = null
    })
    return this.preparing
  }

  private async layOut(bytes: number): Promise<void> {
    const { limits, fileSystem, directory } = this.options
    // Where little is left on the disk, no more than a quarter of that.
    const quarter = Math.floor((await fileSystem.freeBytes(directory)) / 4 / limits.layoutBytes)
    const grown = Math.min(this.grownBytes, Math.max(quarter * limits.layoutBytes, limits.firstJournalBytes))
    try {
      await this.layOutFile(Math.max(grown, Math.ceil(bytes / limits.layoutBytes) * limits.layoutBytes))
    } catch (error) {
      // One that is small may have room where one that is large has not.
      if (bytes === 0 || !isNoSpace(error)) throw error
      await this.layOutFile(Math.ceil(bytes / SMALLEST_FILE_BYTES) * SMALLEST_FILE_BYTES)
    }
  }

  private async layOutFile(size: number): Promise<void> {
    const { fileSystem, directory, limits } = this.options
    const path = `${directory}/${String(this.nextFile++).padStart(8, '0')}.journal`
    const handle = await fileSystem.open(path, true)
    try {
      await writeZeros(handle, 0, size, limits.layoutBytes)
      await syncFile(handle)
    } catch (error) {
      // A part of a file takes space and is of no use.
      await closeFile(handle)
      await fileSystem.remove(path).catch(() => {})
      throw error
    }
    await fileSystem.syncDirectory(directory)
    this.free.push({ path, handle, bytes: size, lastLsn: 0, writtenBytes: 0 })
    this.watchIdle()
  }
}
