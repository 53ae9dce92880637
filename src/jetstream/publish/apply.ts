import type { Message } from '../../core/index.ts'
import { filterOfSubject, subjectFilter } from '../../subjects/index.ts'
import type { StreamConfig } from '../config/types.ts'
import {
  type PublishHeaders,
  ROLLUP,
  SCHEDULE,
  SCHEDULE_NEXT,
  SCHEDULER,
  TTL,
} from '../headers/publish-headers.ts'
import { parseTtlMs } from '../headers/ttl.ts'
import { PURGE } from '../schedules/generate.ts'
import type { Schedules } from '../schedules/schedules.ts'
import type { StoredStream } from '../stream/stored-stream.ts'
import { rollupScope } from './check-headers.ts'
import type { MessageIds } from './message-ids.ts'
import { Republisher } from './republisher.ts'
import { addHeader, copyMessage, lineOf } from './staged-message.ts'

/**
 * What happens to a message that was checked, whichever way it came: published, in a batch, made by the server (schedules, delete
 * markers), from a backup, or from another stream. All that is written in the turn is one batch of the journal: so is what the caller
 * writes to a ledger beside, such as the position in another stream. The plain case (no headers) allocates nothing.
 */
export class Apply {
  /** null: the stream has never published anything again. */
  republisher: Republisher | null = null
  private readonly stream: StoredStream
  private readonly ids: MessageIds
  private readonly schedules: Schedules
  private isInterest = false
  private maxPerSubject = -1
  private hasTtls = false
  private hasSchedules = false

  constructor(stream: StoredStream, ids: MessageIds, schedules: Schedules) {
    this.stream = stream
    this.ids = ids
    this.schedules = schedules
  }

  configure(config: StreamConfig): void {
    this.isInterest = config.retention === 'interest'
    this.maxPerSubject = config.max_msgs_per_subject ?? -1
    this.hasTtls = config.allow_msg_ttl === true
    this.hasSchedules = config.allow_msg_schedules === true
  }

  configureRepublisher({ republish }: StreamConfig): void {
    if (republish !== undefined) this.republisher ??= new Republisher(this.stream)
    this.republisher?.configure(republish)
  }

  /** Stores a message with the next sequence, which it returns. `stream.appended()` has to follow, once for all of a turn's. */
  store(given: Message, headers: PublishHeaders, nowMs: number): number {
    const sec = Math.floor(nowMs / 1000)
    return this.storeAt(given, headers, nowMs, sec, ((nowMs - sec * 1000) * 1e6) | 0)
  }

  /** The same with a time of its own: that of the message in the stream that this one mirrors. */
  storeAt(given: Message, headers: PublishHeaders, nowMs: number, atSec: number, atNsec: number): number {
    const { log } = this.stream
    let sec = atSec
    let nsec = atNsec
    if (sec < log.lastSec || (sec === log.lastSec && nsec < log.lastNsec)) {
      // The clock was set back since the last message: times in a log do not decrease.
      sec = log.lastSec
      nsec = log.lastNsec
    }
    const message = headers.found === 0 ? given : this.complete(given, headers)
    const isKept = !this.isInterest || this.isWanted(message)
    if (isKept) this.republisher?.beforeStored(message)
    const seq = isKept ? this.append(message, sec, nsec) : this.passOver(log.lastSeq + 1, sec, nsec)
    this.ids.remember(headers, seq, nowMs)
    if (isKept) {
      this.limitTime(headers, seq)
      this.tell(message, seq, sec, nsec)
      this.limitSubject(message)
    }
    this.rollUp(message, headers, isKept, seq)
    if (isKept) this.noteSchedule(message, headers, seq)
    this.republish()
    return seq
  }

  /**
   * Stores a message as it was stored before, with its sequence and time, from a backup. Sequences that are left out stay so. What it did to others when it was new (rollup) it did there. False: its time to live is over.
   */
  storeCopy(message: Message, headers: PublishHeaders, seq: number, sec: number, nsec: number): boolean {
    const { log, clock } = this.stream
    if (seq > log.lastSeq + 1) log.skipTo(seq)
    const timeMs = sec * 1000 + Math.floor(nsec / 1e6)
    const ttlMs = headers.found !== 0 && headers.has(TTL) ? (parseTtlMs(headers.text(TTL)) ?? 0) : 0
    const isOver = ttlMs > 0 && timeMs + ttlMs <= clock.now()
    if (!isOver) this.republisher?.beforeStored(message)
    if (isOver) this.passOver(seq, sec, nsec)
    else this.append(message, sec, nsec)
    this.ids.remember(headers, seq, timeMs)
    if (isOver) return false
    if (ttlMs > 0) this.stream.ttls.add(seq, timeMs + ttlMs)
    this.tell(message, seq, sec, nsec)
    this.limitSubject(message)
    this.noteSchedule(message, headers, seq)
    this.republish()
    return true
  }

  /** A schedule is over: its message goes. */
  endSchedule(subject: string): void {
    this.schedules.replaced(subject)
    this.stream.purgeSoon(subjectFilter([subject]), this.stream.log.lastSeq + 1)
  }

  // The steps

  /** The message with the headers that the stream gives it. `headers` are its own then. */
  private complete(given: Message, headers: PublishHeaders): Message {
    let message = given
    if (headers.has(SCHEDULE) && !headers.has(ROLLUP)) {
      // A schedule takes the place of the one before it.
      message = copyMessage(given)
      addHeader(message, 'Nats-Rollup: sub')
      headers.parse(message.body, message.bodyStart, message.bodyStart + message.headerLength)
    }
    // With one message of a subject it is as short as is said.
    if (headers.has(TTL) && this.stream.markers.isOn && this.maxPerSubject !== 1)
      message = this.withMarkerTtl(message, headers)
    return message
  }

  /** Where markers tell of what is gone, no message lives shorter than they do. */
  private withMarkerTtl(message: Message, headers: PublishHeaders): Message {
    const ttlMs = parseTtlMs(headers.text(TTL)) ?? 0
    const leastMs = Math.floor(this.stream.markers.ttlNs / 1e9) * 1000
    if (ttlMs === 0 || ttlMs >= leastMs) return message
    const line = lineOf(headers.buffer, headers.start(TTL), headers.end(TTL))
    const raised = copyMessage(message, line)
    addHeader(raised, `Nats-TTL: ${leastMs / 1000}`)
    headers.parse(raised.body, raised.bodyStart, raised.bodyStart + raised.headerLength)
    return raised
  }

  /** With interest retention: does any consumer want messages of this subject? */
  private isWanted({ subject, subjectStart, subjectEnd }: Message): boolean {
    return this.stream.audience.isWanted(subject, subjectStart, subjectEnd)
  }

  private append(message: Message, sec: number, nsec: number): number {
    return this.stream.log.append(
      message.subject,
      message.subjectStart,
      message.subjectEnd,
      message.body,
      message.bodyStart,
      message.headerLength,
      message.bodyEnd,
      sec,
      nsec,
    )
  }

  /** The sequence is used up by a message that is not kept. */
  private passOver(seq: number, sec: number, nsec: number): number {
    this.stream.log.skipTo(seq + 1, sec, nsec)
    // Nothing was appended that would ask for a commit.
    this.stream.host.commits.defer()
    return seq
  }

  private limitTime(headers: PublishHeaders, seq: number): void {
    if (headers.found === 0 || !this.hasTtls || !headers.has(TTL)) return
    const ttlMs = parseTtlMs(headers.text(TTL)) ?? 0
    if (ttlMs > 0) this.stream.ttls.add(seq, this.stream.log.timeOfMs(seq) + ttlMs)
  }

  private tell(message: Message, seq: number, sec: number, nsec: number): void {
    this.stream.audience.stored(seq, message.subject, message.subjectStart, message.subjectEnd)
    this.republisher?.stored(message, seq, sec, nsec)
  }

  private limitSubject({ subject, subjectStart, subjectEnd }: Message): void {
    if (this.maxPerSubject <= 0) return
    const { log, later, trimming } = this.stream
    let extra = log.countOf(subject, subjectStart, subjectEnd) - this.maxPerSubject
    try {
      for (; extra > 0; extra--) {
        const seq = log.firstSeqOf(subject, subjectStart, subjectEnd)
        if (seq === 0 || !this.stream.remove(seq)) return
      }
    } catch (error) {
      later.add(error, () => trimming.trimSubjects())
    }
  }

  private rollUp(message: Message, headers: PublishHeaders, isKept: boolean, seq: number): void {
    if (headers.found === 0 || !headers.has(ROLLUP)) return
    // The stream's limits hold before the message takes the place of others.
    if (isKept) this.stream.trimming.trim()
    const isOfSubject = rollupScope(headers, true) === 'subject'
    const { subject, subjectStart, subjectEnd } = message
    const filter = isOfSubject ? filterOfSubject(subject, subjectStart, subjectEnd) : null
    this.stream.purgeSoon(filter, isKept ? seq : seq + 1)
  }

  /** In memory there is nothing to wait for. The last step: what others do with the copy may use what is shared here. */
  private republish(): void {
    if (this.stream.log.inMemory) this.republisher?.committed()
  }

  /** The message is a schedule, ends one, or takes the place of one. */
  private noteSchedule(message: Message, headers: PublishHeaders, seq: number): void {
    if (!this.hasSchedules) return
    const { schedules } = this
    const isSchedule = headers.found !== 0 && headers.has(SCHEDULE)
    if (!isSchedule && schedules.size === 0) return
    const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
    if (isSchedule) {
      const { body, bodyStart, headerLength } = message
      schedules.added(subject, seq, body, bodyStart, headerLength, this.stream.log.timeOfMs(seq))
    } else if (headers.found === 0 || !headers.has(SCHEDULER)) schedules.replaced(subject)
    else if (headers.text(SCHEDULE_NEXT) === PURGE) this.endSchedule(headers.text(SCHEDULER))
  }
}
