import type { Ledger } from '../../../storage/index.ts'
import type { SubjectFilter } from '../../../subjects/index.ts'
import { isDurable, retainsMessages, samplePercent } from '../../config/consumer/defaults.ts'
import type { ConsumerConfig } from '../../config/types.ts'
import { Advisories } from './advisories.ts'
import { ConsumerLedger } from './ledger.ts'
import { PendingCount } from './pending-count.ts'
import type { Progress } from './progress.ts'
import type { ConsumerStream } from './stream.ts'

/** What is kept of a consumer beside its progress. */
export interface ConsumerMeta {
  /** Milliseconds since the epoch. */
  created: number
  config: ConsumerConfig
}

/** A consumer as its parts know it: which messages it wants, how far it has come, and where that is written. */
export abstract class ConsumerState {
  readonly name: string
  readonly stream: ConsumerStream
  readonly createdMs: number
  config: ConsumerConfig
  readonly progress: Progress
  readonly ledger: ConsumerLedger
  readonly advisories: Advisories
  /** Messages that match and were not delivered yet. */
  readonly count: PendingCount
  /** Share of acks that metrics are published for. */
  samplePercent: number
  /** 0: never. */
  lastDeliveredMs = 0
  lastAckMs = 0
  isClosed = false
  /** When to look for messages whose ack wait is over. */
  protected checkPendingMs = Infinity

  constructor(
    stream: ConsumerStream,
    name: string,
    meta: ConsumerMeta,
    progress: Progress,
    ledger: Ledger | null,
    filter: SubjectFilter,
  ) {
    const { config } = meta
    this.stream = stream
    this.name = name
    this.createdMs = meta.created
    this.config = config
    this.progress = progress
    this.count = new PendingCount(stream, progress, filter)
    this.samplePercent = samplePercent(config)
    this.ledger = new ConsumerLedger(this, ledger)
    this.advisories = new Advisories(this)
  }

  /** Something changed: works at the end of the turn. */
  abstract wake(): void

  /** What was done is journaled at the end of the turn, without a look at who waits for what. */
  abstract settleUp(): void

  /** What the ledger keeps as its meta. */
  meta(): { created: number; config: ConsumerConfig } {
    return { created: this.createdMs, config: this.config }
  }

  /** Do acks settle messages (workqueue and interest retention)? */
  get settlesMessages(): boolean {
    return retainsMessages(this.stream.config)
  }

  get isDurable(): boolean {
    return isDurable(this.config)
  }

  get filter(): SubjectFilter {
    return this.count.filter
  }

  /** Messages that match and were not delivered yet. */
  numPending(): number {
    return this.count.value
  }

  /** Milliseconds from which the ack wait of a message counts to when it is over. */
  ackWaitMs(redeliveries: number): number {
    const backoff = this.config.backoff
    if (backoff === undefined || backoff.length === 0) return (this.config.ack_wait ?? 0) / 1e6
    return backoff[Math.min(Math.max(redeliveries, 0), backoff.length - 1)] / 1e6
  }

  /** Looks for messages whose ack wait is over not later than this. */
  checkPendingAt(timeMs: number): void {
    if (timeMs < this.checkPendingMs) this.checkPendingMs = timeMs
  }
}
