import type { Clock, Timer } from '../ports/index.ts'
import { Account } from './account.ts'
import { type Authenticator, openAuthenticator } from './authenticator.ts'
import { CloseReason } from './close-reason.ts'
import { type CoreLimits, DEFAULT_LIMITS } from './limits.ts'
import type { LogLevel } from './log.ts'
import type { Peer } from './origin.ts'
import type { Transport } from './output.ts'
import { ClientProtocol, type LoginObserver, type ProtocolHost } from './protocol.ts'
import type { Session } from './session.ts'
import { Traffic } from './traffic.ts'
import { Turn } from './turn.ts'

export interface BusOptions {
  clock: Clock
  limits?: Partial<CoreLimits>
  authenticator?: Authenticator
  /** Name of the account for the server's own services. Default: `$SYS`. */
  systemAccount?: string
  /** Fields of INFO that are the same for every client. */
  info?: Record<string, unknown>
  log?: (level: LogLevel, text: string) => void
  /** Gets what is thrown where nobody could catch it: a fault of the program. Default: it is thrown. */
  onFault?: (thrown: unknown) => void
}

/** How often connections are looked after (pings, deadlines), at most and at least. */
const CARE_MS = 500
const MIN_CARE_MS = 5

/** The message bus of one server: its accounts, its connections and what is counted over all of them. */
export class Bus implements ProtocolHost {
  readonly turn: Turn
  /** For promises that nobody waits for, and the like. */
  readonly fault: (thrown: unknown) => void
  readonly clock: Clock
  readonly limits: CoreLimits
  authenticator: Authenticator
  readonly systemAccount: string
  readonly accounts = new Map<string, Account>()
  /** Clients that are connected, by their ids. */
  readonly connections = new Map<number, Session>()
  /** Fields of INFO that are the same for every client. */
  readonly info: Record<string, unknown>
  readonly log: (level: LogLevel, text: string) => void
  readonly startedMs: number
  /** Told when a client is known, and when one is refused for what it has shown. */
  observer: LoginObserver | null = null
  slowConsumers = 0
  staleConnections = 0
  totalConnections = 0
  /** Whose bytes are being worked on; null: nobody's. */
  sender: Session | null = null
  /** Set while the store can't take more: nobody is read from. */
  private paused = false
  /** The same, while it is only those who publish to it. */
  private readonly pausedSenders = new Set<Session>()
  private readonly accountListeners: ((account: Account) => void)[] = []
  private lastId = 0
  private care: Timer | null = null
  private careMs: number
  isClosed = false

  constructor(options: BusOptions) {
    this.turn = new Turn(options.onFault ?? null)
    this.fault =
      options.onFault ??
      ((thrown) => {
        throw thrown
      })
    this.clock = options.clock
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.authenticator = options.authenticator ?? openAuthenticator
    this.systemAccount = options.systemAccount ?? '$SYS'
    this.info = options.info ?? {}
    this.log = options.log ?? (() => {})
    this.startedMs = this.clock.now()
    this.careMs = careMs(this.limits)
    this.account('$G')
    this.account(this.systemAccount)
  }

  get serverName(): string {
    return `${this.info.server_name ?? ''}`
  }

  /** Messages and bytes that clients, those that are gone included, have published and got. */
  get inMessages(): number {
    return this.traffic().inMessages
  }

  get inBytes(): number {
    return this.traffic().inBytes
  }

  get outMessages(): number {
    return this.traffic().outMessages
  }

  get outBytes(): number {
    return this.traffic().outBytes
  }

  /** Subscriptions of clients, and of the server itself. */
  get subscriptions(): number {
    let sum = 0
    for (const { interest } of this.accounts.values()) sum += interest.size
    return sum
  }

  traffic(): Traffic {
    const sum = new Traffic()
    for (const account of this.accounts.values()) sum.add(account.traffic())
    return sum
  }

  account(name: string): Account {
    let account = this.accounts.get(name)
    if (account === undefined) {
      account = new Account(name, this)
      this.accounts.set(name, account)
      for (const listener of this.accountListeners) listener(account)
    }
    return account
  }

  /** Told of every account, those that are there first. */
  onAccount(listener: (account: Account) => void): void {
    for (const account of this.accounts.values()) listener(account)
    this.accountListeners.push(listener)
  }

  /** Takes a new client in, by the transport it has come. What arrives is given to the protocol that is returned. */
  connect(transport: Transport, peer: Peer): ClientProtocol {
    const { maxConnections } = this.limits
    const isFull = maxConnections > 0 && this.connections.size >= maxConnections
    const protocol = new ClientProtocol(this, ++this.lastId, transport, peer)
    const { session } = protocol
    this.connections.set(session.id, session)
    this.totalConnections++
    if (this.paused) session.pause()
    if (this.care === null) this.scheduleCare()
    protocol.begin(isFull)
    return protocol
  }

  /** A client has gone. Called by its session. */
  dismiss(session: Session): void {
    this.connections.delete(session.id)
    this.observer?.left(session)
  }

  /** Stops reading from clients until `resumeReading`: what they sent is to be stored first. */
  pauseReading(): void {
    if (this.paused) return
    this.paused = true
    for (const connection of this.connections.values()) connection.pause()
  }

  /** Stops reading from whom what is being worked on has come, until `resumeReading`; others go on. */
  pauseSender(): void {
    const { sender } = this
    if (sender === null || sender.isClosed || this.pausedSenders.has(sender)) return
    this.pausedSenders.add(sender)
    sender.pause()
  }

  resumeReading(): void {
    for (const connection of this.pausedSenders) connection.resume()
    this.pausedSenders.clear()
    if (!this.paused) return
    this.paused = false
    for (const connection of this.connections.values()) connection.resume()
  }

  /** Sends INFO again, because something in it has changed, to every client that takes it at any time. */
  announceInfo(): void {
    for (const connection of this.connections.values()) connection.announceInfo()
  }

  /** Other limits hold from now on, for the clients there are too. Those that are too many now are cut off, the latest first. */
  changeLimits(limits: Partial<CoreLimits>): void {
    Object.assign(this.limits, limits)
    this.careMs = careMs(this.limits)
    const { maxConnections } = this.limits
    const connections = [...this.connections.values()]
    for (const connection of connections) connection.limitsChanged()
    if (maxConnections <= 0) return
    for (const connection of connections.slice(maxConnections))
      connection.refuse('maximum connections exceeded', CloseReason.maxConnections)
  }

  /** Somebody else decides from now on who may connect, and whether those who are there may stay. */
  changeAuthenticator(authenticator: Authenticator): void {
    this.authenticator = authenticator
    for (const connection of [...this.connections.values()]) connection.recheckLogin()
  }

  /** Tells clients to go elsewhere (INFO with `ldm`), before the server ends. */
  announceLameDuck(): void {
    this.info.ldm = true
    this.announceInfo()
    delete this.info.ldm
  }

  /** Closes every connection. */
  close(): void {
    this.isClosed = true
    this.care?.clear()
    this.care = null
    this.turn.drain()
    for (const connection of [...this.connections.values()]) connection.close(CloseReason.serverShutdown)
  }

  /** Ends at once: no task of a turn runs any more, and connections go without a word. */
  abandon(): void {
    this.isClosed = true
    this.care?.clear()
    this.turn.stop()
    for (const connection of [...this.connections.values()]) {
      try {
        connection.close(CloseReason.serverShutdown, false)
      } catch {
        // Whatever state it is in: its transport ends it.
      }
    }
  }

  private scheduleCare(): void {
    this.care = this.clock.setTimer(this.onCare, this.careMs)
  }

  private readonly onCare = (): void => {
    this.care = null
    const nowMs = this.clock.now()
    for (const connection of this.connections.values()) connection.tend(nowMs)
    if (this.connections.size > 0 && !this.isClosed) this.scheduleCare()
  }
}

function careMs({ pingIntervalMs, writeDeadlineMs, authTimeoutMs }: CoreLimits): number {
  const shortest = Math.min(...[pingIntervalMs, writeDeadlineMs, authTimeoutMs].filter((ms) => ms > 0))
  return Math.max(MIN_CARE_MS, Math.min(CARE_MS, shortest / 8))
}
