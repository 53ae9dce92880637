import type { Ledger, MessageLog } from '../../storage/index.ts'
import { SequenceRuns } from './sequence-runs.ts'

/** Ledgers of the stream itself begin with a dot: consumers can't be called so. */
const LEDGER_NAME = '.kept-for-copies'
/** An entry is a sequence (8); a snapshot is of runs, the first and the last sequence of each (16). */
const SEQ_BYTES = 8

/**
 * Of a work queue: what its own consumer is done with, and only those that copy still need (ADR-60). Written with the commit of
 * the acks, in one batch with them, so that it is known after a restart. What is gone since is found out by looking.
 */
export class KeptForCopies {
  private runs = new SequenceRuns()
  /** Those of them that were looked at, and are needed still. */
  private needed = new SequenceRuns()
  private readonly log: MessageLog
  private ledger: Ledger | null = null
  private readonly entry = Buffer.alloc(SEQ_BYTES)

  constructor(log: MessageLog) {
    this.log = log
    const ledger = log.ledgers.get(LEDGER_NAME)
    if (ledger !== undefined) this.recover(ledger)
  }

  get isEmpty(): boolean {
    return this.runs.isEmpty && this.needed.isEmpty
  }

  add(seq: number): void {
    const { log, entry } = this
    this.runs.add(seq, log.firstSeq)
    if (log.inMemory) return
    if (this.ledger === null) this.use(log.createLedger(LEDGER_NAME, {}))
    entry.writeDoubleLE(seq)
    this.ledger?.append(entry, 0, SEQ_BYTES, false)
  }

  /** One to be looked at; 0: all were, and the next look begins anew. `looked` is to follow. */
  next(): number {
    const seq = this.runs.some
    if (seq === 0) {
      const { runs } = this
      this.runs = this.needed
      this.needed = runs
    }
    return seq
  }

  /** The one that `next` gave was looked at. */
  looked(seq: number, isNeeded: boolean): void {
    this.runs.drop()
    if (isNeeded) this.needed.add(seq)
  }

  private recover(ledger: Ledger): void {
    const { snapshot, entries } = ledger.recovered ?? { snapshot: null, entries: [] }
    const { log } = this
    for (let at = 0; snapshot !== null && at + 2 * SEQ_BYTES <= snapshot.length; at += 2 * SEQ_BYTES) {
      const first = Math.max(snapshot.readDoubleLE(at), log.firstSeq)
      const last = Math.min(snapshot.readDoubleLE(at + SEQ_BYTES), log.lastSeq)
      if (first <= last) this.runs.addRun(first, last)
    }
    for (const entry of entries) {
      const seq = entry.length === SEQ_BYTES ? entry.readDoubleLE(0) : 0
      if (log.has(seq)) this.runs.add(seq, log.firstSeq)
    }
    ledger.recovered = null
    this.use(ledger)
  }

  private use(ledger: Ledger): void {
    this.ledger = ledger
    ledger.snapshot = () => {
      const both = [this.runs, this.needed]
      for (const runs of both) runs.forgetBefore(this.log.firstSeq)
      const bytes = Buffer.alloc((this.runs.count + this.needed.count) * 2 * SEQ_BYTES)
      let at = 0
      for (const runs of both) {
        runs.each((first, last) => {
          bytes.writeDoubleLE(first, at)
          bytes.writeDoubleLE(last, at + SEQ_BYTES)
          at += 2 * SEQ_BYTES
        })
      }
      return bytes
    }
  }
}
