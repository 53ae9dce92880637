import type { Clock, Timer } from '../ports/index.ts'
import { Account } from './account.ts'
import { type Authenticator, openAuthenticator } from './authenticator.ts'
import type { Connection } from './connection.ts'
import { type CoreLimits, DEFAULT_LIMITS } from './limits.ts'
import { Turn } from './turn.ts'

export type LogLevel = 'debug' | 'error' | 'info' | 'trace' | 'warn'

export interface BusOptions {
  clock: Clock
  limits?: Partial<CoreLimits>
  authenticator?: Authenticator
  /** Fields of INFO that are the same for every client. */
  info?: Record<string, unknown>
  log?: (level: LogLevel, text: string) => void
}

/** How often connections are looked after (pings, deadlines). */
const CARE_MS = 500

/** The message bus of one server: its accounts, its connections and what is counted over all of them. */
export class Bus {
  readonly turn = new Turn()
  readonly clock: Clock
  readonly limits: CoreLimits
  readonly authenticator: Authenticator
  readonly accounts = new Map<string, Account>()
  readonly connections = new Map<number, Connection>()
  /** Fields of INFO that are the same for every client. */
  readonly info: Record<string, unknown>
  readonly log: (level: LogLevel, text: string) => void
  readonly startedMs: number
  inMessages = 0
  outMessages = 0
  inBytes = 0
  outBytes = 0
  slowConsumers = 0
  staleConnections = 0
  totalConnections = 0
  subscriptions = 0
  /** Set while the store can't take more: whoever publishes is paused. */
  private paused = false
  private lastId = 0
  private care: Timer | null = null
  isClosed = false

  constructor(options: BusOptions) {
    this.clock = options.clock
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.authenticator = options.authenticator ?? openAuthenticator
    this.info = options.info ?? {}
    this.log = options.log ?? (() => {})
    this.startedMs = this.clock.now()
    this.account('$G')
    this.account('$SYS')
  }

  account(name: string): Account {
    let account = this.accounts.get(name)
    if (account === undefined) {
      account = new Account(name, this)
      this.accounts.set(name, account)
    }
    return account
  }

  /** Takes a new connection in; returns its id. Called by `Connection`. */
  admit(connection: Connection): number {
    const id = ++this.lastId
    this.connections.set(id, connection)
    this.totalConnections++
    if (this.paused) connection.pause()
    if (this.care === null) this.scheduleCare()
    return id
  }

  /** Stops reading from clients until `resumeReading`: what they sent is to be stored first. */
  pauseReading(): void {
    if (this.paused) return
    this.paused = true
    for (const connection of this.connections.values()) connection.pause()
  }

  resumeReading(): void {
    if (!this.paused) return
    this.paused = false
    for (const connection of this.connections.values()) connection.resume()
  }

  /** Closes every connection. */
  close(): void {
    this.isClosed = true
    this.care?.clear()
    this.care = null
    this.turn.drain()
    for (const connection of [...this.connections.values()]) connection.close('Server Shutdown')
  }

  private scheduleCare(): void {
    this.care = this.clock.setTimer(() => {
      this.care = null
      const nowMs = this.clock.now()
      for (const connection of this.connections.values()) connection.tend(nowMs)
      if (this.connections.size > 0 && !this.isClosed) this.scheduleCare()
    }, CARE_MS)
  }
}
