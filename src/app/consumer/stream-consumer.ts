/** A subscription on a stream: pulls, hands over, acknowledges as its mode says. */
import { type ConsumerConfig, type ConsumerInfo, DeliverPolicy } from '@nats-io/jetstream'
import type { Msg } from '@nats-io/nats-core'
import { CONSUMER_NOT_FOUND, isApiError, STREAM_NOT_FOUND, translated } from '../client-errors.ts'
import type { CodecOption } from '../codec.ts'
import { isForAnother } from '../dead-letters/for-consumer.ts'
import type { Delivery, Held } from '../delivery.ts'
import type { Work } from '../dispatcher.ts'
import { ContrailError, InvalidMessageError, reasonOf } from '../errors.ts'
import { type AckSender, type Message, StreamMessage } from '../message.ts'
import type { ConsumerState } from '../metrics/metrics.ts'
import { checkOptions } from '../options.ts'
import type { Claim, Runtime } from '../runtime.ts'
import type { Schema } from '../schema.ts'
import type { SubjectPattern } from '../subject-pattern.ts'
import { type FlowOptions, type Owner, Subscription } from '../subscription.ts'
import { NS_PER_MS } from '../units.ts'
import { DeadLetters } from './dead-letters.ts'
import { assumedConsumer, declareConsumer } from './declaring.ts'
import {
  type AckMode,
  type ConsumeOptions,
  consumerConfig,
  DEFAULT_ACK_WAIT_MS,
  DEFAULT_MAX_IN_FLIGHT,
} from './options.ts'
import { PAUSE_OPTIONS, type PauseOptions, pausedUntil } from './pausing.ts'
import { Prefetch } from './prefetch.ts'
import { LEAPING_PULL_TIMES, NO_PULL_LIMITS, type PullLimits, PullLoop } from './pull-loop.ts'
import { PushSource, type PushTarget, pushTarget } from './push-source.ts'
import { Reject } from './reject.ts'
import { RetryPolicy } from './retry.ts'
import { Solitude } from './solitude.ts'
import type { MessageSource, MessageSourceOwner } from './source.ts'
import { fromItsBeginning, StreamIdentity, type StreamNow } from './stream-identity.ts'
import { type Tries, TryCounter } from './tries.ts'

/** No consumer has more unacknowledged messages than this by default (max_ack_pending). */
const MAX_TO_COME = 1000
/** In-progress is said when this part of ack wait has gone by. */
const WORKING_PART = 3
/** When a dead letter could not be stored. */
const LETTER_AGAIN_MS = 5000
/** After a consumer was made again: is its stream still the one that it was made for? */
const LOOK_AGAIN_MS = [0, 1000, 5000]

/** Modes in which a message comes again when its handler fails. */
const COUNTED: ReadonlySet<AckMode> = new Set(['nack-on-error', 'on-success', 'manual'])

function triesOf(failed: number, begun: number, reason: string | undefined): Tries {
  return { failed, begun, ...(reason === undefined ? {} : { reason }) }
}

/** Why a message is given up that no handler has now. */
function lastWords(failed: number, begun: number, reason: string | undefined): string {
  const died = `the process ended while it was handled, ${begun} times`
  if (begun === 0) return reason ?? `no handler could do with it, ${failed} times`
  return failed > 0 && reason !== undefined ? `${reason}; ${died}` : died
}

/** What is read in order and tried again holds up all that comes behind it. */
const ONE_KEY = () => ''

function flowOf(options: ConsumeOptions<Schema | undefined, CodecOption | undefined>): FlowOptions {
  const isInOrder =
    options.ordered === true && options.retry !== undefined && (options.concurrency ?? 1) === 1
  return isInOrder && options.orderBy === undefined ? { ...options, orderBy: ONE_KEY } : options
}

export class StreamConsumer<Deps extends object = object, Params extends object = object>
  extends Subscription<Deps, Params, StreamMessage>
  implements MessageSourceOwner
{
  readonly stream: string
  readonly #options: ConsumeOptions<Schema | undefined, CodecOption | undefined>
  #config: Partial<ConsumerConfig>
  readonly #mode: AckMode
  readonly #retry: RetryPolicy
  protected readonly window: number
  readonly #push: PushTarget | null
  /** Where others may share the messages; null: all of the window is taken ahead. */
  #prefetch: Prefetch | null = null
  readonly #held = new Set<Held>()
  #deadLetters: DeadLetters | null = null
  /** Where there is an end of tries. */
  #counter: TryCounter | null = null
  /** Where several are handled at a time, and tries have an end. */
  #solitude: Solitude | null = null
  /** What no handler has begun with yet goes back. */
  #isEnding = false
  #source: MessageSource | null = null
  #sender: AckSender | null = null
  #limits: PullLimits = NO_PULL_LIMITS
  #name = ''
  #keepAlive: { cancel(): void } | undefined
  #ackWaitMs = DEFAULT_ACK_WAIT_MS
  #forgetConnection: () => void = () => {}
  /** Ordered: where the next consumer begins, and which delivery is the next. */
  #lastSeq = 0
  #lastDeliverySeq = 0
  /** Ephemeral, of what is new only: behind which sequence it began. */
  #beganBehind: number | null = null
  /** Ephemeral: sequences that are to come again, and would not from a new consumer. */
  readonly #toCome = new Set<number>()
  #revivals = 0
  readonly #identity: StreamIdentity
  /** The consumer stands where an earlier stream of this name ended. */
  #isMisplaced = false
  /** It may: that is looked at for a while. */
  #isUnsure = false

  constructor(
    stream: string,
    patterns: readonly SubjectPattern[],
    options: ConsumeOptions<Schema | undefined, CodecOption | undefined>,
    owner: Owner,
  ) {
    const concurrency = options.concurrency ?? 1
    super(patterns, flowOf(options), concurrency, owner)
    this.stream = stream
    this.#identity = new StreamIdentity(stream)
    this.#options = options
    this.#mode = options.ordered ? 'none' : (options.ack ?? 'nack-on-error')
    this.#push = pushTarget(stream, options)
    this.#config = { ...consumerConfig(patterns, options), ...this.#push?.config }
    this.#retry = new RetryPolicy(options.retry)
    this.window = Math.max(options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT, concurrency * 2)
  }

  override underPrefix(prefix: string): void {
    super.underPrefix(prefix)
    this.#config = { ...consumerConfig(this.patterns, this.#options), ...this.#push?.config }
  }

  claim(): Claim | null {
    const { durable } = this.#options
    if (durable === undefined) return null
    return { what: `the durable consumer "${durable}" of the stream "${this.stream}"`, definition: null }
  }

  override get group(): string | undefined {
    return this.#options.durable
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
    const { consumers } = this.runtime().jsm
    return translated(`The consumer "${this.#name}" of the stream "${this.stream}" can't be looked up`, () =>
      consumers.info(this.stream, this.#name),
    )
  }

  /** A message that fails is kept here, with all that must not overtake it, until it is tried again. */
  protected get retriesHere(): boolean {
    if (this.#mode === 'none') return this.#options.retry !== undefined
    return this.flow.orderBy !== undefined
  }

  override async consumerState(): Promise<ConsumerState | undefined> {
    if (this.running?.isConnected() !== true || this.#name === '') return undefined
    const { num_pending, num_ack_pending, num_redelivered } = await this.info()
    return { pending: num_pending, ackPending: num_ack_pending, redelivered: num_redelivered }
  }

  protected override async open(runtime: Runtime): Promise<void> {
    const { metrics } = this
    this.#sender = {
      settled: (as) => metrics.settled(as),
      publish: (subject, payload) => runtime.nc.publish(subject, payload),
      request: (subject, payload, options) => runtime.nc.request(subject, payload, options),
    }
    if (this.#options.declare !== 'none') await this.#identity.learn(runtime)
    const made = await this.#declared(this.#config)
    this.#isMade(made)
    this.log = runtime.log.child({ stream: this.stream, consumer: this.#name })
    this.#ackWaitMs = (made.config.ack_wait ?? DEFAULT_ACK_WAIT_MS * NS_PER_MS) / NS_PER_MS
    if (this.#retry.deadLetter !== false) {
      this.#deadLetters = new DeadLetters(this.stream, this.#retry.deadLetter)
      const deadLetters = this.#deadLetters
      await translated(`The dead letters of the stream "${this.stream}" can't be kept`, () =>
        deadLetters.start(runtime),
      )
    }
    const { max_deliver = -1 } = made.config
    if (max_deliver > 0 && !this.#options.ordered && this.#options.config?.max_deliver === undefined) {
      this.log.warn(
        { max_deliver },
        'the server drops messages after so many deliveries, though none was handled',
      )
    }
    this.#isEnding = false
    this.#prefetch = this.#isShared
      ? new Prefetch(this.#options.concurrency ?? 1, this.window, this.flow.rate)
      : null
    if (this.#failuresMost(this.#retry) !== Number.POSITIVE_INFINITY) {
      const isDurable = this.#options.durable !== undefined
      this.#counter = new TryCounter(runtime, isDurable, runtime.replicas ?? made.config.num_replicas)
      this.#solitude = this.handlesOneByOne && (this.#options.concurrency ?? 1) > 1 ? new Solitude() : null
    }
    this.#listen()
    this.#forgetConnection = runtime.onConnection((event) => {
      if (event === 'reconnected') this.#source?.reconnected()
    })
  }

  /** While messages are held: says now and then that they are worked on, by the broker's clock, which a test may move on. */
  #keepWorking(): void {
    if (this.#mode === 'none' || this.#keepAlive !== undefined || this.running === null) return
    this.#keepAlive = this.running.setTimer(
      this.#workingTick,
      Math.max(10, this.#ackWaitMs / WORKING_PART / 2),
    )
  }

  readonly #workingTick = (): void => {
    this.#keepAlive = undefined
    if (this.#held.size === 0 && this.unread.length === 0) return
    // There is nobody left to tell.
    if (this.running === null || this.running.nc.isClosed()) return
    this.#sayWorking(this.running?.pullTimes === LEAPING_PULL_TIMES)
    this.#keepWorking()
  }

  /**
   * Takes no more messages in this process until `resume`; those that are here are handled. With `everywhere` the durable consumer is
   * paused at the server, for all processes and over restarts, until `resume({ everywhere: true })` or `for` so long.
   * @throws ContrailError NOT_STARTED; INVALID_OPTION where there is no durable to be paused
   */
  override async pause(options: PauseOptions = {}): Promise<void> {
    checkOptions('`pause`', options, PAUSE_OPTIONS)
    if (options.everywhere !== true) return super.pause()
    const { consumers } = this.#mustBeDurable().jsm
    const until = pausedUntil(options)
    await translated(`The consumer "${this.#name}" of the stream "${this.stream}" can't be paused`, () =>
      consumers.pause(this.stream, this.#name, until),
    )
  }

  override async resume(options: Pick<PauseOptions, 'everywhere'> = {}): Promise<void> {
    if (options.everywhere !== true) return super.resume()
    const { consumers } = this.#mustBeDurable().jsm
    await translated(`The consumer "${this.#name}" of the stream "${this.stream}" can't be resumed`, () =>
      consumers.resume(this.stream, this.#name),
    )
  }

  #mustBeDurable(): Runtime {
    const runtime = this.runtime()
    if (this.#options.durable !== undefined) return runtime
    throw new ContrailError('INVALID_OPTION', 'everywhere: only a durable consumer is shared with others.')
  }

  protected override async suspend(): Promise<void> {
    const source = this.#source
    this.#source = null
    await source?.pause(this.runtime().isConnected())
  }

  protected override async carryOn(): Promise<void> {
    this.#listen()
  }

  protected override async takeNoMore(): Promise<void> {
    if (this.givesBack) {
      this.#isEnding = true
      this.#solitude?.close()
    }
    this.#forgetConnection()
    await this.#source?.pause(this.runtime().isConnected())
  }

  protected override async close(): Promise<void> {
    this.#keepAlive?.cancel()
    this.#keepAlive = undefined
    this.#source = null
    this.#held.clear()
    const runtime = this.running
    if (!runtime?.isConnected()) return
    if (this.#options.durable === undefined) {
      await runtime.jsm.consumers.delete(this.stream, this.#name).catch(() => false)
    }
  }

  /** A durable consumer without acks has no way to give back. */
  protected override get givesBack(): boolean {
    return this.#mode !== 'none' || this.#options.durable === undefined
  }

  /** False for who handles several messages as one. */
  protected get handlesOneByOne(): boolean {
    return true
  }

  /** Failed tries after which a message is given up, also where its letter could not be stored then. */
  #failuresMost(retry: RetryPolicy): number {
    if (COUNTED.has(this.#mode)) return retry.attempts
    return this.#mode === 'reject-on-error' && retry.deadLetter !== false ? 1 : Number.POSITIVE_INFINITY
  }

  protected override abandon(): void {
    for (const held of [...this.#held]) held.abandon()
  }

  /** Others get it at once. It costs no try. */
  override giveBack(message: Message): void {
    const streamMessage = message as StreamMessage
    if (streamMessage.isMarked && message.settlement === 'open') {
      streamMessage.isMarked = false
      const { tries, begunBefore, failure } = streamMessage
      if (tries + begunBefore === 1) this.#counter?.forget(streamMessage)
      else void this.#counter?.keep(streamMessage, triesOf(tries - 1, begunBefore, failure))
    }
    message.nack()
  }

  /**
   * nats-server tries the first that comes back with a request of ours that is over already, and puts it behind the others
   * then: where order counts it has to have done so before they come.
   */
  protected override async giveBackInOrder(work: readonly Work[]): Promise<void> {
    const [first, ...others] = work
    first?.giveBack()
    if (this.flow.orderBy !== undefined && others.length > 0 && this.running?.isConnected() === true) {
      await this.info().catch(() => {})
    }
    for (const one of others) one.giveBack()
  }

  override async isSettled(): Promise<boolean> {
    if (!(await super.isSettled())) return false
    if (this.routes.length === 0 || this.#name === '') return true
    const info = await this.info().catch(() => undefined)
    return (info === undefined || info.num_pending === 0) && this.due === 0
  }

  // --- the source's side

  /** Do others get what is not taken here? */
  get #isShared(): boolean {
    const isDurable = this.#options.durable !== undefined && this.#mode !== 'none'
    return isDurable && this.#push === null && this.handlesOneByOne && this.routes.length > 0
  }

  get allowed(): number {
    return this.#prefetch?.allowed ?? this.window
  }

  space(): number {
    // What waits for its key keeps nobody from working.
    const atHand = this.#prefetch === null ? this.held : this.dispatcher.atHand
    return Math.min(this.window - this.held, this.allowed - atHand)
  }

  /** Messages that are taken ahead of the handlers, at their speed. */
  protected get ahead(): number {
    return this.#prefetch?.ahead ?? this.window
  }

  override finished(message: Message, ms: number, isFailed: boolean): void {
    this.#prefetch?.ended(ms)
    super.finished(message, ms, isFailed)
  }

  message(raw: Msg): void {
    const message = new StreamMessage(raw, this.#sender as AckSender, this.#mode === 'none')
    if (this.#options.ordered && !this.#isNext(message)) return
    // What an earlier consumer still sends may be of a stream that is gone.
    if (this.#options.durable === undefined && message.consumer === this.#name) {
      this.#lastSeq = Math.max(this.#lastSeq, message.seq)
    }
    if (isForAnother(message, this.#options.durable)) {
      message.ack()
      return
    }
    this.take(message)
    if (this.unread.length > 0) this.#keepWorking()
  }

  async revive(why: string): Promise<void> {
    const runtime = this.runtime()
    const log = this.log ?? runtime.log
    const { durable, ordered } = this.#options
    const revival = ++this.#revivals
    log.debug({ why }, 'looking after the consumer')
    // Whoever made it sees to it.
    if (durable !== undefined && this.#options.declare === 'none') return
    const exists = await runtime.jsm.consumers.info(this.stream, this.#name).then(
      () => true,
      (thrown) => {
        if (isApiError(thrown, CONSUMER_NOT_FOUND, STREAM_NOT_FOUND)) return false
        throw thrown
      },
    )
    // A later revival has taken over, or the end has come.
    if (revival !== this.#revivals || this.running === null) return
    if (exists && !ordered && !this.#isMisplaced) {
      // The look that went on was for the revival before, and ends with it.
      if (this.#isUnsure) void this.#lookAgain(revival)
      return
    }
    const stream = await this.#identity.now(runtime, log)
    if (revival !== this.#revivals || this.running === null) return
    if (exists) await runtime.jsm.consumers.delete(this.stream, this.#name).catch(() => false)
    const config = this.#configAgain(stream)
    if (!exists && durable !== undefined && this.#options.declare === 'check') {
      throw new ContrailError('CONSUMER_MISSING', `The stream "${this.stream}" has no consumer "${durable}".`)
    }
    if (!exists) log.warn({ why }, 'the consumer is gone: making it again')
    const made = await this.#declared(config)
    if (revival !== this.#revivals || this.running === null) {
      // The later one makes its own.
      if (durable === undefined) await runtime.jsm.consumers.delete(this.stream, made.name).catch(() => false)
      return
    }
    this.#isMade(made)
    await this.#source?.pause(this.runtime().isConnected())
    this.#listen()
    const goesOn = durable === undefined && config.opt_start_seq !== undefined
    this.#isUnsure = goesOn && stream !== undefined
    if (this.#isUnsure) void this.#lookAgain(revival)
  }

  /**
   * In a cluster the answer about a stream may come from who does not know yet that it was removed, and the consumer be
   * made on the one that has its name since: there it would wait for a sequence that is far ahead.
   */
  async #lookAgain(revival: number): Promise<void> {
    for (const ms of LOOK_AGAIN_MS) {
      await new Promise((resolve) => setTimeout(resolve, ms).unref())
      const { running } = this
      if (running === null || revival !== this.#revivals) return
      const stream = await this.#identity.now(running).catch(() => undefined)
      if (this.running === null || revival !== this.#revivals) return
      if (stream === undefined || !this.#identity.differs(stream)) continue
      this.#isMisplaced = true
      this.#source?.reconnected()
      return
    }
    this.#isUnsure = false
  }

  // --- a delivery's side

  protected override entered(held: Held): void {
    if (this.#mode === 'none') return
    this.#held.add(held)
    this.#keepWorking()
  }

  override left(held: Held): void {
    if (this.#mode !== 'none') this.#held.delete(held)
    this.#solitude?.leave((held as Delivery).message as StreamMessage)
  }

  protected override hasSpace(): void {
    this.#source?.refill()
  }

  override admit(message: Message): boolean | Promise<boolean> {
    if (this.#mode === 'first') message.ack()
    const streamMessage = message as StreamMessage
    if (streamMessage.givenUp !== null) return this.#giveUpAgain(streamMessage, streamMessage.givenUp.thrown)
    if (this.#counter === null) return true
    if (streamMessage.againHere === 0) {
      if (streamMessage.deliveries > 1) return this.#admitAgain(streamMessage, this.#counter)
      streamMessage.failedBefore = 0
    }
    const mayBegin = this.#solitude === null || this.#solitude.enter(streamMessage)
    return mayBegin === true || this.#orGoesBack(streamMessage, mayBegin)
  }

  /** It came before: was it handled then, and how did that end? */
  async #admitAgain(message: StreamMessage, counter: TryCounter): Promise<boolean> {
    const { failed, begun, reason } = await counter.of(message)
    if (this.#isEnding) return this.#orGoesBack(message, false)
    message.failedBefore = failed
    message.begunBefore = begun
    message.failure = reason
    message.isCounted = failed + begun > 0
    const retry = this.retryOf(message)
    const { attempts } = retry
    const isCounting = COUNTED.has(this.#mode)
    if (failed >= this.#failuresMost(retry) || (isCounting && failed + begun >= attempts)) {
      // Its letter could not be stored, or no process lives long enough to say what is wrong with it.
      await this.#giveUp(message, new Error(lastWords(failed, begun, reason)))
      return false
    }
    const mayBegin = begun > 0 ? this.#solitude?.enterAlone(message) : this.#solitude?.enter(message)
    if (!(await this.#orGoesBack(message, mayBegin ?? true))) return false
    if (isCounting && message.deliveries > attempts) {
      // So often, and no handler failed: maybe it takes its process along each time.
      message.isCounted = true
      message.isMarked = true
      await counter.keep(message, triesOf(failed, begun + 1, reason))
    }
    return true
  }

  async #orGoesBack(message: StreamMessage, mayBegin: boolean | Promise<boolean>): Promise<boolean> {
    if (await mayBegin) return true
    this.giveBack(message)
    return false
  }

  async #giveUpAgain(message: StreamMessage, thrown: unknown): Promise<boolean> {
    await this.#giveUp(message, thrown)
    return false
  }

  override succeeded(message: Message): Promise<void> | undefined {
    const streamMessage = message as StreamMessage
    if (this.#toCome.size > 0) this.#toCome.delete(streamMessage.seq)
    // By the handler itself: the server has it back already, but the try counts.
    if (message.settlement === 'nacked') {
      if (this.#options.durable === undefined) this.#remember(streamMessage.seq)
      if (this.#counter === null) return undefined
      return this.#noted(streamMessage, this.#counter, new Error('the handler put it back'))
    }
    this.#forgetTries(streamMessage)
    if (this.#mode === 'manual' || this.#mode === 'none') return undefined
    if (this.#options.confirmAcks) return message.ackConfirmed().then(() => {})
    message.ack()
    return undefined
  }

  /** How this message is tried again. */
  protected retryOf(_message: StreamMessage): RetryPolicy {
    return this.#retry
  }

  /** Milliseconds until the next try; null: there is none. What can't be read is the same the next time. */
  #pauseAfter(message: StreamMessage, thrown: unknown, tries: number): number | null {
    if (thrown instanceof Reject || thrown instanceof InvalidMessageError) return null
    return this.retryOf(message).pauseAfter(tries, thrown)
  }

  /** Its letter is stored, if it has one; before the server is told. */
  protected gaveUp(_message: StreamMessage, _thrown: unknown): Promise<void> | undefined {
    return undefined
  }

  #forgetTries(message: StreamMessage): void {
    if (!message.isCounted) return
    message.isCounted = false
    message.isMarked = false
    this.#counter?.forget(message)
  }

  override failed(message: Message, thrown: unknown): Promise<void> | undefined {
    const streamMessage = message as StreamMessage
    const log = this.logOf(message)
    if (thrown instanceof ContrailError && thrown.code === 'ACK_NOT_CONFIRMED') {
      log.error({ err: thrown }, 'handled, but the ack is not confirmed: it may come again')
      return undefined
    }
    if (this.running?.signal.aborted !== false) {
      log.warn({ err: thrown }, 'the app stopped before the handler was through: the message goes back')
      this.giveBack(message)
      return undefined
    }
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
        const { tries } = streamMessage
        const pause = this.#pauseAfter(streamMessage, thrown, tries)
        if (pause === null) return this.#giveUp(streamMessage, thrown)
        log.warn({ err: thrown, try: tries, nextInMs: Math.round(pause) }, 'the handler failed; trying again')
        if (this.#counter !== null) return this.#tryAgain(streamMessage, this.#counter, pause, thrown)
        this.#again(streamMessage, pause)
        return undefined
      }
      case 'on-success':
        log.error({ err: thrown }, 'the handler failed; the message comes again after ack wait')
        return this.#noteFailure(streamMessage, thrown)
      case 'none': {
        const pause = this.retriesHere ? this.#pauseAfter(streamMessage, thrown, streamMessage.tries) : null
        if (pause === null) {
          if (this.#deadLetters !== null) return this.#giveUp(streamMessage, thrown)
          log.error({ err: thrown, try: streamMessage.deliveries }, 'the handler failed')
          return undefined
        }
        log.warn(
          { err: thrown, try: streamMessage.deliveries, nextInMs: Math.round(pause) },
          'the handler failed; trying again',
        )
        message.againInMs = pause
        return undefined
      }
      default:
        log.error({ err: thrown }, 'the handler failed')
        return message.settlement === 'open' ? this.#noteFailure(streamMessage, thrown) : undefined
    }
  }

  override unhandled(message: Message): void {
    this.logOf(message).warn('no handler takes this message')
    this.#forgetTries(message as StreamMessage)
    if (this.#mode !== 'manual') message.ack()
  }

  /** Comes again after a pause. */
  #again(message: StreamMessage, pauseMs: number): void {
    if (this.retriesHere) {
      this.#pauses(message, pauseMs)
      return
    }
    message.nack(pauseMs)
    if (this.#options.durable === undefined) this.#remember(message.seq)
  }

  /** It is handled again here; others may be meanwhile. */
  #pauses(message: StreamMessage, pauseMs: number): void {
    this.#solitude?.leave(message)
    message.againInMs = pauseMs
  }

  /** It comes again after ack wait, unless that was the last try. */
  #noteFailure(message: StreamMessage, thrown: unknown): Promise<void> | undefined {
    if (this.#pauseAfter(message, thrown, message.tries) === null) return this.#giveUp(message, thrown)
    if (this.#counter === null) {
      if (this.retriesHere && this.#mode === 'on-success') message.againInMs = this.#ackWaitMs
      return undefined
    }
    return this.#noted(message, this.#counter, thrown).then(() => {
      if (this.retriesHere && this.#mode === 'on-success') this.#pauses(message, this.#ackWaitMs)
    })
  }

  async #noted(message: StreamMessage, counter: TryCounter, thrown: unknown): Promise<void> {
    message.isCounted = true
    message.isMarked = false
    message.failure = reasonOf(thrown)
    await counter.keep(message, triesOf(message.tries, message.begunBefore, message.failure))
  }

  /** The try is written down before the message goes back: whoever has it next knows. */
  async #tryAgain(
    message: StreamMessage,
    counter: TryCounter,
    pauseMs: number,
    thrown: unknown,
  ): Promise<void> {
    await this.#noted(message, counter, thrown)
    this.#again(message, pauseMs)
  }

  async #giveUp(message: StreamMessage, thrown: unknown): Promise<void> {
    const log = this.logOf(message)
    try {
      await this.#deadLetters?.take(message, thrown)
      if (this.#deadLetters !== null) this.metrics.deadLettered++
      await this.gaveUp(message, thrown)
      log.error({ err: thrown, try: message.tries }, 'the handler failed for the last time')
      message.term(reasonOf(thrown))
      message.givenUp = null
      this.#forgetTries(message)
    } catch (reason) {
      // Not lost: it stays in the stream and comes back, and what it failed with is known then.
      message.isCounted = true
      message.isMarked = false
      await this.#counter?.keep(
        message,
        triesOf(this.#failuresMost(this.retryOf(message)), 0, reasonOf(thrown)),
      )
      log.error({ err: reason }, 'the dead letter could not be stored; it is tried again')
      if (this.retriesHere || this.#mode === 'none') {
        message.givenUp = { thrown }
        this.#pauses(message, LETTER_AGAIN_MS)
      } else message.nack(LETTER_AGAIN_MS)
    }
  }

  #isMade(info: ConsumerInfo): void {
    const { max_batch = 0, max_expires = 0 } = info.config
    this.#limits = { maxBatch: max_batch, maxExpiresMs: max_expires / NS_PER_MS }
    this.#name = info.name
    this.#lastDeliverySeq = 0
    this.#isMisplaced = false
    const isOfNew = info.config.deliver_policy === DeliverPolicy.New
    if (isOfNew && this.#options.durable === undefined) this.#beganBehind = info.delivered.stream_seq
    this.made(info)
  }

  #declared(config: Partial<ConsumerConfig>): Promise<ConsumerInfo> {
    const { durable, declare = 'ensure' } = this.#options
    if (durable !== undefined) {
      if (declare === 'none') return Promise.resolve(assumedConsumer(this.stream, config))
      return declareConsumer(this.runtime(), this.stream, config, declare)
    }
    const { consumers } = this.runtime().jsm
    const subjects = this.subjects.join(', ')
    return translated(`A consumer of the stream "${this.stream}" (${subjects}) can't be made`, () =>
      consumers.add(this.stream, config),
    )
  }

  /** The consumer was made, or made again. */
  protected made(_info: ConsumerInfo): void {}

  /** The stream is another one of the same name: what was known of the old one's sequences is worth nothing. */
  protected beganAnew(): void {}

  #listen(): void {
    if (this.isPaused) return
    const { nc, pullTimes } = this.runtime()
    this.#source =
      this.#push === null
        ? new PullLoop(
            nc,
            `$JS.API.CONSUMER.MSG.NEXT.${this.stream}.${this.#name}`,
            this,
            pullTimes,
            this.#limits,
          )
        : new PushSource(nc, this.#push, this.window, this)
    this.#source.start()
  }

  /** Ordered: is it the delivery after the last one? If not, the consumer is made anew from where we are. */
  #isNext(message: StreamMessage): boolean {
    if (message.consumer !== this.#name) return false
    if (message.deliverySeq !== this.#lastDeliverySeq + 1) {
      this.#source?.reconnected()
      return false
    }
    this.#lastDeliverySeq++
    return true
  }

  /** Where the consumer begins when it is made again: behind what was read, or anew where the stream is another one. */
  #configAgain(stream: StreamNow | undefined): Partial<ConsumerConfig> {
    const isAnother = stream !== undefined && this.#identity.isAnother(stream)
    if (isAnother) {
      this.log?.warn('the stream was made again: reading it from its beginning')
      this.#lastSeq = 0
      this.#beganBehind = null
      this.#toCome.clear()
      this.beganAnew()
      this.#config = fromItsBeginning(this.#config)
    } else if (stream !== undefined && stream.lastSeq < this.#behind) {
      // An older state of it came back.
      this.log?.warn(
        { read: this.#behind, last: stream.lastSeq },
        'the stream ends before what was read of it',
      )
      this.#lastSeq = stream.lastSeq
      if (this.#beganBehind !== null) this.#beganBehind = stream.lastSeq
      this.#toCome.clear()
      this.beganAnew()
    }
    const hasBegun = this.#lastSeq > 0 || this.#beganBehind !== null
    if (this.#options.durable !== undefined || !hasBegun) return this.#config
    const { opt_start_time: _, ...rest } = this.#config
    const from = Math.min(this.#behind + 1, ...this.#toCome)
    return { ...rest, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from }
  }

  get #behind(): number {
    return Math.max(this.#lastSeq, this.#beganBehind ?? 0)
  }

  #remember(seq: number): void {
    if (this.#toCome.size < MAX_TO_COME) this.#toCome.add(seq)
  }

  /** @param all whatever the time: it passes by leaps */
  #sayWorking(all: boolean): void {
    const now = performance.now()
    const isDue = (held: Held) => all || now - held.touchedAt >= this.#ackWaitMs / WORKING_PART
    // In order, all at once: should this process die, none of a key's messages comes again before an earlier one.
    const isTogether = this.flow.orderBy !== undefined && [...this.#held].some(isDue)
    for (const held of this.#held) {
      if (!isTogether && !isDue(held)) continue
      held.touchedAt = now
      held.working()
    }
    for (const message of this.unread) message.working()
  }
}
