import type { Message } from '../wire/index.ts'
import type { Origin } from './origin.ts'
import type { Receiver, Subscription } from './subscription.ts'

/** Gets messages within the server. Called while the message is routed; keeps nothing of it. */
export interface MessageHandler {
  onMessage(message: Message, origin: Origin | null): void
  /** Bytes that it has not come to yet: whoever sends much waits. Default: none. */
  readonly pendingBytes?: number
}

/** A handler's subscription; `unsubscribe` may be called more than once. */
export interface InternalSubscription {
  readonly subject: string
  unsubscribe(): void
}

/** A handler as the receiver of a subscription. */
export class HandlerReceiver implements Receiver {
  readonly isClient = false
  private readonly handler: MessageHandler

  constructor(handler: MessageHandler) {
    this.handler = handler
  }

  get pendingBytes(): number {
    return this.handler.pendingBytes ?? 0
  }

  deliver(subscription: Subscription, message: Message, origin: Origin | null): boolean {
    subscription.delivered++
    this.handler.onMessage(message, origin)
    return true
  }
}
