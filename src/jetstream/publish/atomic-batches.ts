import type { Message } from '../../core/index.ts'
import type { Timer } from '../../ports/index.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import type { JetStreamLimits } from '../config/limits.ts'
import { API_LEVEL } from '../config/stream/metadata.ts'
import {
  BATCH_COMMIT,
  BATCH_ID,
  BATCH_SEQUENCE,
  EXPECTED_LAST_MSG_ID,
  PublishHeaders,
  REQUIRED_API_LEVEL,
} from '../headers/publish-headers.ts'
import type { PublishParts } from './parts.ts'
import { StagedChecks } from './staged-checks.ts'
import { addHeader, copyMessage, lineOf } from './staged-message.ts'
import { SUBJECT_TOO_LONG } from './subject-mapping.ts'

/** Limits of atomic batches, as nats-server has them; staged bytes are those of the whole server. */
export const ATOMIC_LIMITS = {
  messages: 1000,
  batchesPerStream: 50,
  batches: 1000,
  idBytes: 64,
  idleMs: 10_000,
  stagedBytes: 256 * 1024 * 1024,
} satisfies Record<string, number>

type AbandonReason = 'incomplete' | 'large' | 'timeout' | 'unsupported'

interface Batch {
  id: string
  lastSeq: number
  messages: Message[]
  bytes: number
  /** Why it will not be stored. */
  refusal: ApiError | null
  touchedMs: number
  timer: Timer
}

/**
 * Batches that are stored whole or not at all (ADR-50). Their messages are held back until the last one commits them; then
 * they are checked and appended in one turn, which makes them one batch of the journal.
 */
export class AtomicBatches {
  private readonly parts: PublishParts
  private readonly batches = new Map<string, Batch>()
  private readonly headers = new PublishHeaders()
  private settled: JetStreamLimits | null = null
  private limitsNow: typeof ATOMIC_LIMITS = ATOMIC_LIMITS

  constructor(parts: PublishParts) {
    this.parts = parts
  }

  /** A message with a batch id. */
  onMessage(message: Message, headers: PublishHeaders): void {
    const reading = headers.has(BATCH_COMMIT) ? this.prepareCounters(message, headers) : null
    if (reading !== null) {
      this.parts.hold(message, reading)
      return
    }
    const error = this.take(message, headers)
    if (error !== null) this.parts.answers.refuse(message, error)
  }

  private take(message: Message, headers: PublishHeaders): ApiError | null {
    const { stream, limits, answers } = this.parts
    if (limits.isExhausted) return apiError('JSInsufficientResourcesErr')
    const refusal = limits.refusalOfAccount(message)
    if (refusal !== null) return refusal
    if (limits.isTooLarge(message)) return apiError('JSStreamMessageExceedsMaximumErr')
    if (!stream.config.allow_atomic) return apiError('JSAtomicPublishDisabledErr')
    const id = headers.text(BATCH_ID)
    if (Buffer.byteLength(id) > this.limits.idBytes) return apiError('JSAtomicPublishInvalidBatchIDErr')
    const seq = headers.has(BATCH_SEQUENCE) ? headers.number(BATCH_SEQUENCE) : -1
    if (seq < 0) return apiError('JSAtomicPublishMissingSeqErr')
    const commit = headers.text(BATCH_COMMIT)
    const size = commit === 'eob' ? seq - 1 : seq
    const batch = this.find(id, seq, size)
    if (!('messages' in batch)) return batch
    const error = this.stage(batch, message, headers, seq, size, commit)
    if (error !== null) return error
    if (commit !== '') return this.commit(batch, message)
    answers.answer(message, '')
    return null
  }

  /** As they are now: a server may be given others. */
  private get limits(): typeof ATOMIC_LIMITS {
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

  /** null: what the counters of a batch have come to is at hand; else it is when the promise is fulfilled. */
  private prepareCounters(last: Message, headers: PublishHeaders): Promise<void> | null {
    const { counters, mapping } = this.parts
    const batch = counters === null ? undefined : this.batches.get(headers.text(BATCH_ID))
    if (counters === null || batch === undefined) return null
    for (const [i, message] of batch.messages.entries()) {
      const reading = counters.prepare(message)
      if (reading !== null) return counters.prepareAll(batch.messages.slice(i))
    }
    return counters.prepare(mapping.apply(last) ?? last)
  }

  private find(id: string, seq: number, size: number): ApiError | Batch {
    const found = this.batches.get(id)
    if (found !== undefined) return found
    if (seq !== 1) {
      if (size > this.limits.messages) {
        return apiError('JSAtomicPublishTooLargeBatchErrF', { size: this.limits.messages })
      }
      return apiError('JSAtomicPublishIncompleteBatchErr')
    }
    const { host, clock } = this.parts.stream
    if (this.batches.size >= this.limits.batchesPerStream || host.staged.batches >= this.limits.batches) {
      return apiError('JSAtomicPublishTooManyInflight')
    }
    host.staged.batches++
    const batch: Batch = {
      id,
      lastSeq: 0,
      messages: [],
      bytes: 0,
      refusal: null,
      touchedMs: clock.now(),
      timer: clock.setTimer(() => this.timeOut(batch), this.limits.idleMs),
    }
    this.batches.set(id, batch)
    return batch
  }

  private stage(
    batch: Batch,
    message: Message,
    headers: PublishHeaders,
    seq: number,
    size: number,
    commit: string,
  ): ApiError | null {
    const { host, clock } = this.parts.stream
    if (commit !== '' && commit !== '1' && commit !== 'eob') {
      this.forget(batch)
      return apiError('JSAtomicPublishInvalidBatchCommitErr')
    }
    if (headers.has(REQUIRED_API_LEVEL) && !(Number(headers.text(REQUIRED_API_LEVEL)) <= API_LEVEL)) {
      this.abandon(batch, 'unsupported')
      return apiError('JSRequiredApiLevelErr')
    }
    batch.touchedMs = clock.now()
    batch.lastSeq++
    if (batch.lastSeq !== seq || size === 0) {
      this.abandon(batch, 'incomplete')
      return apiError('JSAtomicPublishIncompleteBatchErr')
    }
    if (size > this.limits.messages) {
      this.abandon(batch, 'large')
      return apiError('JSAtomicPublishTooLargeBatchErrF', { size: this.limits.messages })
    }
    // The end-of-batch marker itself is not stored.
    if (commit === 'eob') return null
    const bytes = message.bodyEnd - message.bodyStart
    if (host.staged.bytes + bytes > this.limits.stagedBytes) {
      this.abandon(batch, 'incomplete')
      return apiError('JSInsufficientResourcesErr')
    }
    host.staged.bytes += bytes
    batch.bytes += bytes
    const level = headers.has(REQUIRED_API_LEVEL)
      ? lineOf(headers.buffer, headers.start(REQUIRED_API_LEVEL), headers.end(REQUIRED_API_LEVEL))
      : null
    const copy = copyMessage(message, level)
    if (!this.parts.mapping.applyTo(copy)) batch.refusal = SUBJECT_TOO_LONG
    batch.messages.push(copy)
    return null
  }

  private commit(batch: Batch, commit: Message): ApiError | null {
    const { headers } = this
    const { stream, apply, answers } = this.parts
    const { messages } = batch
    this.forget(batch)
    if (batch.refusal !== null) return batch.refusal
    const nowMs = stream.clock.now()
    const checks = new StagedChecks(this.parts)
    for (const [i, message] of messages.entries()) {
      headers.parse(message.body, 0, message.headerLength)
      const error = headers.has(EXPECTED_LAST_MSG_ID)
        ? apiError('JSAtomicPublishUnsupportedHeaderBatchErr', { header: 'Nats-Expected-Last-Msg-Id' })
        : checks.check(message, headers, nowMs)
      if (error !== null) return error
      // With the new value of its counter.
      if (checks.message !== message) messages[i] = copyMessage(checks.message)
    }
    // A batch that ended with a marker has the usual commit in its last message.
    const last = messages[messages.length - 1]
    headers.parse(last.body, 0, last.headerLength)
    if (!headers.has(BATCH_COMMIT)) addHeader(last, 'Nats-Batch-Commit: 1')
    let seq = 0
    for (const message of messages) {
      headers.parse(message.body, 0, message.headerLength)
      seq = apply.store(message, headers, nowMs)
    }
    answers.answerWhenDurable(commit, answers.ackText(seq, { batch: batch.id, count: messages.length }))
    stream.appended()
    return null
  }

  private timeOut(batch: Batch): void {
    const { clock } = this.parts.stream
    const leftMs = batch.touchedMs + this.limits.idleMs - clock.now()
    if (leftMs > 0) batch.timer = clock.setTimer(() => this.timeOut(batch), leftMs)
    else this.abandon(batch, 'timeout')
  }

  private abandon(batch: Batch, reason: AbandonReason): void {
    this.forget(batch)
    this.parts.stream.advisories.batchAbandoned(batch.id, reason)
  }

  private forget(batch: Batch): void {
    if (!this.batches.delete(batch.id)) return
    batch.timer.clear()
    const { staged } = this.parts.stream.host
    staged.batches--
    staged.bytes -= batch.bytes
  }
}

function limitsOf({ batch }: JetStreamLimits): typeof ATOMIC_LIMITS {
  return {
    ...ATOMIC_LIMITS,
    messages: batch.maxMessages > 0 ? batch.maxMessages : ATOMIC_LIMITS.messages,
    batchesPerStream:
      batch.maxInflightPerStream > 0 ? batch.maxInflightPerStream : ATOMIC_LIMITS.batchesPerStream,
    batches: batch.maxInflightTotal > 0 ? batch.maxInflightTotal : ATOMIC_LIMITS.batches,
    idleMs: batch.timeout > 0 ? batch.timeout : ATOMIC_LIMITS.idleMs,
  }
}
