/** Asks a pull consumer for messages, so many that never more than a window are held; and notices when nobody answers. */
import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/nats-core'
import { NS_PER_MS } from '../units.ts'
import type { MessageSource, MessageSourceOwner } from './source.ts'

/** How long requests wait, and how often the server says that it is there meanwhile. */
export interface PullTimes {
  readonly expiresMs: number
  /** 0: never. */
  readonly heartbeatMs: number
}

/** What a consumer's configuration allows a request. */
export interface PullLimits {
  /** Messages; 0 or less: no limit. */
  readonly maxBatch: number
  /** How long it waits; 0: no limit. */
  readonly maxExpiresMs: number
}

export const NO_PULL_LIMITS: PullLimits = { maxBatch: 0, maxExpiresMs: 0 }
export const DEFAULT_PULL_TIMES: PullTimes = { expiresMs: 30_000, heartbeatMs: 5000 }
/** Where time passes by leaps there is nothing to be heard meanwhile. */
export const LEAPING_PULL_TIMES: PullTimes = { expiresMs: 10 * 365 * 86_400_000, heartbeatMs: 0 }
const CHECK_MS = 5000
const MISSED_HEARTBEATS = 2
/** More are asked for when less than this part of the window is on its way. */
const REFILL_PART = 0.5
const RETRY_MS = 250

export class PullLoop implements MessageSource {
  readonly #nc: NatsConnection
  readonly #owner: MessageSourceOwner
  readonly #subject: string
  readonly #times: PullTimes
  readonly #maxBatch: number
  #inbox: Subscription | null = null
  #outstanding = 0
  #heardAt = 0
  #monitor: NodeJS.Timeout | undefined
  #isReviving = false
  #revivals = 0
  #revivedAt = Number.NEGATIVE_INFINITY
  #isPaused = false
  #serial = 0

  /**
   * @param subject where the consumer takes requests, `$JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>`
   */
  constructor(
    nc: NatsConnection,
    subject: string,
    owner: MessageSourceOwner,
    times: PullTimes = DEFAULT_PULL_TIMES,
    { maxBatch, maxExpiresMs }: PullLimits = NO_PULL_LIMITS,
  ) {
    this.#times = maxExpiresMs > 0 && maxExpiresMs < times.expiresMs ? within(times, maxExpiresMs) : times
    this.#maxBatch = maxBatch > 0 ? maxBatch : Number.POSITIVE_INFINITY
    this.#nc = nc
    this.#subject = subject
    this.#owner = owner
  }

  start(): void {
    this.#listen()
    this.#heardAt = performance.now()
    this.#monitor = setInterval(() => this.#check(), this.#times.heartbeatMs || CHECK_MS)
    this.#monitor.unref()
    this.refill()
  }

  /** Messages asked for that have not come yet. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** Asks for more if there is room for a good part of the window. */
  refill(): void {
    if (this.#isPaused || this.#isReviving || this.#inbox === null) return
    const space = Math.min(this.#maxBatch, this.#owner.space() - this.#outstanding)
    if (space < 1 || this.#outstanding > this.#owner.allowed * REFILL_PART) return
    this.#outstanding += space
    const { expiresMs, heartbeatMs } = this.#times
    const heartbeat = heartbeatMs === 0 ? '' : `,"idle_heartbeat":${heartbeatMs * NS_PER_MS}`
    this.#nc.publish(this.#subject, `{"batch":${space},"expires":${expiresMs * NS_PER_MS}${heartbeat}}`, {
      reply: this.#inbox.getSubject(),
    })
  }

  /** The connection came back: the server has forgotten what was asked for. */
  reconnected(): void {
    this.#outstanding = 0
    this.#heardAt = performance.now()
    void this.#revive('the connection came back', true)
  }

  /** Asks no more; resolves when all that the server had sent has been handed over. */
  async pause(isConnected: boolean): Promise<void> {
    this.#isPaused = true
    clearInterval(this.#monitor)
    const inbox = this.#inbox
    this.#inbox = null
    if (inbox === null) return
    if (isConnected) await inbox.drain().catch(() => {})
    else inbox.unsubscribe()
  }

  /** Asks again, under a new inbox: what comes to the old one is from before. */
  #listen(): void {
    const serial = ++this.#serial
    this.#inbox?.unsubscribe()
    this.#outstanding = 0
    this.#inbox = this.#nc.subscribe(createInbox(), {
      callback: (error, raw) => {
        if (error !== null) void this.#revive(error.message)
        else if (serial === this.#serial) this.#receive(raw)
      },
    })
  }

  #receive(raw: Msg): void {
    this.#heardAt = performance.now()
    // A status has no reply subject; a message always has one: its ack subject.
    if (raw.reply) {
      if (this.#outstanding > 0) this.#outstanding--
      this.#owner.message(raw)
      this.refill()
      return
    }
    const code = raw.headers?.code ?? 0
    if (code === 100) return
    const left = Number(raw.headers?.get('Nats-Pending-Messages') || 0)
    this.#outstanding = Math.max(0, this.#outstanding - left)
    const why = raw.headers?.description ?? ''
    if (code === 503 || (code === 409 && left === 0) || code === 400) void this.#revive(`${code} ${why}`)
    else this.refill()
  }

  #check(): void {
    if (this.#outstanding === 0) {
      this.refill()
      return
    }
    const { heartbeatMs } = this.#times
    if (heartbeatMs > 0 && performance.now() - this.#heardAt > heartbeatMs * (MISSED_HEARTBEATS + 0.5)) {
      void this.#revive('heartbeats are missing')
    }
  }

  /** @param anew begins again where one is under way: what that one asked for went with the old connection */
  async #revive(why: string, anew = false): Promise<void> {
    if ((this.#isReviving && !anew) || this.#isPaused) return
    this.#isReviving = true
    const revival = ++this.#revivals
    try {
      await this.#owner.revive(why)
      // All is well there, and yet it refuses us: not as fast as it can answer.
      if (performance.now() - this.#revivedAt < RETRY_MS) await pause(RETRY_MS)
    } catch {
      await pause(RETRY_MS)
    }
    this.#revivedAt = performance.now()
    if (revival !== this.#revivals) return
    this.#isReviving = false
    if (this.#isPaused || this.#nc.isClosed()) return
    this.#heardAt = performance.now()
    this.#listen()
    this.refill()
  }
}

/** A request's heartbeat may take half of its time at most. */
function within({ heartbeatMs }: PullTimes, expiresMs: number): PullTimes {
  return { expiresMs, heartbeatMs: Math.min(heartbeatMs, Math.floor(expiresMs / 2)) }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
