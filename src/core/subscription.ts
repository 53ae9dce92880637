import type { Message } from '../wire/index.ts'
import type { Connection } from './connection.ts'

/** Gets messages within the server. Called while the message is routed; keeps nothing of it. */
export interface MessageHandler {
  onMessage(message: Message, origin: Connection | null): void
  /** Bytes that it has not come to yet: whoever sends much waits. Default: none. */
  readonly pendingBytes?: number
}

/** Interest of a connection, or of something inside the server, in a pattern. */
export class Subscription {
  /** Pattern and queue group ('' for none) as latin1 text of their bytes. */
  readonly subject: string
  readonly queue: string
  /** The client's id of it, as latin1 text, and as bytes for MSG lines. */
  readonly name: string
  readonly sid: Buffer
  /** Exactly one of the two is set. */
  readonly connection: Connection | null
  readonly handler: MessageHandler | null
  /** Messages after which it ends, 0 for never, and those delivered so far. */
  max = 0
  delivered = 0
  isClosed = false

  constructor(
    subject: string,
    queue: string,
    sid: string,
    connection: Connection | null,
    handler: MessageHandler | null,
  ) {
    this.subject = subject
    this.queue = queue
    this.name = sid
    this.sid = Buffer.from(sid, 'latin1')
    this.connection = connection
    this.handler = handler
  }
}

/** A handler's subscription; `unsubscribe` may be called more than once. */
export interface InternalSubscription {
  readonly subject: string
  unsubscribe(): void
}
