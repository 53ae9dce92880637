import type { Timer } from '../ports/index.ts'
import type { Route } from '../subjects/index.ts'
import { isLiteralSubjectBytes, isSubscribable } from '../subjects/index.ts'
import {
  copyBytes,
  encodedBytes,
  encodeMessage,
  equalBytes,
  type Message,
  type Operations,
  Parser,
  type ProtocolFailure,
  quoted,
} from '../wire/index.ts'
import type { Account } from './account.ts'
import type { Bus } from './bus.ts'
import { CloseReason } from './close-reason.ts'
import { type ConnectOptions, defaultConnectOptions, parseConnectOptions } from './connect-options.ts'
import { KeepAlive } from './keep-alive.ts'
import { sendNoResponders } from './no-responders.ts'
import { Output, type Transport } from './output.ts'
import { isReservedReply, isReservedSubject, type Permissions } from './permissions.ts'
import { Subscription } from './subscription.ts'

/** A publisher whose receiver is this far behind (share of max_pending, bytes at most) waits for a moment. */
const STALL_SHARE = 0.25
const STALL_BYTES = 8 * 1024 * 1024
const STALL_MS = 5
/** The queue group that servers use among themselves. */
const SYSTEM_QUEUE = '_sys_'
/** CONNECT's protocol field: 0, or 1 for clients that take INFO at any time. */
const INFO_PROTOCOL = 1
/** Subjects up to this length are remembered with their route. */
const REMEMBERED_BYTES = 256

/** Where a connection comes from. */
export interface Peer {
  host: string
  port: number
  kind: 'in-process' | 'tcp'
}

/** One client: its protocol state, subscriptions, and what it is sent. Fed with bytes by its transport. */
export class Connection implements Operations {
  readonly bus: Bus
  readonly id: number
  readonly peer: Peer
  readonly output: Output
  readonly startedMs: number
  account: Account
  user = ''
  permissions: Permissions | null = null
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
  onClosed: ((connection: Connection, reason: string) => void) | null = null
  mayOperate: boolean
  acceptsHeaders = false
  readonly maxPayloadBytes: number
  readonly maxControlLineBytes: number
  private readonly parser: Parser
  private readonly transport: Transport
  private readonly keepAlive: KeepAlive
  private readonly maxPendingBytes: number
  private readonly stallBytes: number
  private wasConnected = false
  private hasPonged = false
  /** Text that names it in the log. */
  private name: string
  private receivedMs: number
  private lastInMs: number
  /** Operations of the current chunk that count as activity. */
  private activity = 0
  private pauses = 0
  /** Set while it waits for a receiver to catch up. */
  private stalled: Timer | null = null
  /** Publishers that wait for this connection to catch up. */
  private readonly waiting = new Set<Connection>()
  /** The subject published to last, and its route. */
  private readonly lastSubject = Buffer.allocUnsafeSlow(REMEMBERED_BYTES)
  private lastLength = -1
  private lastRoute: Route<Subscription> | null = null

  constructor(bus: Bus, transport: Transport, peer: Peer) {
    const { limits } = bus
    this.bus = bus
    this.transport = transport
    this.peer = peer
    this.account = bus.account('$G')
    this.startedMs = bus.clock.now()
    this.receivedMs = this.startedMs
    this.lastInMs = this.startedMs
    this.keepAlive = new KeepAlive(limits, this.startedMs)
    this.maxPayloadBytes = limits.maxPayloadBytes
    this.maxControlLineBytes = limits.maxControlLineBytes
    this.maxPendingBytes = limits.maxPendingBytes
    this.stallBytes = Math.min(limits.maxPendingBytes * STALL_SHARE, STALL_BYTES)
    this.output = new Output(bus.turn, transport, () => bus.clock.now())
    this.output.onDrain = () => this.releaseWaiting()
    this.parser = new Parser(this)
    this.mayOperate = !bus.authenticator.isRequired
    const isFull = limits.maxConnections > 0 && bus.connections.size >= limits.maxConnections
    this.id = bus.admit(this)
    this.name = `${peer.host}:${peer.port} - cid:${this.id}`
    this.account.connections.add(this)
    bus.log('debug', `${this.name} - Client connection created`)
    this.sendInfo(false)
    if (isFull) this.refuse('maximum connections exceeded', CloseReason.maxConnections)
  }

  /** Round trip of the last PING (from accepting to CONNECT before the first) in milliseconds, 0: not known. */
  get rttMs(): number {
    return this.keepAlive.rttMs
  }

  /** When a message or a change of interest came, or something was written to the client, last. */
  get lastActivityMs(): number {
    return Math.max(this.receivedMs, this.output.writtenMs)
  }

  /** Bytes have arrived, `[0, end)` of the chunk; they may be used again by the transport afterwards. */
  receive(chunk: Buffer, end = chunk.length): void {
    if (this.isClosed) return
    this.activity = 0
    const { bus } = this
    const before = bus.sender
    bus.sender = this
    this.parser.parse(end === chunk.length ? chunk : chunk.subarray(0, end))
    bus.sender = before
    if (this.activity === 0) return
    this.receivedMs = bus.clock.now()
    this.lastInMs = this.receivedMs
  }

  onConnect(json: string): void {
    const { bus } = this
    const nowMs = bus.clock.now()
    this.receivedMs = nowMs
    this.keepAlive.onConnect(this.startedMs, nowMs)
    try {
      this.options = parseConnectOptions(json, this.options)
    } catch (error) {
      bus.log('error', `${this.name} - ${(error as Error).message}`)
      this.close(CloseReason.protocolViolation)
      return
    }
    const { options } = this
    if (this.wasConnected) this.dropSubscriptions()
    const identity = bus.authenticator.authenticate(options, this)
    if (identity === null || options.account !== '' || options.new_account) {
      const who = options.user === '' ? '' : ` - User ${quoted(options.user)}`
      bus.log('error', `${this.name} - authentication error${who}`)
      this.end('Authorization Violation', CloseReason.authenticationFailure)
      return
    }
    this.join(bus.account(identity.account))
    this.user = identity.user
    this.permissions = identity.permissions ?? null
    if (!this.wasConnected) this.introduce()
    this.wasConnected = true
    this.mayOperate = true
    this.acceptsHeaders = options.headers
    if (options.protocol < 0 || options.protocol > INFO_PROTOCOL) {
      this.refuse('invalid client protocol', CloseReason.badClientProtocol)
    } else if (options.no_responders && !options.headers) {
      this.refuse('no responders requires headers support', CloseReason.noRespondersRequiresHeaders)
    } else if (options.verbose) {
      this.send(OK)
    }
  }

  onPublish(message: Message): void {
    const { options } = this
    const { subject, subjectStart, subjectEnd } = message
    this.activity++
    this.inMessages++
    this.inBytes += message.bodyEnd - message.bodyStart
    if (options.pedantic && !isLiteralSubjectBytes(subject, subjectStart, subjectEnd)) {
      this.sendError('Invalid Publish Subject')
    }
    const hasReply = message.replyStart < message.replyEnd
    if (!this.mayPublish(message, hasReply)) return
    if (options.verbose) this.send(OK)
    const delivered = this.account.deliver(this.routeOf(subject, subjectStart, subjectEnd), message, this)
    if (delivered === 0 && hasReply && options.no_responders && !this.isClosed) this.answerNobody(message)
  }

  onSubscribe(subject: string, queue: string, sid: string): void {
    const { limits } = this.bus
    this.activity++
    const isAllowed = this.permissions === null || this.permissions.maySubscribe(subject, queue)
    if (!isAllowed || queue === SYSTEM_QUEUE) {
      this.refuseSubscription(subject, queue, sid)
      return
    }
    const { maxSubscriptions, maxSubscriptionTokens = 0 } = limits
    if (maxSubscriptionTokens > 0 && subject.split('.').length > maxSubscriptionTokens) {
      this.sendError(`Permissions Violation for Subscription to "${utf8(subject)}", too many tokens`)
      return
    }
    if (maxSubscriptions > 0 && this.subscriptions.size >= maxSubscriptions) {
      this.bus.log('error', `${this.name} - maximum subscriptions exceeded`)
      this.sendError('maximum subscriptions exceeded')
      return
    }
    if (!this.subscriptions.has(sid)) {
      if (!isSubscribable(subject)) {
        this.sendError('Invalid Subject')
        return
      }
      const subscription = new Subscription(subject, queue, sid, this, null)
      this.subscriptions.set(sid, subscription)
      this.account.add(subscription)
    }
    if (this.options.verbose) this.send(OK)
  }

  onUnsubscribe(sid: string, max: number): void {
    this.activity++
    const subscription = this.subscriptions.get(sid)
    if (this.options.verbose) this.send(OK)
    if (subscription === undefined) return
    if (max > 0 && max > subscription.delivered) subscription.max = max
    else this.dropSubscription(sid, subscription)
  }

  onPing(): void {
    this.send(PONG)
    this.lastInMs = this.bus.clock.now()
    if (this.hasPonged || !this.wasConnected) return
    this.hasPonged = true
    if (this.options.protocol >= INFO_PROTOCOL) this.sendInfo(true)
  }

  onPong(): void {
    this.keepAlive.onPong(this.bus.clock.now())
  }

  onPayloadTooLarge(size: number): void {
    this.bus.log('error', `${this.name} - maximum payload exceeded: ${size} vs ${this.maxPayloadBytes}`)
    this.end('Maximum Payload Violation', CloseReason.maxPayload)
  }

  onFailure(failure: ProtocolFailure): void {
    this.bus.log('error', `${this.name} - ${failure.reason}`)
    if (failure.text === '') this.close(failure.closeReason)
    else this.end(failure.text, failure.closeReason)
  }

  onUnauthenticated(): void {
    this.bus.log('error', `${this.name} - authentication error`)
    this.end('Authorization Violation', CloseReason.authenticationFailure)
  }

  /**
   * Encodes a message for this client. False when it does not get it: its own with echo off, not permitted, or
   * closed.
   */
  deliver(subscription: Subscription, message: Message, origin: Connection | null): boolean {
    if (this.isClosed || (origin === this && !this.options.echo)) return false
    const { output, permissions } = this
    if (permissions !== null) {
      const { subject, subjectStart, subjectEnd } = message
      if (!permissions.mayReceive(subject, subjectStart, subjectEnd, subscription.queue)) return false
    }
    const isStripped = message.headerLength > 0 && !this.acceptsHeaders
    const size = message.bodyEnd - message.bodyStart - (isStripped ? message.headerLength : 0)
    output.reserve(encodedBytes(message, subscription.sid))
    encodeMessage(message, subscription.sid, this.acceptsHeaders, output)
    this.outMessages++
    this.outBytes += size
    if (++subscription.delivered === subscription.max) this.dropSubscription(subscription.name, subscription)
    const pending = output.pendingBytes
    if (pending > this.stallBytes) this.fallBehind(pending, origin)
    return true
  }

  /** Sends INFO: first of all, and (`isAnswer`) at the first PING with what CONNECT has decided. */
  sendInfo(isAnswer: boolean): void {
    const { bus, account } = this
    const info: Record<string, unknown> = { ...bus.info, client_id: this.id, client_ip: this.peer.host }
    if (isAnswer) {
      info.connect_info = true
      info.remote_account = account.name
      if (account.name === SYSTEM_ACCOUNT) info.acc_is_sys = true
    }
    this.send(Buffer.from(`INFO ${JSON.stringify(info)} \r\n`))
  }

  /** Does the client take INFO at any time? */
  get takesInfo(): boolean {
    return this.hasPonged && this.options.protocol >= INFO_PROTOCOL
  }

  sendError(text: string): void {
    this.send(Buffer.from(`-ERR '${text}'\r\n`))
  }

  /** Stops the arrival of bytes until `resume` was called as often. */
  pause(): void {
    if (this.pauses++ === 0) this.transport.pause()
  }

  resume(): void {
    if (this.pauses > 0 && --this.pauses === 0 && !this.isClosed) this.transport.resume()
  }

  /** Pings, stale connections, write deadline, authentication time-out. Called now and then. */
  tend(nowMs: number): void {
    const { limits } = this.bus
    const { busySinceMs, busyBytes } = this.output
    if (busySinceMs > 0 && limits.writeDeadlineMs > 0 && nowMs - busySinceMs > limits.writeDeadlineMs) {
      const seconds = `${limits.writeDeadlineMs / 1000}s`
      this.slowConsumer(
        CloseReason.slowConsumerDeadline,
        `WriteDeadline of ${seconds} exceeded with 1 chunks of ${busyBytes} total bytes.`,
      )
      return
    }
    if (!this.mayOperate) {
      if (nowMs - this.startedMs > limits.authTimeoutMs) {
        this.refuse('Authentication Timeout', CloseReason.authenticationTimeout)
      }
      return
    }
    const verdict = this.keepAlive.tend(this.lastInMs, nowMs)
    if (verdict === 'ping') this.send(PING)
    if (verdict !== 'stale') return
    this.bus.staleConnections++
    this.bus.log('debug', `${this.name} - Stale Client Connection - Closing`)
    this.end('Stale Connection', CloseReason.staleConnection)
  }

  /** Tells the log and the client why, then closes once that was sent. */
  refuse(text: string, reason: string): void {
    if (this.isClosed) return
    this.bus.log('error', `${this.name} - ${text}`)
    this.end(text, reason)
  }

  /** The end: subscriptions go, nothing more is read. `flush`: what was to be sent still is. */
  close(reason: string, flush = true): void {
    if (this.isClosed) return
    this.isClosed = true
    this.closeReason = reason
    this.parser.stop()
    this.bus.log('debug', `${this.name} - Client connection closed: ${reason}`)
    this.onClosed?.(this, reason)
    this.dropSubscriptions()
    this.account.dismiss(this)
    this.bus.connections.delete(this.id)
    this.releaseWaiting()
    this.stalled?.clear()
    this.stalled = null
    if (flush) this.output.finish()
    else this.output.discard()
    this.transport.close(flush)
  }

  label(): string {
    return this.name
  }

  /** Lets the publishers go on that waited for this connection. */
  private releaseWaiting(): void {
    if (this.waiting.size === 0) return
    for (const publisher of this.waiting) publisher.release()
    this.waiting.clear()
  }

  private routeOf(subject: Buffer, start: number, end: number): Route<Subscription> {
    const { interest } = this.account
    const { lastRoute } = this
    const length = end - start
    if (lastRoute !== null && lastRoute.generation === interest.generation && length === this.lastLength) {
      if (equalBytes(this.lastSubject, 0, length, subject, start, end)) return lastRoute
    }
    const route = interest.route(subject, start, end)
    if (length <= REMEMBERED_BYTES && route.generation === interest.generation) {
      copyBytes(subject, start, end, this.lastSubject, 0)
      this.lastLength = length
      this.lastRoute = route
    }
    return route
  }

  private mayPublish(message: Message, hasReply: boolean): boolean {
    const { subject, subjectStart, subjectEnd, reply, replyStart, replyEnd } = message
    const isDenied =
      this.permissions !== null && !this.permissions.mayPublish(subject, subjectStart, subjectEnd)
    if (
      isDenied ||
      isReservedSubject(subject, subjectStart, subjectEnd, this.account.name === SYSTEM_ACCOUNT)
    ) {
      const text = quoted(subject.toString('utf8', subjectStart, subjectEnd))
      this.sendError(`Permissions Violation for Publish to ${text}`)
      this.bus.log('error', `${this.name} - Publish Violation - Subject ${text}`)
      return false
    }
    if (hasReply && isReservedReply(reply, replyStart, replyEnd)) {
      const text = quoted(reply.toString('utf8', replyStart, replyEnd))
      this.sendError(`Permissions Violation for Publish with Reply of ${text}`)
      this.bus.log('error', `${this.name} - Publish Violation - Reply ${text}`)
      return false
    }
    return true
  }

  private refuseSubscription(subject: string, queue: string, sid: string): void {
    const name = quoted(utf8(subject))
    const group = quoted(utf8(queue))
    const using = queue === '' ? '' : ` using queue ${group}`
    this.sendError(`Permissions Violation for Subscription to ${name}${using}`)
    const inQueue = queue === '' ? '' : `, Queue: ${group}`
    this.bus.log('error', `${this.name} - Subscription Violation - Subject ${name}${inQueue}, SID ${sid}`)
  }

  /** The log's name of it gets what CONNECT says of the client. */
  private introduce(): void {
    const { version, lang, name } = this.options
    const client = [version === '' ? '' : `v${version}`, lang, name].filter((part) => part !== '').join(':')
    if (client !== '') this.name += ` - ${quoted(client)}`
    if (this.user !== '') this.name += ` - ${quoted(`${this.account.name}/${this.user}`)}`
  }

  private join(account: Account): void {
    if (account === this.account) return
    this.account.connections.delete(this)
    this.dropSubscriptions()
    this.account = account
    this.lastRoute = null
    account.connections.add(this)
  }

  private dropSubscriptions(): void {
    for (const subscription of this.subscriptions.values()) this.account.remove(subscription)
    this.subscriptions.clear()
  }

  private dropSubscription(sid: string, subscription: Subscription): void {
    if (this.subscriptions.delete(sid)) this.account.remove(subscription)
  }

  /** Nobody is interested: the requester learns it at once, on its own reply subject. */
  private answerNobody(request: Message): void {
    const { plain } = this.account.interest.route(request.reply, request.replyStart, request.replyEnd)
    for (let i = 0; i < plain.length; i++) {
      if (plain[i].connection !== this) continue
      sendNoResponders(request, plain[i], this.output)
      return
    }
  }

  private send(bytes: Buffer): void {
    const { output } = this
    if (this.isClosed) return
    output.reserve(bytes.length)
    output.length = copyBytes(bytes, 0, bytes.length, output.buffer, output.length)
    if (output.pendingBytes > this.stallBytes) this.fallBehind(output.pendingBytes, this)
  }

  private fallBehind(pending: number, origin: Connection | null): void {
    if (pending > this.maxPendingBytes) {
      this.slowConsumer(CloseReason.slowConsumerPending, `MaxPending of ${this.maxPendingBytes} Exceeded`)
      return
    }
    if (origin !== null) origin.stall(this)
  }

  /** Pauses a fast publisher until its receiver has caught up, or for a moment at most. */
  private stall(receiver: Connection): void {
    if (this.stalled !== null || this.isClosed) return
    this.pause()
    receiver.waiting.add(this)
    this.stalled = this.bus.clock.setTimer(() => {
      receiver.waiting.delete(this)
      this.release()
    }, STALL_MS)
  }

  private release(): void {
    if (this.stalled === null) return
    this.stalled.clear()
    this.stalled = null
    this.resume()
  }

  private slowConsumer(reason: string, text: string): void {
    this.bus.slowConsumers++
    this.bus.log('info', `${this.name} - Slow Consumer Detected: ${text}`)
    this.close(reason, false)
  }

  /** Tells the client why, but not the log, then closes once that was sent. */
  end(text: string, reason: string): void {
    if (this.isClosed) return
    this.sendError(text)
    this.close(reason)
  }
}

const OK = Buffer.from('+OK\r\n')
const PING = Buffer.from('PING\r\n')
const PONG = Buffer.from('PONG\r\n')
const SYSTEM_ACCOUNT = '$SYS'

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
