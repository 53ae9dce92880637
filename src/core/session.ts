import type { Clock } from '../ports/index.ts'
import type { Route } from '../subjects/index.ts'
import { isSubscribable, utf8Of } from '../subjects/index.ts'
import { copyBytes, equalBytes, type Message, quoted } from '../wire/index.ts'
import type { Account, AccountHost } from './account.ts'
import type { Identity } from './authenticator.ts'
import { CloseReason } from './close-reason.ts'
import { type ConnectOptions, defaultConnectOptions } from './connect-options.ts'
import { deliverAlong } from './delivery.ts'
import type { Origin, Peer, WaitedFor, Waiting } from './origin.ts'
import type { Permissions } from './permissions.ts'
import { ReplyPermits } from './reply-permits.ts'
import { isReservedReply, isReservedSubject } from './reserved-subjects.ts'
import { Stall } from './stall.ts'
import { type Receiver, Subscription } from './subscription.ts'
import type { TrafficCounters } from './traffic.ts'

/** A publisher whose receiver is this far behind (share of max_pending, bytes at most) waits for a moment. */
const STALL_SHARE = 0.25
const STALL_BYTES = 8 * 1024 * 1024
/** The queue group that servers use among themselves. */
const SYSTEM_QUEUE = '_sys_'
/** Subjects up to this length are remembered with their route. */
const REMEMBERED_BYTES = 256

/** What a session needs of the bus. */
export interface SessionHost extends AccountHost {
  readonly clock: Clock
  readonly systemAccount: string
  account(name: string): Account
  /** How many were cut off. */
  slowConsumers: number
  /** The session has ended. */
  dismiss(session: Session): void
}

/** What a session is spoken to through: it encodes for the client, and carries out what the session decides. */
export interface SessionProtocol {
  /** Of the last PING, 0: not known. */
  readonly rttMs: number
  /** Bytes that the client has not taken yet. */
  readonly pendingBytes: number
  /** When messages were written last, 0: never. */
  readonly deliveredMs: number
  /** Encodes a message; returns the bytes that are pending with it. */
  send(message: Message, subscription: Subscription): number
  sendError(text: string): void
  /** What the server says of itself has changed. */
  announceInfo(): void
  /** The server's limits have changed. */
  limitsChanged(): void
  /** The session's limits have. */
  applyLimits(): void
  /** Who may connect has changed: the client shows again what it has shown. */
  recheckLogin(): void
  /** Pings, deadlines. Called now and then. */
  tend(nowMs: number): void
  pause(): void
  resume(): void
  /** `flush`: what was to be sent still is. */
  close(flush: boolean): void
}

export type PublishVerdict = 'allowed' | 'denied' | 'reply denied'
export type SubscribeVerdict = 'done' | 'denied' | 'too many tokens' | 'too many' | 'invalid'

/** One client, whatever it speaks and comes by: who it is, its subscriptions, and what becomes of it when it is slow. */
export class Session implements Origin, Receiver, TrafficCounters, WaitedFor {
  readonly isClient = true
  readonly id: number
  readonly peer: Peer
  readonly startedMs: number
  account: Account
  user = ''
  permissions: Permissions | null = null
  /** Who it turned out to be; null: nobody knows yet. */
  identity: Identity | null = null
  options: ConnectOptions = defaultConnectOptions()
  readonly subscriptions = new Map<string, Subscription>()
  /** Messages and bytes published by, and delivered to, the client. */
  inMessages = 0
  outMessages = 0
  inBytes = 0
  outBytes = 0
  isClosed = false
  closeReason = ''
  /** Called once it has ended. */
  onClosed: ((session: Session, reason: string) => void) | null = null
  /** Does the client want headers? Else they are left out. */
  acceptsHeaders = false
  /** When a message or a change of interest came last. */
  receivedMs: number
  readonly waiting = new Set<Waiting>()
  /** Text that names it in the log. */
  private name: string
  private readonly host: SessionHost
  private readonly protocol: SessionProtocol
  private readonly maxPendingBytes: number
  private readonly stallBytes: number
  private readonly stall: Stall
  private pauses = 0
  /** Where it may answer; null when no answers are permitted but by its permissions. */
  private replies: ReplyPermits | null = null
  /** The subject published to last, which was permitted, and its route. */
  private readonly lastSubject = Buffer.allocUnsafeSlow(REMEMBERED_BYTES)
  private lastLength = -1
  private lastRoute: Route<Subscription> | null = null

  constructor(host: SessionHost, id: number, peer: Peer, protocol: SessionProtocol) {
    const { maxPendingBytes } = host.limits
    this.host = host
    this.id = id
    this.peer = peer
    this.protocol = protocol
    this.account = host.account('$G')
    this.account.members.add(this)
    this.startedMs = host.clock.now()
    this.receivedMs = this.startedMs
    this.maxPendingBytes = maxPendingBytes
    this.stallBytes = Math.min(maxPendingBytes * STALL_SHARE, STALL_BYTES)
    this.stall = new Stall(host.clock, this)
    this.name = `${peer.host}:${peer.port} - cid:${id}`
    host.log('debug', `${this.name} - Client connection created`)
  }

  get rttMs(): number {
    return this.protocol.rttMs
  }

  get pendingBytes(): number {
    return this.protocol.pendingBytes
  }

  /** When a message or a change of interest came, or messages were written to the client, last. */
  get lastActivityMs(): number {
    return Math.max(this.receivedMs, this.protocol.deliveredMs)
  }

  get accountName(): string {
    return this.account.name
  }

  get isSystem(): boolean {
    return this.account.name === this.host.systemAccount
  }

  label(): string {
    return this.name
  }

  /** The client is known: it gets its account and its permissions. */
  logIn(identity: Identity): void {
    const { account, user, permissions } = identity
    this.identity = identity
    this.join(this.host.account(account))
    this.user = user
    this.permissions = permissions ?? null
    const responses = permissions?.responses
    this.replies = permissions && responses ? new ReplyPermits(this.host.clock, permissions, responses) : null
    this.lastLength = -1
  }

  /** The same client by other rules: what it may no longer subscribe to ends. */
  logInAgain(identity: Identity): void {
    this.logIn(identity)
    const { permissions } = this
    for (const subscription of [...this.subscriptions.values()]) {
      const { subject, queue, name } = subscription
      if (permissions === null || permissions.maySubscribe(subject, queue)) {
        subscription.isFiltered = permissions?.isFiltered(subject, queue) ?? false
        continue
      }
      this.dropSubscription(subscription)
      const using = queue === '' ? '' : ` using queue ${quoted(utf8Of(queue))}`
      const what = `${quoted(utf8Of(subject))}${using} (sid ${quoted(utf8Of(name))})`
      this.protocol.sendError(`Permissions Violation for Subscription to ${what}`)
      this.host.log('info', `Removed sub ${what} for ${quoted(this.user)} - not authorized`)
    }
  }

  limitsChanged(): void {
    this.protocol.limitsChanged()
  }

  recheckLogin(): void {
    this.protocol.recheckLogin()
  }

  /** It has come through somebody else. */
  comesFrom({ host, port }: { readonly host: string; readonly port: number }): void {
    Object.assign(this.peer, { host, port })
    this.name = `${host}:${port} - cid:${this.id}`
  }

  /** The log's name of it gets what CONNECT says of the client. */
  introduce(): void {
    const { version, lang, name } = this.options
    const client = [version === '' ? '' : `v${version}`, lang, name].filter((part) => part !== '').join(':')
    if (client !== '') this.name += ` - ${quoted(client)}`
    if (this.user !== '') this.name += ` - ${quoted(`${this.account.name}/${this.user}`)}`
  }

  /** Counts a message of the client, and says whether it may publish it. */
  admit(message: Message): PublishVerdict {
    this.inMessages++
    this.inBytes += message.bodyEnd - message.bodyStart
    // What is lost has no subject then, which nobody hears.
    if (this.account.mappings !== null && this.account.mapSubject(message) === 'lost')
      message.subjectEnd = message.subjectStart
    const { subject, subjectStart, subjectEnd, replyStart, replyEnd } = message
    if (!this.isLastSubject(subject, subjectStart, subjectEnd)) {
      this.lastLength = -1
      this.lastRoute = null
      if (isReservedSubject(subject, subjectStart, subjectEnd, this.isSystem)) return 'denied'
      if (this.permissions === null || this.permissions.mayPublish(subject, subjectStart, subjectEnd)) {
        this.remember(subject, subjectStart, subjectEnd)
      } else if (this.replies === null || !this.replies.use(subject, subjectStart, subjectEnd)) {
        return 'denied'
      }
    }
    if (replyStart < replyEnd && isReservedReply(message.reply, replyStart, replyEnd)) return 'reply denied'
    return 'allowed'
  }

  /** Delivers a message of the client that was admitted; returns how many got it. */
  publish(message: Message): number {
    const { interest } = this.account
    let route = this.lastRoute
    if (route === null || route.generation !== interest.generation) {
      route = interest.route(message.subject, message.subjectStart, message.subjectEnd)
      if (this.lastLength >= 0) this.lastRoute = route
    }
    return deliverAlong(route, message, this)
  }

  /** Subscribes the client. An id that is in use stays with what it is used for. */
  subscribe(subject: string, queue: string, sid: string): SubscribeVerdict {
    const { permissions } = this
    const { maxSubscriptionTokens = 0 } = this.host.limits
    if (queue === SYSTEM_QUEUE || (permissions !== null && !permissions.maySubscribe(subject, queue))) {
      return 'denied'
    }
    if (maxSubscriptionTokens > 0 && subject.split('.').length > maxSubscriptionTokens) {
      return 'too many tokens'
    }
    if (this.subscriptions.size >= this.maxSubscriptions) return 'too many'
    if (this.subscriptions.has(sid)) return 'done'
    if (!isSubscribable(subject)) return 'invalid'
    const subscription = new Subscription(subject, queue, sid, this)
    subscription.isFiltered = permissions?.isFiltered(subject, queue) ?? false
    this.subscriptions.set(sid, subscription)
    this.account.add(subscription)
    return 'done'
  }

  private get maxSubscriptions(): number {
    const ofServer = this.host.limits.maxSubscriptions || Number.POSITIVE_INFINITY
    return least(ofServer, this.account.limits.maxSubscriptions, this.identity?.maxSubscriptions)
  }

  get maxPayloadBytes(): number {
    const ofServer = this.host.limits.maxPayloadBytes
    return least(ofServer, this.account.limits.maxPayloadBytes, this.identity?.maxPayloadBytes)
  }

  /** The account's limits, or the user's, are others. Who has as many subscriptions as it may have is cut off. */
  applyLimits(): void {
    this.protocol.applyLimits()
    if (this.subscriptions.size >= this.maxSubscriptions)
      this.refuse('maximum subscriptions exceeded', CloseReason.maxSubscriptions)
  }

  /** It has no more right to be here. */
  expire(whose: 'Account' | 'User'): void {
    const text = `${whose} Authentication Expired`
    this.host.log('debug', `${this.name} - ${text}`)
    this.end(text, CloseReason.authenticationExpired)
  }

  /** Has the account more clients than it may? */
  get isBeyondAccount(): boolean {
    const { limits, members } = this.account
    return limits.maxConnections >= 0 && members.size > limits.maxConnections
  }

  /** Ends a subscription, at once or (`max` above 0) after so many messages in all. */
  unsubscribe(sid: string, max: number): void {
    const subscription = this.subscriptions.get(sid)
    if (subscription === undefined) return
    if (max > 0 && max > subscription.delivered) subscription.max = max
    else this.dropSubscription(subscription)
  }

  deliver(subscription: Subscription, message: Message, origin: Origin | null): boolean {
    if (this.isClosed || (origin === this && !this.options.echo)) return false
    if (subscription.isFiltered && !this.mayReceive(message, subscription.queue)) return false
    if (this.replies !== null && message.replyStart < message.replyEnd) this.replies.note(message)
    const isStripped = message.headerLength > 0 && !this.acceptsHeaders
    this.outMessages++
    this.outBytes += message.bodyEnd - message.bodyStart - (isStripped ? message.headerLength : 0)
    const pending = this.protocol.send(message, subscription)
    if (++subscription.delivered === subscription.max) this.dropSubscription(subscription)
    if (pending > this.stallBytes) this.fallBehind(pending, origin)
    return true
  }

  /** More has been encoded for the client than it has taken; `origin`: whose doing it is. */
  checkPending(pending: number, origin: Origin | null): void {
    if (pending > this.stallBytes) this.fallBehind(pending, origin)
  }

  /** The client has taken everything: those that wait for it go on. */
  caughtUp(): void {
    if (this.waiting.size === 0) return
    for (const publisher of this.waiting) publisher.release()
    this.waiting.clear()
  }

  waitFor(receiver: WaitedFor): void {
    if (!this.isClosed && !this.host.limits.neverStalls) this.stall.begin(receiver)
  }

  pause(): void {
    if (this.pauses++ === 0) this.protocol.pause()
  }

  resume(): void {
    if (this.pauses > 0 && --this.pauses === 0 && !this.isClosed) this.protocol.resume()
  }

  tend(nowMs: number): void {
    const { expiresMs } = this.identity ?? {}
    if (expiresMs !== undefined && nowMs >= expiresMs) this.expire('User')
    else this.protocol.tend(nowMs)
  }

  announceInfo(): void {
    this.protocol.announceInfo()
  }

  /** The client is cut off, since it takes too little. */
  cutOff(reason: string, text: string): void {
    this.host.slowConsumers++
    this.host.log('info', `${this.name} - Slow Consumer Detected: ${text}`)
    this.close(reason, false)
  }

  /** Tells the client why, then closes once that was sent. */
  end(text: string, reason: string): void {
    if (this.isClosed) return
    this.protocol.sendError(text)
    this.close(reason)
  }

  /** The same, and tells the log. */
  refuse(text: string, reason: string): void {
    if (this.isClosed) return
    this.host.log('error', `${this.name} - ${text}`)
    this.end(text, reason)
  }

  /** The end: subscriptions go, nothing more is read. `flush`: what was to be sent still is. */
  close(reason: string, flush = true): void {
    if (this.isClosed) return
    this.isClosed = true
    this.closeReason = reason
    this.host.log('debug', `${this.name} - Client connection closed: ${reason}`)
    this.onClosed?.(this, reason)
    this.dropSubscriptions()
    this.account.dismiss(this)
    this.host.dismiss(this)
    this.caughtUp()
    this.stall.end()
    this.protocol.close(flush)
  }

  dropSubscriptions(): void {
    for (const subscription of this.subscriptions.values()) this.account.remove(subscription)
    this.subscriptions.clear()
  }

  private mayReceive({ subject, subjectStart, subjectEnd }: Message, queue: string): boolean {
    return this.permissions === null || this.permissions.mayReceive(subject, subjectStart, subjectEnd, queue)
  }

  private isLastSubject(subject: Buffer, start: number, end: number): boolean {
    return (
      end - start === this.lastLength && equalBytes(this.lastSubject, 0, this.lastLength, subject, start, end)
    )
  }

  private remember(subject: Buffer, start: number, end: number): void {
    if (end - start > REMEMBERED_BYTES) return
    copyBytes(subject, start, end, this.lastSubject, 0)
    this.lastLength = end - start
  }

  private join(account: Account): void {
    if (account === this.account) return
    this.account.members.delete(this)
    this.dropSubscriptions()
    this.account = account
    this.lastRoute = null
    this.lastLength = -1
    account.members.add(this)
  }

  private dropSubscription(subscription: Subscription): void {
    if (this.subscriptions.delete(subscription.name)) this.account.remove(subscription)
  }

  private fallBehind(pending: number, origin: Origin | null): void {
    if (pending > this.maxPendingBytes) {
      this.cutOff(CloseReason.slowConsumerPending, `MaxPending of ${this.maxPendingBytes} Exceeded`)
      return
    }
    origin?.waitFor(this)
  }
}

/** Of limits where -1, and what is left out, are none. */
function least(ofServer: number, ofAccount: number, ofUser = -1): number {
  const limit = ofAccount < 0 ? ofServer : Math.min(ofAccount, ofServer)
  return ofUser < 0 ? limit : Math.min(ofUser, limit)
}
