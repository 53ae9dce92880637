import { isLiteralSubjectBytes, isValidSubject } from '../subjects/index.ts'
import { copyBytes, type Message, type Operations, Parser, type ProtocolFailure, writeNumber } from '../wire/index.ts'
import type { Account } from './account.ts'
import type { Bus } from './bus.ts'
import { type ConnectOptions, defaultConnectOptions, parseConnectOptions } from './connect-options.ts'
import { noRespondersStatus } from './no-responders.ts'
import { Output, type Transport } from './output.ts'
import { Subscription } from './subscription.ts'

/** The first PING is sent this long after the connection was made: it measures the round trip. */
const FIRST_PING_MS = 2000
/** A publisher whose receiver is this far behind (share of max_pending) is paused for a moment. */
const STALL_SHARE = 0.25
const STALL_MS = 5
/** Room for `HMSG `, spaces, two sizes and line ends around a message's parts. */
const FRAME_BYTES = 64

const CR = 13
const LF = 10
const SPACE = 32

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
  options: ConnectOptions = defaultConnectOptions()
  readonly subscriptions = new Map<string, Subscription>()
  inMessages = 0
  outMessages = 0
  inBytes = 0
  outBytes = 0
  lastActivityMs: number
  /** Round trip of the last PING in milliseconds, 0 before the first. */
  rttMs = 0
  isClosed = false
  closeReason = ''
  onClosed: ((connection: Connection, reason: string) => void) | null = null
  mayOperate: boolean
  acceptsHeaders = false
  private readonly parser: Parser
  private readonly transport: Transport
  private wasConnected = false
  private pongsSent = 0
  private pingsOut = 0
  private pingSentMs = 0
  private nextPingMs: number
  private pauses = 0
  private stalled = false
  private readonly maxPendingBytes: number
  private readonly stallBytes: number

  constructor(bus: Bus, transport: Transport, peer: Peer) {
    this.bus = bus
    this.transport = transport
    this.peer = peer
    this.account = bus.account('$G')
    this.startedMs = bus.clock.now()
    this.lastActivityMs = this.startedMs
    this.nextPingMs = this.startedMs + FIRST_PING_MS
    this.maxPendingBytes = bus.limits.maxPendingBytes
    this.stallBytes = bus.limits.maxPendingBytes * STALL_SHARE
    this.output = new Output(bus.turn, transport, () => bus.clock.now())
    this.parser = new Parser(this)
    this.mayOperate = !bus.authenticator.isRequired
    const isFull = bus.limits.maxConnections > 0 && bus.connections.size >= bus.limits.maxConnections
    this.id = bus.admit(this)
    this.account.connections.add(this)
    this.sendInfo()
    if (isFull) this.refuse('maximum connections exceeded')
  }

  get maxPayloadBytes(): number {
    return this.bus.limits.maxPayloadBytes
  }

  get maxControlLineBytes(): number {
    return this.bus.limits.maxControlLineBytes
  }

  /** Bytes have arrived; they may be used again by the transport afterwards. */
  receive(chunk: Buffer): void {
    if (this.isClosed) return
    this.lastActivityMs = this.bus.clock.now()
    this.parser.parse(chunk)
  }

  onConnect(json: string): void {
    try {
      this.options = parseConnectOptions(json, this.options)
    } catch (error) {
      this.close(`Parse Error: ${(error as Error).message}`)
      return
    }
    const identity = this.bus.authenticator.authenticate(this.options)
    if (identity === null) {
      this.refuse('Authorization Violation')
      return
    }
    this.join(this.bus.account(identity.account))
    this.user = identity.user
    this.wasConnected = true
    this.mayOperate = true
    this.acceptsHeaders = this.options.headers
    if (this.options.no_responders && !this.options.headers) {
      this.refuse('no responders requires headers support')
      return
    }
    if (this.options.verbose) this.sendText(OK)
  }

  onPublish(message: Message): void {
    const { bus, options } = this
    const size = message.bodyEnd - message.bodyStart
    this.inMessages++
    this.inBytes += size
    bus.inMessages++
    bus.inBytes += size
    if (options.pedantic && !isLiteralSubjectBytes(message.subject, message.subjectStart, message.subjectEnd)) {
      this.sendError('Invalid Publish Subject')
    }
    if (options.verbose) this.sendText(OK)
    const delivered = this.account.publish(message, this)
    if (delivered === 0 && options.no_responders && message.replyStart < message.replyEnd) this.answerNobody(message)
  }

  onSubscribe(subject: string, queue: string, sid: string): void {
    if (!isValidSubject(subject) || (queue !== '' && !isValidSubject(queue))) {
      this.sendError('Invalid Subject')
      return
    }
    const { maxSubscriptions } = this.bus.limits
    if (maxSubscriptions > 0 && this.subscriptions.size >= maxSubscriptions) {
      this.sendError('maximum subscriptions exceeded')
      return
    }
    if (!this.subscriptions.has(sid)) {
      const subscription = new Subscription(subject, queue, sid, this, null)
      this.subscriptions.set(sid, subscription)
      this.account.add(subscription)
      this.bus.subscriptions++
    }
    if (this.options.verbose) this.sendText(OK)
  }

  onUnsubscribe(sid: string, max: number): void {
    const subscription = this.subscriptions.get(sid)
    if (subscription !== undefined) {
      if (max > 0 && max > subscription.delivered) subscription.max = max
      else this.dropSubscription(sid, subscription)
    }
    if (this.options.verbose) this.sendText(OK)
  }

  onPing(): void {
    this.sendText(PONG)
    if (this.pongsSent++ === 0 && this.wasConnected && this.options.protocol >= 1) this.sendInfo(true)
  }

  onPong(): void {
    this.pingsOut = 0
    if (this.pingSentMs > 0) this.rttMs = Math.max(this.bus.clock.now() - this.pingSentMs, 0.001)
    this.pingSentMs = 0
  }

  onPayloadTooLarge(size: number): void {
    this.bus.log('error', `${this.label()} - maximum payload exceeded: ${size} vs ${this.maxPayloadBytes}`)
    this.refuse('Maximum Payload Violation')
  }

  onFailure(failure: ProtocolFailure): void {
    this.bus.log('error', `${this.label()} - ${failure.reason}`)
    if (failure.text === '') this.close('Protocol Violation')
    else this.refuse(failure.text, 'Protocol Violation')
  }

  onUnauthenticated(): void {
    this.refuse('Authorization Violation', 'Authentication Failure')
  }

  /**
   * Encodes a message for this client. False when it does not get it: its own with echo off, or closed.
   */
  deliver(subscription: Subscription, message: Message, origin: Connection | null): boolean {
    if (origin === this && !this.options.echo) return false
    const { output } = this
    let bodyStart = message.bodyStart
    let headerLength = message.headerLength
    if (headerLength > 0 && !this.acceptsHeaders) {
      bodyStart += headerLength
      headerLength = 0
    }
    const size = message.bodyEnd - bodyStart
    const sid = subscription.sid
    output.reserve(
      FRAME_BYTES +
        (message.subjectEnd - message.subjectStart) +
        sid.length +
        (message.replyEnd - message.replyStart) +
        size,
    )
    const out = output.buffer
    let at = output.length
    if (headerLength > 0) out[at++] = 72
    out[at++] = 77
    out[at++] = 83
    out[at++] = 71
    out[at++] = SPACE
    at = copyBytes(message.subject, message.subjectStart, message.subjectEnd, out, at)
    out[at++] = SPACE
    for (let i = 0; i < sid.length; i++) out[at++] = sid[i]
    out[at++] = SPACE
    if (message.replyStart < message.replyEnd) {
      at = copyBytes(message.reply, message.replyStart, message.replyEnd, out, at)
      out[at++] = SPACE
    }
    if (headerLength > 0) {
      at = writeNumber(out, at, headerLength)
      out[at++] = SPACE
    }
    at = writeNumber(out, at, size)
    out[at++] = CR
    out[at++] = LF
    at = copyBytes(message.body, bodyStart, message.bodyEnd, out, at)
    out[at++] = CR
    out[at++] = LF
    output.length = at
    this.outMessages++
    this.outBytes += size
    this.bus.outMessages++
    this.bus.outBytes += size
    subscription.delivered++
    if (subscription.max > 0 && subscription.delivered >= subscription.max) {
      this.dropSubscription(subscription.sid.toString('latin1'), subscription)
    }
    const pending = output.pendingBytes
    if (pending > this.stallBytes) this.fallBehind(pending, origin)
    return true
  }

  /** Sends INFO: first of all, and again when something has changed. */
  sendInfo(isUpdate = false): void {
    const info: Record<string, unknown> = { ...this.bus.info, client_id: this.id, client_ip: this.peer.host }
    if (isUpdate) {
      info.connect_info = true
      info.remote_account = this.account.name
    }
    this.sendText(Buffer.from(`INFO ${JSON.stringify(info)} \r\n`))
  }

  sendError(text: string): void {
    this.sendText(Buffer.from(`-ERR '${text}'\r\n`))
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
    if (!this.mayOperate) {
      if (nowMs - this.startedMs > limits.authTimeoutMs) this.refuse('Authentication Timeout')
      return
    }
    const busySinceMs = this.output.busySinceMs
    if (busySinceMs > 0 && limits.writeDeadlineMs > 0 && nowMs - busySinceMs > limits.writeDeadlineMs) {
      this.slowConsumer('Slow Consumer (Write Deadline)', `WriteDeadline of ${limits.writeDeadlineMs / 1000}s exceeded`)
      return
    }
    if (nowMs < this.nextPingMs) return
    const isFirst = this.rttMs === 0 && this.pingsOut === 0
    if (!isFirst && this.pingsOut === 0 && nowMs - this.lastActivityMs < limits.pingIntervalMs) {
      this.nextPingMs = this.lastActivityMs + limits.pingIntervalMs
      return
    }
    if (this.pingsOut + 1 > limits.pingMax) {
      this.bus.staleConnections++
      this.refuse('Stale Connection')
      return
    }
    this.pingsOut++
    this.pingSentMs = nowMs
    this.nextPingMs = nowMs + limits.pingIntervalMs
    this.sendText(PING)
  }

  /** Tells the client why, then closes once that was sent. */
  refuse(text: string, reason = text): void {
    if (this.isClosed) return
    this.bus.log('error', `${this.label()} - ${text}`)
    this.sendError(text)
    this.close(reason, true)
  }

  /** The end: subscriptions go, nothing more is read. */
  close(reason: string, flush = true): void {
    if (this.isClosed) return
    this.isClosed = true
    this.closeReason = reason
    this.parser.stop()
    for (const subscription of this.subscriptions.values()) this.account.remove(subscription)
    this.bus.subscriptions -= this.subscriptions.size
    this.subscriptions.clear()
    this.account.connections.delete(this)
    this.bus.connections.delete(this.id)
    this.bus.log('debug', `${this.label()} - Client connection closed: ${reason}`)
    if (flush) this.output.run()
    else this.output.discard()
    this.transport.close(flush)
    this.onClosed?.(this, reason)
  }

  label(): string {
    return `${this.peer.host}:${this.peer.port} - cid:${this.id}`
  }

  private join(account: Account): void {
    if (account === this.account) return
    this.account.connections.delete(this)
    for (const subscription of this.subscriptions.values()) this.account.remove(subscription)
    this.bus.subscriptions -= this.subscriptions.size
    this.subscriptions.clear()
    this.account = account
    account.connections.add(this)
  }

  private dropSubscription(sid: string, subscription: Subscription): void {
    if (!this.subscriptions.delete(sid)) return
    this.account.remove(subscription)
    this.bus.subscriptions--
  }

  /** Nobody is interested: the requester learns it at once, on its own reply subject. */
  private answerNobody(request: Message): void {
    const route = this.account.interest.route(request.reply, request.replyStart, request.replyEnd)
    const status = noRespondersStatus(request)
    for (const subscription of [...route.plain, ...route.queues.flatMap((queue) => queue.members)]) {
      if (subscription.connection !== this || subscription.isClosed) continue
      const { echo } = this.options
      this.options.echo = true
      this.deliver(subscription, status, this)
      this.options.echo = echo
      return
    }
  }

  private sendText(bytes: Buffer): void {
    const { output } = this
    output.reserve(bytes.length)
    output.length = copyBytes(bytes, 0, bytes.length, output.buffer, output.length)
  }

  private fallBehind(pending: number, origin: Connection | null): void {
    if (pending > this.maxPendingBytes) {
      this.slowConsumer('Slow Consumer (Pending Bytes)', `MaxPending of ${this.maxPendingBytes} Exceeded`)
      return
    }
    if (origin !== null && origin !== this) origin.stall()
  }

  /** Pauses a fast publisher for a moment, so that its receivers catch up. */
  private stall(): void {
    if (this.stalled || this.isClosed) return
    this.stalled = true
    this.pause()
    this.bus.clock.setTimer(() => {
      this.stalled = false
      this.resume()
    }, STALL_MS)
  }

  private slowConsumer(reason: string, text: string): void {
    this.bus.slowConsumers++
    this.bus.log('info', `${this.label()} - Slow Consumer Detected: ${text}`)
    this.close(reason, false)
  }
}

const OK = Buffer.from('+OK\r\n')
const PING = Buffer.from('PING\r\n')
const PONG = Buffer.from('PONG\r\n')
