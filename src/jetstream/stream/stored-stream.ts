import type { Json, MessageLog } from '../../storage/index.ts'
import type { StreamConfig } from '../config/types.ts'
import { StreamAdvisories } from './advisories.ts'
import { AgeLimit } from './age-limit.ts'
import type { Audience } from './audience.ts'
import type { Committing } from './commits.ts'
import { DeleteMarkers } from './delete-markers.ts'
import { MessageTtls } from './message-ttls.ts'
import { Retention } from './retention.ts'
import { type LogOwner, StreamLog, type StreamMeta } from './stream-log.ts'
import { Trimming } from './trimming.ts'

/** A stream as what is stored: its messages, and all that keeps them within limits of number, size, age and interest. */
export class StoredStream extends StreamLog implements Committing {
  readonly advisories: StreamAdvisories
  readonly age: AgeLimit
  readonly ttls: MessageTtls
  readonly markers: DeleteMarkers
  readonly trimming: Trimming
  readonly retention: Retention
  /** Owned by Commits. */
  isOverLimit = false
  isAwaitingCommit = false

  constructor(owner: LogOwner, log: MessageLog, meta: StreamMeta, audience: Audience) {
    super(owner, log, meta, audience)
    this.advisories = new StreamAdvisories(this)
    this.markers = new DeleteMarkers(this)
    this.ttls = new MessageTtls(this, this.markers)
    this.age = new AgeLimit(this, this.ttls, this.markers)
    this.ttls.beforeExpiry = () => this.age.expireDue()
    this.trimming = new Trimming(this)
    this.retention = new Retention(this)
    this.trimming.configure()
  }

  /** Begins to keep its limits. */
  protected openLimits(): void {
    // What had to go and could not be read before the server stopped.
    this.trimming.trim()
    const most = this.config.max_msgs_per_subject ?? -1
    if (most > 0 && this.log.mostOfASubject() > most) this.trimming.trimSubjects()
    this.age.arm()
    this.ttls.expire()
  }

  /** Takes over a checked configuration, in two steps: what is written, then what goes by it. */
  protected reconfigure(config: StreamConfig): void {
    this.config = config
    this.log.setMeta({ created: this.createdMs, config } as unknown as Json)
    this.trimming.configure()
  }

  protected applyLimits(before: StreamConfig): void {
    this.age.arm()
    this.trimming.trim()
    this.trimming.trimSubjects()
    if (before.retention === 'limits') this.retention.wantedAnew()
  }

  /** null: what an update made too much or too old is gone; else it will be, then. */
  whenTrimmed(): Promise<void> | null {
    const { age, trimming } = this
    return age.isWaiting || trimming.isWaiting ? age.done().then(() => trimming.done()) : null
  }

  /** The last message of a subject, of those that are within the limits; 0: there is none. */
  lastSeqOf(subject: Buffer, start: number, end: number): number {
    const seq = this.log.lastSeqOf(subject, start, end)
    if (seq === 0 || !this.trimming.reaches(seq)) return seq
    this.trimming.trim()
    return this.log.lastSeqOf(subject, start, end)
  }

  /** After each publish that changed the log. */
  appended(): void {
    const { log, host } = this
    if (this.trimming.isOver) host.commits.overLimit(this)
    this.countBytes()
    if (log.inMemory) this.committed()
    else host.commits.appended(this)
    if (this.age.isIdle) this.age.arm()
  }

  trim(): void {
    this.trimming.trim()
  }

  beforeCommit(): void {}

  republish(): void {}

  committed(): void {
    this.audience.committed()
  }

  protected closeLimits(): void {
    this.isClosed = true
    this.later.close()
    this.age.close()
    this.ttls.close()
  }
}
