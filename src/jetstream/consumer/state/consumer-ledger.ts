import type { Ledger, Store } from '../../../storage/index.ts'
import type { Stream } from '../../account/stream.ts'
import type { Consumer } from '../consumer.ts'
import { Confirmations } from './confirmations.ts'
import { encodeProgress, ProgressLog, restoreEntry } from './progress-log.ts'

/**
 * What a consumer did in this turn, on its way to the journal: the removal of the messages that are settled by it (in the same
 * batch as their acks, as a rule), one entry, then the confirmations, which go out once the batch is durable.
 */
export class ConsumerLedger {
  readonly steps = new ProgressLog()
  readonly confirmations: Confirmations
  private readonly consumer: Consumer
  private readonly stream: Stream
  private readonly store: Store
  /** null: nothing is written (memory storage). */
  private readonly ledger: Ledger | null
  /** Entries that a snapshot cut off in the middle of a turn. */
  private readonly finished: Buffer[] = []
  private settled = new Float64Array(64)
  private settledCount = 0
  private readonly onDurable: () => void

  constructor(consumer: Consumer, ledger: Ledger | null) {
    this.consumer = consumer
    this.stream = consumer.stream
    this.store = this.stream.js.store
    this.ledger = ledger
    this.confirmations = new Confirmations(this.stream.account.account)
    this.onDurable = () => this.confirmations.release()
    if (ledger === null) return
    ledger.snapshot = () => this.snapshot()
    ledger.beforeCapture = () => this.flush()
  }

  /** The stream is told at the end of the turn that this consumer is done with the message. */
  settle(seq: number): void {
    if (this.settledCount === this.settled.length) {
      const bigger = new Float64Array(this.settled.length * 2)
      bigger.set(this.settled)
      this.settled = bigger
    }
    this.settled[this.settledCount++] = seq
  }

  /** At the end of a turn. */
  flush(): void {
    const isUrgent = this.confirmations.count > 0
    // First: a power failure between the two leaves an ack forgotten whose message is gone, and no message whose ack is known.
    for (let i = 0; i < this.settledCount; i++) this.stream.settled(this.consumer, this.settled[i])
    this.settledCount = 0
    for (const entry of this.finished) this.ledger?.append(entry, 0, entry.length, isUrgent)
    this.finished.length = 0
    if (!this.steps.isEmpty) {
      if (this.ledger !== null) {
        const entry = this.steps.finish()
        this.ledger.append(entry.buffer, 0, entry.length, isUrgent)
      }
      this.steps.clear()
    }
    if (isUrgent) {
      this.confirmations.seal()
      this.store.barrier(this.onDurable)
    }
  }

  /** The state at this moment, with what has happened in this turn as an entry of its own. */
  private snapshot(): Buffer {
    if (!this.steps.isEmpty) {
      const entry = this.steps.finish()
      this.finished.push(Buffer.from(entry.buffer.subarray(0, entry.length)))
      this.steps.clear()
    }
    return encodeProgress(this.consumer.progress, this.steps.number - 1)
  }

  /** After damage: the state as it is now is where the entries that follow go on from. */
  beginAnew(): void {
    this.finished.push(restoreEntry(this.consumer.progress, this.steps.number))
    this.steps.number++
  }

  /** The configuration changed. */
  saveMeta(): void {
    this.ledger?.setMeta(this.consumer.meta())
  }

  delete(): void {
    if (this.ledger === null) return
    this.ledger.snapshot = null
    this.ledger.beforeCapture = null
    this.ledger.delete()
  }
}
