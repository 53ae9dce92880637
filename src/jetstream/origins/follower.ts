import type { InternalSubscription, Message, MessageHandler } from '../../core/index.ts'
import type { Timer } from '../../ports/index.ts'
import { ApiError, apiError } from '../config/errors.ts'
import type { StreamConfig, StreamSourceInfo } from '../config/types.ts'
import { uniqueId } from '../config/unique-id.ts'
import { headerOf } from '../headers/header-of.ts'
import { CONSUMER_STALLED, LAST_CONSUMER, LAST_STREAM } from '../headers/status.ts'
import { AckReply } from './ack-reply.ts'
import { consumerDeletion, consumerNameOf, consumerRequest, SILENCE_MS } from './consumer-request.ts'
import type { CopyingStream } from './copying-stream.ts'
import type { Begin, Taker } from './taker.ts'

/** A consumer is asked for no more often than this. */
const LEAST_BETWEEN_MS = 2000
/** After each time that it failed so much longer, up to the most. */
const BACKOFF_MS = 10_000
const LONGEST_BACKOFF_MS = 120_000
/** Where copies are refused, it is asked for no more often than this while the stream stays as it is. */
const REFUSED_MS = 30_000
/** How long to wait for an answer to that, and to a reset. */
const CREATE_MS = 30_000
const RESET_MS = 5000
/** What the other side has to know: durable sourcing, and streams that were made anew. */
const API_LEVEL = 5
const IDENTITY = 'Nats-Stream-Identity'
const IDENTITY_MISMATCH = 10225
const INBOX_LENGTH = 22
const CONTROL = Buffer.from('NATS/1.0 100 ')
const ALL: Begin = { deliver_policy: 'all' }

/** A copy that the stream did not take. */
interface Refusal {
  errCode: number
  config: StreamConfig
  messages: number
  bytes: number
}

/** The answer to a request for a consumer. */
interface Answer {
  error?: { code: number; err_code: number; description: string }
  name?: string
  config?: { ack_policy?: string; deliver_subject?: string }
  delivered?: { stream_seq: number }
}

/**
 * Follows an origin as a client of its API: has an ordered consumer made that delivers from where the copying has come to, and
 * hands its messages to a taker. When something is missing, nothing is heard or nothing can be kept, it begins anew from there.
 */
export class Follower implements MessageHandler {
  readonly taker: Taker
  private readonly stream: CopyingStream
  private readonly reply = new AckReply()
  private subscription: InternalSubscription | null = null
  private inbox: InternalSubscription | null = null
  /** To ask again, or to look whether something is heard. */
  private timer: Timer | null = null
  /** The name that is asked for. A durable consumer has it; others get one of their own. */
  private wantedName: string
  /** The consumer is a new one, under another name: what the one before had not acknowledged is its to acknowledge. */
  private isRenewed = false
  private consumer = Buffer.alloc(0)
  private consumerSeq = 0
  /** What is to be answered when all until then is on disk. */
  private confirming = ''
  private lag = 0
  private error: ApiError | null = null
  private failures = 0
  /** Milliseconds since the epoch, 0: never. */
  private heardMs = 0
  private askedMs = 0
  private hasWorked = false
  /** Why the last copy was not kept, and what the stream was like: while it is so still, there is no use in asking. */
  private refusal: Refusal | null = null
  private isClosed = false

  constructor(stream: CopyingStream, taker: Taker) {
    this.stream = stream
    this.taker = taker
    this.wantedName = consumerNameOf(stream, taker)
  }

  /** Has it come close to the end of its origin? */
  get isNearEnd(): boolean {
    return this.hasWorked && this.subscription !== null && this.lag < NEAR_END
  }

  /** Begins with the next turn. */
  start(): void {
    this.wait(0)
  }

  /** A stream of the account was made: maybe the one that was not there. */
  streamMade(name: string): void {
    const { source } = this.taker
    if (source.name !== name || source.external !== undefined || this.isClosed) return
    if (this.inbox !== null) return
    this.failures = 0
    this.wait(0)
  }

  close(): void {
    this.isClosed = true
    this.leave()
  }

  /** The consumer is needed no more. Only a durable one outlives this; where it is, nobody waits for the answer. */
  forget(): void {
    this.close()
    if (this.taker.source.consumer !== undefined) return
    this.deleteConsumer()
  }

  /** The stream has other sources beside this one: with the same name for its consumer, it goes on. */
  othersChanged(): void {
    const name = consumerNameOf(this.stream, this.taker)
    if (name === this.wantedName) return
    // Where it is durable, it would stand in the way of the one that is asked for after a restart.
    const isDurable = this.consumer.toString() === this.wantedName || this.inbox !== null
    if (isDurable && this.taker.source.consumer === undefined) this.deleteConsumer()
    this.wantedName = name
    if (!isDurable) return
    this.isRenewed = true
    this.ask()
  }

  private deleteConsumer(): void {
    this.stream.bus.publishText(consumerDeletion(this.taker, this.wantedName), '')
  }

  info(nowMs: number): StreamSourceInfo {
    const { kind, source, lastSeq } = this.taker
    const info: StreamSourceInfo = {
      name: source.name,
      ...(source.external ? { external: source.external } : {}),
      lag: this.lag,
      active: -1,
    }
    if (kind === 'source' && lastSeq > 0) info.seq = lastSeq
    if (this.heardMs > 0) info.active = Math.max(0, Math.round((nowMs - this.heardMs) * 1e6))
    if (this.error !== null) info.error = this.error.toJSON()
    if (source.filter_subject) info.filter_subject = source.filter_subject
    const transforms = source.subject_transforms ?? []
    if (transforms.length > 0) info.subject_transforms = transforms
    return info
  }

  /** While the store has more than it can take, what delivers to us waits (see `Target.pendingBytes`). */
  get pendingBytes(): number {
    return this.stream.store.overloaded ? Number.POSITIVE_INFINITY : 0
  }

  // Asking for a consumer

  private ask(): void {
    this.leave()
    if (this.isClosed) return
    const { bus, clock } = this.stream
    this.askedMs = clock.now()
    this.error = null
    const { taker } = this
    const begin = this.isRenewed && taker.lastSeq > 0 ? ALL : taker.begin()
    const request = consumerRequest(this.stream, taker, this.wantedName, begin)
    const inbox = `_INBOX.${uniqueId(INBOX_LENGTH)}`
    this.inbox = bus.subscribe(inbox, {
      onMessage: (message) => this.answered(message, request.deliverSubject),
    })
    const isReset = request.body === ''
    this.timer = clock.setTimer(() => this.failed(null), isReset ? RESET_MS : CREATE_MS)
    const { identity, kind } = taker
    // Empty: the answer is to say which stream it is.
    const asks = kind === 'mirror' ? '' : `${IDENTITY}: ${identity}\r\n`
    const headers = `NATS/1.0\r\nNats-Required-Api-Level: ${API_LEVEL}\r\n${asks}\r\n`
    const heard = bus.publishText(request.subject, request.body, inbox, headers)
    // Whoever has the origin is not connected.
    if (heard === 0) this.failed(null)
  }

  private answered(message: Message, deliverSubject: string): void {
    if (this.isClosed || this.inbox === null) return
    const bodyStart = message.bodyStart + message.headerLength
    const headers = message.body.toString('latin1', message.bodyStart, bodyStart)
    let answer: Answer
    try {
      answer = JSON.parse(message.body.toString('utf8', bodyStart, message.bodyEnd)) as Answer
    } catch {
      this.failed(
        message.headerLength > 0 ? null : apiError('JSInvalidJSONErr', { err: 'consumer create response' }),
      )
      return
    }
    const { error, config } = answer
    if (error?.err_code === IDENTITY_MISMATCH) {
      this.taker.wasMadeAnew()
      this.wait(0)
      return
    }
    if (error !== undefined) {
      this.failed(new ApiError(error.code, error.err_code, error.description))
      return
    }
    if (config === undefined || answer.name === undefined) {
      this.failed(this.setupError('invalid consumer create response'))
      return
    }
    if (this.taker.source.consumer !== undefined && config.ack_policy !== 'flow_control') {
      const isMirror = this.taker.kind === 'mirror'
      this.failed(
        apiError(isMirror ? 'JSMirrorConsumerRequiresAckFCErr' : 'JSSourceConsumerRequiresAckFCErr'),
      )
      return
    }
    this.joined(answer, headerOf(`\r\n${headers}`, IDENTITY), config.deliver_subject || deliverSubject)
  }

  private joined(answer: Answer, identity: string, deliverSubject: string): void {
    this.endAsking()
    this.taker.joined(identity, answer.delivered?.stream_seq ?? 0)
    this.consumer = Buffer.from(answer.name ?? '')
    this.consumerSeq = 0
    this.isRenewed = false
    this.failures = 0
    this.hasWorked = true
    this.heardMs = this.stream.clock.now()
    this.subscription = this.stream.bus.subscribe(deliverSubject, this)
    this.watch(SILENCE_MS)
  }

  private setupError(err: string): ApiError {
    const isMirror = this.taker.kind === 'mirror'
    return apiError(isMirror ? 'JSMirrorConsumerSetupFailedErrF' : 'JSSourceConsumerSetupFailedErrF', { err })
  }

  private failed(error: ApiError | null): void {
    this.endAsking()
    this.error = error
    this.failures++
    const backoffMs = Math.min(this.failures * BACKOFF_MS, LONGEST_BACKOFF_MS)
    this.wait(LEAST_BETWEEN_MS + backoffMs)
  }

  private endAsking(): void {
    this.inbox?.unsubscribe()
    this.inbox = null
    this.timer?.clear()
    this.timer = null
  }

  /** Something is missing, or could not be kept: from where the copying has come to, soon. */
  private again(): void {
    this.leave()
    const { clock } = this.stream
    this.wait(Math.max(0, LEAST_BETWEEN_MS - (clock.now() - this.askedMs)))
  }

  /** The stream has no room for a copy, or may not have it. It is asked for again when that may be otherwise. */
  private refused(error: ApiError): void {
    const { config, log, name, bus, clock } = this.stream
    if (this.refusal?.errCode !== error.errCode) {
      const { kind, source } = this.taker
      bus.bus.log(
        'warn',
        `stream ${name} can not keep messages of its ${kind} ${source.name}: ${error.message}`,
      )
    }
    this.refusal = { errCode: error.errCode, config, messages: log.messages, bytes: log.bytes }
    this.leave()
    this.askAfterRefusal(clock.now() + REFUSED_MS)
  }

  private askAfterRefusal(latestMs: number): void {
    const { clock } = this.stream
    const wait = (): void => {
      if (this.isAsRefused() && clock.now() < latestMs) this.timer = clock.setTimer(wait, LEAST_BETWEEN_MS)
      else this.askInTurn()
    }
    this.timer = clock.setTimer(wait, LEAST_BETWEEN_MS)
  }

  /** Is the stream as it was when it refused a copy? */
  private isAsRefused(): boolean {
    const { refusal } = this
    const { config, log } = this.stream
    return (
      refusal !== null &&
      refusal.config === config &&
      log.messages >= refusal.messages &&
      log.bytes >= refusal.bytes
    )
  }

  /** What is needed to keep the message is being read. */
  private after(reading: Promise<unknown>): void {
    this.leave()
    const goOn = (): void => {
      if (this.subscription === null && this.inbox === null && this.timer === null) this.wait(0)
    }
    reading.then(goOn, goOn).catch(this.stream.fault)
  }

  private wait(ms: number): void {
    this.leave()
    if (this.isClosed) return
    this.timer = this.stream.clock.setTimer(() => this.askInTurn(), ms)
  }

  /** Many may have waited for the same moment. */
  private askInTurn(): void {
    const delayMs = this.stream.pace.delayMs()
    if (delayMs === 0) this.ask()
    else this.timer = this.stream.clock.setTimer(() => this.ask(), delayMs)
  }

  /** What the consumer still sends is not ours any more. */
  private leave(): void {
    this.endAsking()
    this.subscription?.unsubscribe()
    this.subscription = null
    this.confirming = ''
  }

  /** Looks in a while whether something was heard. */
  private watch(ms: number): void {
    this.timer = this.stream.clock.setTimer(() => {
      const leftMs = SILENCE_MS - (this.stream.clock.now() - this.heardMs)
      if (leftMs <= 0) this.askInTurn()
      else this.watch(leftMs)
    }, ms)
  }

  // What the consumer sends

  onMessage(message: Message): void {
    if (this.subscription === null) return
    this.heardMs = this.stream.clock.now()
    const { body, bodyStart, headerLength, bodyEnd } = message
    if (headerLength > 0 && bodyEnd === bodyStart + headerLength && isControl(body, bodyStart, bodyEnd)) {
      this.control(message)
      return
    }
    const { reply, taker } = this
    if (!reply.read(message.reply, message.replyStart, message.replyEnd, this.consumer)) return
    if (reply.deliveries > 1) return
    const { streamSeq, consumerSeq } = reply
    if (streamSeq <= taker.lastSeq) {
      if (consumerSeq === this.consumerSeq + 1) this.consumerSeq++
      return
    }
    if (consumerSeq !== this.consumerSeq + 1) {
      if (consumerSeq > this.consumerSeq) this.again()
      return
    }
    this.lag = reply.pending === 0 ? 0 : reply.pending - 1
    const outcome = taker.take(message, streamSeq, reply.sec, reply.nsec)
    if (outcome !== null) {
      if (outcome instanceof Promise) this.after(outcome)
      else this.refused(outcome)
      return
    }
    this.refusal = null
    this.consumerSeq = consumerSeq
  }

  /** Heartbeats tell how many messages were sent; flow control waits until they are on disk. */
  private control(message: Message): void {
    if (message.replyEnd > message.replyStart) {
      this.confirm(message.reply.toString('utf8', message.replyStart, message.replyEnd))
      return
    }
    const headers = message.body.toString('latin1', message.bodyStart, message.bodyEnd)
    const sent = Number(headerOf(headers, LAST_CONSUMER))
    const stalledOn = headerOf(headers, CONSUMER_STALLED)
    // All that it sends is taken.
    if (sent === this.consumerSeq) this.refusal = null
    if (sent > 0 && sent !== this.consumerSeq) this.again()
    else if (stalledOn !== '') this.confirm(stalledOn)
  }

  private confirm(reply: string): void {
    const { store, bus } = this.stream
    const { subscription, consumerSeq } = this
    const { lastSeq } = this.taker
    // One that is answered late, since the disk is full, is answered once, whatever is asked again meanwhile.
    if (this.confirming === reply) return
    this.confirming = reply
    store.barrier(() => {
      if (this.confirming === reply) this.confirming = ''
      if (this.subscription !== subscription) return
      const headers = `NATS/1.0\r\n${LAST_CONSUMER}: ${consumerSeq}\r\n${LAST_STREAM}: ${lastSeq}\r\n\r\n`
      bus.publishText(reply, '', '', headers)
    })
  }
}

/** So many messages behind, or fewer, a mirror answers direct gets of its origin's messages. */
const NEAR_END = 10

function isControl(body: Buffer, start: number, end: number): boolean {
  if (end - start < CONTROL.length) return false
  for (let i = 0; i < CONTROL.length; i++) if (body[start + i] !== CONTROL[i]) return false
  return true
}
