/** A stream as an app declares it: made or updated at the start, consumed and published to by this handle. */
import type { BatchAck, StreamInfo } from '@nats-io/jetstream'
import { translated } from '../client-errors.ts'
import type { CodecOption } from '../codec.ts'
import {
  BATCH_OPTIONS,
  BatchConsumer,
  type BatchDataOf,
  type BatchHandler,
  type BatchOptions,
} from '../consumer/batch-consumer.ts'
import { deadLetterStream } from '../consumer/dead-letters.ts'
import { CONSUME_OPTIONS, type ConsumeOptions } from '../consumer/options.ts'
import { StreamConsumer } from '../consumer/stream-consumer.ts'
import { DeadLetterBox } from '../dead-letters/dead-letter-box.ts'
import { ContrailError } from '../errors.ts'
import { type DataOf, type Handler, Route } from '../handler.ts'
import type { StreamMessage } from '../message.ts'
import { nearestSubject } from '../nearest.ts'
import { checkHandler, checkOptions, settleGiven } from '../options.ts'
import { type BatchMessage, publishAtomic } from '../publisher/batch.ts'
import type { PublishOptions, PublishResult } from '../publisher/options.ts'
import { type Published, Publisher, type PublisherOptions } from '../publisher/publisher.ts'
import {
  type Schedule,
  type ScheduleOptions,
  schedule,
  scheduleSubject,
  scheduleSubjects,
  type When,
} from '../publisher/schedule.ts'
import type { Claim, Declaration, Runtime } from '../runtime.ts'
import type { Schema } from '../schema.ts'
import { assertSubject, matcherOf, type Params, SubjectPattern, subjectsOverlap } from '../subject-pattern.ts'
import type { Owner } from '../subscription.ts'
import { Counter } from './counter.ts'
import { claimOf, keepDeclared } from './declaring.ts'
import { configOf, STREAM_OPTIONS, type StreamOptions } from './stream-options.ts'

const NAME = /^[^\s.*>/\\]+$/

/** How a stream hands its consumers to what starts with the app. */
export interface StreamOwner extends Owner {
  declare<D extends Declaration>(declaration: D): D
  addPublisher<P extends Publisher<never, never>>(publisher: P): P
  /** A subject under the router's prefix. */
  prefixed(subject: string): string
}

export class Stream<Deps extends object = object> implements Declaration {
  readonly stage = 'store'
  readonly name: string
  #patterns: readonly SubjectPattern[]
  readonly #options: StreamOptions
  readonly #owner: StreamOwner
  #forget: () => void = () => {}
  /** What subjects it keeps; null: that is not known here. */
  #keeps: RegExp | null = null
  #takesSchedules = true

  constructor(name: string, options: StreamOptions, owner: StreamOwner) {
    if (!NAME.test(name)) {
      throw new ContrailError(
        'INVALID_OPTION',
        `"${name}" is no stream name (no dots, spaces, wildcards, slashes).`,
      )
    }
    checkOptions(`the stream "${name}"`, options, STREAM_OPTIONS)
    this.name = name
    this.#options = options
    this.#owner = owner
    // Wrong ones are told of here, not at the start.
    configOf(name, [], options)
    const isCopy =
      (options.mirror ?? options.config?.mirror) || (options.sources ?? options.config?.sources)?.length
    const sources = options.subjects ?? (isCopy ? [] : [`${name.toLowerCase()}.>`])
    this.#patterns = sources.map((source) => new SubjectPattern(owner.prefixed(source)))
  }

  /** What it stores, as NATS writes it. */
  get subjects(): readonly string[] {
    const subjects = this.#patterns.map((pattern) => pattern.subject)
    return this.#options.allowSchedules ? [...subjects, scheduleSubjects(this.name)] : subjects
  }

  takes(): ReadonlyMap<string, string> {
    return new Map(this.#patterns.map(({ subject, source }) => [subject, source]))
  }

  claim(): Claim | null {
    const options: StreamOptions = { ...this.#options, subjects: this.subjects }
    return claimOf(`the stream "${this.name}"`, options)
  }

  underPrefix(prefix: string): void {
    this.#patterns = this.#patterns.map((pattern) => pattern.under(prefix))
  }

  get options(): StreamOptions {
    return this.#options
  }

  /** Consumes the stream: the handler gets every message whose subject matches. @see ConsumeOptions */
  consume<
    Subject extends string,
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
    T = unknown,
  >(
    subject: Subject | readonly Subject[],
    options: ConsumeOptions<S, C>,
    handler: Handler<DataOf<S, C, T>, Params<Subject>, Deps, StreamMessage>,
  ): StreamConsumer<Deps, Params<Subject>>
  consume<Subject extends string, T = unknown>(
    subject: Subject | readonly Subject[],
    handler: Handler<T, Params<Subject>, Deps, StreamMessage>,
  ): StreamConsumer<Deps, Params<Subject>>
  /** Without a handler: messages are read by `next` and `for await`, or handlers are added by `handle`. */
  consume<Subject extends string>(
    subject: Subject | readonly Subject[],
    options?: ConsumeOptions<undefined, undefined>,
  ): StreamConsumer<Deps, Params<Subject>>
  consume(subject: string | readonly string[], ...given: readonly unknown[]): StreamConsumer<Deps, never> {
    const { options, handler } = settleGiven(this.#consumerOf(subject), given, CONSUME_OPTIONS)
    const patterns = this.#filters(subject)
    const consumer = new StreamConsumer<Deps, never>(this.name, patterns, options, this.#owner)
    if (handler !== undefined) consumer.add(new Route(options, handler))
    return this.#owner.declare(consumer)
  }

  /** Consumes several messages at a time; they are acknowledged together when the handler returns. @see BatchOptions */
  consumeBatch<
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
    T = unknown,
  >(
    subject: string | readonly string[],
    options: BatchOptions<S, C>,
    handler: BatchHandler<BatchDataOf<S, C, T>, Deps>,
  ): BatchConsumer<Deps> {
    const of = this.#consumerOf(subject)
    checkOptions(of, options, BATCH_OPTIONS)
    checkHandler(of, handler)
    const patterns = this.#filters(subject)
    return this.#owner.declare(
      new BatchConsumer<Deps>(this.name, patterns, options, handler as BatchHandler<never>, this.#owner),
    )
  }

  /** Publishes, and resolves to the PubAck: the message is stored. */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PublishResult> {
    const runtime = this.#owner.runtime()
    if (runtime === null) return Promise.reject(this.#notConnected())
    if (this.#keeps !== null && !this.#keeps.test(subject)) return this.#refuse(subject)
    return runtime.publisher.publishToStream(subject, data, options)
  }

  /** Publishes up to 1000 messages as one: all are stored, or none. The stream needs `allowAtomic`. */
  publishAtomic(
    messages: readonly BatchMessage[],
    options?: Pick<PublishOptions, 'timeout'>,
  ): Promise<BatchAck> {
    const { publisher } = this.#runtime()
    for (const { subject } of messages) {
      if (this.#keeps?.test(subject) === false) return this.#refuse(subject)
    }
    return publishAtomic(publisher, messages, options)
  }

  /**
   * Has the server publish later, or again and again, to a subject of this stream. The stream needs `allowSchedules`.
   * Schedules outlive the app; one of the same `id` takes the other's place.
   */
  schedule(subject: string, data: unknown, when: When, options?: ScheduleOptions): Promise<Schedule> {
    const { publisher } = this.#runtime()
    if (this.#keeps?.test(subject) === false) return this.#refuse(subject)
    if (!this.#takesSchedules) {
      const sentence = `The stream "${this.name}" takes no schedules: declare it with allowSchedules: true.`
      return Promise.reject(new ContrailError('INVALID_OPTION', sentence))
    }
    return schedule(publisher, this.name, subject, data, when, options)
  }

  /** Ends a schedule. False when there was none. */
  async unschedule(id: string): Promise<boolean> {
    return (await this.purge({ subject: scheduleSubject(this.name, id) })) > 0
  }

  /** A typed publisher of this stream. */
  publisher<
    Subject extends string,
    S extends Schema | undefined = undefined,
    C extends CodecOption | undefined = undefined,
  >(subject: Subject, options: PublisherOptions<S, C> = {}): Publisher<Subject, Published<S, C>> {
    const source = () => this.#owner.prefixed(subject)
    this.#mustTake(new SubjectPattern(source()))
    return this.#owner.addPublisher(
      new Publisher(source, { ...options, toStream: true }, () => this.#runtime().publisher),
    )
  }

  /**
   * The counter of a subject: added to by whoever likes, at the same time, without reading it first. The stream needs `allowCounters`.
   * @throws ContrailError INVALID_SUBJECT, SUBJECT_NOT_IN_STREAM
   */
  counter(subject: string): Counter {
    const full = this.#owner.prefixed(subject)
    assertSubject(full)
    this.#mustTake(new SubjectPattern(full))
    return new Counter(this.name, full, () => this.#runtime())
  }

  /** What could not be handled of it, with `deadLetter: true`: to be looked at, sent again, dropped. */
  get deadLetters(): DeadLetterBox {
    return new DeadLetterBox(deadLetterStream(this.name), () => this.#runtime())
  }

  /** What the server says of it. */
  info(): Promise<StreamInfo> {
    const { streams } = this.#runtime().jsm
    return translated(`The stream "${this.name}" can't be looked up`, () => streams.info(this.name))
  }

  /** Removes messages: all, those of a subject, or all but the last `keep`. Resolves to how many. */
  async purge(options: { subject?: string; keep?: number } = {}): Promise<number> {
    const request =
      options.subject === undefined ? { keep: options.keep } : { filter: options.subject, keep: options.keep }
    const { streams } = this.#runtime().jsm
    const done = await translated(`The stream "${this.name}" can't be purged`, () =>
      streams.purge(this.name, request as never),
    )
    return done.purged
  }

  async start(runtime: Runtime): Promise<void> {
    runtime.publisher.audience.keep(new Map(this.subjects.map((subject) => [subject, subject])))
    runtime.publisher.audience.know(this.takes())
    const options = this.#options
    const wanted = configOf(this.name, this.subjects, { replicas: runtime.replicas, ...options })
    const { declare = 'ensure' } = options
    const { config, forget } = await keepDeclared(runtime, `the stream "${this.name}"`, wanted, declare)
    this.#forget = forget
    const subjects = config?.subjects ?? (options.subjects === undefined ? undefined : this.subjects)
    // Of what is not known the server says what it makes of it.
    this.#takesSchedules = config === null || config.allow_msg_schedules === true
    this.#keeps = subjects === undefined ? null : matcherOf(subjects)
  }

  async stop(): Promise<void> {
    this.#forget()
  }

  #runtime(): Runtime {
    const runtime = this.#owner.runtime()
    if (runtime === null) throw this.#notConnected()
    return runtime
  }

  #notConnected(): ContrailError {
    return this.#owner.notRunning(`The stream "${this.name}"`)
  }

  /** For sentences. */
  #consumerOf(subject: string | readonly string[]): string {
    return `the consumer of "${[subject].flat().join(', ')}" of the stream "${this.name}"`
  }

  /** The filters of a consumer of this stream. @throws ContrailError INVALID_SUBJECT, SUBJECT_NOT_IN_STREAM */
  #filters(subject: string | readonly string[]): SubjectPattern[] {
    const sources = typeof subject === 'string' ? [subject] : subject
    const patterns = sources.map((source) => new SubjectPattern(this.#owner.prefixed(source)))
    for (const pattern of patterns) this.#mustTake(pattern)
    return patterns
  }

  /** Nothing of the stream is on these subjects: a mistake, where its subjects are what is declared here. */
  #mustTake({ source, subject }: SubjectPattern): void {
    const { declare = 'ensure', config, subjects, mirror, sources, transform } = this.#options
    // With these it has subjects that are not said here.
    if (declare === 'create' || (declare === 'none' && subjects === undefined)) return
    if (mirror ?? sources ?? transform) return
    if (config?.subjects ?? config?.mirror ?? config?.sources ?? config?.subject_transform) return
    if (!this.subjects.some((one) => subjectsOverlap(one, subject))) throw this.#doesNotKeep(source)
  }

  /** A publication that the stream would not take. */
  async #refuse(subject: string): Promise<never> {
    assertSubject(subject)
    throw this.#doesNotKeep(subject)
  }

  #doesNotKeep(subject: string): ContrailError {
    const sources = [...this.takes().values()]
    const has = sources.length === 0 ? 'no subjects' : sources.map((source) => `"${source}"`).join(', ')
    const nearest = nearestSubject(subject, sources)
    const meant = nearest === undefined || nearest.endsWith('>') ? '' : ` Did you mean "${nearest}"?`
    const sentence = `The stream "${this.name}" does not keep "${subject}": it has ${has}.${meant}`
    return new ContrailError('SUBJECT_NOT_IN_STREAM', sentence)
  }
}
