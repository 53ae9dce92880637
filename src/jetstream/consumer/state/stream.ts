import type { Account } from '../../../core/index.ts'
import type { Clock } from '../../../ports/index.ts'
import type { MessageLog, Store } from '../../../storage/index.ts'
import type { JetStreamAccountLimits } from '../../config/account-limits.ts'
import type { JetStreamLimits } from '../../config/limits.ts'
import type { StreamConfig } from '../../config/types.ts'

/** The stream of a consumer, as the consumer knows it. */
export interface ConsumerStream {
  readonly name: string
  readonly config: StreamConfig
  readonly log: MessageLog
  readonly clock: Clock
  /** Of the bus: where the consumer's clients are. */
  readonly account: Account
  /** Limits of the account. */
  readonly usage: { readonly limits: JetStreamAccountLimits }
  readonly host: { readonly store: Store; readonly domain: string; readonly limits: JetStreamLimits }
  /** All of them. */
  readonly consumers: {
    /** It wants other messages than before. */
    filtersChanged(consumer: unknown): void
    /** It is told of the next commit, once. */
    tellOfCommit(consumer: unknown): void
  }
  /**
   * A consumer is done with a message: with workqueue and interest retention it goes when nobody else needs it. False when that
   * could not be found out, since the disk could not be read: it is tried again until it is done, which `done` is told.
   */
  settled(consumer: unknown, seq: number, done: (seq: number) => void): boolean
  consumerDeleted(consumer: unknown): void
  /** A consumer wants other messages than before: with interest retention nobody may want some any more. */
  wantedAnew(): void
}
