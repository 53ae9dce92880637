/** Watching a store: what is there first, then what changes, in order, without gaps or repeats over reconnects. */
import type { ConsumerInfo } from '@nats-io/jetstream'
import type { DeliverFrom } from '../consumer/options.ts'
import { ATTEMPTS, BACKOFF, type RetryOptions } from '../consumer/retry.ts'
import { StreamConsumer } from '../consumer/stream-consumer.ts'
import type { AppContext, HandlerContext } from '../context.ts'
import type { Held } from '../delivery.ts'
import { reasonOf } from '../errors.ts'
import { type AnyHandler, Route } from '../handler.ts'
import type { Message, StreamMessage } from '../message.ts'
import { callback, type Field, flag, object, oneOf, shape, type Table, whole } from '../options.ts'
import type { Declaration, Runtime } from '../runtime.ts'
import type { SubjectPattern } from '../subject-pattern.ts'
import { FLOW_OPTIONS, type FlowOptions, type Owner } from '../subscription.ts'
import { type Duration, toMs } from '../units.ts'

/** Where a watch begins. */
export type WatchFrom =
  /** The last value of each, then what changes (default). */
  | 'last'
  /** All values that the store has kept, then what changes. */
  | 'history'
  /** Only what changes from now on. */
  | 'updates'
  /** What changed from this revision on: to go on where an earlier watch was. */
  | { readonly revision: number }

export interface WatchOptions extends Pick<FlowOptions, 'concurrency'> {
  /** Default: 'last'. */
  from?: WatchFrom
  /**
   * How often a handler that throws gets the event again; what comes later waits meanwhile (with `concurrency` above 1
   * only what comes later for the same key). Then it is given up, with a line in the log and a call of `app.onError`.
   * Default: 5 attempts, after 100 ms, 400 ms, 1.6 s, 6.4 s. What can't be read is not tried again.
   */
  retry?: Pick<RetryOptions, 'attempts' | 'backoff'>
  /** Deletes and purges are left out. Default: false. */
  ignoreDeletes?: boolean
  /**
   * Called once, when all that was there at the start has been handled; at once when there was nothing. What changes meanwhile is
   * handled after it.
   */
  onCaughtUp?: (context: AppContext) => unknown
}

const FROM = oneOf('last', 'history', 'updates')
const WATCH_FROM: Field = {
  takes: (value) => FROM.takes(value) || (object.takes(value) && 'revision' in Object(value)),
  isNot: `${FROM.isNot}, { revision }`,
  words: FROM.words,
  shape: { revision: whole(0) },
}

export const WATCH_OPTIONS: Table<WatchOptions> = {
  concurrency: FLOW_OPTIONS.concurrency,
  from: WATCH_FROM,
  retry: shape<NonNullable<WatchOptions['retry']>>({ attempts: ATTEMPTS, backoff: BACKOFF }),
  ignoreDeletes: flag,
  onCaughtUp: callback,
}

/** Handles an event; the context is that of the message it came with. */
export type WatchHandler<Event, Params extends object, Deps extends object> = (
  event: Event,
  context: HandlerContext<Params, Deps, StreamMessage>,
) => unknown

/** How a store reads a message; undefined: it is not an event. May throw, or be a promise. */
export type ReadEvent<Event> = (message: StreamMessage) => Event | undefined | PromiseLike<Event | undefined>

const DEFAULT_STOP = '30s'
const DEFAULT_RETRY: RetryOptions = { attempts: 5, backoff: { initial: '100ms', factor: 4, max: '10s' } }
const ASK_AGAIN_MS = 1000

function deliverFrom(from: WatchFrom): DeliverFrom {
  if (typeof from === 'object') return { seq: from.revision }
  return from === 'last' ? 'last-per-subject' : from === 'history' ? 'all' : 'new'
}

/** Reads events instead of data. */
class EventRoute extends Route {
  readonly #read: ReadEvent<unknown>

  constructor(read: ReadEvent<unknown>, handler: AnyHandler) {
    super({}, handler)
    this.#read = read
  }

  override read(message: Message): unknown {
    return this.#read(message as StreamMessage)
  }
}

/** An ordered consumer that knows when it has caught up. */
class WatchConsumer<Deps extends object> extends StreamConsumer<Deps, never> {
  readonly #onCaughtUp: () => void
  #isCaughtUp = false
  /** Messages that were there at the start and have not been handled; null: more of them are still to come. */
  #open: Set<Held> | null = null
  readonly #held = new Set<Held>()
  #pendingAtServer = 0
  /** Sequence of the last message that was there; null: not known yet. */
  #end: number | null = null
  #lastCome = 0
  /** What is not above this is not asked for. */
  #before: number
  readonly #onlyUpdates: boolean

  constructor(
    stream: string,
    patterns: readonly SubjectPattern[],
    options: WatchOptions,
    owner: Owner,
    onCaughtUp: () => void,
  ) {
    super(
      stream,
      patterns,
      {
        ordered: true,
        deliver: deliverFrom(options.from ?? 'last'),
        concurrency: options.concurrency,
        retry: options.retry ?? DEFAULT_RETRY,
        // One at a time all are in order; side by side those of a key are.
        ...((options.concurrency ?? 1) > 1 ? { orderBy: (message: Message) => message.subject } : {}),
      },
      owner,
    )
    this.#onCaughtUp = onCaughtUp
    const { from } = options
    this.#before = typeof from === 'object' ? from.revision - 1 : 0
    this.#onlyUpdates = from === 'updates'
  }

  /** Events that are known to be there and have not been handled. */
  get pending(): number {
    return this.#pendingAtServer + this.held
  }

  get isCaughtUp(): boolean {
    return this.#isCaughtUp
  }

  protected override made(info: ConsumerInfo): void {
    this.#pendingAtServer = info.num_pending
    if (this.#isCaughtUp) return
    if (this.#onlyUpdates) this.#allHasCome()
    else void this.#findEnd()
  }

  protected override take(message: StreamMessage): void {
    this.#pendingAtServer = message.pending
    this.#lastCome = message.seq
    super.take(message)
    if (this.#end !== null && message.seq >= this.#end) this.#allHasCome()
  }

  /**
   * How far what is there goes is asked of the stream. The consumer's own count is not enough: in a cluster its leader may
   * be behind the stream's, and then counts nothing where there is much.
   */
  async #findEnd(): Promise<void> {
    const runtime = this.runtime()
    while (!this.#isCaughtUp && this.#open === null && this.running === runtime) {
      try {
        const ends = await Promise.all(
          this.subjects.map((subject) =>
            runtime.jsm.streams.getMessage(this.stream, { last_by_subj: subject }).catch((thrown) => {
              if (/no message found/.test(reasonOf(thrown))) return null
              throw thrown
            }),
          ),
        )
        this.#end = Math.max(0, ...ends.map((found) => found?.seq ?? 0))
        if (this.#end <= Math.max(this.#lastCome, this.#before)) {
          this.#allHasCome()
          return
        }
      } catch (thrown) {
        runtime.log.debug({ err: thrown }, 'the end of what is there could not be asked for; asking again')
      }
      // The last one may be removed before it comes: then another is the last.
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS).unref())
    }
  }

  protected override beganAnew(): void {
    this.#before = 0
    this.#end = null
    this.#lastCome = 0
  }

  protected override entered(held: Held): void {
    this.#held.add(held)
  }

  override left(held: Held): void {
    this.#held.delete(held)
    if (this.#open?.delete(held) && this.#open.size === 0) this.#tell()
  }

  #allHasCome(): void {
    if (this.#isCaughtUp || this.#open !== null) return
    this.#open = new Set(this.#held)
    if (this.#open.size === 0) this.#tell()
  }

  #tell(): void {
    if (this.#isCaughtUp) return
    this.#isCaughtUp = true
    this.#open = null
    this.#onCaughtUp()
  }
}

/** A watch of a store, declared on an app: it starts and stops with it. */
export class Watch<Event, Params extends object, Deps extends object>
  implements Declaration, AsyncIterable<Event>
{
  readonly stage = 'subscription'
  readonly #consumer: WatchConsumer<Deps>
  readonly #read: ReadEvent<Event>
  readonly #owner: Owner
  readonly #onCaughtUp: WatchOptions['onCaughtUp']
  #caughtUp: Promise<void>
  #resolveCaughtUp: () => void = () => {}

  constructor(
    stream: string,
    patterns: readonly SubjectPattern[],
    options: WatchOptions,
    read: ReadEvent<Event>,
    handler: WatchHandler<Event, Params, Deps> | undefined,
    owner: Owner,
  ) {
    this.#owner = owner
    this.#read = read
    this.#onCaughtUp = options.onCaughtUp
    this.#caughtUp = new Promise((resolve) => {
      this.#resolveCaughtUp = resolve
    })
    this.#consumer = new WatchConsumer<Deps>(stream, patterns, options, owner, () => void this.#isCaughtUp())
    if (handler !== undefined) {
      const call = (event: Event | undefined, context: never) =>
        event === undefined ? undefined : handler(event, context)
      this.#consumer.add(new EventRoute(read, call as AnyHandler))
    }
  }

  /** Events that are known to be there and have not been handled or read. */
  get pending(): number {
    return this.#consumer.pending
  }

  /** Resolves when all that was there at the start has been handled, and `onCaughtUp` is through. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp
  }

  start(runtime: Runtime): Promise<void> {
    return this.#consumer.start(runtime)
  }

  get held(): number {
    return this.#consumer.held
  }

  isSettled(): Promise<boolean> {
    return this.#consumer.isSettled()
  }

  /** With the app, or alone while it runs: takes no more, and waits for what was taken. */
  async stop(deadline?: AbortSignal): Promise<void> {
    if (deadline === undefined) this.#owner.forget(this)
    await this.#consumer.stop(deadline ?? AbortSignal.timeout(toMs(DEFAULT_STOP, 'stop')))
  }

  /** The next event, where there is no handler; undefined when none came in time, or the watch ended. */
  async next(options: { timeout?: Duration } = {}): Promise<Event | undefined> {
    for (;;) {
      const message = await this.#consumer.next(options)
      if (message === undefined) return undefined
      const event = await this.#read(message)
      if (event !== undefined) return event
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event> {
    for (;;) {
      const event = await this.next()
      if (event === undefined) return
      yield event
    }
  }

  async #isCaughtUp(): Promise<void> {
    const runtime = this.#consumer.runtime()
    try {
      await this.#onCaughtUp?.(runtime.context as AppContext)
    } catch (thrown) {
      runtime.log.error({ err: thrown }, `onCaughtUp failed: ${reasonOf(thrown)}`)
    }
    this.#resolveCaughtUp()
  }
}
