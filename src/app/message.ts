/** A message as handlers see it: one kind for core NATS and for streams. */
import type { Msg, MsgHdrs } from '@nats-io/nats-core'
import { ContrailError, reasonOf } from './errors.ts'
import { type Duration, NS_PER_MS, toMs } from './units.ts'

const ACK = new TextEncoder().encode('+ACK')
const NAK = new TextEncoder().encode('-NAK')
const WORKING = new TextEncoder().encode('+WPI')
const CONFIRM_TIMEOUT_MS = 5000

/** What became of a message. 'open': nothing yet. */
export type Settlement = 'open' | 'acked' | 'nacked' | 'termed'

/** Where acknowledgements go out; the part of a connection that a message needs. */
export interface AckSender {
  /** A message was settled. */
  settled?(as: Settlement): void
  publish(subject: string, payload: Uint8Array | string): void
  request(subject: string, payload: Uint8Array | string, options: { timeout: number }): Promise<unknown>
}

/** A message. On core NATS the acknowledging methods do nothing, so that one handler serves both. */
export class Message {
  protected readonly raw: Msg
  /** What became of it. A message of core NATS stays 'open'. */
  settlement: Settlement = 'open'
  /** Headers of the answer to a request, or of what `returns` publishes: the handler's and middleware's to set. */
  replyHeaders: Record<string, string> | undefined = undefined
  /** @internal Its handler failed and is to have it again, here, after so long; null: no. */
  againInMs: number | null = null

  constructor(raw: Msg) {
    this.raw = raw
  }

  get subject(): string {
    return this.raw.subject
  }

  /** The payload as it came. */
  get data(): Uint8Array {
    return this.raw.data
  }

  get headers(): MsgHdrs | undefined {
    return this.raw.headers
  }

  /** The first value of a header, or undefined. Names are compared as written. */
  header(name: string): string | undefined {
    const headers = this.raw.headers
    return headers?.has(name) ? headers.get(name) : undefined
  }

  /** Where an answer is awaited; undefined when nobody asks. */
  get replyTo(): string | undefined {
    return this.raw.reply || undefined
  }

  /** `Nats-Msg-Id`, if the publisher gave one; else, on a stream, `STREAM:sequence`. */
  get id(): string | undefined {
    return this.header('Nats-Msg-Id')
  }

  text(): string {
    return this.raw.string()
  }

  json<T = unknown>(): T {
    return this.raw.json<T>()
  }

  /** Done with it: the consumer will not deliver it again. */
  ack(): void {}

  /**
   * The same, and resolves to true once the server has it on disk, to false when it was settled before. It counts as
   * settled when that is known. @throws ContrailError ACK_NOT_CONFIRMED: it may come again, after ack wait
   */
  async ackConfirmed(): Promise<boolean> {
    return false
  }

  /** Deliver it again, at once or after `delay`. */
  nack(_delay?: Duration): void {}

  /** Never deliver it again; `reason` is in the advisory. */
  term(_reason?: string): void {}

  /** Still working: ack wait begins again. */
  working(): void {}
}

/** A message of a stream. */
export class StreamMessage extends Message {
  readonly #sender: AckSender
  readonly #noAck: boolean
  #confirming: Promise<boolean> | null = null
  /** @internal How often its handler has had it again without a new delivery. */
  againHere = 0
  #info: string[] | null = null

  /** @param noAck the consumer's ack policy is none: acknowledging is for the framework's books only */
  constructor(raw: Msg, sender: AckSender, noAck: boolean) {
    super(raw)
    this.#sender = sender
    this.#noAck = noAck
  }

  get stream(): string {
    return this.#field(0)
  }

  get consumer(): string {
    return this.#field(1)
  }

  /** How often it has been delivered, this time included; that its handler has it again counts like a delivery. */
  get deliveries(): number {
    return Number(this.#field(2)) + this.againHere
  }

  /** @internal Times that a handler failed with it before this delivery; null: not looked up. */
  failedBefore: number | null = null
  /** @internal Times that a handler had begun with it before, and nobody knows how it ended. */
  begunBefore = 0
  /** @internal What its last failure was. */
  failure: string | undefined
  /** @internal Something is written down of its tries. */
  isCounted = false
  /** @internal It is written down that a handler began with it this time. */
  isMarked = false
  /** @internal It is in a handler, where that is looked at (`Solitude`). */
  isInside = false
  /** @internal What its last try failed with: given up, but its letter is not stored yet. */
  givenUp: { readonly thrown: unknown } | null = null

  /**
   * Which try of a handler this is: 1 for the first. Unlike `deliveries` it does not count what was taken ahead and given
   * back; without `retry.attempts` it does, since nothing is written down then.
   */
  get tries(): number {
    return (this.failedBefore ?? Number(this.#field(2)) - 1) + this.againHere + 1
  }

  /** Nanoseconds since the epoch when the stream took it, as the server writes them. */
  get timestamp(): string {
    return this.#field(5)
  }

  /** Sequence in the stream. */
  get seq(): number {
    return Number(this.#field(3))
  }

  /** Sequence of this delivery in the consumer. */
  get deliverySeq(): number {
    return Number(this.#field(4))
  }

  /** When the stream took it. */
  get time(): Date {
    return new Date(Math.floor(Number(this.#field(5)) / NS_PER_MS))
  }

  /** How many messages the consumer has still to deliver after this one. */
  get pending(): number {
    return Number(this.#field(6))
  }

  override get id(): string {
    return super.id ?? `${this.stream}:${this.seq}`
  }

  /** A reply subject on a stream is the consumer's: nobody awaits an answer. */
  override get replyTo(): undefined {
    return undefined
  }

  override ack(): void {
    this.#settle('acked', ACK)
  }

  override ackConfirmed(): Promise<boolean> {
    if (this.settlement !== 'open') return Promise.resolve(false)
    this.#confirming ??= this.#confirm()
    return this.#confirming
  }

  async #confirm(): Promise<boolean> {
    try {
      if (!this.#noAck) await this.#sender.request(this.raw.reply ?? '', ACK, { timeout: CONFIRM_TIMEOUT_MS })
    } catch (thrown) {
      this.#confirming = null
      const which = `Message ${this.seq} of the stream "${this.stream}" (consumer "${this.consumer}")`
      throw new ContrailError('ACK_NOT_CONFIRMED', `${which} was acknowledged: ${reasonOf(thrown)}.`, {
        cause: thrown,
      })
    }
    if (this.settlement !== 'open') return false
    this.settlement = 'acked'
    this.#sender.settled?.('acked')
    return true
  }

  override nack(delay?: Duration): void {
    const delayMs = delay === undefined ? 0 : toMs(delay, 'nack delay')
    this.#settle('nacked', delayMs === 0 ? NAK : `-NAK {"delay":${Math.round(delayMs * NS_PER_MS)}}`)
  }

  override term(reason?: string): void {
    this.#settle('termed', reason ? `+TERM ${oneLine(reason)}` : '+TERM')
  }

  override working(): void {
    if (this.settlement === 'open' && !this.#noAck) this.#sender.publish(this.raw.reply ?? '', WORKING)
  }

  #settle(as: Settlement, payload: Uint8Array | string): void {
    if (this.settlement !== 'open') return
    this.settlement = as
    this.#sender.settled?.(as)
    if (!this.#noAck) this.#sender.publish(this.raw.reply ?? '', payload)
  }

  /** Field of the ack subject, from the stream's name on: $JS.ACK[.domain.account hash].stream.consumer.… (ADR-15). */
  #field(index: number): string {
    this.#info ??= (this.raw.reply ?? '').split('.')
    return this.#info[this.#info.length >= LONG_FORM_TOKENS ? index + 4 : index + 2] ?? ''
  }
}

const LONG_FORM_TOKENS = 11
const MAX_REASON_LENGTH = 1024

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, MAX_REASON_LENGTH)
}
