import type { Message } from '../wire/index.ts'
import type { Origin } from './origin.ts'
import type { MessageTrace } from './tracing/message-trace.ts'

/** What takes the messages of subscriptions: a client's session, or a handler inside the server. */
export interface Receiver {
  /** Is it a client's? Those are counted. */
  readonly isClient: boolean
  /** Bytes that wait for it; 0 for handlers that don't say so. */
  readonly pendingBytes: number
  /** Takes a message of one of its subscriptions, or doesn't (false): not permitted, its own with echo off, closed. */
  deliver(subscription: Subscription, message: Message, origin: Origin | null): boolean
  /**
   * The same for a message that is traced; the trace is told. Takes nothing of one that is traced only. `named`: the subscription
   * that the trace shows, where it is another one; left out: it is none.
   */
  deliverTraced(
    subscription: Subscription,
    message: Message,
    origin: Origin | null,
    trace: MessageTrace,
    named?: Subscription,
  ): boolean
}

/** Something that is there as long as a subscription. */
export interface Followed {
  end(): void
}

/** Interest of a receiver in a pattern. */
export class Subscription {
  /** Pattern and queue group ('' for none) as latin1 text of their bytes. */
  readonly subject: string
  readonly queue: string
  /** The client's id of it, as latin1 text, and as bytes for MSG lines. */
  readonly name: string
  readonly sid: Buffer
  readonly receiver: Receiver
  /** Messages after which it ends, 0 for never, and those delivered so far. */
  max = 0
  delivered = 0
  isClosed = false
  /** Is the receiver to be asked about each message, since what it may not see is within the pattern? */
  isFiltered = false
  /** What follows it in other accounts; null: nothing. */
  followed: Followed[] | null = null

  constructor(subject: string, queue: string, sid: string, receiver: Receiver) {
    this.subject = subject
    this.queue = queue
    this.name = sid
    this.sid = Buffer.from(sid, 'latin1')
    this.receiver = receiver
  }
}
