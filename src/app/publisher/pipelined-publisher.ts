/**
 * Publishes to streams with many messages on their way: one wildcard inbox for all acknowledgements, a token and a
 * promise per message, one coarse timer for all time-outs. On the official client's public API.
 */
import type { PubAck } from '@nats-io/jetstream'
import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Payload,
  type Subscription,
} from '@nats-io/nats-core'
import { asContrailError } from '../client-errors.ts'
import { ContrailError, PublishRefusedError } from '../errors.ts'

export interface PublisherLimits {
  /** Messages on their way, without an answer; others wait for their turn. Default: 4096. */
  maxInFlight?: number
  /** Messages that may wait for their turn; then publishing fails. Default: 65,536. */
  maxWaiting?: number
  /** Bytes on their way and waiting; then publishing fails. Default: 64 MiB. */
  maxBytes?: number
}

interface Pending {
  readonly subject: string
  readonly payload: Payload
  readonly headers: MsgHdrs | undefined
  readonly bytes: number
  readonly deadline: number
  /** It has a message id: sent twice it is stored once. */
  readonly repeatable: boolean
  readonly resolve: (ack: PubAck) => void
  readonly reject: (error: Error) => void
  /** Not to be sent again before; 0: nothing to repeat. */
  repeatAt: number
  /** It has not been sent: there was no connection. */
  isUnsent: boolean
  /** The last answer, where it says to ask again. */
  refused: ContrailError | null
  /** The last answer was that nobody listens. */
  isUnheard: boolean
  /** How often it was sent. */
  sent: number
}

const DEFAULT_MAX_IN_FLIGHT = 4096
const DEFAULT_MAX_WAITING = 65_536
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024
/** How exact time-outs and repetitions are. */
const TICK_MS = 100
/** When nobody answered for the subject: a stream may be about to come, or a cluster to elect. */
const REPEAT_AFTER_MS = 250
/** The same message id is on its way through a cluster already: what became of it is known a moment later. */
const DUPLICATE_IN_PROCESS = 10158
const REPEAT_DUPLICATE_AFTER_MS = 50
/** When nobody answered at all, what is stored only once is sent again after so long, then after twice as long: a leader may have died with it. */
const REPEAT_LOST_MS = 2000

const NO_RESPONDERS = 503

type Answer = PubAck & { error?: { err_code: number; description: string } }

/** A stream's answer; null: it is none. */
function ackOf(message: Msg): Answer | null {
  try {
    const answer: Answer | null = JSON.parse(message.string())
    const isStreams = typeof answer?.stream === 'string' || typeof answer?.error?.err_code === 'number'
    return isStreams ? answer : null
  } catch {
    return null
  }
}

export class PipelinedPublisher {
  readonly #nc: NatsConnection
  readonly #prefix: string
  readonly #inbox: Subscription
  readonly #pending = new Map<string, Pending>()
  #waiting: Pending[] = []
  #waitingHead = 0
  #bytes = 0
  #serial = 0
  #isConnected = true
  #isClosed = false
  /** Publications that were rejected. */
  failed = 0
  #timer: NodeJS.Timeout | undefined
  #idle: Array<() => void> = []
  readonly #maxInFlight: number
  readonly #maxWaiting: number
  readonly #maxBytes: number

  constructor(nc: NatsConnection, limits: PublisherLimits = {}) {
    this.#nc = nc
    this.#maxInFlight = limits.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT
    this.#maxWaiting = limits.maxWaiting ?? DEFAULT_MAX_WAITING
    this.#maxBytes = limits.maxBytes ?? DEFAULT_MAX_BYTES
    this.#prefix = `${createInbox()}.`
    this.#inbox = nc.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error !== null)
          this.#rejectAll(asContrailError(error, 'Acknowledgements can not be received', false))
        else this.#answered(message)
      },
    })
  }

  /** Messages without an answer. */
  get unanswered(): number {
    return this.#pending.size + this.#waiting.length - this.#waitingHead
  }

  /**
   * Rejects with PublishRefusedError (the server's error), ContrailError NO_RESPONDERS (no stream takes the subject),
   * PUBLISH_TIMEOUT, PUBLISH_BUFFER_FULL.
   */
  publish(
    subject: string,
    payload: Payload,
    headers: MsgHdrs | undefined,
    timeoutMs: number,
    repeatable: boolean,
  ): Promise<PubAck> {
    if (this.#isClosed) {
      const sentence = `Publishing to "${subject}": the app has stopped.`
      return Promise.reject(new ContrailError('STOPPED', sentence))
    }
    return new Promise((resolve, reject) => {
      const bytes = payload.length
      if (
        this.#waiting.length - this.#waitingHead >= this.#maxWaiting ||
        (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes)
      ) {
        this.failed++
        reject(
          new ContrailError(
            'PUBLISH_BUFFER_FULL',
            `Publishing to "${subject}": ${this.unanswered} messages (${this.#bytes} bytes) wait for their acknowledgement already.`,
          ),
        )
        return
      }
      const deadline = performance.now() + timeoutMs
      this.#bytes += bytes
      const one = {
        subject,
        payload,
        headers,
        bytes,
        deadline,
        repeatable,
        resolve,
        reject,
        repeatAt: 0,
        isUnsent: false,
        refused: null,
        isUnheard: false,
        sent: 0,
      }
      if (this.#pending.size < this.#maxInFlight) this.#send(one)
      else this.#waiting.push(one)
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS)
    })
  }

  /** The server says that this connection may not publish there. */
  notPermitted(subject: string, reason: Error): void {
    for (const [token, one] of [...this.#pending]) {
      if (one.subject !== subject) continue
      this.#end(token, one)
      this.#reject(one, asContrailError(reason, `Publishing to "${subject}" is not permitted`, false))
    }
  }

  /** What is published from now on waits for the connection: the client would throw it away. */
  disconnected(): void {
    this.#isConnected = false
  }

  /** What waited is sent; and again what may not have arrived, where it is stored only once. */
  reconnected(): void {
    this.#isConnected = true
    const now = performance.now()
    for (const one of this.#pending.values()) if (one.isUnsent || one.repeatable) one.repeatAt = now
    this.#tick()
  }

  /** Resolves when all has been answered. */
  flush(): Promise<void> {
    if (this.unanswered === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** What is not answered is rejected. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    if (!this.#nc.isClosed()) this.#inbox.unsubscribe()
    this.#rejectAll(new ContrailError('STOPPED', 'The message was not acknowledged before the end.'))
  }

  #send(one: Pending): void {
    const token = (this.#serial++).toString(36)
    this.#pending.set(token, one)
    one.isUnsent = !this.#isConnected
    one.repeatAt = one.repeatable && !one.isUnsent ? performance.now() + REPEAT_LOST_MS * 2 ** one.sent : 0
    if (one.isUnsent) return
    one.sent++
    try {
      this.#nc.publish(one.subject, one.payload, { reply: this.#prefix + token, headers: one.headers })
    } catch (thrown) {
      this.#end(token, one)
      this.#reject(
        one,
        asContrailError(thrown, `Publishing ${one.bytes} bytes to "${one.subject}" failed`, false),
      )
    }
  }

  #answered(message: Msg): void {
    const token = message.subject.slice(this.#prefix.length)
    const one = this.#pending.get(token)
    if (one === undefined) return
    if (message.headers?.code === NO_RESPONDERS) {
      // No stream listens (yet).
      one.isUnheard = true
      one.repeatAt = performance.now() + REPEAT_AFTER_MS
      return
    }
    const ack = ackOf(message)
    if (ack === null) {
      // Somebody who listens there answered first: the stream's own answer is still to come.
      one.refused = new ContrailError(
        'PUBLISH_TIMEOUT',
        `Publishing to "${one.subject}" was answered by somebody who is no stream, and not acknowledged in time.`,
      )
      return
    }
    if (ack.error === undefined) {
      this.#end(token, one)
      one.resolve(ack)
      return
    }
    const { err_code: errorCode, description } = ack.error
    const refused = new PublishRefusedError(one.subject, errorCode, description)
    if (errorCode === DUPLICATE_IN_PROCESS && one.repeatable) {
      one.refused = refused
      one.repeatAt = performance.now() + REPEAT_DUPLICATE_AFTER_MS
      return
    }
    this.#end(token, one)
    this.#reject(one, refused)
  }

  #end(token: string, one: Pending): void {
    this.#pending.delete(token)
    this.#bytes -= one.bytes
    if (this.#waitingHead < this.#waiting.length) {
      const next = this.#waiting[this.#waitingHead]
      this.#waiting[this.#waitingHead++] = undefined as unknown as Pending
      if (this.#waitingHead > 1024 && this.#waitingHead * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#waitingHead)
        this.#waitingHead = 0
      }
      this.#send(next)
    } else if (this.#idle.length > 0 && this.#pending.size === 0) this.#tellIdle()
  }

  #tick(): void {
    const now = performance.now()
    // What is sent again gets a new token at the end of the map: `entries` is taken first.
    for (const [token, one] of [...this.#pending]) {
      if (one.deadline <= now) {
        this.#end(token, one)
        this.#reject(one, one.refused ?? this.#lateness(one))
      } else if (this.#isConnected && one.repeatAt > 0 && one.repeatAt <= now) {
        one.isUnheard = false
        one.refused = null
        this.#pending.delete(token)
        this.#send(one)
      }
    }
    while (this.#waitingHead < this.#waiting.length && this.#waiting[this.#waitingHead].deadline <= now) {
      const one = this.#waiting[this.#waitingHead++]
      this.#bytes -= one.bytes
      this.#reject(
        one,
        new ContrailError('PUBLISH_TIMEOUT', `Publishing to "${one.subject}" did not get its turn in time.`),
      )
    }
    if (this.#pending.size === 0 && this.#waitingHead === this.#waiting.length) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #lateness(one: Pending): ContrailError {
    return one.isUnheard && this.#isConnected
      ? new ContrailError('NO_RESPONDERS', `No stream takes "${one.subject}".`)
      : new ContrailError('PUBLISH_TIMEOUT', `Publishing to "${one.subject}" was not acknowledged in time.`)
  }

  #reject(one: Pending, error: Error): void {
    this.failed++
    one.reject(error)
  }

  #rejectAll(error: Error): void {
    const all = [...this.#pending.values(), ...this.#waiting.slice(this.#waitingHead)]
    this.#pending.clear()
    this.#waiting = []
    this.#waitingHead = 0
    this.#bytes = 0
    for (const one of all) this.#reject(one, error)
    this.#tellIdle()
  }

  #tellIdle(): void {
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }
}
