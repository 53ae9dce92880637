import type { Account, Message } from '../../core/index.ts'
import type { Clock } from '../../ports/index.ts'
import type { MessageLog, Store } from '../../storage/index.ts'
import type { StreamConfig } from '../config/types.ts'
import type { CopyOutcome } from '../publish/copies.ts'
import type { Pace } from '../stream/pace.ts'

/** A stream that copies from others, as far as copying needs to know it. */
export interface CopyingStream {
  readonly name: string
  readonly config: StreamConfig
  readonly log: MessageLog
  readonly clock: Clock
  readonly store: Store
  /** When to ask an origin, of all that would at the same time. */
  readonly pace: Pace
  /** Its account on the bus, and the domain of its JetStream, '' without. */
  readonly bus: Account
  readonly domain: string
  /**
   * Keeps a copy of another stream's message. `sec`, `nsec`: its time there; -1: it gets that of now.
   */
  copy(message: Message, sec: number, nsec: number): CopyOutcome
  /** Gets what is thrown where nobody could catch it. */
  readonly fault: (thrown: unknown) => void
  /** Something changed that is to be committed at the end of the turn. */
  needsCommit(): void
  /** The first position of this turn moved: `flush` is to be called before the commit. */
  positionsMoved(): void
}
