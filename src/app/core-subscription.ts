/** A subscription on core NATS: at most once, replies by returning. */
import type { Subscription as NatsSubscription } from '@nats-io/nats-core'
import { headers, nuid } from '@nats-io/nats-core'
import { asContrailError } from './client-errors.ts'
import { type CodecOption, jsonCodec } from './codec.ts'
import { type ContrailError, InvalidMessageError, ReplyError } from './errors.ts'
import { HANDLER_OPTIONS, type HandlerOptions, type Route } from './handler.ts'
import { Message } from './message.ts'
import { count, flag, type Table, text } from './options.ts'
import { headersOf } from './publisher/headers.ts'
import type { Runtime } from './runtime.ts'
import type { Schema } from './schema.ts'
import type { SubjectPattern } from './subject-pattern.ts'
import { FLOW_OPTIONS, type FlowOptions, type Owner, Subscription } from './subscription.ts'

export interface SubscribeOptions<
  S extends Schema | undefined = undefined,
  C extends CodecOption | undefined = undefined,
> extends HandlerOptions<S, C>,
    FlowOptions {
  /**
   * Does it answer requests? `true`: always, with nothing where it returns nothing. `false`: never. Default: with what it
   * returns, when that is something, and with what it throws, unless it has turned out to only listen: on a subject that a
   * declared stream takes (the answer is the stream's), after it let a request go without an answer, or when a message
   * can't be read and neither `schema` nor `codec` says what it should be.
   */
  reply?: boolean
  /** Queue group: each message goes to one member. */
  queue?: string
  /** Messages that may wait for a handler; what comes then is dropped, with a warning. Default: 65,536. */
  maxPending?: number
}

export const SUBSCRIBE_OPTIONS: Table<SubscribeOptions> = {
  ...HANDLER_OPTIONS,
  ...FLOW_OPTIONS,
  reply: flag,
  queue: text,
  maxPending: count,
}

const DEFAULT_CONCURRENCY = 256
const DEFAULT_MAX_PENDING = 65_536
const DROP_WARNING_EVERY_MS = 5000
const BAD_REQUEST = 400
const INTERNAL_ERROR = 500

export class CoreSubscription<
  Deps extends object = object,
  Params extends object = object,
> extends Subscription<Deps, Params, Message> {
  readonly #queue: string | undefined
  readonly #maxPending: number
  readonly #reply: boolean | undefined
  /** It returned nothing to somebody who asked: it is no one's to answer. */
  #onlyListens = false
  #subscriptions: NatsSubscription[] = []
  #warnedAt = Number.NEGATIVE_INFINITY
  /** Messages dropped because too many waited. */
  dropped = 0

  constructor(
    patterns: readonly SubjectPattern[],
    options: SubscribeOptions<Schema | undefined, CodecOption | undefined>,
    owner: Owner,
  ) {
    super(patterns, options, options.concurrency ?? DEFAULT_CONCURRENCY, owner)
    this.#queue = options.queue
    this.#reply = options.reply
    this.#maxPending = options.maxPending ?? DEFAULT_MAX_PENDING
  }

  override get stream(): undefined {
    return undefined
  }

  override get group(): string | undefined {
    return this.#queue
  }

  takes(): ReadonlyMap<string, string> {
    return new Map(this.patterns.map(({ subject, source }) => [subject, source]))
  }

  protected override async open(runtime: Runtime): Promise<void> {
    runtime.publisher.audience.know(this.takes())
    let refused: ContrailError | null = null
    let isOpening = true
    for (const subject of this.subjects) {
      this.#subscriptions.push(
        runtime.nc.subscribe(subject, {
          queue: this.#queue,
          callback: (error, raw) => {
            if (error !== null) {
              const err = asContrailError(error, `Subscribing to "${subject}" failed`, false)
              if (isOpening) refused ??= err
              else runtime.log.error({ err, subject }, 'the subscription was ended')
            } else if (this.held >= this.#maxPending) this.#drop(runtime, subject)
            else this.take(new Message(raw))
          },
        }),
      )
    }
    // The server knows of it when the app says that it has started.
    try {
      await runtime.nc.flush()
    } catch (thrown) {
      throw asContrailError(thrown, `Subscribing to "${this.subjects.join(', ')}" failed`, false)
    } finally {
      isOpening = false
    }
    if (refused !== null) {
      await this.takeNoMore()
      throw refused
    }
  }

  protected override suspend(): Promise<void> {
    return this.takeNoMore()
  }

  protected override carryOn(): Promise<void> {
    return this.open(this.runtime())
  }

  protected override async takeNoMore(): Promise<void> {
    const subscriptions = this.#subscriptions
    this.#subscriptions = []
    if (!this.running?.isConnected()) {
      for (const subscription of subscriptions) subscription.unsubscribe()
      return
    }
    await Promise.allSettled(subscriptions.map((subscription) => subscription.drain()))
  }

  protected override async close(): Promise<void> {}

  override giveBack(): void {}

  override succeeded(message: Message, route: Route, result: unknown): undefined {
    const to = message.replyTo
    if (to === undefined || route.returns !== undefined || this.#reply === false) return undefined
    if (result === undefined && this.#reply !== true) {
      // It may have an answer to another one, as where filters tell apart; until then it is a listener.
      this.#onlyListens = true
      return undefined
    }
    this.#onlyListens = false
    const { replyHeaders } = message
    this.runtime().nc.publish(
      to,
      route.codec.encode(result as never),
      replyHeaders === undefined ? undefined : { headers: headersOf({ headers: replyHeaders }) },
    )
    return undefined
  }

  override failed(message: Message, thrown: unknown): undefined {
    const to = message.replyTo
    const answer = to === undefined ? null : answerOf(message, thrown)
    if (answer === null || !(thrown instanceof ReplyError)) {
      const bindings = answer?.id === undefined ? { err: thrown } : { err: thrown, errorId: answer.id }
      this.logOf(message).error(bindings, 'the handler failed')
    }
    if (to === undefined || answer === null || !this.#answersFailure(message, thrown)) return undefined
    const all = headersOf({ headers: message.replyHeaders }) ?? headers()
    // The error headers of ADR-32, which service clients in every language know.
    all.set('Nats-Service-Error', answer.description.replace(/\s+/g, ' '))
    all.set('Nats-Service-Error-Code', String(answer.status))
    this.runtime().nc.publish(to, jsonCodec.encode(answer.details), { headers: all })
    return undefined
  }

  /** A failure told to somebody else's publisher or request would be taken for their answer. */
  #answersFailure(message: Message, thrown: unknown): boolean {
    if (this.#reply !== undefined) return this.#reply
    if (thrown instanceof ReplyError) return true
    if (this.#onlyListens || this.runtime().publisher.audience.isKept(message.subject)) return false
    const hasForm = this.routes.some(({ schema, codec }) => schema !== undefined || codec !== jsonCodec)
    return hasForm || !isInvalid(thrown, message)
  }

  override unhandled(message: Message): void {
    this.logOf(message).warn('no handler takes this message')
  }

  #drop(runtime: Runtime, subject: string): void {
    this.dropped++
    this.metrics.dropped++
    const now = performance.now()
    if (now - this.#warnedAt < DROP_WARNING_EVERY_MS) return
    this.#warnedAt = now
    runtime.log.warn(
      { subject, dropped: this.dropped },
      'messages come faster than they are handled: some are dropped',
    )
  }
}

/** What the one who asked is told. */
interface FailureAnswer {
  readonly status: number
  readonly description: string
  readonly details: unknown
  /** Of an error that is nobody else's business: the log has it too. */
  readonly id?: string
}

/** The message itself, not another one that its handler had to do with. */
function isInvalid(thrown: unknown, { subject }: Message): thrown is InvalidMessageError {
  return thrown instanceof InvalidMessageError && thrown.subject === subject
}

/** Only what is meant for the one who asked: a ReplyError, and what is wrong with the request itself. */
function answerOf(message: Message, thrown: unknown): FailureAnswer {
  if (thrown instanceof ReplyError) {
    return { status: thrown.status, description: thrown.message, details: thrown.details }
  }
  if (isInvalid(thrown, message)) {
    return { status: BAD_REQUEST, description: thrown.message, details: { issues: thrown.issues } }
  }
  const id = nuid.next()
  return { status: INTERNAL_ERROR, description: `internal error (${id})`, details: { id }, id }
}
