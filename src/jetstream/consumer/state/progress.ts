import { PendingAcks } from './pending-acks.ts'
import { RedeliveryQueue } from './redelivery-queue.ts'

/** How a consumer is acknowledged. */
export type AckMode = 'none' | 'all' | 'explicit'

/**
 * How far a consumer has come: what was delivered, what is pending, where the ack floor stands. Pure: no clock, no
 * log, no client. The same methods serve live traffic and the replay of what was journaled.
 */
export class Progress {
  readonly ackMode: AckMode
  /** The next stream sequence to look at. */
  nextStreamSeq = 1
  /** Stream sequence of the newest message delivered. */
  deliveredStreamSeq = 0
  /** Consumer sequence of the last delivery; redeliveries count too. */
  consumerSeq = 0
  /** Everything up to here is settled. */
  ackFloorStreamSeq = 0
  ackFloorConsumerSeq = 0
  readonly pending = new PendingAcks()
  readonly queue = new RedeliveryQueue()
  /** How often a message was delivered again. Stays after the last allowed delivery until the message goes. */
  readonly redelivered = new Map<number, number>()
  /** Settled, and still in a stream that they should have left: the disk could not be read then. */
  readonly owed = new Set<number>()

  constructor(ackMode: AckMode) {
    this.ackMode = ackMode
  }

  /** Begins, or begins again, at a stream sequence with nothing delivered. */
  startAt(seq: number): void {
    this.nextStreamSeq = seq
    this.deliveredStreamSeq = seq - 1
    this.ackFloorStreamSeq = seq - 1
    this.consumerSeq = 0
    this.ackFloorConsumerSeq = 0
    this.pending.clear()
    this.queue.clear()
    this.redelivered.clear()
  }

  /** A message is delivered for the first time. Sequences only grow. */
  deliver(seq: number, timeMs: number): void {
    this.consumerSeq++
    this.nextStreamSeq = seq + 1
    this.deliveredStreamSeq = seq
    if (this.ackMode === 'none') {
      this.ackFloorConsumerSeq = this.consumerSeq
      this.ackFloorStreamSeq = seq
    } else this.pending.add(seq, this.consumerSeq, timeMs)
  }

  /** A pending message is delivered once more. */
  redeliver(seq: number, timeMs: number): void {
    this.consumerSeq++
    this.redelivered.set(seq, (this.redelivered.get(seq) ?? 0) + 1)
    const row = this.pending.find(seq)
    if (row === -1) return
    this.pending.timeMs[row] = timeMs
    this.pending.queuedAt[row] = 0
  }

  /** Settles one message; false when it was not pending. */
  settle(seq: number): boolean {
    this.redelivered.delete(seq)
    const row = this.pending.find(seq)
    if (row === -1) return false
    this.removeRow(row)
    return true
  }

  /** Settles everything up to `seq` (ack policy all); false when the floor is there already. */
  settleThrough(seq: number, consumerSeq: number): boolean {
    if (seq <= this.ackFloorStreamSeq || consumerSeq <= this.ackFloorConsumerSeq) return false
    const pending = this.pending
    while (pending.first !== -1 && pending.streamSeq[pending.first] <= seq) {
      this.redelivered.delete(pending.streamSeq[pending.first])
      pending.remove(pending.first)
    }
    this.ackFloorStreamSeq = seq
    this.ackFloorConsumerSeq = consumerSeq
    return true
  }

  /**
   * The last allowed delivery went unacknowledged: no longer pending, but remembered. The ack floor follows with the next
   * ack (as nats-server reports it).
   */
  exhaust(row: number, redeliveries: number): void {
    this.redelivered.set(this.pending.streamSeq[row], redeliveries)
    this.pending.remove(row)
    if (this.pending.size === 0) this.queue.clear()
  }

  /** Lets the ack wait of a pending message count from `timeMs`. */
  restamp(seq: number, timeMs: number): void {
    const row = this.pending.find(seq)
    if (row !== -1) this.pending.timeMs[row] = timeMs
  }

  /** Queues a pending message for redelivery unless it is queued already. */
  enqueue(row: number): boolean {
    if (this.pending.queuedAt[row] !== 0) return false
    this.pending.queuedAt[row] = this.queue.push(this.pending.streamSeq[row])
    return true
  }

  /** Puts a message that is queued for redelivery behind all others that are. */
  requeue(row: number): void {
    this.withdraw(row)
    this.enqueue(row)
  }

  /** Takes a pending message off the redelivery queue. */
  withdraw(row: number): void {
    this.pending.queuedAt[row] = 0
  }

  /** Row of the message to redeliver next, -1 when none is queued. It stays queued until `redeliver`. */
  nextQueued(): number {
    const { queue, pending } = this
    while (!queue.isEmpty) {
      const row = pending.find(queue.peek())
      if (row !== -1 && pending.queuedAt[row] === queue.headPosition) return row
      queue.shift()
    }
    return -1
  }

  /** Messages waiting to be delivered again are at least this many (withdrawn ones may count). */
  get hasQueued(): boolean {
    return this.nextQueued() !== -1
  }

  /** Nothing below `seq` is left in the stream: goes on there. Pending messages below are dropped. */
  skipTo(seq: number): void {
    const pending = this.pending
    if (this.nextStreamSeq <= seq) {
      this.nextStreamSeq = seq
      this.deliveredStreamSeq = seq - 1
    }
    let highest = this.ackFloorConsumerSeq
    while (pending.first !== -1 && pending.streamSeq[pending.first] < seq) {
      highest = Math.max(highest, pending.consumerSeq[pending.first])
      pending.remove(pending.first)
    }
    for (const gone of this.redelivered.keys()) if (gone < seq) this.redelivered.delete(gone)
    if (pending.size === 0) this.floorToDelivered()
    else if (this.ackFloorStreamSeq < seq - 1) {
      this.ackFloorStreamSeq = seq - 1
      this.ackFloorConsumerSeq = highest
    }
  }

  private removeRow(row: number): void {
    const pending = this.pending
    // Not above one that was given up: the floor stays below until nothing is pending.
    const isNext = pending.consumerSeq[row] === this.ackFloorConsumerSeq + 1
    pending.remove(row)
    if (pending.size === 0) this.floorToDelivered()
    else if (isNext) {
      this.ackFloorStreamSeq = pending.streamSeq[pending.first] - 1
      this.ackFloorConsumerSeq = pending.consumerSeq[pending.first] - 1
    }
  }

  private floorToDelivered(): void {
    this.queue.clear()
    this.ackFloorConsumerSeq = this.consumerSeq
    this.ackFloorStreamSeq = this.deliveredStreamSeq
  }
}
