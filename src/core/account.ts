import { InterestIndex, latin1Of, type SubjectBuffer } from '../subjects/index.ts'
import { Message } from '../wire/index.ts'
import { deliverAlong } from './delivery.ts'
import { HandlerReceiver, type InternalSubscription, type MessageHandler } from './handler.ts'
import { type AccountLimits, type CoreLimits, NO_ACCOUNT_LIMITS } from './limits.ts'
import type { LogLevel } from './log.ts'
import type { Mappings } from './mappings.ts'
import type { Origin } from './origin.ts'
import { type Followed, Subscription } from './subscription.ts'
import { Target } from './target.ts'
import { Traffic, type TrafficCounters } from './traffic.ts'
import type { Turn, TurnTask } from './turn.ts'

/** What an account, and what serves it, needs of the bus. */
export interface AccountHost {
  readonly turn: Turn
  readonly limits: CoreLimits
  readonly log: (level: LogLevel, text: string) => void
  readonly serverName: string
}

/** Something that is to know of the subscriptions of an account: what it imports. */
export interface Follower {
  follow(subscription: Subscription): Followed | null
}

/** One isolated subject space: its subscriptions, and delivery to them. */
export class Account {
  readonly name: string
  readonly bus: AccountHost
  readonly interest = new InterestIndex<Subscription>()
  /** Clients that belong to it. */
  readonly members = new Set<TrafficCounters>()
  /** Subscriptions of clients. */
  clientSubscriptions = 0
  /** Subscriptions that are not there for another account. */
  private readonly owned = new Set<Subscription>()
  /** Streams of other accounts. */
  private followers: readonly Follower[] = []
  /** What subjects that clients publish to become; null: they stay. */
  mappings: Mappings | null = null
  limits: AccountLimits = NO_ACCOUNT_LIMITS
  /** What people call it: its name, unless it says otherwise. */
  nameTag: string
  /** What clients that are gone had published and got. */
  private readonly past = new Traffic()
  private readonly listeners = new Set<() => void>()
  private readonly notice: TurnTask = { deferred: false, run: () => this.tellListeners() }

  constructor(name: string, bus: AccountHost) {
    this.name = name
    this.nameTag = name
    this.bus = bus
  }

  /**
   * Subscribes something inside the server, as a client would; wildcards and queue groups work.
   * The handler is called while a message is routed.
   */
  subscribe(subject: string, handler: MessageHandler, queue = ''): InternalSubscription {
    const receiver = new HandlerReceiver(handler)
    const subscription = new Subscription(latin1Of(subject), latin1Of(queue), '', receiver)
    this.add(subscription)
    return { subject, unsubscribe: () => this.remove(subscription) }
  }

  /** Routes and delivers; returns how many subscriptions got it. */
  publish(message: Message, origin: Origin | null = null): number {
    const route = this.interest.route(message.subject, message.subjectStart, message.subjectEnd)
    return deliverAlong(route, message, origin)
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
    return new Target(this.interest, subject)
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

  /** What its clients, those that are gone included, have published and got. */
  traffic(): Traffic {
    const sum = new Traffic()
    sum.add(this.past)
    for (const member of this.members) sum.add(member)
    return sum
  }

  /** A client has gone. */
  dismiss(member: TrafficCounters): void {
    if (this.members.delete(member)) this.past.add(member)
  }

  add(subscription: Subscription): void {
    this.addShadow(subscription)
    if (subscription.receiver.isClient) this.clientSubscriptions++
    this.owned.add(subscription)
    this.follow(subscription)
  }

  /** From now on these are told of subscriptions, those there are included. */
  followBy(followers: readonly Follower[]): void {
    this.followers = followers
    for (const subscription of this.owned) {
      unfollow(subscription)
      this.follow(subscription)
    }
  }

  private follow(subscription: Subscription): void {
    if (this.followers.length === 0) return
    const followed = this.followers.map((each) => each.follow(subscription)).filter((each) => each !== null)
    if (followed.length > 0) subscription.followed = followed
  }

  /** Adds a subscription that is there for another account: nothing follows it. */
  addShadow(subscription: Subscription): void {
    this.interest.insert(subscription)
    this.interestChanged()
  }

  /** Gives a message that is published here the subject it is mapped to. `to`: as with `Mappings`. */
  mapSubject(message: Message, to?: SubjectBuffer): 'kept' | 'lost' | 'mapped' {
    return this.mappings === null ? 'kept' : this.mappings.apply(message, to)
  }

  remove(subscription: Subscription): void {
    subscription.isClosed = true
    this.owned.delete(subscription)
    unfollow(subscription)
    if (!this.interest.remove(subscription)) return
    if (subscription.receiver.isClient) this.clientSubscriptions--
    this.interestChanged()
  }

  private interestChanged(): void {
    if (this.listeners.size > 0) this.bus.turn.deferWork(this.notice)
  }

  private tellListeners(): void {
    for (const listener of this.listeners) listener()
  }
}

function unfollow(subscription: Subscription): void {
  if (subscription.followed !== null) for (const each of subscription.followed) each.end()
  subscription.followed = null
}
