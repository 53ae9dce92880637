import type { ConnectOptions } from './connect-options.ts'

/** Where a client comes from, as its listener knows. */
export interface Peer {
  readonly host: string
  readonly port: number
  readonly kind: 'in-process' | 'tcp'
}

/** Something whose input can be held back. */
export interface Pausable {
  /** Stops the arrival of bytes until `resume` was called as often. */
  pause(): void
  resume(): void
}

/** The client that a message is from. */
export interface Origin extends Pausable {
  readonly id: number
  readonly peer: Peer
  readonly startedMs: number
  readonly accountName: string
  /** User name, '' for none. */
  readonly user: string
  readonly options: ConnectOptions
  /** Round trip in milliseconds, 0: not known. */
  readonly rttMs: number
  /** Waits until who takes its messages has caught up, or for a moment at most. */
  waitFor(waited: WaitedFor): void
}

/** A receiver that is behind. */
export interface WaitedFor {
  /** Publishers that wait for it. */
  readonly waiting: Set<Waiting>
}

/** A publisher that waits. */
export interface Waiting {
  release(): void
}
