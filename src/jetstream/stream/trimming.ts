import { subjectFilter } from '../../subjects/index.ts'
import { Chore } from './chore.ts'
import type { StreamLog } from './stream-log.ts'

/** Messages removed in one step. */
const STEP = 64
/** Subjects looked at in one step. */
const SUBJECTS_STEP = 256
/** So many messages too many come from publishing; more were there when the limit was changed, and go by and by. */
const MOST_AT_ONCE = 4096
const EVERYTHING = subjectFilter([])

/** Keeps a stream within max_msgs and max_bytes by removing the oldest, and its subjects within max_msgs_per_subject. */
export class Trimming {
  private readonly stream: StreamLog
  /** -1: no limit, or it is not the oldest that go. */
  private maxMsgs = -1
  private maxBytes = -1
  private readonly chore: Chore
  private readonly subjectChore: Chore
  /** The least that the stream had while it was trimmed by and by: more than that it has not when a turn ends. */
  private heldMessages = Number.POSITIVE_INFINITY
  private heldBytes = Number.POSITIVE_INFINITY
  private slot = 0
  private over: string[] = []

  constructor(stream: StreamLog) {
    this.stream = stream
    const { turn } = stream.host.bus
    this.chore = new Chore(turn, () => this.retrying(() => this.step(), this.chore))
    this.subjectChore = new Chore(turn, () => this.retrying(() => this.subjectStep(), this.subjectChore))
  }

  /** Something is still to be trimmed. */
  get isWaiting(): boolean {
    return this.chore.isWaiting || this.subjectChore.isWaiting
  }

  async done(): Promise<void> {
    await this.chore.done()
    await this.subjectChore.done()
  }

  /** Takes over the stream's configuration. */
  configure(): void {
    const { config } = this.stream
    const isOld = config.discard === 'old'
    this.maxMsgs = isOld ? (config.max_msgs ?? -1) : -1
    this.maxBytes = isOld ? (config.max_bytes ?? -1) : -1
  }

  /** Is there more than may be? */
  get isOver(): boolean {
    const { log } = this.stream
    return (
      (this.maxMsgs > 0 && log.messages > this.maxMsgs) || (this.maxBytes > 0 && log.bytes > this.maxBytes)
    )
  }

  /** Is this one, which is there, among those that are to go, or may it be? */
  reaches(seq: number): boolean {
    if (!this.isOver) return false
    const { log } = this.stream
    if (this.maxBytes > 0 && log.bytes > this.maxBytes) return true
    // So many are there up to it, at the least.
    return log.messages - (log.lastSeq - seq) <= log.messages - this.maxMsgs
  }

  /** Brings the stream back within its limits: at once, or by and by where it is far above them. */
  trim(): void {
    if (!this.isOver) return
    const { log } = this.stream
    if (this.chore.isWaiting) {
      // As much as has come meanwhile goes at once.
      this.retrying(() => {
        while (this.isOver && (log.messages > this.heldMessages || log.bytes > this.heldBytes)) this.step()
        return false
      }, this.chore)
      return
    }
    let left = MOST_AT_ONCE
    this.retrying(() => {
      for (; left > 0 && this.isOver; left -= STEP) this.step()
      return false
    }, this.chore)
    if (left <= 0) this.chore.start()
  }

  private retrying(work: () => boolean, chore: Chore): boolean {
    const { later } = this.stream
    try {
      return work()
    } catch (error) {
      later.add(error, () => chore.start())
      return false
    }
  }

  /** Removes some of the oldest. */
  private step(): boolean {
    const { stream } = this
    const { log } = stream
    if (stream.isClosed || !this.isOver) {
      this.heldMessages = Number.POSITIVE_INFINITY
      this.heldBytes = Number.POSITIVE_INFINITY
      return false
    }
    let messages = this.maxMsgs > 0 ? log.messages - this.maxMsgs : 0
    let bytes = this.maxBytes > 0 ? log.bytes - this.maxBytes : 0
    let last = 0
    for (let left = STEP; left > 0 && (messages > 0 || bytes > 0); left--) {
      last = log.nextLive(last + 1)
      messages--
      if (bytes > 0) bytes -= log.sizeOfSeq(last)
    }
    stream.removeThrough(last)
    this.heldMessages = Math.min(this.heldMessages, log.messages)
    this.heldBytes = Math.min(this.heldBytes, log.bytes)
    return true
  }

  /** Brings all subjects back within max_msgs_per_subject. */
  trimSubjects(): void {
    this.slot = 0
    this.subjectChore.start()
  }

  private subjectStep(): boolean {
    const { stream } = this
    const { log } = stream
    const most = stream.config.max_msgs_per_subject ?? -1
    if (most <= 0 || stream.isClosed) {
      this.over = []
      return false
    }
    if (this.over.length === 0) {
      if (this.slot >= log.subjectSlots) return false
      const collect = (subject: string, count: number): void => {
        if (count > most) this.over.push(subject)
      }
      for (let left = SUBJECTS_STEP; left > 0; left--) log.visitSlot(this.slot++, EVERYTHING, collect)
    }
    for (let left = STEP; left > 0 && this.over.length > 0; ) {
      const bytes = Buffer.from(this.over[this.over.length - 1])
      let extra = log.countOf(bytes, 0, bytes.length) - most
      for (; extra > 0 && left > 0; extra--, left--) {
        if (!stream.remove(log.firstSeqOf(bytes, 0, bytes.length))) extra = 0
      }
      if (extra <= 0) this.over.pop()
      left--
    }
    return true
  }
}
