/** The files of the logs: a folder for each, with data and index of its segments. Which are open, and what is not synced yet. */
import type { FileHandle, FileSystem } from '../../ports/index.ts'
import { writeFileDurably } from '../files/document.ts'
import { closeFile, shortRead, syncFile, truncateTo } from '../files/handles.ts'
import { isMissing, ReadFailure } from '../files/read-failure.ts'
import { wipeFile } from '../files/wipe.ts'
import { PackedFile } from '../packing/packed-file.ts'
import { unpackAll } from '../packing/packed-format.ts'
import type { Chunk, SegmentFile } from '../segments/chunk.ts'
import type { MessageLog } from './message-log.ts'

export class LogFiles {
  /** Segments with data that is written and not synced. */
  readonly unsynced = new Set<SegmentFile>()
  /** Replaced once where the store turns out to be encrypted. */
  fileSystem: FileSystem
  /** As the disk has it, encrypted or not. */
  private readonly raw: FileSystem
  private readonly directory: string
  private readonly mostOpen: number
  private readonly tell: (text: string) => void
  private openHandles: SegmentFile[] = []
  /** Ids of the logs whose folder is there. */
  private readonly withFolder = new Set<number>()

  /** `mostOpen`: files of sealed segments kept open. `tell`: told of damage, of which the records tell more. */
  constructor(
    fileSystem: FileSystem,
    directory: string,
    mostOpen: number,
    tell: (text: string) => void = () => {},
  ) {
    this.tell = tell
    this.fileSystem = fileSystem
    this.raw = fileSystem
    this.directory = directory
    this.mostOpen = mostOpen
  }

  folder(logId: number): string {
    return `${this.directory}/logs/${logId}`
  }

  dataPath(segment: SegmentFile): string {
    return `${this.folder(segment.logId)}/${fileNumber(segment.id)}.segment`
  }

  indexPath(segment: SegmentFile): string {
    return `${this.folder(segment.logId)}/${fileNumber(segment.id)}.index`
  }

  readIndex(segment: SegmentFile): Buffer | null {
    try {
      return this.fileSystem.readFileSync(this.indexPath(segment))
    } catch (error) {
      // What the disk can't give is in the data once more.
      if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EIO') return null
      throw new ReadFailure(this.indexPath(segment), error)
    }
  }

  /** All data, while the thread waits; empty when there is no file. @throws ReadFailure */
  readAllSync(segment: SegmentFile): Buffer {
    try {
      return this.plain(segment, this.fileSystem.readFileSync(this.dataPath(segment)))
    } catch (error) {
      if (isMissing(error)) return Buffer.alloc(0)
      throw new ReadFailure(this.dataPath(segment), error)
    }
  }

  /** As much of the data as there is in the file, which may be less than the segment has. @throws ReadFailure */
  async readAhead(segment: SegmentFile): Promise<Buffer> {
    try {
      return await this.loadData(segment)
    } catch (error) {
      if (isMissing((error as ReadFailure).cause)) return Buffer.alloc(0)
      throw error
    }
  }

  /**
   * Puts `bytes` of the data from `start` on to the buffer, all of them.
   * @throws ReadFailure
   */
  async readData(segment: SegmentFile, to: Buffer, bytes: number, start: number): Promise<void> {
    let read = 0
    try {
      await this.withData(segment, (handle, done) =>
        handle.read(to, 0, bytes, start, (error, count) => {
          read = count
          done(error)
        }),
      )
    } catch (error) {
      throw new ReadFailure(this.dataPath(segment), error)
    }
    if (read < bytes) throw new ReadFailure(this.dataPath(segment), shortRead(read, bytes))
  }

  /** All data, while others go on. @throws ReadFailure also when there is none */
  async loadData(segment: SegmentFile): Promise<Buffer> {
    const path = this.dataPath(segment)
    const bytes = await this.fileSystem.readFile(path).catch((error: Error) => {
      throw new ReadFailure(path, error)
    })
    return this.plain(segment, bytes)
  }

  private plain(segment: SegmentFile, bytes: Buffer): Buffer {
    return segment.isPacked ? unpackAll(bytes, () => this.damaged(segment)) : bytes
  }

  private damaged(segment: SegmentFile): void {
    this.tell(`${this.dataPath(segment)}: something in it was changed; what is left of it is used`)
  }

  /** Bytes of the data that the file has, 0 when there is none. */
  async dataBytes(segment: SegmentFile): Promise<number> {
    try {
      if (segment.isPacked) {
        const file = await this.openPacked(segment)
        await closeFile(file)
        return file.contentBytes
      }
      return await this.fileSystem.size(this.dataPath(segment))
    } catch (error) {
      if (isMissing(error)) return 0
      throw error
    }
  }

  async openData(segment: SegmentFile): Promise<FileHandle> {
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

  private async openFile(segment: SegmentFile): Promise<FileHandle> {
    await this.makeFolder(segment.logId)
    for (;;) {
      try {
        if (segment.isPacked) return await this.openPacked(segment)
        return await this.fileSystem.open(this.dataPath(segment), true)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if ((code !== 'EMFILE' && code !== 'ENFILE') || !(await this.closeIdle())) throw error
      }
    }
  }

  private openPacked(segment: SegmentFile): Promise<PackedFile> {
    return PackedFile.open(this.fileSystem, this.dataPath(segment), () => this.damaged(segment))
  }

  /** The data file of a segment that has none yet, to be written by whoever asks, and closed. */
  async create(segment: SegmentFile): Promise<FileHandle> {
    await this.makeFolder(segment.logId)
    const handle = await this.fileSystem.open(this.dataPath(segment), true)
    await truncateTo(handle, 0)
    return handle
  }

  /** The index of a segment that no state names yet, durably, and its data's entry with it. */
  async writeIndex(segment: SegmentFile, bytes: Buffer): Promise<void> {
    await writeFileDurably(this.fileSystem, this.indexPath(segment), bytes)
    // The next state names them, and may be written without other segments.
    await this.fileSystem.syncDirectory(this.folder(segment.logId))
  }

  /** Gives up one open file that nobody uses; false when there is none. */
  private async closeIdle(): Promise<boolean> {
    const idle = this.openHandles.find((segment) => this.isIdle(segment))
    if (idle === undefined) return false
    await this.closeHandle(idle)
    return true
  }

  private isIdle(segment: SegmentFile): boolean {
    return segment.isSealed && !this.unsynced.has(segment) && segment.pins === 0
  }

  async makeFolder(logId: number): Promise<void> {
    if (this.withFolder.has(logId)) return
    await this.fileSystem.makeDirectory(this.folder(logId))
    this.withFolder.add(logId)
  }

  /** Does something with the data file, which stays open meanwhile. */
  async withData(
    segment: SegmentFile,
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

  async writeChunk(chunk: Chunk, length: number): Promise<void> {
    if (chunk.flushed >= length) return
    const from = chunk.flushed
    this.unsynced.add(chunk.segment)
    await this.withData(chunk.segment, (handle, done) =>
      handle.write(chunk.buffer, from, length - from, chunk.start + from, done),
    )
    chunk.flushed = Math.max(chunk.flushed, length)
  }

  /** Writes the first `bytes` of a segment from its chunks, as far as they are not in its file. */
  async flushThrough(chunks: Chunk[], bytes: number): Promise<void> {
    for (const chunk of chunks) await this.writeChunk(chunk, Math.min(chunk.length, bytes - chunk.start))
  }

  /** Gives back what the file has behind the segment's end. */
  async cutOff(segment: SegmentFile): Promise<void> {
    await this.withData(segment, (handle, done) => handle.truncate(segment.dataBytes, done))
  }

  /** Makes durable what was written to the data file. What can't be synced may be gone from memory: that does not pass. */
  async syncData(segment: SegmentFile): Promise<void> {
    if (!this.unsynced.has(segment)) return
    const handle = await this.openData(segment)
    segment.pins++
    // What is written from here on is not covered.
    this.unsynced.delete(segment)
    try {
      await syncFile(handle)
    } catch (error) {
      this.unsynced.add(segment)
      throw new Error(`segment ${segment.id} can't be synced: ${(error as Error).message}`, { cause: error })
    } finally {
      segment.pins--
    }
  }

  /** `wipes`: it is overwritten before. */
  async removeSegment(segment: SegmentFile, wipes = false): Promise<void> {
    await this.closeHandle(segment)
    this.unsynced.delete(segment)
    const paths: string[] = []
    for (const path of [this.dataPath(segment), this.indexPath(segment)])
      if (await this.fileSystem.exists(path)) paths.push(path)
    if (wipes) await Promise.all(paths.map((path) => wipeFile(this.raw, path)))
    for (const path of paths) await this.fileSystem.remove(path)
  }

  /** Removes a log's folder. Its state goes first: without that nothing else there is taken for anything. */
  async removeFolder(logId: number, segments: readonly SegmentFile[]): Promise<void> {
    for (const segment of segments) {
      this.unsynced.delete(segment)
      await this.closeHandle(segment)
    }
    this.withFolder.delete(logId)
    const folder = this.folder(logId)
    if (await this.fileSystem.exists(`${folder}/state.json`))
      await this.fileSystem.remove(`${folder}/state.json`)
    await this.fileSystem.removeTree(folder)
  }

  /** Removes files of segments that the state doesn't name: a crash came between it and their removal. */
  async removeLeftovers(log: MessageLog): Promise<void> {
    const folder = this.folder(log.id)
    const named = new Set(log.segments.map((segment) => fileNumber(segment.id)))
    const left = (await this.fileSystem.list(folder)).filter((name) => {
      const [stem, kind] = name.split('.')
      return (kind === 'segment' || kind === 'index') && !named.has(stem)
    })
    if (left.length === 0) return
    // The state that doesn't name them may have been put there just before a kill, and is not on the disk for sure.
    await this.fileSystem.syncDirectory(folder)
    for (const name of left) {
      // It may hold what was to be overwritten.
      await wipeFile(this.raw, `${folder}/${name}`).catch(() => {})
      await this.fileSystem.remove(`${folder}/${name}`)
    }
  }

  private trimHandles(keep: SegmentFile): void {
    for (let i = 0; this.openHandles.length > this.mostOpen && i < this.openHandles.length; i++) {
      const segment = this.openHandles[0]
      if (segment !== keep && this.isIdle(segment)) void this.closeHandle(segment)
      else this.openHandles.push(this.openHandles.shift() as SegmentFile)
    }
  }

  /** Closes everything. */
  async close(): Promise<void> {
    for (const segment of [...this.openHandles]) await this.closeHandle(segment)
  }

  private async closeHandle(segment: SegmentFile): Promise<void> {
    const at = this.openHandles.indexOf(segment)
    if (at >= 0) this.openHandles.splice(at, 1)
    const { handle } = segment
    segment.handle = null
    if (handle !== null) await closeFile(handle)
  }
}

function fileNumber(id: number): string {
  return String(id).padStart(8, '0')
}
