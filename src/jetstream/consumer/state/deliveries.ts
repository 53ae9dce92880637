import type { ConsumerState } from './consumer-state.ts'
import type { SkipList } from './skip-list.ts'

/** Bursts of acks due in the same moment are handled together. */
export const ACK_WAIT_SLACK_MS = 1

/** Keeps the books of what is delivered: progress, journal and count move together here. */
export class Deliveries {
  private readonly consumer: ConsumerState
  private lostRecords: number

  constructor(consumer: ConsumerState) {
    this.consumer = consumer
    this.lostRecords = consumer.stream.log.lost.count
  }

  /** A message is about to be handed over. */
  delivered(seq: number, isRedelivery: boolean, nowMs: number): void {
    const { consumer } = this
    const { progress, ledger, count } = consumer
    const wholeMs = Math.floor(nowMs)
    consumer.lastDeliveredMs = nowMs
    if (isRedelivery) {
      ledger.steps.redeliver(seq, wholeMs)
      progress.redeliver(seq, nowMs)
    } else {
      ledger.steps.deliver(seq, wholeMs)
      progress.deliver(seq, nowMs)
      count.delivered()
      const { skipList } = count
      if (skipList !== null && skipList.length > 0) skipList.shift()
    }
    if (progress.ackMode === 'none') {
      if (consumer.settlesMessages) ledger.settle(seq)
    } else {
      const times = isRedelivery ? (progress.redelivered.get(seq) ?? 0) : 0
      consumer.checkPendingAt(nowMs + consumer.ackWaitMs(times) + ACK_WAIT_SLACK_MS)
    }
  }

  /** Nobody took the message: it goes back to the front of what is due, and the delivery does not count. */
  undelivered(seq: number): void {
    const { progress } = this.consumer
    const row = progress.pending.find(seq)
    if (row === -1) return
    progress.redelivered.set(seq, (progress.redelivered.get(seq) ?? 0) - 1)
    progress.enqueue(row)
  }

  /** A message to be delivered for the first time is not there. */
  pass(seq: number): void {
    const { progress, stream, count } = this.consumer
    const { skipList } = count
    if (skipList !== null && skipList.length > 0) skipList.shift()
    progress.nextStreamSeq = seq + 1
    if (this.lostRecords !== stream.log.lost.count) {
      this.lostRecords = stream.log.lost.count
      count.forget()
    }
    if (!count.filter.all || skipList !== null) return
    const next = stream.log.next(null, seq + 1)
    progress.nextStreamSeq = next === 0 ? stream.log.committedSeq + 1 : next
  }

  /** A delivered message was removed from the stream before it was acknowledged. */
  gone(seq: number): void {
    const { progress } = this.consumer
    const row = progress.pending.find(seq)
    if (row === -1) {
      if (progress.redelivered.has(seq)) {
        this.consumer.lastAckMs = this.consumer.stream.clock.now()
        this.forget(seq)
      }
      return
    }
    const deliveries = Math.max(progress.redelivered.get(seq) ?? 0, 1)
    const consumerSeq = progress.pending.consumerSeq[row]
    this.forget(seq)
    this.consumer.advisories.terminated(seq, consumerSeq, deliveries, 'Unacknowledged message was deleted')
    this.consumer.wake()
  }

  /** The last allowed delivery of a queued message is over: it leaves the queue. */
  exhausts(seq: number, row: number): boolean {
    const most = this.consumer.config.max_deliver ?? -1
    const redeliveries = (this.consumer.progress.redelivered.get(seq) ?? 0) + 1
    if (most <= 0 || redeliveries < most) return false
    if (redeliveries === most) this.consumer.advisories.maxDeliveries(seq, redeliveries)
    this.exhaust(seq, row, redeliveries)
    return true
  }

  exhaust(seq: number, row: number, redeliveries: number): void {
    this.consumer.progress.exhaust(row, redeliveries)
    this.consumer.ledger.steps.exhaust(seq, redeliveries)
  }

  /** The skip list is used up. */
  endSkipping(): void {
    const { progress, count } = this.consumer
    const resume = (count.skipList as SkipList).resumeSeq + 1
    count.skipList = null
    if (progress.nextStreamSeq < resume) progress.nextStreamSeq = resume
  }

  /** The message does not concern the consumer any more. */
  forget(seq: number): void {
    const { consumer } = this
    // One that was given up before has nothing more to be acknowledged.
    if (consumer.progress.settle(seq)) consumer.lastAckMs = consumer.stream.clock.now()
    consumer.ledger.steps.settle(seq)
  }
}
