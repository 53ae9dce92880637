import type { MessageHandler } from '../../core/index.ts'
import type { MessageLog } from '../../storage/index.ts'
import { type SubjectFilter, subjectFilter } from '../../subjects/index.ts'
import type { Message } from '../../wire/index.ts'
import { type ApiError, apiError } from '../errors.ts'
import type { Stream } from '../stream.ts'
import type { StreamConfig } from '../types.ts'
import {
  checkExpectations,
  checkLastMsgId,
  type RollupScope,
  refusedBatch,
  refusedTtl,
  rollupScope,
} from './check-headers.ts'
import { DuplicateWindow } from './duplicates.ts'
import { MSG_ID, PublishHeaders, TTL } from './headers.ts'
import { type PubAcks, pubAckError, pubAckPrefix } from './pub-acks.ts'

const MAX_HEADER_BYTES = 0xffff
const NOTHING = Buffer.alloc(0)

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
  private readonly stream: Stream
  private readonly log: MessageLog
  private readonly acks: PubAcks
  private readonly prefix: Buffer
  private config: StreamConfig
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
    const { stream, log, config } = this
    const headerLength = message.headerLength
    const nowMs = stream.clock.now()
    let hasMsgId = false
    let rollup: RollupScope = 'none'
    if (config.sealed) {
      this.refuse(message, apiError('JSStreamSealedErr'))
      return
    }
    if (headerLength > 0) {
      headers.parse(message.body, message.bodyStart, message.bodyStart + headerLength)
      if (headers.found !== 0) {
        const error = this.checkHeaders(message, nowMs)
        if (error === 'duplicate') return
        if (error !== null) {
          this.refuse(message, error)
          return
        }
        hasMsgId = headers.has(MSG_ID)
        rollup = this.wasRollup
      }
    }
    const error = this.checkLimits(message, rollup)
    if (error !== null) {
      this.refuse(message, error)
      return
    }
    if (this.isInterest && !this.isWanted(message)) {
      this.skip(message, hasMsgId, rollup, nowMs)
      return
    }

    let sec = Math.floor(nowMs / 1000)
    let nsec = ((nowMs - sec * 1000) * 1e6) | 0
    if (sec < log.lastSec || (sec === log.lastSec && nsec < log.lastNsec)) {
      // The clock was set back since the last message: times in a log do not decrease.
      sec = log.lastSec
      nsec = log.lastNsec
    }
    const { subject, subjectStart, subjectEnd } = message
    const seq = log.append(
      subject,
      subjectStart,
      subjectEnd,
      message.body,
      message.bodyStart,
      headerLength,
      message.bodyEnd,
      sec,
      nsec,
    )
    if (hasMsgId) this.remember(seq, nowMs)
    else if (this.lastMsgId.length > 0) this.lastMsgId = NOTHING
    stream.stored(seq, subject, subjectStart, subjectEnd)
    if (rollup !== 'none') this.rollUp(message, rollup, 1)
    if (this.maxPerSubject > 0) this.trimSubject(message)
    this.acknowledge(message, seq, false)
    stream.appended()
  }

  /** Sends the ack once the message is durable. */
  private acknowledge(message: Message, seq: number, isDuplicate: boolean): void {
    if (message.replyStart === message.replyEnd || this.config.no_ack) return
    if (this.acksAtOnce || (isDuplicate && seq <= this.log.committedSeq)) {
      this.acks.send(message, this.prefix, seq, isDuplicate)
    } else this.acks.add(message, this.prefix, seq, isDuplicate, this.stream.js.store.openBatch)
  }

  private refuse(message: Message, error: ApiError): void {
    if (message.replyStart === message.replyEnd || this.config.no_ack) return
    const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
    this.stream.account.account.publishText(reply, pubAckError(this.stream.name, error))
  }

  /** Checks what the headers ask for, in the order in which nats-server does. */
  private checkHeaders(message: Message, nowMs: number): ApiError | 'duplicate' | null {
    const { stream, log, config } = this
    const unsupported = refusedBatch(headers)
    if (unsupported !== null) return unsupported
    const { subject, subjectStart, subjectEnd } = message
    const error = checkExpectations(headers, stream.name, log, subject, subjectStart, subjectEnd)
    if (error !== null) return error
    if (headers.has(MSG_ID)) {
      const { buffer } = headers
      const seq = this.duplicates.find(buffer, headers.start(MSG_ID), headers.end(MSG_ID), nowMs)
      if (seq > 0) {
        this.acknowledge(message, seq, true)
        return 'duplicate'
      }
    }
    const lastIdError = checkLastMsgId(headers, this.lastMsgId)
    if (lastIdError !== null) return lastIdError
    const rollup = rollupScope(headers, config.allow_rollup_hdrs === true && config.deny_purge !== true)
    if (typeof rollup === 'object') return rollup
    this.wasRollup = rollup
    return headers.has(TTL) ? refusedTtl(headers.text(TTL)) : null
  }

  /** Sizes, resources, and with discard new the stream's limits. */
  private checkLimits(message: Message, rollup: RollupScope): ApiError | null {
    const { log, stream } = this
    const bodyLength = message.bodyEnd - message.bodyStart
    if (this.maxMsgSize >= 0 && bodyLength > this.maxMsgSize)
      return apiError('JSStreamMessageExceedsMaximumErr')
    if (message.headerLength > MAX_HEADER_BYTES) return apiError('JSStreamHeaderExceedsMaximumErr')
    if (stream.js.isExhausted(log.inMemory)) return apiError('JSInsufficientResourcesErr')
    if (!this.isDiscardNew) return null
    const { subject, subjectStart, subjectEnd } = message
    let replacesOne = false
    if (this.maxPerSubject > 0 && log.countOf(subject, subjectStart, subjectEnd) >= this.maxPerSubject) {
      if (this.config.discard_new_per_subject && rollup === 'none') {
        return storeFailed('maximum messages per subject exceeded')
      }
      replacesOne = true
    }
    if (replacesOne) return null
    if (this.maxMsgs > 0 && log.messages >= this.maxMsgs) return storeFailed('maximum messages exceeded')
    if (this.maxBytes > 0) {
      const size = log.sizeOf(
        subjectEnd - subjectStart,
        message.headerLength,
        bodyLength - message.headerLength,
      )
      if (log.bytes + size > this.maxBytes) return storeFailed('maximum bytes exceeded')
    }
    return null
  }

  /** With interest retention: does any consumer want messages of this subject? */
  private isWanted(message: Message): boolean {
    const { consumers } = this.stream
    for (const consumer of consumers.values()) {
      if (consumer.filter.matches(message.subject, message.subjectStart, message.subjectEnd)) return true
    }
    return false
  }

  /** Nobody is interested: the message takes a sequence and is not kept. */
  private skip(message: Message, hasMsgId: boolean, rollup: RollupScope, nowMs: number): void {
    const { log, stream } = this
    const seq = log.lastSeq + 1
    log.skipTo(seq + 1)
    // Nothing was appended that would ask for a commit.
    stream.js.bus.turn.deferWork(stream.js)
    if (hasMsgId) this.remember(seq, nowMs)
    else this.lastMsgId = NOTHING
    if (rollup !== 'none') this.rollUp(message, rollup, 0)
    this.acknowledge(message, seq, false)
    stream.appended()
  }

  private remember(seq: number, nowMs: number): void {
    const start = headers.start(MSG_ID)
    const end = headers.end(MSG_ID)
    this.duplicates.add(headers.buffer, start, end, seq, nowMs)
    this.lastMsgId = Buffer.from(headers.buffer.subarray(start, end))
    this.stream.noteMsgId(nowMs)
  }

  private rollUp(message: Message, scope: RollupScope, keep: number): void {
    let filter: SubjectFilter | null = null
    if (scope === 'subject') {
      filter = subjectFilter([message.subject.toString('utf8', message.subjectStart, message.subjectEnd)])
    }
    this.stream.purge(filter, 0, keep)
  }

  private trimSubject(message: Message): void {
    const { log, stream } = this
    const { subject, subjectStart, subjectEnd } = message
    let extra = log.countOf(subject, subjectStart, subjectEnd) - this.maxPerSubject
    for (; extra > 0; extra--) {
      const seq = log.firstSeqOf(subject, subjectStart, subjectEnd)
      if (seq === 0 || !stream.remove(seq)) return
    }
  }
}

function storeFailed(err: string): ApiError {
  return apiError('JSStreamStoreFailedF', { err })
}
