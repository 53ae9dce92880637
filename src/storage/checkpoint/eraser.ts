/**
 * Messages that are to be overwritten on disk. What still has their bytes is made anew without them, at a checkpoint: segments
 * are rewritten, the journal goes on in another file, and what both had until then is overwritten before it is removed or
 * used again. A file is never changed while something needs it, so that a crash at any step leaves the old one or the new.
 */
import { isPassing, RETRY_MS } from '../files/passing-error.ts'
import { ReadFailure } from '../files/read-failure.ts'
import type { Journal } from '../journal/journal.ts'
import type { LogCatalog } from '../log/log-catalog.ts'
import type { LogFiles } from '../log/log-files.ts'
import type { MessageLog } from '../log/message-log.ts'
import type { ChunkCache } from '../segments/chunk.ts'
import type { Segment } from '../segments/segment.ts'
import type { Reclaimer, ReclaimHost } from './reclaim.ts'

/** Where each message was when it was removed, by its sequence; null: in no segment any more. */
type Wanted = Map<MessageLog, Map<number, Segment | null>>

interface Waiter {
  resolve: () => void
  reject: (error: Error) => void
}

/** A segment whose data is just being moved to its file is looked at so often. */
const TRIES = 4
/** What fails again and again is tried less and less often, up to this many milliseconds apart. */
const LONGEST_RETRY_MS = 60_000

export interface EraserParts {
  host: ReclaimHost
  catalog: LogCatalog
  files: LogFiles
  cache: ChunkCache
  reclaimer: Reclaimer
  /** The log has something that the last checkpoint lacks. */
  changed: (log: MessageLog) => void
}

export class Eraser {
  private readonly parts: EraserParts
  private wanted: Wanted = new Map()
  private waiters: Waiter[] = []
  /** Something is to be overwritten; without a message: files of the journal that an earlier process did not come to. */
  private isDue = false
  /** What is under way, and who waits for that. */
  private current: { wanted: Wanted; waiters: Waiter[] } | null = null
  private failure: Error | null = null
  private failures = 0

  constructor(parts: EraserParts) {
    this.parts = parts
  }

  /** Is there something to be overwritten that is not under way? */
  get isPending(): boolean {
    return this.isDue
  }

  /** Is there anything at all? Then files are overwritten before they are removed. */
  get isBusy(): boolean {
    return this.isDue || this.current !== null
  }

  /** Time until what failed is to be tried again, milliseconds. */
  get retryMs(): number {
    return Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** Math.max(0, this.failures - 1))
  }

  /** A message was removed, and is to be overwritten. */
  add(log: MessageLog, seq: number, segment: Segment | null): void {
    this.isDue = true
    const ofLog = this.wanted.get(log)
    if (ofLog === undefined) this.wanted.set(log, new Map([[seq, segment]]))
    else ofLog.set(seq, segment)
  }

  /** Files of the journal that are free are to be overwritten. */
  addJournal(): void {
    this.isDue = true
  }

  /** All of it so far is overwritten. Rejects when it isn't for now: it is tried again. */
  settled(): Promise<void> {
    const waiters = this.isDue ? this.waiters : this.current?.waiters
    if (waiters === undefined) return Promise.resolve()
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
  }

  /**
   * The first half, before a checkpoint takes note of where the journal is: rewrites the segments, and has the journal go on
   * in a file in which nothing was written before. False: there is nothing to do.
   */
  async begin(journal: Journal): Promise<boolean> {
    if (!this.isDue) return false
    this.isDue = false
    const { wanted, waiters } = this
    this.current = { wanted, waiters }
    this.wanted = new Map()
    this.waiters = []
    this.failure = null
    // What is removed was so durably; and in the journal its bytes lie before the file that it leaves for.
    await this.parts.host.durable()
    await journal.wipeFree()
    journal.leave()
    await this.parts.host.durable()
    for (const [log, seqs] of wanted) await this.rewriteAll(log, seqs)
    return true
  }

  /** Something could not be overwritten; the rest goes on. */
  failed(error: Error): void {
    this.failure ??= error
  }

  /** Nothing failed until now. */
  get isGood(): boolean {
    return this.failure === null
  }

  /** It is over; an error where it was broken off. */
  end(error: Error | null): void {
    const { current } = this
    if (current === null) return
    this.current = null
    const failure = error ?? this.failure
    if (failure === null) {
      this.failures = 0
      for (const { resolve } of current.waiters) resolve()
      return
    }
    this.failures++
    // Of what is under way all is done once more.
    for (const [log, seqs] of current.wanted) for (const [seq, segment] of seqs) this.add(log, seq, segment)
    this.isDue = true
    for (const { reject } of current.waiters) reject(failure)
  }

  /** It has to wait: who waits for it is told. */
  refuse(error: Error): void {
    for (const { reject } of this.waiters.splice(0)) reject(error)
  }

  /** What is not done by the checkpoint under way is noted in the journal once more: it lets go of what it has until now. */
  noteAgain(): void {
    const lists = [this.wanted]
    if (this.failure !== null && this.current !== null) lists.push(this.current.wanted)
    for (const list of lists) {
      for (const [log, seqs] of list)
        if (this.parts.catalog.has(log)) for (const seq of seqs.keys()) log.noteErase(seq)
    }
  }

  private async rewriteAll(log: MessageLog, seqs: ReadonlyMap<number, Segment | null>): Promise<void> {
    const segments = new Set<Segment>()
    const pending = [...new Set(seqs.values())]
    for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
      if (each === null) continue
      if (log.segments.includes(each)) segments.add(each)
      // It may have been copied just before it was removed.
      pending.push(...each.successors)
    }
    for (const segment of segments) {
      if (!this.parts.catalog.has(log)) return
      try {
        await this.rewrite(log, segment)
        this.parts.changed(log)
      } catch (error) {
        if (!isPassing(error as Error)) throw error
        this.failed(error as Error)
      }
    }
  }

  private async rewrite(log: MessageLog, segment: Segment): Promise<void> {
    const { files, reclaimer, cache, host } = this.parts
    if (segment.isSealed && segment.indexedCount === segment.count) {
      const fresh = await reclaimer.rewrite(log, segment)
      if (fresh !== null) {
        for (const chunk of fresh.chunks.values()) cache.add(chunk)
        host.indexLoaded(fresh)
        return
      }
    }
    for (let tries = 0; tries < TRIES; tries++) {
      if (!log.segments.includes(segment)) return
      if (log.renew(segment, await files.readAhead(segment))) return
    }
    throw new ReadFailure(files.dataPath(segment), new Error('it is shorter than it was'))
  }
}
