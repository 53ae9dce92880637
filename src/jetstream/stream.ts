import type { InternalSubscription } from '../core/index.ts'
import type { Clock } from '../ports/index.ts'
import type { Json, MessageLog } from '../storage/index.ts'
import type { SubjectFilter } from '../subjects/index.ts'
import type { JetStreamAccount } from './account.ts'
import { StreamAdvisories } from './advisories.ts'
import { AgeLimit } from './age-limit.ts'
import type { Consumer } from './consumer/consumer.ts'
import { Consumers } from './consumers.ts'
import { DeleteMarkers } from './delete-markers.ts'
import { apiError } from './errors.ts'
import type { JetStream } from './jetstream.ts'
import { Later } from './later.ts'
import { MessageTtls } from './message-ttls.ts'
import { Ingest } from './publish/ingest.ts'
import { MsgIdLog } from './publish/msg-id-log.ts'
import { removeWithoutInterest } from './retention.ts'
import { Schedules } from './schedules/schedules.ts'
import { Slices } from './slices.ts'
import { ledStreamInfo } from './stream-info.ts'
import type { StreamConfig, StreamInfo } from './types.ts'

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
/** Trimming is told to consumers message by message up to this many, as a purge beyond. */
const MAX_SINGLE_REMOVALS = 64

/** One stream: its configuration, its log and its consumers. */
export class Stream {
  readonly name: string
  readonly account: JetStreamAccount
  readonly js: JetStream
  readonly clock: Clock
  readonly log: MessageLog
  readonly createdMs: number
  /** By name. Who deletes one tells `consumerDeleted`. */
  readonly consumers = new Consumers()
  readonly ingest: Ingest
  readonly advisories: StreamAdvisories
  readonly age: AgeLimit
  readonly ttls: MessageTtls
  readonly markers: DeleteMarkers
  readonly schedules: Schedules
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
  private maxMsgs = -1
  private maxBytes = -1
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
    this.later = new Later(account.js.clock)
    this.advisories = new StreamAdvisories(this)
    this.ingest = new Ingest(this)
    this.age = new AgeLimit(this)
    this.markers = new DeleteMarkers(this)
    this.ttls = new MessageTtls(this)
    this.schedules = new Schedules(this)
    this.msgIds = new MsgIdLog(account.js.store, log)
    this.configure()
    this.countBytes()
  }

  /** Begins to take messages. */
  open(): void {
    for (const subject of this.config.subjects ?? []) this.listenTo(subject)
    this.age.arm()
    this.ttls.expire()
    this.schedules.arm()
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
    this.log.setMeta({ created: this.createdMs, config } as unknown as Json)
    for (const subject of config.subjects ?? []) if (!before.delete(subject)) this.listenTo(subject)
    for (const subject of before) this.subscriptions.get(subject)?.unsubscribe()
    this.configure()
    this.ingest.configure(config)
    this.age.arm()
    if (config.discard === 'old') this.trim()
    this.trimSubjects()
    if (wasLimits && config.retention === 'interest') this.removeUnwanted()
  }

  /** The stream and all it holds are no more. */
  delete(): void {
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
    const { list } = this.consumers
    for (let i = 0; i < list.length; i++) list[i].stored(seq, subject, start, end)
  }

  /** After each publish that changed the log. */
  appended(): void {
    const { log } = this
    if (
      (this.maxMsgs > 0 && log.messages > this.maxMsgs) ||
      (this.maxBytes > 0 && log.bytes > this.maxBytes)
    ) {
      this.js.overLimit(this)
    }
    this.countBytes()
    if (log.inMemory) this.committed()
    else this.js.appended(this)
    if (this.age.isIdle) this.age.arm()
  }

  /** Messages up to the log's committedSeq may be delivered. */
  committed(): void {
    const { list } = this.consumers
    for (let i = 0; i < list.length; i++) list[i].committed()
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
    const { list } = this.consumers
    for (let i = 0; i < list.length; i++) list[i].removed(seq)
    return true
  }

  /** Removes everything up to and with `seq`. */
  removeThrough(seq: number): number {
    const { log } = this
    const first = log.firstSeq
    const before = log.messages
    const isWhole = log.numDeleted === 0 && seq - first < MAX_SINGLE_REMOVALS
    try {
      return log.removeThrough(seq)
    } finally {
      // Also of what was removed before a read failed.
      const removed = before - log.messages
      if (removed > 0) {
        this.countBytes()
        for (const consumer of this.consumers.values()) {
          if (!isWhole) consumer.purged()
          else for (let i = first; i < first + removed; i++) consumer.removed(i)
        }
      }
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
    let removed: number
    try {
      removed = this.log.purge(filter, upToSeq, keep, fromSeq)
    } catch (error) {
      // Of what was removed before the read failed.
      this.countBytes()
      for (const consumer of this.consumers.values()) consumer.purged()
      throw error
    }
    if ((filter === null || filter.all) && keep === 0 && upToSeq === 0) this.wasPurged = true
    // A bound behind the end is where the stream goes on.
    if (filter === null && upToSeq > this.log.lastSeq + 1) this.log.skipTo(upToSeq)
    if (removed > 0) this.countBytes()
    // Also when nothing was left to remove: consumers take note of where the stream begins.
    for (const consumer of this.consumers.values()) consumer.purged(true)
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
    if (isWhole || log.lastSeq - log.firstSeq < PURGE_SLICE) return this.purge(filter, upToSeq, keep)
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

  /** Brings the stream back within max_msgs and max_bytes by removing the oldest. */
  trim(): void {
    try {
      this.trimNow()
    } catch (error) {
      this.later.add(error, () => this.trimNow())
    }
  }

  private trimNow(): void {
    const { log } = this
    if (this.maxMsgs > 0 && log.messages > this.maxMsgs) {
      const extra = log.messages - this.maxMsgs
      if (log.numDeleted === 0) this.removeThrough(log.firstSeq + extra - 1)
      while (log.messages > this.maxMsgs && this.removeThrough(log.firstSeq) > 0);
    }
    if (this.maxBytes > 0) while (log.bytes > this.maxBytes && this.removeThrough(log.firstSeq) > 0);
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
      for (const other of this.consumers.list) if (other !== consumer && other.needs(seq)) return
    }
    this.remove(seq)
  }

  /** A consumer is gone: nobody may need any more what it had waited for. */
  consumerDeleted(consumer: Consumer): void {
    if (this.consumers.get(consumer.name) !== consumer) return
    this.consumers.delete(consumer.name)
    if (!this.isClosed && this.config.retention === 'interest') this.removeUnwanted()
  }

  /** A consumer wants other messages than before: with interest retention nobody may want some any more. */
  wantedAnew(): void {
    if (!this.isClosed && this.config.retention === 'interest') this.removeUnwanted()
  }

  private removeUnwanted(): void {
    try {
      removeWithoutInterest(this)
    } catch (error) {
      this.later.add(error, () => this.removeUnwanted())
    }
  }

  private configure(): void {
    const isOld = this.config.discard === 'old'
    this.maxMsgs = isOld ? (this.config.max_msgs ?? -1) : -1
    this.maxBytes = isOld ? (this.config.max_bytes ?? -1) : -1
  }

  /** Brings all subjects back within max_msgs_per_subject: at once, or as soon as the disk can be read. */
  trimSubjects(): void {
    try {
      this.trimSubjectsNow()
    } catch (error) {
      this.later.add(error, () => this.trimSubjectsNow())
    }
  }

  private trimSubjectsNow(): void {
    const most = this.config.max_msgs_per_subject ?? -1
    if (most <= 0) return
    const over: string[] = []
    this.log.eachSubject(null, (subject, count) => {
      if (count > most) over.push(subject)
    })
    for (const subject of over) {
      const bytes = Buffer.from(subject)
      while (this.log.countOf(bytes, 0, bytes.length) > most) {
        if (!this.remove(this.log.firstSeqOf(bytes, 0, bytes.length))) break
      }
    }
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
    this.later.close()
    for (const subscription of this.subscriptions.values()) subscription.unsubscribe()
    this.subscriptions.clear()
    this.ingest.close()
    this.age.close()
    this.ttls.close()
    this.schedules.close()
  }
}
