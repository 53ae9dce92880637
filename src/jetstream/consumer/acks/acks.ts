import type { Message } from '../../../core/index.ts'
import { readNumber } from '../../../wire/ascii.ts'
import { parseDuration } from '../../config/go-duration.ts'
import { decodeRequest, type Fields, LENIENT } from '../../config/json/decode.ts'
import { sendNoResponders } from '../../headers/status.ts'
import type { ConsumerState } from '../state/consumer-state.ts'

const DOT = 46
const PLUS = 43
const MINUS = 45

/** What a client says about a delivered message (ADR-15 and the ack verbs). */
type AckKind = 'ack' | 'nak' | 'progress' | 'next' | 'term' | 'unknown'

function startsWith(buffer: Buffer, start: number, end: number, word: string): boolean {
  if (end - start < word.length) return false
  for (let i = 0; i < word.length; i++) if (buffer[start + i] !== word.charCodeAt(i)) return false
  return true
}

function ackKind(buffer: Buffer, start: number, end: number): AckKind {
  const length = end - start
  if (length === 0) return 'ack'
  if (buffer[start] === PLUS) {
    if (length === 4 && startsWith(buffer, start, end, '+ACK')) return 'ack'
    if (length === 3 && startsWith(buffer, start, end, '+OK')) return 'ack'
    if (startsWith(buffer, start, end, '+NXT')) return 'next'
    if (length === 4 && startsWith(buffer, start, end, '+WPI')) return 'progress'
    if (startsWith(buffer, start, end, '+TERM')) return 'term'
  } else if (buffer[start] === MINUS && startsWith(buffer, start, end, '-NAK')) return 'nak'
  return 'unknown'
}

const NAK_FIELDS: Fields = { delay: 'time.Duration', [LENIENT]: true }

/** The delay of `-NAK {"delay": ns}` or `-NAK 10s` in nanoseconds; null when there is none or it makes no sense. */
function nakDelay(argument: string): number | null {
  if (argument === '') return null
  if (!argument.startsWith('{')) return parseDuration(argument)
  try {
    return decodeRequest<{ delay?: number }>(argument, NAK_FIELDS, 'ConsumerNakOptions').delay ?? 0
  } catch {
    return null
  }
}

/** Handles everything that arrives on a consumer's ack subjects. */
export class Acks {
  private readonly consumer: ConsumerState
  private readonly pull: (reply: string, body: string) => void
  private deliveries = 0
  private streamSeq = 0
  private consumerSeq = 0
  /** Is it a reason to look at who waits, in a pause too? */
  private isSignal = false

  /** `pull`: takes the request that came with an ack. */
  constructor(consumer: ConsumerState, pull: (reply: string, body: string) => void) {
    this.consumer = consumer
    this.pull = pull
  }

  /** `offset`: where the token with the number of deliveries begins in the message's subject. */
  onAck(message: Message, offset: number): void {
    if (this.consumer.progress.ackMode === 'none') {
      this.refuse(message)
      return
    }
    if (!this.parseSubject(message.subject, offset, message.subjectEnd)) return
    const { body, bodyEnd } = message
    const start = message.bodyStart + message.headerLength
    const seq = this.streamSeq
    let isAnswered = true
    this.isSignal = false
    switch (ackKind(body, start, bodyEnd)) {
      case 'ack':
        isAnswered = this.acknowledge(seq, true)
        break
      case 'next':
        this.acknowledge(seq, true)
        this.pull(
          message.reply.toString('utf8', message.replyStart, message.replyEnd),
          body.toString('utf8', start + 4, bodyEnd),
        )
        isAnswered = false
        break
      case 'nak':
        this.nak(seq, body.toString('utf8', start + 4, bodyEnd).trim())
        break
      case 'progress':
        this.progress(seq)
        break
      case 'term':
        isAnswered = this.acknowledge(seq, false)
        this.consumer.advisories.terminated(
          seq,
          this.consumerSeq,
          this.deliveries,
          body.toString('utf8', start + 5, bodyEnd).trim(),
        )
        break
      case 'unknown':
        break
    }
    if (isAnswered && message.replyEnd > message.replyStart) {
      this.consumer.ledger.confirmations.add(message.reply, message.replyStart, message.replyEnd)
    }
    if (this.isSignal) this.consumer.wake()
    else this.consumer.settleUp()
  }

  /** Nobody takes acks of a consumer without acks. */
  private refuse(message: Message): void {
    if (message.replyEnd === message.replyStart) return
    sendNoResponders(
      this.consumer.stream.account,
      message.reply.toString('utf8', message.replyStart, message.replyEnd),
      message.subject.toString('utf8', message.subjectStart, message.subjectEnd),
    )
  }

  private parseSubject(subject: Buffer, offset: number, end: number): boolean {
    let at = offset
    for (let field = 0; field < 3; field++) {
      let stop = at
      while (stop < end && subject[stop] !== DOT) stop++
      const value = readNumber(subject, at, stop)
      if (value < 0 || stop >= end) return false
      if (field === 0) this.deliveries = value
      else if (field === 1) this.streamSeq = value
      else this.consumerSeq = value
      at = stop + 1
    }
    return true
  }

  /** True when a confirmation is due. */
  private acknowledge(seq: number, doSample: boolean): boolean {
    const { consumer } = this
    const { progress, ledger } = consumer
    if (seq >= progress.nextStreamSeq && !consumer.config.flow_control) return false
    if (progress.ackMode === 'all') {
      this.acknowledgeThrough(seq, this.consumerSeq)
      return true
    }
    const row = progress.pending.find(seq)
    consumer.lastAckMs = consumer.stream.clock.now()
    if (row !== -1 && doSample) {
      consumer.advisories.sampled(seq, this.consumerSeq, this.deliveries, progress.pending.timeMs[row])
    }
    if (row !== -1) this.noteRoom()
    if (row !== -1 || progress.redelivered.has(seq)) {
      progress.settle(seq)
      ledger.steps.settle(seq)
    }
    if (consumer.settlesMessages) ledger.settle(seq)
    return true
  }

  /** Settles everything up to a sequence (ack policies all and flow_control). */
  acknowledgeThrough(seq: number, consumerSeq: number): void {
    const { consumer } = this
    const { progress, ledger } = consumer
    if (seq <= progress.ackFloorStreamSeq || consumerSeq <= progress.ackFloorConsumerSeq) return
    consumer.lastAckMs = consumer.stream.clock.now()
    this.noteRoom()
    if (consumer.settlesMessages) {
      const pending = progress.pending
      for (let row = pending.first; row !== -1 && pending.streamSeq[row] <= seq; row = pending.next[row]) {
        ledger.settle(pending.streamSeq[row])
      }
    }
    progress.settleThrough(seq, consumerSeq)
    ledger.steps.settleThrough(seq, consumerSeq)
  }

  /** Something is settled: was it what held the others up? */
  private noteRoom(): void {
    const { config, progress } = this.consumer
    const most = config.max_ack_pending ?? 0
    if (most > 0 && progress.pending.size >= most) this.isSignal = true
  }

  private nak(seq: number, argument: string): void {
    const { consumer } = this
    const { progress } = consumer
    if (this.consumerSeq <= progress.ackFloorConsumerSeq || this.consumerSeq > progress.consumerSeq + 1)
      return
    const row = progress.pending.find(seq)
    if (row === -1) return
    consumer.advisories.naked(seq, this.consumerSeq, this.deliveries)
    const delayNs = nakDelay(argument)
    const nowMs = consumer.stream.clock.now()
    const dueMs = nowMs - (consumer.config.ack_wait ?? 0) / 1e6
    if (delayNs === null) {
      progress.enqueue(row)
      this.isSignal = true
      consumer.ledger.steps.restamp(seq, Math.floor(dueMs))
      return
    }
    progress.withdraw(row)
    const timeMs = dueMs + delayNs / 1e6
    progress.restamp(seq, timeMs)
    consumer.ledger.steps.restamp(seq, Math.floor(timeMs))
    consumer.checkPendingAt(nowMs + 10)
  }

  private progress(seq: number): void {
    const { consumer } = this
    const nowMs = consumer.stream.clock.now()
    if (consumer.progress.pending.find(seq) === -1) return
    consumer.progress.restamp(seq, nowMs)
    consumer.ledger.steps.restamp(seq, Math.floor(nowMs))
  }
}
