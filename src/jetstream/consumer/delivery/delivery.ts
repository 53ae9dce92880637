import { Message, type Target } from '../../../core/index.ts'
import { type LoadWaiter, RecordView } from '../../../storage/index.ts'
import { sendStatus } from '../../headers/status.ts'
import { AckSubject } from '../acks/ack-subject.ts'
import type { PriorityGroups } from '../requests/priority-groups.ts'
import { type PullQueue, unfulfilled } from '../requests/pull-queue.ts'
import type { ConsumerState } from '../state/consumer-state.ts'
import type { Deliveries } from '../state/deliveries.ts'
import { AddedHeader } from './added-header.ts'
import { HeadersOnly } from './headers-only.ts'
import type { PushDelivery } from './push-delivery.ts'

/** After this much in one turn others get theirs first. */
const TURN_MESSAGES = 1024
const TURN_BYTES = 1024 * 1024

/** Why a consumer's delivery came to a halt. */
export type Halt =
  /** Everything committed was delivered. */
  | 'end'
  /** The turn's share is used up. */
  | 'share'
  /** A record is being read; we are called. */
  | 'loading'
  /** A record can't be read now. */
  | 'failed'
  /** As many messages are pending as may be. */
  | 'ackLimit'
  /** Nobody asks, or the client is to be waited for. */
  | 'idle'
  /** Until `heldUntilMs`. */
  | 'held'

/** The hot loop: takes what is due from the log and hands it to whoever asked. Makes no object per message. */
export class Delivery implements LoadWaiter {
  /** When a delivery that is held back (rate limit, original replay, a slow client) is tried again. */
  heldUntilMs = 0
  private readonly consumer: ConsumerState
  private readonly deliveries: Deliveries
  private readonly groups: PriorityGroups
  /** One of these two. */
  private readonly pulls: PullQueue | null
  private readonly push: PushDelivery | null
  private readonly ackSubject: AckSubject
  private readonly view = new RecordView()
  private readonly message = new Message(Buffer.alloc(0))
  private readonly headersOnly = new HeadersOnly()
  private readonly pinHeader = new AddedHeader('Nats-Pin-Id')
  /** Replay policy original: time of the message before, and until which sequence. */
  private replayLastMs = 0
  private replayUntilSeq: number

  constructor(
    consumer: ConsumerState,
    deliveries: Deliveries,
    groups: PriorityGroups,
    pulls: PullQueue | null,
    push: PushDelivery | null,
  ) {
    this.consumer = consumer
    this.deliveries = deliveries
    this.groups = groups
    this.pulls = pulls
    this.push = push
    this.ackSubject = new AckSubject(consumer.stream.name, consumer.name)
    this.message.reply = this.ackSubject.buffer
    this.replayUntilSeq = consumer.config.replay_policy === 'original' ? consumer.stream.log.lastSeq : 0
  }

  onLoaded(): void {
    this.consumer.wake()
  }

  run(nowMs: number): Halt {
    const { consumer, deliveries, view, pulls, push } = this
    const { progress } = consumer
    const log = consumer.stream.log
    let messages = 0
    let bytes = 0
    for (;;) {
      if (pulls !== null ? pulls.length === 0 : !(push as NonNullable<typeof push>).isOpen()) return 'idle'
      if (messages >= TURN_MESSAGES || bytes >= TURN_BYTES) return 'share'
      const row = progress.nextQueued()
      let seq: number
      if (row !== -1) {
        seq = progress.pending.streamSeq[row]
        if (deliveries.exhausts(seq, row)) continue
      } else {
        const most = consumer.config.max_ack_pending ?? 0
        if (most > 0 && progress.ackMode !== 'none' && progress.pending.size >= most) return 'ackLimit'
        seq = this.nextSeq()
        if (seq === 0) return 'end'
      }
      const found = log.read(seq, view, this)
      if (found === 'wait') return 'loading'
      if (found === 'failed') return 'failed'
      if (found === 'missing') {
        if (row !== -1) deliveries.gone(seq)
        else deliveries.pass(seq)
        continue
      }
      const size = this.deliver(seq, row, nowMs)
      if (size === 0) return this.heldUntilMs > nowMs ? 'held' : 'idle'
      messages++
      bytes += size
    }
  }

  /** The sequence to deliver for the first time next, 0 when there is none. */
  private nextSeq(): number {
    const { progress, filter, stream } = this.consumer
    const { skipList } = this.consumer.count
    if (skipList !== null) {
      if (skipList.length > 0) {
        const seq = skipList.peek()
        return seq <= stream.log.committedSeq ? seq : 0
      }
      this.deliveries.endSkipping()
    }
    const from = progress.nextStreamSeq
    const committed = stream.log.committedSeq
    const { count } = this.consumer
    if (from > committed) {
      if (from > stream.log.lastSeq) count.ended()
      return 0
    }
    if (filter.all) return from
    const seq = count.isNone ? 0 : stream.log.next(filter, Math.max(from, count.from))
    // What lies in between was looked at, whether or not somebody takes the message now.
    progress.nextStreamSeq = seq === 0 ? committed + 1 : seq
    if (seq === 0 && committed >= stream.log.lastSeq) count.ended()
    return seq
  }

  /** Bytes delivered, 0 when it has to wait. */
  private deliver(seq: number, queuedRow: number, nowMs: number): number {
    const { consumer, groups, view, message, pulls, push } = this
    const isRedelivery = queuedRow !== -1
    const { progress } = consumer
    if (this.replayUntilSeq > 0 && this.isTooEarly(seq, nowMs)) return 0
    const deliveries = isRedelivery ? (progress.redelivered.get(seq) ?? 0) + 2 : 1
    const left = consumer.numPending() - (isRedelivery ? 0 : 1)
    message.replyEnd = this.ackSubject.write(
      deliveries,
      seq,
      progress.consumerSeq + 1,
      view.sec,
      view.nsec,
      Math.max(left, 0),
    )
    message.subject = view.buffer
    message.subjectStart = view.subjectStart
    message.subjectEnd = view.subjectEnd
    if (consumer.config.headers_only === true) this.headersOnly.apply(view, message)
    else {
      message.body = view.buffer
      message.bodyStart = view.bodyStart
      message.headerLength = view.headerLength
      message.bodyEnd = view.bodyEnd
    }
    const size =
      message.subjectEnd - message.subjectStart + message.replyEnd + message.bodyEnd - message.bodyStart
    let target: Target
    let batch = 1
    let maxBytes = 0
    if (pulls !== null) {
      groups.isRedelivery = isRedelivery
      const request = pulls.take(size, nowMs)
      if (request === null) {
        if (pulls.isCongested) this.hold(nowMs)
        // What nobody could take lets the others go first.
        else if (isRedelivery) progress.requeue(queuedRow)
        return 0
      }
      target = request.target
      batch = request.batch
      maxBytes = request.maxBytes
      pulls.lastActiveMs = nowMs
    } else {
      const state = push as NonNullable<typeof push>
      const delayMs = state.delayMs(size, nowMs)
      if (delayMs > 0) {
        this.heldUntilMs = nowMs + delayMs
        return 0
      }
      target = state.target
    }
    if (groups.isPinning && groups.pinId !== '') this.pinHeader.apply(message, groups.pinId)
    this.deliveries.delivered(seq, isRedelivery, nowMs)
    if (target.deliver(message) === 0) this.deliveries.undelivered(seq)
    if (push !== null) push.sent(size, nowMs)
    else if (batch <= 0 && maxBytes > 0) {
      sendStatus(target, unfulfilled('409 Batch Completed', batch, maxBytes))
    }
    return size
  }

  private hold(nowMs: number): void {
    this.heldUntilMs = nowMs + 2
  }

  /** Replay policy original: keeps the distance to the message before. */
  private isTooEarly(seq: number, nowMs: number): boolean {
    if (seq > this.replayUntilSeq) {
      this.replayUntilSeq = 0
      return false
    }
    if (this.heldUntilMs > nowMs) return true
    const timeMs = this.view.sec * 1000 + this.view.nsec / 1e6
    const gapMs = this.replayLastMs === 0 ? 0 : timeMs - this.replayLastMs
    this.replayLastMs = timeMs
    if (gapMs <= 1) return false
    this.heldUntilMs = nowMs + gapMs
    return true
  }
}
