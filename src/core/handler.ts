import type { Message } from '../wire/index.ts'
import type { Origin } from './origin.ts'
import type { Receiver, Subscription } from './subscription.ts'
import type { MessageTrace } from './tracing/message-trace.ts'

/** Gets messages within the server. Called while the message is routed; keeps nothing of it. */
export interface MessageHandler {
  onMessage(message: Message, origin: Origin | null): void
  /**
   * The same for a message that is traced, where the handler tells the trace something; false: it didn't take it. Default: it gets the
   * message as any other, but nothing of one that is traced only.
   */
  onTraced?(message: Message, origin: Origin | null, trace: MessageTrace): boolean
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

  deliverTraced(
    subscription: Subscription,
    message: Message,
    origin: Origin | null,
    trace: MessageTrace,
  ): boolean {
    const { handler } = this
    if (subscription.isClosed) return false
    if (handler.onTraced !== undefined) return handler.onTraced(message, origin, trace)
    return trace.isOnly || this.deliver(subscription, message, origin)
  }
}
