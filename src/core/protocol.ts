import { isLiteralSubjectBytes, utf8Of } from '../subjects/index.ts'
import {
  copyBytes,
  encodedBytes,
  encodeMessage,
  type Message,
  type Operations,
  Parser,
  type ProtocolFailure,
  quoted,
} from '../wire/index.ts'
import type { Authenticator, Credentials, Identity } from './authenticator.ts'
import { CloseReason } from './close-reason.ts'
import { type ConnectOptions, parseConnectOptions } from './connect-options.ts'
import { KeepAlive } from './keep-alive.ts'
import { sendNoResponders } from './no-responders.ts'
import { newNonce } from './nonce.ts'
import type { Peer, PeerTls } from './origin.ts'
import { Output, type Transport } from './output.ts'
import { Session, type SessionHost, type SessionProtocol } from './session.ts'
import type { Subscription } from './subscription.ts'

/** CONNECT's protocol field: 0, or 1 for clients that take INFO at any time. */
const INFO_PROTOCOL = 1

/** Is told who comes, and who is turned away. */
export interface LoginObserver {
  loggedIn(session: Session): void
  refused(session: Session): void
  /** It counts in its account no more, whether it had been let in or not. */
  left(session: Session): void
}

/** What the protocol needs of the bus. */
export interface ProtocolHost extends SessionHost {
  readonly authenticator: Authenticator
  readonly observer: LoginObserver | null
  /** Fields of INFO that are the same for every client. */
  readonly info: Readonly<Record<string, unknown>>
  readonly fault: (thrown: unknown) => void
  staleConnections: number
  /** Whose bytes are being worked on; null: nobody's. */
  sender: Session | null
}

/** The NATS protocol with one client: what its bytes mean for the session, and what it is sent. Fed by its transport. */
export class ClientProtocol implements Operations, SessionProtocol {
  readonly session: Session
  readonly output: Output
  mayOperate: boolean
  acceptsHeaders = false
  maxPayloadBytes: number
  maxControlLineBytes: number
  private readonly host: ProtocolHost
  private readonly parser: Parser
  readonly transport: Transport
  private readonly keepAlive: KeepAlive
  private readonly nonce: string
  private wasConnected = false
  private hasPonged = false
  /** It has shown who it is, and whether it is let in is not known yet. */
  private isAwaited = false
  private lastInMs: number
  /** Since when it may log in. */
  private loginSinceMs: number
  /** Told when it leaves while it waits. */
  private onLeft: (() => void) | null = null
  /** How often it was asked again whether it may stay: the last answer counts. */
  private rechecks = 0
  /** Operations of the current chunk that count as activity. */
  private activity = 0

  constructor(host: ProtocolHost, id: number, transport: Transport, peer: Peer) {
    const { limits } = host
    this.host = host
    this.transport = transport
    this.maxPayloadBytes = limits.maxPayloadBytes
    this.maxControlLineBytes = limits.maxControlLineBytes
    this.nonce = host.authenticator.needsNonce ? newNonce() : ''
    this.mayOperate = !host.authenticator.isRequired
    this.session = new Session(host, id, peer, this)
    this.lastInMs = this.session.startedMs
    this.loginSinceMs = this.session.startedMs
    this.keepAlive = new KeepAlive(limits, this.session.startedMs)
    this.output = new Output(host.turn, transport, () => host.clock.now())
    this.output.counters = this.session
    this.output.onDrain = () => this.session.caughtUp()
    this.parser = new Parser(this)
  }

  get rttMs(): number {
    return this.keepAlive.rttMs
  }

  get pendingBytes(): number {
    return this.output.pendingBytes
  }

  get deliveredMs(): number {
    return this.output.deliveredMs
  }

  /** The first word: INFO, and with `isFull` the last. */
  begin(isFull: boolean): void {
    this.sendInfo(false)
    if (isFull) this.session.refuse('maximum connections exceeded', CloseReason.maxConnections)
  }

  /** The handshake is done: what the client is known by from now on, and time for its login begins. */
  secured(tls: PeerTls): void {
    this.session.peer.tls = tls
    this.loginSinceMs = this.host.clock.now()
  }

  /** A proxy has said who is behind it; `address` null: nobody is. */
  proxied(address: { readonly host: string; readonly port: number } | null): void {
    this.session.peer.isUnsure = false
    if (address !== null) this.session.comesFrom(address)
  }

  /** Bytes have arrived, `[0, end)` of the chunk; they may be used again by the transport afterwards. */
  receive(chunk: Buffer, end = chunk.length): void {
    if (this.session.isClosed) return
    const before = this.beginWork()
    this.parser.parse(end === chunk.length ? chunk : chunk.subarray(0, end))
    this.endWork(before)
  }

  onConnect(json: string): void {
    const { host, session } = this
    const nowMs = host.clock.now()
    session.receivedMs = nowMs
    this.keepAlive.onConnect(session.startedMs, nowMs)
    try {
      session.options = withCookies(parseConnectOptions(json, session.options), session.peer)
    } catch (error) {
      host.log('error', `${session.label()} - ${(error as Error).message}`)
      session.close(CloseReason.protocolViolation)
      return
    }
    if (this.wasConnected) session.dropSubscriptions()
    this.authenticate(true)
  }

  /** `hasConnected`: by CONNECT, and not by saying something else before it. */
  private authenticate(hasConnected: boolean): void {
    const { authenticator } = this.host
    const identity = authenticator.authenticate(this.shown())
    if (identity instanceof Promise) this.waitForLogin(identity, authenticator, hasConnected)
    else this.endLogin(identity, hasConnected)
  }

  private shown(): Credentials {
    const { session, nonce } = this
    const { options, peer, id } = session
    return {
      options,
      peer,
      nonce,
      id,
      hasLeft: () => session.isClosed,
      onLeft: (listener) => {
        this.onLeft = listener
      },
    }
  }

  private refuseLogin(): void {
    const { host, session } = this
    const { user } = session.options
    const who = user === '' ? '' : ` - User ${quoted(user)}`
    host.log('error', `${session.label()} - authentication error${who}`)
    host.observer?.refused(session)
    session.end('Authorization Violation', CloseReason.authenticationFailure)
  }

  onUnauthenticated(): boolean {
    const { host, session } = this
    if (host.authenticator.admitsUnknown) {
      this.authenticate(false)
      return !session.isClosed
    }
    this.refuseLogin()
    return false
  }

  onPublish(message: Message): void {
    const { session } = this
    const { options } = session
    this.activity++
    if (
      options.pedantic &&
      !isLiteralSubjectBytes(message.subject, message.subjectStart, message.subjectEnd)
    ) {
      this.sendError('Invalid Publish Subject')
    }
    const verdict = session.admit(message)
    if (verdict !== 'allowed') {
      this.refusePublish(message, verdict)
      return
    }
    if (options.verbose) this.write(OK)
    const delivered = session.publish(message)
    if (delivered > 0 || !options.no_responders || message.replyStart === message.replyEnd) return
    if (!session.isClosed) this.answerNobody(message)
  }

  onSubscribe(subject: string, queue: string, sid: string): void {
    const { session } = this
    this.activity++
    switch (session.subscribe(subject, queue, sid)) {
      case 'done':
        if (session.options.verbose) this.write(OK)
        return
      case 'denied':
        this.refuseSubscription(subject, queue, sid)
        return
      case 'too many tokens':
        this.sendError(`Permissions Violation for Subscription to "${utf8Of(subject)}", too many tokens`)
        return
      case 'too many':
        this.host.log('error', `${session.label()} - maximum subscriptions exceeded`)
        this.sendError('maximum subscriptions exceeded')
        return
      case 'invalid':
        this.sendError('Invalid Subject')
    }
  }

  onUnsubscribe(sid: string, max: number): void {
    this.activity++
    if (this.session.options.verbose) this.write(OK)
    this.session.unsubscribe(sid, max)
  }

  onPing(): void {
    this.write(PONG)
    this.lastInMs = this.host.clock.now()
    if (this.hasPonged || !this.wasConnected) return
    this.hasPonged = true
    if (this.session.options.protocol >= INFO_PROTOCOL) this.sendInfo(true)
  }

  onPong(): void {
    this.keepAlive.onPong(this.host.clock.now())
  }

  onPayloadTooLarge(size: number): void {
    const { session } = this
    this.host.log(
      'error',
      `${session.label()} - maximum payload exceeded: ${size} vs ${this.maxPayloadBytes}`,
    )
    session.end('Maximum Payload Violation', CloseReason.maxPayload)
  }

  onFailure(failure: ProtocolFailure): void {
    const { session } = this
    this.host.log('error', `${session.label()} - ${failure.reason}`)
    if (failure.text === '') session.close(failure.closeReason)
    else session.end(failure.text, failure.closeReason)
  }

  send(message: Message, { sid }: Subscription): number {
    const { output } = this
    output.reserve(encodedBytes(message, sid))
    encodeMessage(message, sid, this.acceptsHeaders, output)
    return output.pendingBytes
  }

  sendError(text: string): void {
    this.write(Buffer.from(`-ERR '${text}'\r\n`))
  }

  /** Only to clients that take INFO at any time. */
  announceInfo(): void {
    if (this.hasPonged && this.session.options.protocol >= INFO_PROTOCOL) this.sendInfo(false)
  }

  applyLimits(): void {
    this.maxPayloadBytes = this.session.maxPayloadBytes
  }

  limitsChanged(): void {
    this.applyLimits()
    this.maxControlLineBytes = this.host.limits.maxControlLineBytes
    this.announceInfo()
  }

  recheckLogin(): void {
    const { host, session } = this
    // Who waits is asked about anew when the answer is there.
    if (this.isAwaited || session.identity?.isSettled) return
    const { isRequired } = host.authenticator
    if (!this.wasConnected && session.identity === null && session.subscriptions.size === 0) {
      this.mayOperate = !isRequired
      this.loginSinceMs = host.clock.now()
      return
    }
    if (this.isUserGone) {
      session.close(CloseReason.clientClosed)
      return
    }
    const asked = ++this.rechecks
    const stay = (found: Identity | null): void => {
      if (asked === this.rechecks) this.stay(found)
    }
    const identity = host.authenticator.authenticate(this.shown())
    if (identity instanceof Promise) identity.then(stay).catch(host.fault)
    else stay(identity)
  }

  /** Whoever comes back is somebody else then: it is closed without a word, as by nats-server, so that clients do come back. */
  private get isUserGone(): boolean {
    const { session, host } = this
    const { hasUser } = host.authenticator
    const name = session.user || session.options.nkey || session.options.user
    return name !== '' && hasUser !== undefined && !hasUser(name)
  }

  /** Pings, stale connections, write deadline, authentication time-out. */
  tend(nowMs: number): void {
    const { session, host } = this
    const { limits } = host
    const { busySinceMs, busyBytes } = this.output
    const isLate =
      busySinceMs > 0 && limits.writeDeadlineMs > 0 && nowMs - busySinceMs > limits.writeDeadlineMs
    if (isLate && !limits.waitsForWrites) {
      const text = `WriteDeadline of ${limits.writeDeadlineMs / 1000}s exceeded with 1 chunks of ${busyBytes} total bytes.`
      session.cutOff(CloseReason.slowConsumerDeadline, text)
      return
    }
    if (!this.mayOperate) {
      // Who decides has as much time from CONNECT on, and says no by itself when it is over.
      const waitMs = limits.authTimeoutMs * (this.isAwaited ? 2 : 1)
      if (nowMs - this.loginSinceMs > waitMs) {
        session.refuse('Authentication Timeout', CloseReason.authenticationTimeout)
      }
      return
    }
    const verdict = this.keepAlive.tend(this.lastInMs, nowMs)
    if (verdict === 'ping') this.write(PING)
    if (verdict !== 'stale') return
    host.staleConnections++
    host.log('debug', `${session.label()} - Stale Client Connection - Closing`)
    session.end('Stale Connection', CloseReason.staleConnection)
  }

  pause(): void {
    this.transport.pause()
  }

  resume(): void {
    this.transport.resume()
  }

  close(flush: boolean): void {
    this.parser.stop()
    this.onLeft?.()
    this.onLeft = null
    if (flush) this.output.finish()
    else this.output.discard()
    this.transport.close(flush)
  }

  private beginWork(): Session | null {
    const { host } = this
    const before = host.sender
    this.activity = 0
    host.sender = this.session
    return before
  }

  private endWork(before: Session | null): void {
    const { host, session } = this
    host.sender = before
    if (this.activity === 0) return
    session.receivedMs = host.clock.now()
    this.lastInMs = session.receivedMs
  }

  /** Nothing more of the client is read, and nothing of it understood, until it is known who it is. */
  private waitForLogin(
    identity: Promise<Identity | null>,
    asked: Authenticator,
    hasConnected: boolean,
  ): void {
    const { parser, session, host } = this
    parser.hold()
    session.pause()
    this.isAwaited = true
    this.loginSinceMs = host.clock.now()
    const goOn = (found: Identity | null): void => {
      this.isAwaited = false
      this.onLeft = null
      if (session.isClosed) return
      this.endLogin(found, hasConnected)
      const before = this.beginWork()
      parser.release()
      this.endWork(before)
      session.resume()
    }
    this.decided(identity, asked).then(goOn).catch(host.fault)
  }

  /** By who decides now, when that is somebody else than was asked. */
  private async decided(identity: Promise<Identity | null>, asked: Authenticator): Promise<Identity | null> {
    const { host, session } = this
    let found = await identity
    for (let by = asked; by !== host.authenticator && !session.isClosed; ) {
      by = host.authenticator
      found = await by.authenticate(this.shown())
    }
    return found
  }

  /** Whether the client may stay. In another account it has to begin anew, as with nats-server. */
  private stay(identity: Identity | null): void {
    const { session, host } = this
    if (session.isClosed) return
    if (identity === null) {
      host.log('error', `${session.label()} - authentication error`)
      host.observer?.refused(session)
      session.end('Authorization Violation', CloseReason.authenticationFailure)
    } else if (identity.account !== session.account.name) {
      session.close(CloseReason.clientClosed)
    } else {
      session.logInAgain(identity)
    }
  }

  private endLogin(identity: Identity | null, hasConnected: boolean): void {
    const { session, host } = this
    const { options } = session
    if (identity === null || options.account !== '' || options.new_account) {
      this.refuseLogin()
      return
    }
    session.logIn(identity)
    if (session.isBeyondAccount) {
      session.refuse('maximum account active connections exceeded', CloseReason.maxAccountConnections)
      return
    }
    this.mayOperate = true
    session.applyLimits()
    if (session.isClosed) return
    if (hasConnected && !this.wasConnected) session.introduce()
    host.observer?.loggedIn(session)
    if (!hasConnected) return
    this.wasConnected = true
    const acceptsHeaders = options.headers && !host.limits.withoutHeaders
    this.acceptsHeaders = acceptsHeaders
    session.acceptsHeaders = acceptsHeaders
    if (options.protocol < 0 || options.protocol > INFO_PROTOCOL) {
      session.refuse('invalid client protocol', CloseReason.badClientProtocol)
    } else if (options.no_responders && !acceptsHeaders) {
      session.refuse('no responders requires headers support', CloseReason.noRespondersRequiresHeaders)
    } else if (options.verbose) {
      this.write(OK)
    }
  }

  /** Sends INFO: first of all, and (`isAnswer`) at the first PING with what CONNECT has decided. */
  private sendInfo(isAnswer: boolean): void {
    const { host, session, nonce } = this
    const { peer } = session
    const info: Record<string, unknown> = {
      ...host.info,
      ...peer.info,
      client_id: session.id,
    }
    if (!peer.isUnsure) info.client_ip = peer.host
    if (nonce !== '' && !isAnswer) info.nonce = nonce
    if (isAnswer) {
      if (host.authenticator.isRequired) info.auth_required = true
      info.connect_info = true
      info.remote_account = session.account.name
      if (session.isSystem) info.acc_is_sys = true
    }
    this.write(Buffer.from(`INFO ${JSON.stringify(info)} \r\n`))
  }

  private refusePublish(message: Message, verdict: 'denied' | 'reply denied'): void {
    const isReply = verdict === 'reply denied'
    const text = quoted(
      isReply
        ? message.reply.toString('utf8', message.replyStart, message.replyEnd)
        : message.subject.toString('utf8', message.subjectStart, message.subjectEnd),
    )
    this.sendError(`Permissions Violation for Publish ${isReply ? 'with Reply of' : 'to'} ${text}`)
    const what = isReply ? 'Reply' : 'Subject'
    this.host.log('error', `${this.session.label()} - Publish Violation - ${what} ${text}`)
  }

  private refuseSubscription(subject: string, queue: string, sid: string): void {
    const name = quoted(utf8Of(subject))
    const group = quoted(utf8Of(queue))
    const using = queue === '' ? '' : ` using queue ${group}`
    this.sendError(`Permissions Violation for Subscription to ${name}${using}`)
    const inQueue = queue === '' ? '' : `, Queue: ${group}`
    const what = `Subscription Violation - Subject ${name}${inQueue}, SID ${sid}`
    this.host.log('error', `${this.session.label()} - ${what}`)
  }

  /** Nobody is interested: the requester learns it at once, on its own reply subject. */
  private answerNobody(request: Message): void {
    const { interest } = this.session.account
    const { plain } = interest.route(request.reply, request.replyStart, request.replyEnd)
    for (let i = 0; i < plain.length; i++) {
      if (plain[i].receiver !== this.session) continue
      sendNoResponders(request, plain[i], this.output)
      return
    }
  }

  private write(bytes: Buffer): void {
    const { output, session } = this
    if (session.isClosed) return
    output.reserve(bytes.length)
    output.length = copyBytes(bytes, 0, bytes.length, output.buffer, output.length)
    session.checkPending(output.pendingBytes, session)
  }
}

/** What CONNECT leaves empty is what the cookies say. */
function withCookies(options: ConnectOptions, { cookies }: Peer): ConnectOptions {
  if (cookies === undefined) return options
  const { jwt, user, pass, auth_token } = cookies
  return {
    ...options,
    jwt: options.jwt || jwt,
    user: options.user || user,
    pass: options.pass || pass,
    auth_token: options.auth_token || auth_token,
  }
}

const OK = Buffer.from('+OK\r\n')
const PING = Buffer.from('PING\r\n')
const PONG = Buffer.from('PONG\r\n')
