import type { Account } from '../../core/index.ts'
import type { Clock } from '../../ports/index.ts'
import type { Json, MessageLog, SubjectBytes } from '../../storage/index.ts'
import type { SubjectFilter } from '../../subjects/index.ts'
import { apiError } from '../config/errors.ts'
import type { StreamConfig } from '../config/types.ts'
import type { AccountUsage } from './account-usage.ts'
import type { Audience } from './audience.ts'
import type { StreamHost } from './host.ts'
import { Later } from './later.ts'
import { Slices } from './slices.ts'

/** What the log keeps of a stream beside its messages. */
export interface StreamMeta {
  /** Milliseconds since the epoch, with a fraction. */
  created: number
  config: StreamConfig
  /** It is being restored from a backup: after a restart it is not there. */
  isRestoring?: boolean
}

/** Are the segments of a log with this metadata to be compressed? Metadata of other logs has no configuration. */
export function isCompressed(meta: Json): boolean {
  return (meta as unknown as Partial<StreamMeta>).config?.compression === 's2'
}

/** Whose stream it is. */
export interface LogOwner {
  readonly host: StreamHost
  /** Of the bus. */
  readonly account: Account
  readonly usage: AccountUsage
}

/** Sequences looked at by a purge at a time. */
const PURGE_SLICE = 4096
/** Messages removed at a time where each is told to consumers. */
const REMOVED_AT_ONCE = 256

/** The messages of a stream with its configuration, and what removes them: whoever reads them is told. */
export class StreamLog {
  readonly name: string
  readonly host: StreamHost
  /** Of the bus: where its publishers and consumers are. */
  readonly account: Account
  /** What the account's streams use together. */
  readonly usage: AccountUsage
  readonly clock: Clock
  readonly log: MessageLog
  readonly audience: Audience
  readonly createdMs: number
  /** Removals that wait until the disk can be read again. */
  readonly later: Later
  config: StreamConfig
  isClosed = false
  /** What the sequences were to begin with when the stream was made, or opened. */
  readonly firstSeqWanted: number
  /** The sequences of a stream without any message begin to count with its first purge. */
  wasPurged = false
  private countedBytes = 0

  constructor(owner: LogOwner, log: MessageLog, meta: StreamMeta, audience: Audience) {
    const { host } = owner
    this.host = host
    this.account = owner.account
    this.usage = owner.usage
    this.clock = host.clock
    this.log = log
    this.audience = audience
    this.name = meta.config.name
    this.config = meta.config
    this.firstSeqWanted = meta.config.first_seq ?? 0
    this.createdMs = meta.created
    this.later = new Later(host.clock)
    this.countBytes()
  }

  /** Removes one message; false when it is not there. */
  remove(seq: number): boolean {
    if (!this.log.remove(seq)) return false
    this.countBytes()
    if (this.audience.size > 0) this.audience.removed(seq, this.log.removed)
    return true
  }

  /** Removes everything up to and with `seq`. */
  removeThrough(seq: number): number {
    const { log } = this
    const before = log.messages
    while (log.messages > 0 && log.firstSeq <= seq) {
      if (this.audience.size === 0) this.removeFirst(seq)
      else this.removeFirst(Math.min(seq, log.firstSeq + REMOVED_AT_ONCE - 1))
    }
    return before - log.messages
  }

  private removeFirst(seq: number): void {
    const { log, audience } = this
    try {
      if (audience.size > 0) {
        for (let next = log.firstSeq; next > 0 && next <= seq; next = log.nextLive(next + 1)) {
          const subject = log.subjectOf(next)
          if (subject !== null) audience.miss(next, subject.buffer, subject.start, subject.end)
        }
      }
      log.removeThrough(seq)
    } catch (error) {
      audience.forgetCounts()
      throw error
    } finally {
      // Also of what was removed before a read failed.
      this.countBytes()
      audience.tellHolders()
    }
  }

  /** The same for what has to go and is waited for by nobody: at once, or as soon as the disk can be read. */
  removeSoon(seq: number): void {
    try {
      this.remove(seq)
    } catch (error) {
      this.later.add(error, () => this.remove(seq))
    }
  }

  /** The same for everything up to and with `seq`. */
  removeThroughSoon(seq: number): void {
    try {
      this.removeThrough(seq)
    } catch (error) {
      this.later.add(error, () => this.removeThrough(seq))
    }
  }

  /** Removes what matches (null: everything) below `upToSeq` (0: no bound) but the `keep` newest; returns how many. */
  purge(filter: SubjectFilter | null, upToSeq: number, keep: number, fromSeq = 0): number {
    const subject = literalOf(filter)
    let removed: number
    try {
      removed = this.log.purge(filter, upToSeq, keep, fromSeq)
    } catch (error) {
      // Of what was removed before the read failed.
      this.countBytes()
      this.audience.purged(subject)
      throw error
    }
    const isOfAll = filter === null || filter.all
    if (isOfAll && keep === 0 && upToSeq === 0) this.wasPurged = true
    // A bound behind the end is where the stream goes on.
    if (isOfAll && upToSeq > this.log.lastSeq + 1) this.log.skipTo(upToSeq)
    if (removed > 0) this.countBytes()
    // Also when nothing was left to remove: consumers take note of where the stream begins.
    this.audience.purged(subject, true)
    return removed
  }

  /** A purge that is a message's consequence: at once, or as soon as the disk can be read. `upToSeq` as above. */
  purgeSoon(filter: SubjectFilter | null, upToSeq: number): void {
    try {
      this.purge(filter, upToSeq, 0)
    } catch (error) {
      this.later.add(error, () => this.purge(filter, upToSeq, 0))
    }
  }

  /** The same for as many as there may be: others are served meanwhile, and what comes meanwhile stays. */
  async purgeInSlices(filter: SubjectFilter | null, upToSeq: number, keep: number): Promise<number> {
    const { log } = this
    const isWhole = (filter === null || filter.all) && keep === 0 && (upToSeq === 0 || upToSeq > log.lastSeq)
    const isShort = log.lastSeq - log.firstSeq < PURGE_SLICE
    const hasFew = filter !== null && !filter.all && log.count(filter, 0) < PURGE_SLICE
    if (isWhole || isShort || hasFew) return this.purge(filter, upToSeq, keep)
    const slices = new Slices()
    let end = upToSeq > 0 ? Math.min(upToSeq, log.lastSeq + 1) : log.lastSeq + 1
    for (let kept = 0; kept < keep; kept++) {
      const seq = log.previous(filter, end - 1)
      if (seq === 0) return 0
      end = seq
      if (slices.isOver) await slices.next()
    }
    let purged = 0
    for (let from = log.firstSeq; from < end; from += PURGE_SLICE) {
      purged += this.purge(filter, Math.min(from + PURGE_SLICE, end), 0, from)
      if (slices.isOver) await slices.next()
      if (this.isClosed) throw apiError('JSStreamNotFoundErr')
    }
    return purged
  }

  /** Tells host and account how much more is stored, or less. */
  countBytes(): void {
    const change = this.log.bytes - this.countedBytes
    if (change === 0) return
    this.countedBytes = this.log.bytes
    this.host.count(this.log.inMemory, change)
    this.usage.count(this.log.inMemory, change)
  }

  /** All of it is gone. */
  discountBytes(): void {
    this.host.count(this.log.inMemory, -this.countedBytes)
    this.usage.count(this.log.inMemory, -this.countedBytes)
    this.countedBytes = 0
  }
}

/** The subject of a filter that takes only one; null: it takes more. */
function literalOf(filter: SubjectFilter | null): SubjectBytes | null {
  if (filter === null || filter.literal === null) return null
  const buffer = Buffer.from(filter.literal, 'latin1')
  return { buffer, start: 0, end: buffer.length }
}
