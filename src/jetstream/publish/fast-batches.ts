import type { Message } from '../../core/index.ts'
import type { Timer } from '../../ports/index.ts'
import { type ApiErrorName, apiError } from '../config/errors.ts'
import { encodeJson } from '../config/json/encode.ts'
import type { JetStreamLimits } from '../config/limits.ts'
import { API_LEVEL } from '../config/stream/metadata.ts'
import { type PublishHeaders, REQUIRED_API_LEVEL } from '../headers/publish-headers.ts'
import { COMMIT, COMMIT_EOB, FastBatchReply, PING } from './fast-batch-reply.ts'
import type { PublishParts } from './parts.ts'
import { StagedChecks } from './staged-checks.ts'
import { copyMessage, lineOf } from './staged-message.ts'

/** Limits of fast batches, as nats-server has them. */
export const FAST_LIMITS = {
  batchesPerStream: 1000,
  batches: 50_000,
  idBytes: 64,
  idleMs: 10_000,
  /** Messages between two acks, over all batches of a stream. */
  ackMessages: 500,
} satisfies Record<string, number>

interface Batch {
  id: string
  isGapOk: boolean
  /** Sequence of the last message seen, and of the last that was told to be stored. */
  lastSeq: number
  toldSeq: number
  /** Sequence in the stream of the last stored message. */
  streamSeq: number
  /** Messages between two acks: now, and as many as the publisher allows. */
  ackMessages: number
  maxAckMessages: number
  touchedMs: number
  timer: Timer
}

/**
 * Fast ingest: a publisher sends without waiting and is told every so many messages how far it is stored. Each message
 * is stored as it comes.
 */
export class FastBatches {
  private readonly parts: PublishParts
  private readonly batches = new Map<string, Batch>()
  private readonly reply = new FastBatchReply()
  private settled: JetStreamLimits | null = null
  private limitsNow: typeof FAST_LIMITS = FAST_LIMITS

  constructor(parts: PublishParts) {
    this.parts = parts
  }

  /** A message whose reply subject is that of a fast batch. */
  onMessage(message: Message, headers: PublishHeaders): void {
    const ofAccount = this.parts.limits.refusalOfAccount(message)
    if (ofAccount !== null) {
      this.parts.answers.refuse(message, ofAccount)
      return
    }
    const refusal = this.check(message) ?? this.take(message, headers)
    if (refusal !== null) this.parts.answers.refuse(message, apiError(refusal))
  }

  private check(message: Message): ApiErrorName | null {
    const { reply } = this
    const { stream, limits } = this.parts
    if (limits.isExhausted) return 'JSInsufficientResourcesErr'
    if (limits.isTooLarge(message)) return 'JSStreamMessageExceedsMaximumErr'
    if (!stream.config.allow_batched) return 'JSBatchPublishDisabledErr'
    if (!reply.parse(message.reply, message.replyStart, message.replyEnd)) {
      return 'JSBatchPublishInvalidPatternErr'
    }
    return reply.idEnd - reply.idStart > this.limits.idBytes ? 'JSBatchPublishInvalidBatchIDErr' : null
  }

  private take(message: Message, headers: PublishHeaders): ApiErrorName | null {
    const batch = this.find()
    if (typeof batch === 'string') return batch
    let kept = message
    if (headers.has(REQUIRED_API_LEVEL)) {
      if (!(Number(headers.text(REQUIRED_API_LEVEL)) <= API_LEVEL)) {
        this.forget(batch)
        return 'JSRequiredApiLevelErr'
      }
      const level = lineOf(headers.buffer, headers.start(REQUIRED_API_LEVEL), headers.end(REQUIRED_API_LEVEL))
      kept = copyMessage(message, level)
      headers.parse(kept.body, 0, kept.headerLength)
    }
    batch.touchedMs = this.parts.stream.clock.now()
    if (this.reply.operation === PING) this.ping(batch, message)
    else if (this.advance(batch, message)) this.store(batch, message, kept, headers)
    return null
  }

  /** As they are now: a server may be given others. */
  private get limits(): typeof FAST_LIMITS {
    const { limits } = this.parts.stream.host
    if (limits !== this.settled) {
      this.settled = limits
      this.limitsNow = limitsOf(limits)
    }
    return this.limitsNow
  }

  /** Forgets all batches: the stream is closed. */
  clear(): void {
    for (const batch of [...this.batches.values()]) this.forget(batch)
  }

  private find(): ApiErrorName | Batch {
    const { reply } = this
    const id = reply.buffer.toString('latin1', reply.idStart, reply.idEnd)
    const found = this.batches.get(id)
    if (found !== undefined) return found
    if (reply.seq !== 1) return 'JSBatchPublishUnknownBatchIDErr'
    const { host, clock } = this.parts.stream
    if (this.batches.size >= this.limits.batchesPerStream || host.staged.fastBatches >= this.limits.batches) {
      return 'JSBatchPublishTooManyInflight'
    }
    host.staged.fastBatches++
    const batch: Batch = {
      id,
      isGapOk: reply.isGapOk,
      lastSeq: 0,
      toldSeq: 0,
      streamSeq: 0,
      // Alone it gets what it wants; beside others it begins slowly.
      ackMessages: this.batches.size > 0 ? 1 : Math.min(this.limits.ackMessages, reply.flow),
      maxAckMessages: reply.flow,
      touchedMs: clock.now(),
      timer: clock.setTimer(() => this.timeOut(batch), this.limits.idleMs),
    }
    this.batches.set(id, batch)
    return batch
  }

  /** The publisher missed acks and asks where it is. */
  private ping(batch: Batch, message: Message): void {
    const { seq } = this.reply
    if (seq > batch.lastSeq) {
      this.tellGap(message, batch.lastSeq + 1, seq + 1)
      if (!batch.isGapOk) {
        this.finish(batch, message)
        return
      }
      batch.lastSeq = seq
      if (this.tellProgress(batch, message)) return
    }
    this.tellFlow(message, batch.toldSeq, batch.ackMessages)
  }

  /** Takes the next sequence; false when there is nothing to store. */
  private advance(batch: Batch, message: Message): boolean {
    const { seq, operation } = this.reply
    const expected = batch.lastSeq + 1
    if (seq > expected) this.tellGap(message, expected, seq)
    if (seq !== expected && !(batch.isGapOk && seq > expected)) {
      this.finish(batch, message)
      return false
    }
    if (operation === COMMIT_EOB) {
      batch.lastSeq = seq - 1
      this.finish(batch, message)
      return false
    }
    batch.lastSeq = seq
    if (seq === 1 && operation !== COMMIT) this.parts.answers.answer(message, flowText(0, batch.ackMessages))
    return true
  }

  private store(batch: Batch, message: Message, kept: Message, headers: PublishHeaders): void {
    const { stream, apply, answers } = this.parts
    const isCommit = this.reply.operation === COMMIT
    const nowMs = stream.clock.now()
    const checks = new StagedChecks(this.parts)
    const error = checks.check(kept, headers, nowMs)
    if (error === null) {
      batch.streamSeq = apply.store(checks.message, headers, nowMs)
      if (isCommit) this.finish(batch, message)
      else this.tellProgress(batch, message)
      stream.appended()
      return
    }
    const isDuplicate = checks.duplicateOf > 0
    if (isDuplicate) {
      this.tellProgress(batch, message)
      if (!isCommit) return
    }
    if (!batch.isGapOk && batch.lastSeq === 1) {
      this.forget(batch)
      const ack = { duplicate: true, batch: batch.id, count: batch.lastSeq }
      if (isDuplicate) answers.answerWhenDurable(message, answers.ackText(checks.duplicateOf, ack))
      else answers.refuse(message, error)
      return
    }
    if (!isDuplicate) {
      answers.answerWhenDurable(
        message,
        encodeJson({ type: 'err', seq: batch.lastSeq, error: error.toJSON() }),
      )
      if (batch.isGapOk && !isCommit) return
      batch.lastSeq--
    }
    this.finish(batch, message)
  }

  /** The batch ends with what is stored. */
  private finish(batch: Batch, message: Message): void {
    this.forget(batch)
    const ack = { batch: batch.id, count: batch.lastSeq }
    const { answers } = this.parts
    answers.answerWhenDurable(message, answers.ackText(batch.streamSeq, ack))
  }

  /** Tells, every so many messages, how far all is stored; speeds up or slows down. */
  private tellProgress(batch: Batch, message: Message): boolean {
    const behind = batch.lastSeq - batch.toldSeq
    if (behind < batch.ackMessages) return false
    batch.toldSeq += behind - (behind % batch.ackMessages)
    const share = Math.max(1, Math.floor(this.limits.ackMessages / this.batches.size))
    const most = Math.min(share, batch.maxAckMessages)
    if (batch.ackMessages < most) batch.ackMessages = Math.min(batch.ackMessages * 2, most)
    else if (batch.ackMessages > most) batch.ackMessages = Math.max(batch.ackMessages >> 1, most)
    this.tellFlow(message, batch.toldSeq, batch.ackMessages)
    return true
  }

  private tellFlow(message: Message, seq: number, messages: number): void {
    this.parts.answers.answerWhenDurable(message, flowText(seq, messages))
  }

  private tellGap(message: Message, expected: number, seq: number): void {
    // Behind the acks that wait: answers come in order.
    this.parts.answers.answerWhenDurable(message, `{"type":"gap","last_seq":${expected},"seq":${seq}}`)
  }

  private timeOut(batch: Batch): void {
    const { clock } = this.parts.stream
    const leftMs = batch.touchedMs + this.limits.idleMs - clock.now()
    if (leftMs > 0) batch.timer = clock.setTimer(() => this.timeOut(batch), leftMs)
    else this.forget(batch)
  }

  private forget(batch: Batch): void {
    if (!this.batches.delete(batch.id)) return
    batch.timer.clear()
    this.parts.stream.host.staged.fastBatches--
  }
}

function limitsOf({ batch }: JetStreamLimits): typeof FAST_LIMITS {
  return {
    ...FAST_LIMITS,
    batchesPerStream:
      batch.maxInflightPerStream > 0 ? batch.maxInflightPerStream : FAST_LIMITS.batchesPerStream,
    batches: batch.maxInflightTotal > 0 ? batch.maxInflightTotal : FAST_LIMITS.batches,
    idleMs: batch.timeout > 0 ? batch.timeout : FAST_LIMITS.idleMs,
  }
}

function flowText(seq: number, messages: number): string {
  return `{"type":"ack","seq":${seq},"msgs":${messages}}`
}
