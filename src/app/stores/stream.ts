/** A stream as an app declares it: made or updated at the start, consumed and published to by this handle. */
import {
  type BatchAck,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import { translated } from '../client-errors.ts'
import type { CodecOption } from '../codec.ts'
import {
  BatchConsumer,
  type BatchDataOf,
  type BatchHandler,
  type BatchOptions,
} from '../consumer/batch-consumer.ts'
import { deadLetterStream } from '../consumer/dead-letters.ts'
import type { ConsumeOptions } from '../consumer/options.ts'
import { StreamConsumer } from '../consumer/stream-consumer.ts'
import { DeadLetterBox } from '../dead-letters/dead-letter-box.ts'
import { ContrailError } from '../errors.ts'
import type { AnyHandler, DataOf, Handler } from '../handler.ts'
import type { StreamMessage } from '../message.ts'
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
import type { Declaration, Runtime } from '../runtime.ts'
import type { Schema } from '../schema.ts'
import { type Params, SubjectPattern } from '../subject-pattern.ts'
import type { Owner } from '../subscription.ts'
import { type Duration, type Size, toBytes, toNs } from '../units.ts'
import { checkDeclare, type Declare, keepDeclared } from './declaring.ts'

export interface StreamOptions {
  /** What it stores; wildcards and {names} allowed. Default: its name in lower case and `.>` behind it. */
  subjects?: readonly string[]
  /** Default: 'ensure'. @see Declare */
  declare?: Declare
  description?: string
  /** Default: 'limits'. 'workqueue': acknowledged is removed; 'interest': kept while consumers want it. */
  retention?: 'limits' | 'interest' | 'workqueue'
  /** Default: 'file'. */
  storage?: 'file' | 'memory'
  /** Messages are removed after so long. Default: never. */
  maxAge?: Duration
  maxMessages?: number
  maxBytes?: Size
  maxMessagesPerSubject?: number
  maxMessageSize?: Size
  /** When full: drop the oldest (default), or refuse the newest. */
  discard?: 'old' | 'new'
  /** How long message ids are remembered. Default: 2 min. */
  duplicateWindow?: Duration
  /** Copies in a cluster. Default: 1. */
  replicas?: number
  /** Messages may have a `ttl` of their own (ADR-43). Default: false. */
  allowTtl?: boolean
  /** Messages may be published at a time or again and again (ADR-51); their schedules are in `schedules.STREAM.>`. Default: false. */
  allowSchedules?: boolean
  /** Batches may be published as one (ADR-50). Default: false. */
  allowAtomic?: boolean
  /** Fields of the configuration as the API has them, over all others. */
  config?: Partial<StreamConfig>
}

const NAME = /^[^\s.*>/\\]+$/

/** The part of a configuration that a declaration speaks of. */
function configOf(
  name: string,
  subjects: readonly string[],
  options: StreamOptions,
): Partial<StreamConfig> & { name: string } {
  const config: Partial<StreamConfig> & { name: string } = { name, subjects: [...subjects] }
  if (options.description !== undefined) config.description = options.description
  if (options.retention !== undefined) config.retention = RETENTION[options.retention]
  if (options.storage !== undefined) {
    config.storage = options.storage === 'memory' ? StorageType.Memory : StorageType.File
  }
  if (options.maxAge !== undefined) config.max_age = toNs(options.maxAge, 'maxAge')
  if (options.maxMessages !== undefined) config.max_msgs = options.maxMessages
  if (options.maxBytes !== undefined) config.max_bytes = toBytes(options.maxBytes, 'maxBytes')
  if (options.maxMessagesPerSubject !== undefined) config.max_msgs_per_subject = options.maxMessagesPerSubject
  if (options.maxMessageSize !== undefined)
    config.max_msg_size = toBytes(options.maxMessageSize, 'maxMessageSize')
  if (options.discard !== undefined)
    config.discard = options.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old
  if (options.duplicateWindow !== undefined)
    config.duplicate_window = toNs(options.duplicateWindow, 'duplicateWindow')
  if (options.replicas !== undefined) config.num_replicas = options.replicas
  if (options.allowTtl !== undefined) config.allow_msg_ttl = options.allowTtl
  if (options.allowSchedules !== undefined) config.allow_msg_schedules = options.allowSchedules
  if (options.allowAtomic !== undefined) config.allow_atomic = options.allowAtomic
  return { ...config, ...options.config }
}

const RETENTION = {
  limits: RetentionPolicy.Limits,
  interest: RetentionPolicy.Interest,
  workqueue: RetentionPolicy.Workqueue,
} as const

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
  #subjects: readonly string[]
  readonly #options: StreamOptions
  readonly #owner: StreamOwner
  #forget: () => void = () => {}

  constructor(name: string, options: StreamOptions, owner: StreamOwner) {
    if (!NAME.test(name)) {
      throw new ContrailError(
        'INVALID_OPTION',
        `"${name}" is no stream name (no dots, spaces, wildcards, slashes).`,
      )
    }
    checkDeclare(options.declare)
    this.name = name
    this.#options = options
    this.#owner = owner
    const sources = options.subjects ?? (options.config?.mirror ? [] : [`${name.toLowerCase()}.>`])
    this.#subjects = sources.map((source) => new SubjectPattern(owner.prefixed(source)).subject)
  }

  /** What it stores, as NATS writes it. */
  get subjects(): readonly string[] {
    return this.#options.allowSchedules ? [...this.#subjects, scheduleSubjects(this.name)] : this.#subjects
  }

  underPrefix(prefix: string): void {
    this.#subjects = this.#subjects.map((subject) => `${prefix}.${subject}`)
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
  consume(
    subject: string | readonly string[],
    optionsOrHandler: ConsumeOptions<Schema | undefined, CodecOption | undefined> | AnyHandler = {},
    handler?: AnyHandler,
  ): StreamConsumer<Deps, never> {
    const options = typeof optionsOrHandler === 'function' ? {} : optionsOrHandler
    const given = typeof optionsOrHandler === 'function' ? optionsOrHandler : handler
    const patterns = (typeof subject === 'string' ? [subject] : subject).map(
      (source) => new SubjectPattern(this.#owner.prefixed(source)),
    )
    const consumer = new StreamConsumer<Deps, never>(this.name, patterns, options, this.#owner)
    if (given !== undefined) consumer.handle(options as never, given as never)
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
    const patterns = (typeof subject === 'string' ? [subject] : subject).map(
      (source) => new SubjectPattern(this.#owner.prefixed(source)),
    )
    return this.#owner.declare(
      new BatchConsumer<Deps>(this.name, patterns, options, handler as BatchHandler<never>, this.#owner),
    )
  }

  /** Publishes, and resolves to the PubAck: the message is stored. */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PublishResult> {
    const runtime = this.#owner.runtime()
    if (runtime === null) return Promise.reject(this.#notConnected())
    return runtime.publisher.publishToStream(subject, data, options)
  }

  /** Publishes up to 1000 messages as one: all are stored, or none. The stream needs `allowAtomic`. */
  publishAtomic(
    messages: readonly BatchMessage[],
    options?: Pick<PublishOptions, 'timeout'>,
  ): Promise<BatchAck> {
    return publishAtomic(this.#runtime().publisher, messages, options)
  }

  /**
   * Has the server publish later, or again and again, to a subject of this stream. The stream needs `allowSchedules`.
   * Schedules outlive the app; one of the same `id` takes the other's place.
   */
  schedule(subject: string, data: unknown, when: When, options?: ScheduleOptions): Promise<Schedule> {
    return schedule(this.#runtime().publisher, this.name, subject, data, when, options)
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
    return this.#owner.addPublisher(
      new Publisher(source, { ...options, toStream: true }, () => this.#runtime().publisher),
    )
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
    runtime.publisher.addStreamSubjects(this.subjects)
    const wanted = configOf(this.name, this.subjects, { replicas: runtime.replicas, ...this.#options })
    this.#forget = await keepDeclared(
      runtime,
      `the stream "${this.name}"`,
      wanted,
      this.#options.declare ?? 'ensure',
    )
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
    return new ContrailError('NOT_STARTED', `The stream "${this.name}" is not connected.`)
  }
}
