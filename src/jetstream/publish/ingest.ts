import {
  Message,
  type MessageHandler,
  type MessageTrace,
  type Origin,
  replaceHeader,
  type StreamTrace,
  TRACE_DEST,
  TRACE_DISABLED,
} from '../../core/index.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import type { StreamConfig } from '../config/types.ts'
import { BATCH_ID, INCR, PublishHeaders } from '../headers/publish-headers.ts'
import type { Schedules } from '../schedules/schedules.ts'
import type { StoredStream } from '../stream/stored-stream.ts'
import { Answers } from './answers.ts'
import { Apply } from './apply.ts'
import { AtomicBatches } from './atomic-batches.ts'
import { rollupScope } from './check-headers.ts'
import { LimitChecks } from './check-limits.ts'
import { PublishChecks } from './check-publish.ts'
import { Copies } from './copies.ts'
import { Counters } from './counters/counters.ts'
import { FastBatchReply } from './fast-batch-reply.ts'
import { FastBatches } from './fast-batches.ts'
import { MessageIds } from './message-ids.ts'
import { Parking } from './parking.ts'
import type { PubAcks } from './pub-acks.ts'
import { SUBJECT_TOO_LONG, SubjectMapping } from './subject-mapping.ts'
import { DUPLICATE, isOfStore, tracedError } from './traced-errors.ts'

/** Shared: the headers are looked at while a message is handled, and not after. */
const headers = new PublishHeaders()

/** The same for what the server makes itself. */
const generated = new PublishHeaders()

/**
 * The way into a stream: takes what is published to its subjects, has it checked and applied, and answers. Whatever stores a message
 * ends in `apply`.
 */
export class Ingest implements MessageHandler {
  readonly apply: Apply
  readonly ids: MessageIds
  readonly parking: Parking
  readonly limits: LimitChecks
  /** For messages of other streams. */
  readonly copies: Copies
  private readonly mapping = new SubjectMapping()
  private readonly counters: Counters | null
  private readonly stream: StoredStream
  private readonly answers: Answers
  private readonly checks: PublishChecks
  private readonly atomicBatches: AtomicBatches
  private readonly fastBatches: FastBatches
  private isOpen = false

  constructor(stream: StoredStream, schedules: Schedules, acks: PubAcks) {
    this.stream = stream
    this.ids = new MessageIds(stream)
    this.limits = new LimitChecks(stream)
    this.apply = new Apply(stream, this.ids, schedules)
    this.answers = new Answers(stream, acks)
    this.counters = stream.config.allow_msg_counter ? new Counters(stream) : null
    this.checks = new PublishChecks(stream, this.ids, schedules, this.limits, this.counters)
    this.parking = new Parking(
      (message) => (message.traced === null ? this.take(message) : this.takeTraced(message)),
      stream.host.bus.fault,
    )
    const parts = {
      stream,
      schedules,
      mapping: this.mapping,
      ids: this.ids,
      limits: this.limits,
      apply: this.apply,
      answers: this.answers,
      counters: this.counters,
      hold: (message: Message, reading: Promise<unknown>) => this.parking.hold(message, reading),
    }
    this.atomicBatches = new AtomicBatches(parts)
    this.fastBatches = new FastBatches(parts)
    this.copies = new Copies(parts)
    this.configure(stream.config)
  }

  configure(config: StreamConfig): void {
    this.ids.configure(config)
    this.limits.configure(config)
    this.checks.configure(config)
    this.apply.configure(config)
    this.answers.configure(config)
    this.mapping.configure(config)
    this.copies.configure(config)
    if (this.isOpen) this.apply.configureRepublisher(config)
  }

  /** The stream is there, whole: what comes from now on is published again. */
  open(): void {
    this.isOpen = true
    this.apply.configureRepublisher(this.stream.config)
  }

  /** A message was published to one of the stream's subjects. */
  onMessage(message: Message): void {
    if (!this.parking.isOccupied) this.take(message)
    else if (!this.parking.add(message)) this.answers.refuse(message, apiError('JSStreamTooManyRequests'))
  }

  /** The same for a message that is traced: what becomes of it is told. What is traced only is checked, and not stored. */
  onTraced(given: Message, _origin: Origin | null, trace: MessageTrace): boolean {
    const event = trace.stream(this.stream.name)
    const message = new Message(given.subject)
    message.copyFrom(given)
    message.traced = event
    // What is stored does not begin a trace when it is delivered.
    if (!trace.isOnly) replaceHeader(message, TRACE_DEST, TRACE_DISABLED)
    if (!this.parking.isOccupied) this.takeTraced(message)
    else if (!this.parking.add(message)) {
      const error = apiError('JSStreamTooManyRequests')
      this.answers.refuse(message, error)
      event.end({ error: tracedError(error, headers) })
    }
    return true
  }

  private takeTraced(given: Message): void {
    const event = given.traced as StreamTrace
    const { answers, checks, parking } = this
    const refusals: ApiError[] = []
    answers.onRefusal = (error) => refusals.push(error)
    checks.duplicateOf = 0
    const noInterest = this.isUnwanted(given)
    try {
      if (event.isOnly) this.probe(given)
      else this.take(given)
    } finally {
      answers.onRefusal = null
    }
    if (parking.isHolding) return
    const subject = subjectOf(this.mapping.apply(given))
    const [refusal] = refusals
    if (refusal === undefined)
      event.end(checks.duplicateOf > 0 ? { error: DUPLICATE } : { subject, noInterest })
    else {
      const error = tracedError(refusal, headers)
      event.end(isOfStore(refusal) ? { subject, noInterest, error } : { error })
    }
  }

  /** All that is done with a message, except for storing it. */
  private probe(given: Message): void {
    const { answers, checks, counters, stream } = this
    headers.found = 0
    if (given.headerLength > 0)
      headers.parse(given.body, given.bodyStart, given.bodyStart + given.headerLength)
    const message = this.mapping.apply(given)
    const reading =
      message !== null && counters !== null && headers.has(INCR) ? counters.prepare(message) : null
    if (reading !== null) {
      this.parking.hold(given, reading)
      return
    }
    const error = stream.config.sealed
      ? apiError('JSStreamSealedErr')
      : message === null
        ? SUBJECT_TOO_LONG
        : checks.check(message, headers, stream.clock.now())
    if (error !== null && !isOfStore(error)) answers.refuse(given, error)
    else if (checks.duplicateOf > 0) answers.acknowledge(given, checks.duplicateOf, true)
  }

  private isUnwanted(given: Message): boolean {
    const message = this.mapping.apply(given)
    if (this.stream.config.retention !== 'interest' || message === null) return false
    return !this.stream.audience.isWanted(message.subject, message.subjectStart, message.subjectEnd)
  }

  private take(given: Message): void {
    if (this.stream.config.sealed) {
      this.answers.refuse(given, apiError('JSStreamSealedErr'))
      return
    }
    const { body, bodyStart, headerLength } = given
    headers.found = 0
    if (headerLength > 0) headers.parse(body, bodyStart, bodyStart + headerLength)
    const isFastBatch = FastBatchReply.isOne(given.reply, given.replyStart, given.replyEnd)
    if (headers.found !== 0 && !isFastBatch && headers.has(BATCH_ID)) {
      // Its subject is mapped when the batch is committed.
      this.atomicBatches.onMessage(given, headers)
      return
    }
    const message = this.mapping.apply(given)
    if (message !== null && this.counters !== null && headers.has(INCR)) {
      const reading = this.counters.prepare(message)
      if (reading !== null) {
        this.parking.hold(given, reading)
        return
      }
    }
    if (message === null) this.answers.refuse(given, SUBJECT_TOO_LONG)
    else if (isFastBatch) this.fastBatches.onMessage(message, headers)
    else this.publish(given, message)
  }

  /** `message`: the given one, under the subject that it has here. */
  private publish(given: Message, message: Message): void {
    const nowMs = this.stream.clock.now()
    const error = this.checks.check(message, headers, nowMs)
    if (error !== null) {
      this.answers.refuse(message, error)
      return
    }
    if (this.checks.duplicateOf > 0) {
      this.answers.acknowledge(message, this.checks.duplicateOf, true)
      return
    }
    const stored = this.checks.message
    const seq = this.apply.store(stored, headers, nowMs)
    this.answers.acknowledge(given, seq, false, this.counters === null ? null : stored)
    this.stream.appended()
  }

  /** A message that the server makes; `ends`: the subject of the schedule that is over with it. False: no room now. */
  publishGenerated(message: Message, ends: string | null): boolean {
    generated.parse(message.body, message.bodyStart, message.bodyStart + message.headerLength)
    const rollup = rollupScope(generated, true)
    const isRollup = typeof rollup === 'string' && rollup !== 'none'
    if (this.limits.check(message, isRollup) !== null) return false
    this.apply.store(message, generated, this.stream.clock.now())
    if (ends !== null) this.apply.endSchedule(ends)
    this.stream.appended()
    return true
  }

  /** Messages up to the log's committedSeq are durable. */
  republish(): void {
    this.apply.republisher?.committed()
  }

  /** Forgets batches under way, and what waits: the stream is closed. */
  close(): void {
    this.parking.close()
    this.atomicBatches.clear()
    this.fastBatches.clear()
  }
}

function subjectOf(message: Message | null): string {
  return message === null ? '' : message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
}
