import type { Message } from '../../core/index.ts'
import type { DeliverPolicy, StreamSource } from '../config/types.ts'
import type { CopyOutcome } from '../publish/copies.ts'

/** Where the consumer of an origin is to begin. */
export interface Begin {
  deliver_policy: DeliverPolicy
  opt_start_seq?: number
  opt_start_time?: string
}

/** What is done with the messages of an origin. */
export interface Taker {
  readonly source: StreamSource
  /** What subjects and names of its consumers have in them. */
  readonly kind: 'mirror' | 'source'
  /** Last sequence of the origin that needs no second look. */
  readonly lastSeq: number
  /** Which stream it was last time, '' while that is not known. */
  readonly identity: string
  begin(): Begin
  /** The origin is there: which stream it is ('': it didn't say), and behind which sequence it delivers. */
  joined(identity: string, deliveredSeq: number): void
  /** The stream of that name is another one than before. */
  wasMadeAnew(): void
  /** The next message; what lies between it and the one before is not there. Anything but null: it is to be brought again. */
  take(message: Message, seq: number, sec: number, nsec: number): Exclude<CopyOutcome, 'duplicate'>
}
