/**
 * Can the store be written? Not for good once something has failed that won't pass; not for now while the disk is full or the
 * like: then nothing new is taken until a checkpoint has gone through, while what removes something still is.
 */
import type { FileSystem } from '../ports/index.ts'
import type { Checkpointer } from './checkpoint/checkpointer.ts'
import type { StoreLimits } from './files/limits.ts'
import { isPassing, RETRY_MS } from './files/passing-error.ts'
import type { Journal } from './journal/journal.ts'
import type { SegmentFlusher } from './log/flusher.ts'

/** What it looks at and acts upon. */
export interface WritableParts {
  readonly journal: Journal | null
  readonly checkpointer: Checkpointer
  readonly flusher: SegmentFlusher
  readonly fileSystem: FileSystem
  readonly directory: string
  readonly limits: StoreLimits
  log(level: 'error' | 'info', text: string): void
}

export class Writability {
  /** Why nothing can be written any more; null: it can. */
  failure: Error | null = null
  /** Why nothing new is to be taken for now. */
  shortage: Error | null = null
  onFailure: ((error: Error) => void) | null = null
  onShortage: ((error: Error) => void) | null = null
  onRelief: (() => void) | null = null
  private readonly parts: WritableParts
  private readonly waiting = new Set<(error: Error) => void>()
  private watchAtBytes = 0

  constructor(parts: WritableParts) {
    this.parts = parts
  }

  /** Rejects when the store fails before `work` has called it done. */
  orFailure(work: (done: () => void) => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      if (this.failure !== null) {
        reject(this.failure)
        return
      }
      this.waiting.add(reject)
      work(() => {
        this.waiting.delete(reject)
        resolve()
      })
    })
  }

  /** Nothing can be written any more. */
  failed(error: Error): void {
    if (this.failure !== null) return
    const { journal } = this.parts
    this.failure = error
    if (journal !== null) journal.failure ??= error
    this.parts.log('error', `store is read-only from here on: ${error.message}`)
    this.onFailure?.(error)
    for (const reject of this.waiting) reject(error)
    this.waiting.clear()
  }

  /** Something could not be written and may be later. */
  short(error: Error): void {
    if (this.shortage !== null || this.failure !== null) return
    this.shortage = error
    this.parts.flusher.isHeld = true
    this.parts.log('error', `nothing new is stored until it can be written again: ${error.message}`)
    this.onShortage?.(error)
    this.parts.checkpointer.request(RETRY_MS)
  }

  failedOrShort(error: Error): void {
    if (isPassing(error)) this.short(error)
    else this.failed(error)
  }

  /** A checkpoint has gone through. */
  relieved(): void {
    if (this.shortage === null) return
    this.shortage = null
    this.parts.flusher.resume()
    this.parts.log('info', 'it can be written again: messages are stored as before')
    this.onRelief?.()
  }

  /** Now and then: is there room for what is in the journal only? Before it has to be written somewhere else. */
  watchRoom(): void {
    const { writtenBytes } = this.parts.journal as Journal
    if (this.shortage !== null || writtenBytes < this.watchAtBytes) return
    this.watchAtBytes = writtenBytes + this.parts.limits.layoutBytes
    this.needRoom().catch((error: Error) => this.short(error))
  }

  /** Rejects when there is not enough room on the disk to go on. */
  async needRoom(): Promise<void> {
    const { fileSystem, directory, limits, checkpointer } = this.parts
    const freeBytes = await fileSystem.freeBytes(directory)
    const { missingBytes, pendingBytes } = this.parts.journal as Journal
    // What comes until the next look, and something to spare where it is asked whether there is enough again.
    const spareBytes = (this.shortage === null ? 2 : 3) * limits.layoutBytes + pendingBytes
    if (freeBytes >= checkpointer.neededBytes + missingBytes + spareBytes) return
    const error = new Error(`ENOSPC: ${freeBytes} bytes are left on the disk`)
    throw Object.assign(error, { code: 'ENOSPC' })
  }
}
