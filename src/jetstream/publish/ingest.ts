import type { MessageHandler } from '../../core/index.ts'
import { type MessageLog, ReadFailure } from '../../storage/index.ts'
import { type SubjectFilter, subjectFilter } from '../../subjects/index.ts'
import type { Message } from '../../wire/index.ts'
import type { Stream } from '../account/stream.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import { encodeJson } from '../config/json/encode.ts'
import { MAX_SEQUENCE, sequenceRange } from '../config/ranges.ts'
import type { StreamConfig } from '../config/types.ts'
import {
  BATCH_ID,
  MSG_ID,
  PublishHeaders,
  ROLLUP,
  SCHEDULE,
  SCHEDULE_NEXT,
  SCHEDULER,
  TTL,
} from '../headers/publish-headers.ts'
import { checkSchedule, PURGE } from '../schedules/check.ts'
import { AtomicBatches } from './atomic-batches.ts'
import {
  checkExpectations,
  checkLastMsgId,
  checkSource,
  checkTtl,
  parseTtlMs,
  type RollupScope,
  rollupScope,
} from './check-headers.ts'
import { DuplicateWindow } from './duplicates.ts'
import { FastBatchReply } from './fast-batch-reply.ts'
import { FastBatches } from './fast-batches.ts'
import { type PubAcks, pubAckError, pubAckPrefix } from './pub-acks.ts'
import { addHeader, copyMessage, lineOf } from './staged-message.ts'

const MAX_HEADER_BYTES = 0xffff
const NOTHING = Buffer.alloc(0)

/** The same for what schedules publish. */
const generated = new PublishHeaders()

/** Shared: the headers are looked at while a message is handled, and not after. */
const headers = new PublishHeaders()

/**
 * What happens to a message that is published to a stream: it is checked against the stream's rules, appended to the
 * log and acknowledged once it is durable. The plain case (no headers) allocates nothing.
 */
export class Ingest implements MessageHandler {
  readonly duplicates: DuplicateWindow
  /** Id of the last message, empty when it had none. */
  lastMsgId: Buffer = NOTHING
  readonly stream: Stream
  readonly log: MessageLog
  readonly name: string
  private readonly acks: PubAcks
  private readonly prefix: Buffer
  config: StreamConfig
  private readonly atomicBatches: AtomicBatches
  private readonly fastBatches: FastBatches
  private isInterest = false
  private acksAtOnce = false
  private maxMsgs = 0
  private maxBytes = 0
  private maxPerSubject = 0
  private maxMsgSize = 0
  private isDiscardNew = false
  private wasRollup: RollupScope = 'none'

  constructor(stream: Stream) {
    this.stream = stream
    this.log = stream.log
    this.name = stream.name
    this.atomicBatches = new AtomicBatches(this)
    this.fastBatches = new FastBatches(this)
    this.acks = stream.account.pubAcks
    this.prefix = pubAckPrefix(stream.name, stream.js.domain)
    this.config = stream.config
    this.duplicates = new DuplicateWindow(0)
    this.configure(stream.config)
  }

  configure(config: StreamConfig): void {
    this.config = config
    this.isInterest = config.retention === 'interest'
    this.acksAtOnce = this.log.inMemory || config.persist_mode === 'async'
    this.maxMsgs = config.max_msgs ?? -1
    this.maxBytes = config.max_bytes ?? -1
    this.maxPerSubject = config.max_msgs_per_subject ?? -1
    this.maxMsgSize = config.max_msg_size ?? -1
    this.isDiscardNew = config.discard === 'new'
    this.duplicates.windowMs = (config.duplicate_window ?? 0) / 1e6
    if (this.duplicates.windowMs === 0) this.duplicates.clear()
  }

  onMessage(message: Message): void {
    const { stream } = this
    const headerLength = message.headerLength
    const nowMs = stream.clock.now()
    let rollup: RollupScope = 'none'
    if (this.config.sealed) {
      this.refuse(message, apiError('JSStreamSealedErr'))
      return
    }
    headers.found = 0
    if (headerLength > 0) headers.parse(message.body, message.bodyStart, message.bodyStart + headerLength)
    if (FastBatchReply.isOne(message.reply, message.replyStart, message.replyEnd)) {
      this.fastBatches.onMessage(message, headers)
      return
    }
    if (headers.found !== 0) {
      if (headers.has(BATCH_ID)) {
        this.atomicBatches.onMessage(message, headers)
        return
      }
      const error = this.checkHeaders(message, nowMs)
      if (error === 'duplicate') return
      if (error !== null) {
        this.refuse(message, error)
        return
      }
      rollup = this.wasRollup
    }
    const error = this.checkLimits(message, rollup)
    if (error !== null) {
      this.refuse(message, error)
      return
    }
    const seq = this.keep(message, headers, nowMs)
    this.acknowledge(message, seq, false)
    stream.appended()
  }

  /** A message that a schedule makes; `ends`: the subject of the schedule that is over with it. False: no room now. */
  publishGenerated(message: Message, ends: string | null): boolean {
    generated.parse(message.body, message.bodyStart, message.bodyStart + message.headerLength)
    const rollup = rollupScope(generated, true)
    if (this.checkLimits(message, typeof rollup === 'string' ? rollup : 'none') !== null) return false
    this.keep(message, generated, this.stream.clock.now())
    if (ends !== null) this.endSchedule(ends)
    this.stream.appended()
    return true
  }

  /**
   * A copy of another stream's message: what was checked there is not checked again. `sec`, `nsec`: its time there, which a mirror
   * keeps; -1: it gets that of now. null: it was kept, or nobody wants it.
   */
  copy(message: Message, sec: number, nsec: number): ApiError | 'duplicate' | null {
    const { stream, config } = this
    if (config.sealed) return apiError('JSStreamSealedErr')
    const nowMs = stream.clock.now()
    headers.found = 0
    if (message.headerLength > 0)
      headers.parse(message.body, message.bodyStart, message.bodyStart + message.headerLength)
    let rollup: RollupScope = 'none'
    if (headers.found !== 0) {
      if (config.mirror === undefined && headers.has(MSG_ID)) {
        const { buffer } = headers
        const isKnown = this.duplicates.find(buffer, headers.start(MSG_ID), headers.end(MSG_ID), nowMs) > 0
        if (isKnown) return 'duplicate'
      }
      headers.forget(SCHEDULE)
      const scope = rollupScope(headers, config.allow_rollup_hdrs === true && config.deny_purge !== true)
      if (typeof scope === 'string') rollup = scope
      else headers.forget(ROLLUP)
    }
    const error = this.checkLimits(message, rollup)
    if (error !== null) return error
    this.keep(message, headers, nowMs, sec, nsec)
    stream.appended()
    return null
  }

  /** Appends a message that was checked, with what goes with it; returns its sequence. `sec`, `nsec`: its time; -1: now. */
  keep(given: Message, parsed: PublishHeaders, nowMs: number, sec = -1, nsec = 0): number {
    const { stream, log } = this
    let message = given
    const isSchedule = parsed.found !== 0 && parsed.has(SCHEDULE)
    if (isSchedule && !parsed.has(ROLLUP)) {
      // A schedule takes the place of the one before it.
      message = copyMessage(given)
      addHeader(message, 'Nats-Rollup: sub')
      parsed.parse(message.body, message.bodyStart, message.bodyStart + message.headerLength)
    }
    // With one message of a subject it is as short as is said.
    if (parsed.found !== 0 && parsed.has(TTL) && stream.markers.isOn && this.maxPerSubject !== 1)
      message = this.withMarkerTtl(message, parsed)
    const { subject, subjectStart, subjectEnd } = message
    const isKept = !this.isInterest || this.isWanted(message)
    let seq: number
    if (isKept) seq = this.append(message, nowMs, sec, nsec)
    else {
      seq = log.lastSeq + 1
      if (sec >= 0) log.skipTo(seq + 1, sec, nsec)
      else log.skipTo(seq + 1, Math.floor(nowMs / 1000), Math.floor((nowMs % 1000) * 1e6))
      // Nothing was appended that would ask for a commit.
      stream.js.bus.turn.deferWork(stream.js)
    }
    if (parsed.found !== 0 && parsed.has(MSG_ID)) this.remember(parsed, seq, nowMs)
    else if (this.lastMsgId.length > 0) this.lastMsgId = NOTHING
    if (isKept && parsed.found !== 0 && parsed.has(TTL)) this.rememberTtl(parsed, seq)
    if (isKept) stream.stored(seq, subject, subjectStart, subjectEnd)
    if (this.maxPerSubject > 0 && isKept) this.trimSubject(message)
    if (parsed.found !== 0 && parsed.has(ROLLUP)) {
      // The stream's limits hold before the message takes the place of others.
      if (isKept) stream.trimming.trim()
      this.rollUp(message, parsed, isKept ? seq : seq + 1)
    }
    if (this.config.allow_msg_schedules && isKept) this.noteSchedule(message, parsed, seq)
    return seq
  }

  /** Where markers tell of what is gone, no message lives shorter than they do. */
  private withMarkerTtl(message: Message, parsed: PublishHeaders): Message {
    const ttlMs = parseTtlMs(parsed.text(TTL)) ?? 0
    const leastMs = Math.floor(this.stream.markers.ttlNs / 1e9) * 1000
    if (ttlMs === 0 || ttlMs >= leastMs) return message
    const line = lineOf(parsed.buffer, parsed.start(TTL), parsed.end(TTL))
    const raised = copyMessage(message, line)
    addHeader(raised, `Nats-TTL: ${leastMs / 1000}`)
    parsed.parse(raised.body, raised.bodyStart, raised.bodyStart + raised.headerLength)
    return raised
  }

  private append(message: Message, nowMs: number, givenSec: number, givenNsec: number): number {
    const { log } = this
    let sec = givenSec >= 0 ? givenSec : Math.floor(nowMs / 1000)
    let nsec = givenSec >= 0 ? givenNsec : ((nowMs - sec * 1000) * 1e6) | 0
    if (sec < log.lastSec || (sec === log.lastSec && nsec < log.lastNsec)) {
      // The clock was set back since the last message: times in a log do not decrease.
      sec = log.lastSec
      nsec = log.lastNsec
    }
    return log.append(
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

  /** Tells the publisher what is wrong. */
  refuse(message: Message, error: ApiError): void {
    if (message.replyStart === message.replyEnd || this.config.no_ack) return
    if (error !== this.lastRefusal) {
      this.lastRefusal = error
      this.refusalText = pubAckError(this.name, error)
    }
    this.answer(message, this.refusalText)
  }

  /** The last refusal and its text: a flood is refused for one reason. */
  private lastRefusal: ApiError | null = null
  private refusalText = ''

  /** Answers the publisher of a message, where it wants an answer. */
  answer(message: Message, text: string): void {
    if (message.replyStart === message.replyEnd || this.config.no_ack) return
    this.stream.account.account.publishText(replyOf(message), text)
  }

  /** The same once all that was stored so far is durable. */
  answerWhenDurable(message: Message, text: string): void {
    if (message.replyStart === message.replyEnd || this.config.no_ack) return
    const { account, js } = this.stream
    const reply = replyOf(message)
    if (this.acksAtOnce) account.account.publishText(reply, text)
    else js.store.barrier(() => account.account.publishText(reply, text))
  }

  /** A PubAck with further fields. */
  ackText(seq: number, fields: object): string {
    return `${this.prefix.toString()}${seq},${encodeJson(fields).slice(1)}`
  }

  /** Forgets batches under way: the stream is closed. */
  close(): void {
    this.atomicBatches.clear()
    this.fastBatches.clear()
  }

  /** Sends the ack once the message is durable. */
  private acknowledge(message: Message, seq: number, isDuplicate: boolean): void {
    if (message.replyStart === message.replyEnd || this.config.no_ack) return
    const { store } = this.stream.js
    if (this.acksAtOnce || (isDuplicate && (seq <= this.log.committedSeq || store.isIdle))) {
      this.acks.send(message, this.prefix, seq, isDuplicate)
    } else this.acks.add(message, this.prefix, seq, isDuplicate, store.lastBatch)
  }

  /** Checks what the headers ask for, in the order in which nats-server does. */
  private checkHeaders(message: Message, nowMs: number): ApiError | 'duplicate' | null {
    const { stream, log, config } = this
    const { subject, subjectStart, subjectEnd } = message
    if (this.isTooLarge(message)) {
      return this.isDuplicate(message, nowMs) ? 'duplicate' : apiError('JSStreamMessageExceedsMaximumErr')
    }
    const error = checkExpectations(
      headers,
      stream.name,
      log,
      subject,
      subjectStart,
      subjectEnd,
      config.allow_msg_ttl === true,
    )
    if (error !== null) return error
    const laterError = checkSchedule(headers, message, stream) ?? checkSource(headers)
    if (laterError !== null) return laterError
    if (this.isDuplicate(message, nowMs)) return 'duplicate'
    const lastIdError = checkLastMsgId(headers, this.lastMsgId)
    if (lastIdError !== null) return lastIdError
    const rollup = rollupScope(headers, config.allow_rollup_hdrs === true && config.deny_purge !== true)
    if (typeof rollup === 'object') return rollup
    this.wasRollup = rollup
    // Of a message that nobody wants it isn't looked at.
    if (headers.has(TTL) && this.isInterest && !this.isWanted(message)) return null
    return checkTtl(headers, config.allow_msg_ttl === true)
  }

  /** Has its id been seen within the window? Then it is acknowledged as what it repeats. */
  private isDuplicate(message: Message, nowMs: number): boolean {
    if (!headers.has(MSG_ID)) return false
    const { buffer } = headers
    const seq = this.duplicates.find(buffer, headers.start(MSG_ID), headers.end(MSG_ID), nowMs)
    if (seq > 0) this.acknowledge(message, seq, true)
    return seq > 0
  }

  private isTooLarge(message: Message): boolean {
    return this.maxMsgSize >= 0 && message.bodyEnd - message.bodyStart > this.maxMsgSize
  }

  /** Sizes, resources, and with discard new the stream's limits. */
  private checkLimits(message: Message, rollup: RollupScope): ApiError | null {
    const { log, stream } = this
    const bodyLength = message.bodyEnd - message.bodyStart
    if (this.isTooLarge(message)) return apiError('JSStreamMessageExceedsMaximumErr')
    if (message.headerLength > MAX_HEADER_BYTES) return apiError('JSStreamHeaderExceedsMaximumErr')
    if (stream.js.isExhausted(log.inMemory) || stream.later.isWaiting)
      return apiError('JSInsufficientResourcesErr')
    if (log.lastSeq >= MAX_SEQUENCE) return FULL.sequences
    if (!this.isDiscardNew) return null
    // What nobody wants takes no room.
    if (this.isInterest && !this.isWanted(message)) return null
    const { subject, subjectStart, subjectEnd } = message
    let replacesOne = false
    if (this.maxPerSubject > 0 && log.countOf(subject, subjectStart, subjectEnd) >= this.maxPerSubject) {
      if (this.config.discard_new_per_subject && rollup === 'none') {
        return FULL.subject
      }
      replacesOne = true
    }
    if (!replacesOne && this.maxMsgs > 0 && log.messages >= this.maxMsgs) return FULL.messages
    if (this.maxBytes > 0) {
      const size = log.sizeOf(
        subjectEnd - subjectStart,
        message.headerLength,
        bodyLength - message.headerLength,
      )
      if (log.bytes + size > this.maxBytes) {
        if (!replacesOne) return FULL.bytes
        // Only what is no larger than the one whose place it takes.
        return this.sizeOfFirst(message) >= size ? null : FULL.bytes
      }
    }
    return null
  }

  /** Size of the oldest message of the subject; 0 where that can't be read now. */
  private sizeOfFirst({ subject, subjectStart, subjectEnd }: Message): number {
    const { log } = this
    try {
      return log.sizeOfSeq(log.firstSeqOf(subject, subjectStart, subjectEnd))
    } catch (error) {
      if (error instanceof ReadFailure) return 0
      throw error
    }
  }

  /** With interest retention: does any consumer want messages of this subject? */
  private isWanted(message: Message): boolean {
    return this.stream.consumers.isWanted(message.subject, message.subjectStart, message.subjectEnd)
  }

  private remember(parsed: PublishHeaders, seq: number, nowMs: number): void {
    const start = parsed.start(MSG_ID)
    const end = parsed.end(MSG_ID)
    this.duplicates.add(parsed.buffer, start, end, seq, nowMs)
    this.lastMsgId = Buffer.from(parsed.buffer.subarray(start, end))
    this.stream.noteMsgId(parsed.buffer, start, end, seq, nowMs)
  }

  private rememberTtl(parsed: PublishHeaders, seq: number): void {
    if (!this.config.allow_msg_ttl) return
    const ttlMs = parseTtlMs(parsed.text(TTL)) ?? 0
    if (ttlMs > 0) this.stream.ttls.add(seq, this.log.timeOfMs(seq) + ttlMs)
  }

  /** The message is a schedule, ends one, or takes the place of one. */
  private noteSchedule(message: Message, parsed: PublishHeaders, seq: number): void {
    const { schedules } = this.stream
    const isSchedule = parsed.found !== 0 && parsed.has(SCHEDULE)
    if (!isSchedule && schedules.size === 0) return
    const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
    if (isSchedule) {
      const { body, bodyStart, headerLength } = message
      schedules.added(subject, seq, body, bodyStart, headerLength, this.log.timeOfMs(seq))
      return
    }
    if (parsed.found === 0 || !parsed.has(SCHEDULER)) schedules.replaced(subject)
    else if (parsed.text(SCHEDULE_NEXT) === PURGE) this.endSchedule(parsed.text(SCHEDULER))
  }

  private endSchedule(subject: string): void {
    this.stream.schedules.replaced(subject)
    this.stream.purgeSoon(subjectFilter([subject]), this.log.lastSeq + 1)
  }

  private rollUp(message: Message, parsed: PublishHeaders, upToSeq: number): void {
    let filter: SubjectFilter | null = null
    if (rollupScope(parsed, true) === 'subject') {
      filter = subjectFilter([message.subject.toString('utf8', message.subjectStart, message.subjectEnd)])
    }
    this.stream.purgeSoon(filter, upToSeq)
  }

  private trimSubject(message: Message): void {
    const { log, stream } = this
    const { subject, subjectStart, subjectEnd } = message
    let extra = log.countOf(subject, subjectStart, subjectEnd) - this.maxPerSubject
    try {
      for (; extra > 0; extra--) {
        const seq = log.firstSeqOf(subject, subjectStart, subjectEnd)
        if (seq === 0 || !stream.remove(seq)) return
      }
    } catch (error) {
      stream.later.add(error, () => stream.trimming.trimSubjects())
    }
  }
}

function replyOf(message: Message): string {
  return message.reply.toString('utf8', message.replyStart, message.replyEnd)
}

/** With discard new, by the limit that is reached. */
const FULL = {
  sequences: apiError('JSStreamStoreFailedF', { err: sequenceRange('sequence') }),
  messages: apiError('JSStreamStoreFailedF', { err: 'maximum messages exceeded' }),
  bytes: apiError('JSStreamStoreFailedF', { err: 'maximum bytes exceeded' }),
  subject: apiError('JSStreamStoreFailedF', { err: 'maximum messages per subject exceeded' }),
}
