/** Where a consumer's messages come from: asked for (pull), or sent to us (push). */
import type { Msg } from '@nats-io/nats-core'

/** What a source tells its owner. */
export interface MessageSourceOwner {
  /** How many messages may be held at present. */
  readonly allowed: number
  /** How many messages there is room for, not counting those that are on their way already. */
  space(): number
  message(raw: Msg): void
  /** The consumer may be gone, or its server: see to it that it is there. The source goes on when this resolves. */
  revive(why: string): Promise<void>
}

export interface MessageSource {
  start(): void
  /** There may be more room. */
  refill(): void
  /** The connection came back: the server may have forgotten us. */
  reconnected(): void
  /** Takes no more; resolves when all that the server had sent has been handed over (at once without a connection). */
  pause(isConnected: boolean): Promise<void>
}
