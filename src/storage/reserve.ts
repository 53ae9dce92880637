/**
 * Room on the disk that the store keeps for its own housekeeping: a file of zeros, removed when something has to be written
 * on a full disk so that something else can go, and made again when there is space.
 */
import type { FileSystem } from '../ports/index.ts'
import { settle, syncFile } from './document.ts'

/** Zeros are written in steps of this size. */
const STEP_BYTES = 256 * 1024

export class Reserve {
  /** Is the file there, whole? */
  isThere = false
  /** It was given up, since there was no room. */
  onLent: ((error: Error) => void) | null = null
  private readonly fileSystem: FileSystem
  private readonly path: string
  private readonly bytes: number

  constructor(fileSystem: FileSystem, directory: string, bytes: number) {
    this.fileSystem = fileSystem
    this.path = `${directory}/reserve`
    this.bytes = bytes
  }

  /** Makes the file, unless it is there. Rejects, and leaves nothing, when there is no room for it. */
  async make(): Promise<void> {
    if (this.isThere) return
    const { fileSystem, path, bytes } = this
    if (!(await fileSystem.exists(path)) || (await fileSystem.size(path)) !== bytes) await this.layOut()
    this.isThere = true
  }

  private async layOut(): Promise<void> {
    const { fileSystem, path, bytes } = this
    const handle = await fileSystem.open(path, true)
    try {
      await new Promise<void>((resolve, reject) => handle.truncate(0, settle(resolve, reject)))
      const zeros = Buffer.alloc(Math.min(STEP_BYTES, bytes))
      for (let at = 0; at < bytes; at += zeros.length) {
        const length = Math.min(zeros.length, bytes - at)
        await new Promise<void>((resolve, reject) =>
          handle.write(zeros, 0, length, at, settle(resolve, reject)),
        )
      }
      await syncFile(handle)
    } catch (error) {
      await new Promise<void>((resolve) => handle.close(() => resolve()))
      await fileSystem.remove(path).catch(() => {})
      throw error
    }
    await new Promise<void>((resolve) => handle.close(() => resolve()))
  }

  /** Gives the room up; false when there was none. */
  async giveUp(): Promise<boolean> {
    this.isThere = false
    return this.fileSystem.remove(this.path).then(
      () => true,
      () => false,
    )
  }

  /** Does what needs a little room: where there is none, with that of the reserve. */
  async lending<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isNoSpace(error) || !(await this.giveUp())) throw error
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
