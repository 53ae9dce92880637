import type { Ledger, Store } from '../../../storage/index.ts'
import { Confirmations } from './confirmations.ts'
import type { Progress } from './progress.ts'
import { encodeProgress, ProgressLog, restoreEntry } from './progress-log.ts'
import type { ConsumerStream } from './stream.ts'

/** Whose ledger it is. */
interface Owner {
  readonly stream: ConsumerStream
  readonly progress: Progress
  meta(): { [key: string]: unknown }
}

/**
 * What a consumer did in this turn, on its way to the journal: the removal of the messages that are settled by it (in the same
 * batch as their acks, as a rule), one entry, then the confirmations, which go out once the batch is durable.
 */
export class ConsumerLedger {
  readonly steps = new ProgressLog()
  readonly confirmations: Confirmations
  private readonly owner: Owner
  private readonly stream: ConsumerStream
  private readonly store: Store
  /** null: nothing is written (memory storage). */
  private readonly ledger: Ledger | null
  /** Entries that a snapshot cut off in the middle of a turn. */
  private readonly finished: Buffer[] = []
  /** What the last snapshot was made of. */
  private readonly taken = { entry: -1, nextStreamSeq: 0, owed: 0 }
  private settled = new Float64Array(64)
  private settledCount = 0
  private readonly onDurable: () => void
  private readonly paid = (seq: number): void => {
    this.owner.progress.owed.delete(seq)
  }

  constructor(owner: Owner, ledger: Ledger | null) {
    this.owner = owner
    this.stream = owner.stream
    this.store = this.stream.host.store
    this.ledger = ledger
    this.confirmations = new Confirmations(this.stream.account)
    this.onDurable = () => this.confirmations.release()
    if (ledger === null) return
    ledger.snapshot = () => this.snapshot()
    ledger.isUnchanged = () => this.isAsTaken()
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
    for (let i = 0; i < this.settledCount; i++) {
      const seq = this.settled[i]
      if (!this.stream.settled(this.owner, seq, this.paid)) this.owe(seq)
    }
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

  /** The stream will remove it; should the process end before, this is what is known of it. */
  private owe(seq: number): void {
    this.owner.progress.owed.add(seq)
    this.steps.owe(seq)
  }

  /** After a restart: what was settled before it, and could not be removed. */
  settleOwed(): void {
    const { owed } = this.owner.progress
    for (const seq of owed) if (this.stream.settled(this.owner, seq, this.paid)) owed.delete(seq)
  }

  /** The state at this moment, with what has happened in this turn as an entry of its own. */
  private snapshot(): Buffer {
    if (!this.steps.isEmpty) {
      const entry = this.steps.finish()
      this.finished.push(Buffer.from(entry.buffer.subarray(0, entry.length)))
      this.steps.clear()
    }
    const { progress } = this.owner
    this.taken.entry = this.steps.number - 1
    this.taken.nextStreamSeq = progress.nextStreamSeq
    this.taken.owed = progress.owed.size
    return encodeProgress(progress, this.steps.number - 1)
  }

  /** Whatever changes is a step of an entry, but for what is passed over since it is not wanted, and what is owed no more. */
  private isAsTaken(): boolean {
    const { taken, steps } = this
    const { nextStreamSeq, owed } = this.owner.progress
    return (
      steps.isEmpty &&
      taken.entry === steps.number - 1 &&
      taken.nextStreamSeq === nextStreamSeq &&
      taken.owed === owed.size
    )
  }

  /** After damage: the state as it is now is where the entries that follow go on from. */
  beginAnew(): void {
    this.finished.push(restoreEntry(this.owner.progress, this.steps.number))
    this.steps.number++
  }

  /** The configuration changed. */
  saveMeta(): void {
    this.ledger?.setMeta(this.owner.meta())
  }

  delete(): void {
    if (this.ledger === null) return
    this.ledger.snapshot = null
    this.ledger.isUnchanged = null
    this.ledger.beforeCapture = null
    this.ledger.delete()
  }
}
