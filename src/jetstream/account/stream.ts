import type { InternalSubscription } from '../../core/index.ts'
import type { Clock } from '../../ports/index.ts'
import type { Json, MessageLog, SubjectBytes } from '../../storage/index.ts'
import type { SubjectFilter } from '../../subjects/index.ts'
import { apiError } from '../config/errors.ts'
import type { StreamConfig, StreamInfo } from '../config/types.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { Consumers } from '../consumer/consumers.ts'
import type { JetStream } from '../jetstream.ts'
import type { CopyingStream } from '../origins/copying-stream.ts'
import { Origins } from '../origins/origins.ts'
import { Ingest } from '../publish/ingest.ts'
import { MsgIdLog } from '../publish/msg-id-log.ts'
import { Schedules } from '../schedules/schedules.ts'
import { StreamAdvisories } from '../stream/advisories.ts'
import { AgeLimit } from '../stream/age-limit.ts'
import { DeleteMarkers } from '../stream/delete-markers.ts'
import { Later } from '../stream/later.ts'
import { MessageTtls } from '../stream/message-ttls.ts'
import { Unwanted } from '../stream/retention.ts'
import { Slices } from '../stream/slices.ts'
import { Trimming } from '../stream/trimming.ts'
import type { JetStreamAccount } from './account.ts'
import { ledStreamInfo } from './stream-info.ts'

/** What the log keeps of a stream beside its messages. */
export interface StreamMeta {
  /** Milliseconds since the epoch, with a fraction. */
  created: number
  config: StreamConfig
  /** It is being restored from a backup: after a restart it is not there. */
  isRestoring?: boolean
}

/** Sequences looked at by a purge at a time. */
const PURGE_SLICE = 4096
/** Messages removed at a time where each is told to consumers. */
const REMOVED_AT_ONCE = 256

/** One stream: its configuration, its log and its consumers. */
export class Stream {
  readonly name: string
  readonly account: JetStreamAccount
  readonly js: JetStream
  readonly clock: Clock
  readonly log: MessageLog
  readonly createdMs: number
  /** By name. Who deletes one tells `consumerDeleted`. */
  readonly consumers: Consumers
  readonly ingest: Ingest
  readonly advisories: StreamAdvisories
  readonly age: AgeLimit
  readonly ttls: MessageTtls
  readonly markers: DeleteMarkers
  readonly schedules: Schedules
  readonly trimming: Trimming
  readonly origins: Origins
  private readonly unwanted: Unwanted
  /** Removals that wait until the disk can be read again. */
  readonly later: Later
  config: StreamConfig
  isClosed = false
  /** What the sequences were to begin with when the stream was made, or opened. */
  readonly firstSeqWanted: number
  /** The sequences of a stream without any message begin to count with its first purge. */
  wasPurged = false
  /** Owned by JetStream: the stream waits for the end of the turn, and for a commit. */
  isOverLimit = false
  isAwaitingCommit = false
  private readonly msgIds: MsgIdLog
  private readonly subscriptions = new Map<string, InternalSubscription>()
  private countedBytes = 0

  constructor(account: JetStreamAccount, log: MessageLog, meta: StreamMeta) {
    this.account = account
    this.js = account.js
    this.clock = account.js.clock
    this.log = log
    this.name = meta.config.name
    this.config = meta.config
    this.firstSeqWanted = meta.config.first_seq ?? 0
    this.createdMs = meta.created
    this.consumers = new Consumers(log)
    this.later = new Later(account.js.clock)
    this.advisories = new StreamAdvisories(this)
    this.ingest = new Ingest(this)
    this.age = new AgeLimit(this)
    this.markers = new DeleteMarkers(this)
    this.ttls = new MessageTtls(this)
    this.schedules = new Schedules(this)
    this.trimming = new Trimming(this)
    this.origins = new Origins(copyingStream(this))
    this.unwanted = new Unwanted(this)
    this.msgIds = new MsgIdLog(account.js.store, log)
    this.trimming.configure()
    this.countBytes()
  }

  /** Begins to take messages. */
  open(): void {
    for (const subject of this.config.subjects ?? []) this.listenTo(subject)
    // What had to go and could not be read before the server stopped.
    this.trimming.trim()
    const most = this.config.max_msgs_per_subject ?? -1
    if (most > 0 && this.log.mostOfASubject() > most) this.trimming.trimSubjects()
    this.age.arm()
    this.ttls.expire()
    this.schedules.arm()
    this.origins.open()
  }

  /** Takes back the ids of the last while after a restart. */
  async recoverMsgIds(): Promise<void> {
    const { ingest, log } = this
    ingest.lastMsgId = await this.msgIds.recover(ingest.duplicates, log.lastSeq, this.clock.now())
  }

  /** Takes over a checked configuration. */
  update(config: StreamConfig): void {
    const before = new Set(this.config.subjects)
    const wasLimits = this.config.retention === 'limits'
    this.config = config
    this.account.streams.updated(this)
    this.log.setMeta({ created: this.createdMs, config } as unknown as Json)
    for (const subject of config.subjects ?? []) if (!before.delete(subject)) this.listenTo(subject)
    for (const subject of before) this.subscriptions.get(subject)?.unsubscribe()
    this.trimming.configure()
    this.ingest.configure(config)
    this.origins.configure(config)
    this.age.arm()
    this.trimming.trim()
    this.trimming.trimSubjects()
    if (wasLimits && config.retention === 'interest') this.unwanted.remove()
  }

  /** null: what an update made too much or too old is gone; else it will be, then. */
  whenTrimmed(): Promise<void> | null {
    const { age, trimming } = this
    return age.isWaiting || trimming.isWaiting ? age.done().then(() => trimming.done()) : null
  }

  /** The stream and all it holds are no more. */
  delete(): void {
    this.origins.close(true)
    this.close()
    for (const consumer of [...this.consumers.values()]) consumer.delete('409 Consumer Deleted')
    this.account.streams.delete(this.name)
    this.js.store.deleteLog(this.log)
    this.msgIds.delete()
    this.js.count(this.log.inMemory, -this.countedBytes)
    this.countedBytes = 0
  }

  /** Stops taking messages; what is stored stays. `status`: what waiting requests are told. */
  stop(status: string): void {
    this.close()
    for (const consumer of this.consumers.values()) consumer.stop(status)
  }

  info(): StreamInfo {
    return ledStreamInfo(this)
  }

  // What publishing brings

  /** A message was appended. */
  stored(seq: number, subject: Buffer, start: number, end: number): void {
    this.consumers.stored(seq, subject, start, end)
  }

  /** After each publish that changed the log. */
  appended(): void {
    const { log } = this
    if (this.trimming.isOver) this.js.overLimit(this)
    this.countBytes()
    if (log.inMemory) this.committed()
    else this.js.appended(this)
    if (this.age.isIdle) this.age.arm()
  }

  /** Messages up to the log's committedSeq may be delivered. */
  committed(): void {
    this.consumers.committed()
  }

  /** A message with the id `[start, end)` was stored. */
  noteMsgId(id: Buffer, start: number, end: number, seq: number, nowMs: number): void {
    if (this.msgIds.add(id, start, end, seq, nowMs)) this.js.notedMsgId(this)
  }

  /** Before a commit: the ids of the messages in it. */
  flushMsgIds(): void {
    this.msgIds.flush(this.clock.now(), this.ingest.duplicates.windowMs)
  }

  // What removes messages

  /** Removes one message; false when it is not there. */
  remove(seq: number): boolean {
    if (!this.log.remove(seq)) return false
    this.countBytes()
    if (this.consumers.size > 0) this.consumers.removed(seq, this.log.removed)
    return true
  }

  /** Removes everything up to and with `seq`. */
  removeThrough(seq: number): number {
    const { log } = this
    const before = log.messages
    while (log.messages > 0 && log.firstSeq <= seq) {
      if (this.consumers.size === 0) this.removeFirst(seq)
      else this.removeFirst(Math.min(seq, log.firstSeq + REMOVED_AT_ONCE - 1))
    }
    return before - log.messages
  }

  private removeFirst(seq: number): void {
    const { log, consumers } = this
    try {
      if (consumers.size > 0) {
        for (let next = log.firstSeq; next > 0 && next <= seq; next = log.nextLive(next + 1)) {
          const subject = log.subjectOf(next)
          if (subject !== null) consumers.miss(next, subject.buffer, subject.start, subject.end)
        }
      }
      log.removeThrough(seq)
    } catch (error) {
      for (const consumer of consumers.list) consumer.count.forget()
      throw error
    } finally {
      // Also of what was removed before a read failed.
      this.countBytes()
      consumers.tellHolders()
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

  /** Removes what matches (null: everything) below `upToSeq` (0: no bound) but the `keep` newest; returns how many. */
  purge(filter: SubjectFilter | null, upToSeq: number, keep: number, fromSeq = 0): number {
    const subject = literalOf(filter)
    let removed: number
    try {
      removed = this.log.purge(filter, upToSeq, keep, fromSeq)
    } catch (error) {
      // Of what was removed before the read failed.
      this.countBytes()
      this.consumers.purged(subject)
      throw error
    }
    if ((filter === null || filter.all) && keep === 0 && upToSeq === 0) this.wasPurged = true
    // A bound behind the end is where the stream goes on.
    if (filter === null && upToSeq > this.log.lastSeq + 1) this.log.skipTo(upToSeq)
    if (removed > 0) this.countBytes()
    // Also when nothing was left to remove: consumers take note of where the stream begins.
    this.consumers.purged(subject, true)
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

  /** A consumer is done with a message: with workqueue and interest retention it goes when nobody else needs it. */
  settled(consumer: Consumer, seq: number): void {
    try {
      this.settleNow(consumer, seq)
    } catch (error) {
      this.later.add(error, () => this.settleNow(consumer, seq))
    }
  }

  private settleNow(consumer: Consumer, seq: number): void {
    if (this.isClosed || this.config.retention === 'limits') return
    if (this.config.retention === 'interest') {
      const subject = this.log.subjectOf(seq)
      if (subject === null || this.consumers.needs(seq, subject, consumer)) return
    }
    this.remove(seq)
  }

  /** A consumer is gone: nobody may need any more what it had waited for. */
  consumerDeleted(consumer: Consumer): void {
    if (this.consumers.get(consumer.name) !== consumer) return
    this.consumers.delete(consumer.name)
    this.wantedAnew()
  }

  /** A consumer wants other messages than before: with interest retention nobody may want some any more. */
  wantedAnew(): void {
    if (!this.isClosed && this.config.retention === 'interest') this.unwanted.remove()
  }

  private listenTo(subject: string): void {
    this.subscriptions.get(subject)?.unsubscribe()
    this.subscriptions.set(subject, this.account.account.subscribe(subject, this.ingest))
  }

  private countBytes(): void {
    const change = this.log.bytes - this.countedBytes
    if (change === 0) return
    this.countedBytes = this.log.bytes
    this.js.count(this.log.inMemory, change)
  }

  private close(): void {
    this.isClosed = true
    this.origins.close(false)
    this.later.close()
    for (const subscription of this.subscriptions.values()) subscription.unsubscribe()
    this.subscriptions.clear()
    this.ingest.close()
    this.age.close()
    this.ttls.close()
    this.schedules.close()
  }
}

/** The subject of a filter that takes only one; null: it takes more. */
function literalOf(filter: SubjectFilter | null): SubjectBytes | null {
  if (filter === null || filter.literal === null) return null
  const buffer = Buffer.from(filter.literal, 'latin1')
  return { buffer, start: 0, end: buffer.length }
}

/** What copying from other streams is to know of the stream. */
function copyingStream(stream: Stream): CopyingStream {
  const { js, account, log, clock, name } = stream
  return {
    name,
    log,
    clock,
    store: js.store,
    bus: account.account,
    domain: js.domain,
    get config() {
      return stream.config
    },
    copy: (message, sec, nsec) => stream.ingest.copy(message, sec, nsec),
    needsCommit: () => js.bus.turn.deferWork(js),
    positionsMoved: (positions) => js.positionsMoved(positions),
  }
}
