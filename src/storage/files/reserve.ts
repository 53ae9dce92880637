/**
 * Room on the disk that the store keeps for its own housekeeping: a file of zeros, removed when something has to be written
 * on a full disk so that something else can go, and made again when there is space.
 */
import type { FileSystem } from '../../ports/index.ts'
import { closeFile, syncFile, truncateTo, writeZeros } from './handles.ts'
import type { StoreLimits } from './limits.ts'

/** Zeros are written in steps of this size. */
const STEP_BYTES = 256 * 1024

export class Reserve {
  /** It was given up, since there was no room. */
  onLent: ((error: Error) => void) | null = null
  /** Room for a document, or a lock. */
  readonly documentBytes: number
  private readonly fileSystem: FileSystem
  private readonly directory: string
  private readonly path: string
  private readonly warn: (text: string) => void
  private readonly leastBytes: number
  private readonly mostBytes: number
  private wantedBytes: number
  /** Bytes of the file; -1: not known. */
  private bytes = -1

  constructor(fileSystem: FileSystem, directory: string, limits: StoreLimits, warn: (text: string) => void) {
    this.warn = warn
    this.documentBytes = 2 * limits.documentBytes
    this.fileSystem = fileSystem
    this.directory = directory
    this.path = `${directory}/reserve`
    this.leastBytes = limits.reserveBytes
    // A segment is rewritten in it.
    this.mostBytes = limits.segmentBytes + limits.reserveBytes
    this.wantedBytes = this.leastBytes
  }

  /** So much is stored: the reserve is to be an eighth of it, within its bounds. Takes effect with the next `make`. */
  fit(storedBytes: number): void {
    this.wantedBytes = Math.min(Math.max(Math.ceil(storedBytes / 8), this.leastBytes), this.mostBytes)
  }

  /** Makes the file as large as it is to be. Rejects when there is no room for that; without it for another reason it goes on. */
  async make(): Promise<void> {
    try {
      await this.makeNow()
    } catch (error) {
      if (isNoSpace(error)) throw error
      this.warn(`${this.path}: ${(error as Error).message}`)
    }
  }

  private async makeNow(): Promise<void> {
    const { fileSystem, path, wantedBytes } = this
    if (this.bytes < 0) this.bytes = (await fileSystem.exists(path)) ? await fileSystem.size(path) : 0
    // Not for every little change.
    if (wantedBytes <= this.bytes ? this.bytes <= wantedBytes * 2 : wantedBytes * 0.75 <= this.bytes) return
    await this.resize(this.bytes, wantedBytes)
    this.bytes = wantedBytes
  }

  private async resize(from: number, to: number): Promise<void> {
    const handle = await this.fileSystem.open(this.path, true)
    try {
      if (to < from) await truncateTo(handle, to)
      await writeZeros(handle, from, to, STEP_BYTES)
      await syncFile(handle)
    } catch (error) {
      // As it was before: the rest is not to be in the way.
      await truncateTo(handle, from).catch(() => {})
      throw error
    } finally {
      await closeFile(handle)
    }
  }

  /** Bytes that there are on the disk, with those of the reserve. */
  async freeBytes(): Promise<number> {
    return (await this.fileSystem.freeBytes(this.directory)) + Math.max(this.bytes, 0)
  }

  /** Gives up so much of the room, or what there is of it; false when there is none. */
  private async giveUp(bytes: number): Promise<boolean> {
    const { fileSystem, path } = this
    const there = this.bytes >= 0 ? this.bytes : await fileSystem.size(path)
    if (there === 0) return false
    this.bytes = Math.max(0, there - bytes)
    if (this.bytes === 0) await fileSystem.remove(path)
    else await this.resize(there, this.bytes)
    return true
  }

  /** Does what needs so much room: where there is none, with that of the reserve. */
  async lending<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isNoSpace(error) || !(await this.giveUp(bytes).catch(() => false))) throw error
      this.onLent?.(error as Error)
      return work()
    }
  }
}

/** The disk, or what this user may have of it, is full. */
export function isNoSpace(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
}
