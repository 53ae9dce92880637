/** A subscription on a stream: pulls, hands over, acknowledges as its mode says. */
import type { ConsumerConfig, ConsumerInfo } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/nats-core'
import type { CodecOption } from '../codec.ts'
import type { Delivery } from '../delivery.ts'
import { reasonOf } from '../errors.ts'
import { type AckSender, type Message, StreamMessage } from '../message.ts'
import type { Runtime } from '../runtime.ts'
import type { Schema } from '../schema.ts'
import type { SubjectPattern } from '../subject-pattern.ts'
import { type Owner, Subscription } from '../subscription.ts'
import { DeadLetters } from './dead-letters.ts'
import {
  type AckMode,
  type ConsumeOptions,
  consumerConfig,
  DEFAULT_ACK_WAIT_MS,
  DEFAULT_MAX_IN_FLIGHT,
} from './options.ts'
import { PullLoop, type PullLoopOwner } from './pull-loop.ts'
import { RetryPolicy } from './retry.ts'

const NS_PER_MS = 1_000_000
/** In-progress is said when this part of ack wait has gone by. */
const WORKING_PART = 3

export class StreamConsumer<Deps extends object = object, Params extends object = object>
  extends Subscription<Deps, Params, StreamMessage>
  implements PullLoopOwner
{
  readonly stream: string
  readonly #options: ConsumeOptions<Schema | undefined, CodecOption | undefined>
  readonly #config: Partial<ConsumerConfig>
  readonly #mode: AckMode
  readonly #retry: RetryPolicy
  readonly #window: number
  readonly #held = new Set<Delivery>()
  #deadLetters: DeadLetters | null = null
  #loop: PullLoop | null = null
  #sender: AckSender | null = null
  #name = ''
  #keepAlive: NodeJS.Timeout | undefined
  #ackWaitMs = DEFAULT_ACK_WAIT_MS
  #forgetConnection: () => void = () => {}
  /** Ordered: where the next consumer begins, and which delivery is the next. */
  #lastSeq = 0
  #lastDeliverySeq = 0

  constructor(
    stream: string,
    patterns: readonly SubjectPattern[],
    options: ConsumeOptions<Schema | undefined, CodecOption | undefined>,
    owner: Owner,
  ) {
    const concurrency = options.concurrency ?? 1
    super(patterns, options, concurrency, owner)
    this.stream = stream
    this.#options = options
    this.#mode = options.ordered ? 'none' : (options.ack ?? 'nack-on-error')
    this.#config = consumerConfig(patterns, options)
    this.#retry = new RetryPolicy(options.retry)
    this.#window = Math.max(options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT, concurrency * 2)
  }

  /** The consumer's name; empty before it was made. */
  get name(): string {
    return this.#name
  }

  get options(): ConsumeOptions<Schema | undefined, CodecOption | undefined> {
    return this.#options
  }

  /** What the server says of the consumer. */
  info(): Promise<ConsumerInfo> {
    return this.runtime().jsm.consumers.info(this.stream, this.#name)
  }

  protected override async open(runtime: Runtime): Promise<void> {
    this.#sender = {
      publish: (subject, payload) => runtime.nc.publish(subject, payload),
      request: (subject, payload, options) => runtime.nc.request(subject, payload, options),
    }
    const made = await this.#make(this.#config)
    this.log = runtime.log.child({ stream: this.stream, consumer: this.#name })
    this.#ackWaitMs = (made.config.ack_wait ?? DEFAULT_ACK_WAIT_MS * NS_PER_MS) / NS_PER_MS
    if (this.#retry.deadLetter !== false) {
      this.#deadLetters = new DeadLetters(this.stream, this.#retry.deadLetter)
      await this.#deadLetters.start(runtime)
    }
    this.#pull()
    this.#forgetConnection = runtime.onConnection((event) => {
      if (event === 'reconnected') this.#loop?.reconnected()
    })
    if (this.#mode !== 'none') {
      this.#keepAlive = setInterval(
        () => this.#sayWorking(),
        Math.max(10, this.#ackWaitMs / WORKING_PART / 2),
      )
      this.#keepAlive.unref()
    }
  }

  protected override async pause(): Promise<void> {
    this.#forgetConnection()
    await this.#loop?.pause()
  }

  protected override async close(): Promise<void> {
    clearInterval(this.#keepAlive)
    this.#loop = null
    this.#held.clear()
    const runtime = this.running
    if (runtime === null || runtime.nc.isClosed()) return
    if (this.#options.durable === undefined) {
      await runtime.jsm.consumers.delete(this.stream, this.#name).catch(() => false)
    }
  }

  /** Others get it at once. */
  protected override giveBack(message: StreamMessage): void {
    message.nack()
  }

  // --- the pull loop's side

  space(): number {
    return this.#window - this.held
  }

  message(raw: Msg): void {
    const message = new StreamMessage(raw, this.#sender as AckSender, this.#mode === 'none')
    if (this.#options.ordered && !this.#isNext(message)) return
    this.take(message)
  }

  async revive(why: string): Promise<void> {
    const runtime = this.runtime()
    const log = this.log ?? runtime.log
    log.debug({ why }, 'looking after the consumer')
    const exists = await runtime.jsm.consumers.info(this.stream, this.#name).then(
      () => true,
      (thrown) => {
        if (/consumer not found|stream not found/.test(reasonOf(thrown))) return false
        throw thrown
      },
    )
    if (exists && !this.#options.ordered) return
    if (this.#options.ordered) {
      if (exists) await runtime.jsm.consumers.delete(this.stream, this.#name).catch(() => false)
      await this.#make(this.#configFromHere())
    } else {
      log.warn({ why }, 'the consumer is gone: making it again')
      await this.#make(this.#config)
    }
    await this.#loop?.pause()
    this.#pull()
  }

  // --- a delivery's side

  protected override entered(delivery: Delivery): void {
    if (this.#mode !== 'none') this.#held.add(delivery)
  }

  override left(delivery: Delivery): void {
    if (this.#mode !== 'none') this.#held.delete(delivery)
  }

  protected override hasSpace(): void {
    this.#loop?.refill()
  }

  override admit(message: Message): boolean {
    if (this.#mode === 'first') message.ack()
    else if (this.#retry.attempts !== Number.POSITIVE_INFINITY) {
      const streamMessage = message as StreamMessage
      // Delivered once too often: whoever had it died with it before it could say so.
      if (streamMessage.deliveries > this.#retry.attempts) {
        void this.#giveUp(streamMessage, new Error('delivered too often without an answer'))
        return false
      }
    }
    return true
  }

  override succeeded(message: Message): Promise<void> | undefined {
    if (this.#mode === 'manual' || this.#mode === 'none') return undefined
    if (this.#options.confirmAcks) return message.ackConfirmed().then(() => {})
    message.ack()
    return undefined
  }

  override failed(message: Message, thrown: unknown): Promise<void> | undefined {
    const streamMessage = message as StreamMessage
    const log = this.logOf(message)
    switch (this.#mode) {
      case 'always':
        log.error({ err: thrown }, 'the handler failed; acknowledged all the same')
        return this.succeeded(message)
      case 'reject-on-error':
        log.error({ err: thrown }, 'the handler failed; the message is rejected')
        if (this.#deadLetters !== null) return this.#giveUp(streamMessage, thrown)
        message.term(reasonOf(thrown))
        return undefined
      case 'nack-on-error': {
        const pause = this.#retry.pauseAfter(streamMessage.deliveries)
        if (pause === null) return this.#giveUp(streamMessage, thrown)
        log.warn(
          { err: thrown, try: streamMessage.deliveries, nextInMs: Math.round(pause) },
          'the handler failed; trying again',
        )
        message.nack(pause)
        return undefined
      }
      default:
        log.error({ err: thrown }, 'the handler failed')
        return undefined
    }
  }

  override unhandled(message: Message): void {
    this.logOf(message).warn('no handler takes this message')
    if (this.#mode !== 'manual') message.ack()
  }

  async #giveUp(message: StreamMessage, thrown: unknown): Promise<void> {
    const log = this.logOf(message)
    try {
      await this.#deadLetters?.take(message, thrown)
      log.error({ err: thrown, try: message.deliveries }, 'the handler failed for the last time')
      message.term(reasonOf(thrown))
    } catch (reason) {
      // Not lost: it stays in the stream and comes back.
      log.error({ err: reason }, 'the dead letter could not be stored; the message will come again')
      message.nack('5s')
    }
  }

  async #make(config: Partial<ConsumerConfig>): Promise<ConsumerInfo> {
    const info = await this.runtime().jsm.consumers.add(this.stream, config)
    this.#name = info.name
    this.#lastDeliverySeq = 0
    return info
  }

  #pull(): void {
    const { nc } = this.runtime()
    this.#loop = new PullLoop(
      nc,
      `$JS.API.CONSUMER.MSG.NEXT.${this.stream}.${this.#name}`,
      this.#window,
      this,
    )
    this.#loop.start()
  }

  /** Ordered: is it the delivery after the last one? If not, the consumer is made anew from where we are. */
  #isNext(message: StreamMessage): boolean {
    if (message.consumer !== this.#name) return false
    if (message.deliverySeq !== this.#lastDeliverySeq + 1) {
      this.#loop?.reconnected()
      return false
    }
    this.#lastDeliverySeq++
    this.#lastSeq = message.seq
    return true
  }

  #configFromHere(): Partial<ConsumerConfig> {
    if (this.#lastSeq === 0) return this.#config
    const { opt_start_time: _, ...rest } = this.#config
    return { ...rest, deliver_policy: 'by_start_sequence', opt_start_seq: this.#lastSeq + 1 }
  }

  #sayWorking(): void {
    const now = performance.now()
    for (const delivery of this.#held) {
      if (now - delivery.touchedAt < this.#ackWaitMs / WORKING_PART) continue
      delivery.touchedAt = now
      delivery.message.working()
    }
  }
}
