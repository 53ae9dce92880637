import { InterestIndex, latin1Of, type Route } from '../subjects/index.ts'
import { Message } from '../wire/index.ts'
import type { Bus } from './bus.ts'
import type { Connection } from './connection.ts'
import { type InternalSubscription, type MessageHandler, Subscription } from './subscription.ts'
import { Target } from './target.ts'
import { Traffic } from './traffic.ts'
import type { TurnTask } from './turn.ts'

/** One isolated subject space: its subscriptions, and delivery to them. */
export class Account {
  readonly name: string
  readonly bus: Bus
  readonly interest = new InterestIndex<Subscription>()
  /** Clients that belong to it. */
  readonly connections = new Set<Connection>()
  /** What clients that are gone had published and got. */
  private readonly past = new Traffic()
  private readonly listeners = new Set<() => void>()
  private readonly notice: TurnTask = { deferred: false, run: () => this.tellListeners() }

  constructor(name: string, bus: Bus) {
    this.name = name
    this.bus = bus
  }

  /**
   * Subscribes something inside the server, as a client would; wildcards and queue groups work.
   * The handler is called while a message is routed.
   */
  subscribe(subject: string, handler: MessageHandler, queue = ''): InternalSubscription {
    const subscription = new Subscription(latin1Of(subject), latin1Of(queue), '', null, handler)
    this.add(subscription)
    return { subject, unsubscribe: () => this.remove(subscription) }
  }

  /** Routes and delivers; returns how many subscriptions got it. */
  publish(message: Message, origin: Connection | null = null): number {
    const route = this.interest.route(message.subject, message.subjectStart, message.subjectEnd)
    return this.deliver(route, message, origin)
  }

  /** The same from strings, for replies and events that are rare. `headers` with their final empty line. */
  publishText(subject: string, body: string | Uint8Array, reply = '', headers = ''): number {
    const message = new Message(Buffer.from(subject, 'utf8'))
    message.subjectEnd = message.subject.length
    message.reply = Buffer.from(reply, 'utf8')
    message.replyEnd = message.reply.length
    const payload = typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.from(body)
    const head = Buffer.from(headers, 'utf8')
    message.body = headers === '' ? payload : Buffer.concat([head, payload])
    message.headerLength = head.length
    message.bodyEnd = message.body.length
    return this.publish(message)
  }

  /** A destination whose route is kept, for deliver subjects and inboxes that get many messages. */
  target(subject: string): Target {
    return new Target(this, subject)
  }

  hasInterest(subject: string): boolean {
    const bytes = Buffer.from(subject, 'utf8')
    return this.isAwaited(bytes, 0, bytes.length)
  }

  /** The same for bytes `[start, end)`. */
  isAwaited(subject: Buffer, start: number, end: number): boolean {
    return !this.interest.route(subject, start, end).isEmpty
  }

  /** Does somebody subscribe to this very subject, not by a wildcard that covers it? */
  hasExactInterest(subject: string): boolean {
    return this.interest.hasExact(subject)
  }

  /** The same, by a member of the queue group ('': by one that is in none). */
  hasExactMember(subject: string, queue: string): boolean {
    return this.interest.hasExactMember(latin1Of(subject), latin1Of(queue))
  }

  /** Calls the listener, once a turn at most, after interest has changed. Returns what removes it. */
  onInterestChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Delivers along a route found before. */
  deliver(route: Route<Subscription>, message: Message, origin: Connection | null): number {
    let delivered = 0
    const { plain, queues } = route
    for (let i = 0; i < plain.length; i++) if (this.deliverTo(plain[i], message, origin)) delivered++
    for (let i = 0; i < queues.length; i++) {
      const members = queues[i].members
      let member = members.length === 1 ? 0 : (Math.random() * members.length) | 0
      for (let tried = 0; tried < members.length; tried++) {
        if (this.deliverTo(members[member], message, origin)) {
          delivered++
          break
        }
        if (++member === members.length) member = 0
      }
    }
    return delivered
  }

  /** What its clients, those that are gone included, have published and got. */
  traffic(): Traffic {
    const sum = new Traffic()
    sum.add(this.past)
    for (const connection of this.connections) sum.add(connection)
    return sum
  }

  /** A client has gone. */
  dismiss(connection: Connection): void {
    if (this.connections.delete(connection)) this.past.add(connection)
  }

  add(subscription: Subscription): void {
    this.interest.insert(subscription)
    if (subscription.connection !== null) this.bus.subscriptions++
    this.interestChanged()
  }

  remove(subscription: Subscription): void {
    subscription.isClosed = true
    if (!this.interest.remove(subscription)) return
    if (subscription.connection !== null) this.bus.subscriptions--
    this.interestChanged()
  }

  private deliverTo(subscription: Subscription, message: Message, origin: Connection | null): boolean {
    if (subscription.isClosed) return false
    const connection = subscription.connection
    if (connection !== null) return connection.deliver(subscription, message, origin)
    subscription.delivered++
    ;(subscription.handler as MessageHandler).onMessage(message, origin)
    return true
  }

  private interestChanged(): void {
    if (this.listeners.size > 0) this.bus.turn.deferWork(this.notice)
  }

  private tellListeners(): void {
    for (const listener of this.listeners) listener()
  }
}
