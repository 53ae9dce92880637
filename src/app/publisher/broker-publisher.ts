/** All that an app publishes to one broker: on core NATS, to streams, and requests. */
import type {
  PublishOptions as ClientsOptions,
  Msg,
  MsgHdrs,
  NatsConnection,
  Payload,
} from '@nats-io/nats-core'
import { asContrailError } from '../client-errors.ts'
import { type CodecOption, codecOf, decode } from '../codec.ts'
import { ContrailError } from '../errors.ts'
import { Outgoing, type OutgoingKind, type PublishMiddleware, runThrough } from '../middleware.ts'
import { count, type Table, whole } from '../options.ts'
import { type Schema, validate } from '../schema.ts'
import { toMs } from '../units.ts'
import type { Audience } from './audience.ts'
import { headersOf } from './headers.ts'
import type { PublishOptions, PublishResult, RequestManyOptions, RequestOptions } from './options.ts'
import { PipelinedPublisher, type PublisherLimits } from './pipelined-publisher.ts'
import { failureOf, isFailure, noAnswer } from './request-failure.ts'

const DEFAULT_TIMEOUT_MS = 5000
const DEFAULT_MANY_MS = 1000

export interface BrokerPublisherOptions extends PublisherLimits {
  /** Bytes that may be published on core NATS while the connection is lost; then publishing fails. Default: 8 MiB. */
  reconnectBuffer?: number
}

export const BROKER_PUBLISHER_OPTIONS: Table<BrokerPublisherOptions> = {
  maxInFlight: count,
  maxWaiting: count,
  maxBytes: count,
  reconnectBuffer: whole(0),
}

const DEFAULT_RECONNECT_BUFFER = 8 * 1024 * 1024

/** What an app has published to a broker since its start. */
export interface PublishCounts {
  /** On core NATS, batch parts included. */
  published: number
  /** Handed over to be stored by a stream. */
  toStream: number
  requests: number
  /** Requests without an answer, or with an error for one. */
  requestsFailed: number
}

export class BrokerPublisher {
  readonly counts: PublishCounts
  readonly #nc: NatsConnection
  readonly #middleware: readonly PublishMiddleware[]
  readonly #pipeline: PipelinedPublisher
  /** Who has what is published. */
  readonly audience: Audience
  readonly #reconnectBuffer: number
  readonly #options: BrokerPublisherOptions
  /** Whose middleware is around this one's; null for the broker's own. */
  readonly #outer: BrokerPublisher | null
  #isConnected = true
  /** What waits for the connection. */
  readonly #kept: Array<{ subject: string; payload: Payload; options: ClientsOptions }> = []
  #keptBytes = 0

  /** @param middleware what is added to the list later is gone through too */
  constructor(
    nc: NatsConnection,
    middleware: readonly PublishMiddleware[],
    options: BrokerPublisherOptions,
    audience: Audience,
    outer: BrokerPublisher | null = null,
  ) {
    this.#nc = nc
    this.#middleware = middleware
    this.#options = options
    this.#outer = outer
    this.#pipeline = outer === null ? new PipelinedPublisher(nc, options) : outer.#pipeline
    this.audience = audience
    this.counts = outer?.counts ?? { published: 0, toStream: 0, requests: 0, requestsFailed: 0 }
    this.#reconnectBuffer = options.reconnectBuffer ?? DEFAULT_RECONNECT_BUFFER
  }

  /** The same publisher with more middleware inside its own. */
  within(middleware: readonly PublishMiddleware[]): BrokerPublisher {
    return new BrokerPublisher(this.#nc, middleware, this.#options, this.audience, this)
  }

  /** Where a declared stream takes the subject, waits for its PubAck; else resolves to undefined at once. */
  publish(subject: string, data: unknown, options: PublishOptions = {}): Promise<PublishResult | undefined> {
    try {
      const fate = this.audience.fateOf(subject)
      if (fate === 'kept' && options.replyTo === undefined)
        return this.publishToStream(subject, data, options)
      const payload = codecOf(options.codec).encode(data as never)
      return this.#through('publish', subject, payload, options, (outgoing) => {
        this.#send(outgoing.subject, outgoing.payload, {
          headers: headersOf(outgoing.options),
          reply: outgoing.options.replyTo,
        })
        return Promise.resolve(undefined)
      })
    } catch (thrown) {
      // What the codec can't write; a subject that can't be.
      return Promise.reject(thrown)
    }
  }

  /** Resolves to the stream's PubAck. Errors: those of PipelinedPublisher.publish. */
  publishToStream(subject: string, data: unknown, options: PublishOptions = {}): Promise<PublishResult> {
    try {
      const payload = codecOf(options.codec).encode(data as never)
      if (this.#isPlain) return this.#pipe(subject, payload, options)
      return this.#through('stream', subject, payload, options, (outgoing) =>
        this.#pipe(outgoing.subject, outgoing.payload, outgoing.options),
      ) as Promise<PublishResult>
    } catch (thrown) {
      return Promise.reject(thrown)
    }
  }

  /** To a stream, past all middleware: the framework's own books. Publishing it twice must do no harm. */
  keep(subject: string, payload: string): Promise<PublishResult> {
    return this.#pipeline.publish(subject, payload, undefined, DEFAULT_TIMEOUT_MS, true)
  }

  /** A message of an atomic batch but its last: nothing answers it. */
  async publishToBatch(
    subject: string,
    data: unknown,
    all: MsgHdrs,
    codec: CodecOption | undefined,
  ): Promise<void> {
    const payload = codecOf(codec).encode(data as never)
    await this.#through('batch', subject, payload, { headers: all }, (outgoing) => {
      this.#send(outgoing.subject, outgoing.payload, { headers: headersOf(outgoing.options) })
      return Promise.resolve(undefined)
    })
  }

  /** True when nothing is around what is published. */
  get #isPlain(): boolean {
    return this.#middleware.length === 0 && this.#outer === null
  }

  /** @throws ContrailError REQUEST_TIMEOUT, NO_RESPONDERS; RequestFailedError when the handler threw */
  async request<T>(
    subject: string,
    data: unknown,
    options: RequestOptions<Schema | undefined> = {},
  ): Promise<T> {
    this.counts.requests++
    try {
      return await this.#request<T>(subject, data, options)
    } catch (thrown) {
      this.counts.requestsFailed++
      throw thrown
    }
  }

  async #request<T>(subject: string, data: unknown, options: RequestOptions<Schema | undefined>): Promise<T> {
    const codec = codecOf(options.codec)
    const answer = (await this.#through(
      'request',
      subject,
      codec.encode(data as never),
      { headers: options.headers, template: options.template },
      (outgoing) => this.#ask(outgoing, options) as never,
    )) as unknown as Msg
    const value = decode(codec, answer.data, subject)
    return (options.schema === undefined ? value : await validate(options.schema, value, subject)) as T
  }

  /**
   * Asks all who listen; gives their answers as they come.
   * @throws ContrailError NO_RESPONDERS; RequestFailedError and InvalidMessageError for an answer that is one
   */
  async *requestMany<T>(
    subject: string,
    data: unknown,
    options: RequestManyOptions<Schema | undefined> = {},
  ): AsyncGenerator<T> {
    const codec = codecOf(options.codec)
    this.counts.requests++
    try {
      const payload = codec.encode(data as never)
      const said = { headers: options.headers, template: options.template }
      const answers = (await this.#through('request', subject, payload, said, (outgoing) => {
        return askMany(this.#nc, outgoing, options) as never
      })) as unknown as AsyncIterable<Msg>
      for await (const answer of answers) {
        if (isFailure(answer)) throw failureOf(subject, answer)
        const value = decode(codec, answer.data, subject)
        yield (options.schema === undefined ? value : await validate(options.schema, value, subject)) as T
      }
    } catch (thrown) {
      this.counts.requestsFailed++
      throw thrown instanceof ContrailError
        ? thrown
        : asContrailError(thrown, `Asking all on "${subject}" failed`, false)
    }
  }

  /** The server says that the app may not publish there. */
  notPermitted(subject: string, reason: Error): void {
    this.#pipeline.notPermitted(subject, reason)
  }

  disconnected(): void {
    this.#isConnected = false
    this.#pipeline.disconnected()
  }

  reconnected(): void {
    this.#isConnected = true
    this.#keptBytes = 0
    for (const { subject, payload, options } of this.#kept.splice(0)) {
      this.#nc.publish(subject, payload, options)
    }
    this.#pipeline.reconnected()
  }

  /** Resolves when streams have answered all. */
  flush(): Promise<void> {
    return this.#pipeline.flush()
  }

  get unanswered(): number {
    return this.#pipeline.unanswered
  }

  /** Publications to streams that were refused, or not acknowledged in time. */
  get failed(): number {
    return this.#pipeline.failed
  }

  close(): void {
    this.#pipeline.close()
  }

  #pipe(subject: string, payload: Uint8Array | string, options: PublishOptions): Promise<PublishResult> {
    this.counts.toStream++
    return this.#pipeline.publish(
      subject,
      payload,
      headersOf(options),
      options.timeout === undefined ? DEFAULT_TIMEOUT_MS : toMs(options.timeout, 'timeout'),
      options.id !== undefined,
    )
  }

  /** The answer; an answer that says that the handler threw is thrown, so that middleware sees it. */
  async #ask(outgoing: Outgoing, options: RequestOptions<Schema | undefined>): Promise<Msg> {
    const timeout = options.timeout === undefined ? DEFAULT_TIMEOUT_MS : toMs(options.timeout, 'timeout')
    let answer: Msg
    try {
      answer = await this.#nc.request(outgoing.subject, outgoing.payload, {
        timeout,
        headers: headersOf(outgoing.options),
      })
    } catch (thrown) {
      throw noAnswer(outgoing.subject, thrown, timeout)
    }
    if (isFailure(answer)) throw failureOf(outgoing.subject, answer)
    return answer
  }

  #through(
    kind: OutgoingKind,
    subject: string,
    payload: Payload,
    options: PublishOptions,
    send: (outgoing: Outgoing) => Promise<PublishResult | undefined>,
  ): Promise<PublishResult | undefined> {
    const outgoing = new Outgoing(kind, subject, payload, options, this.#nc)
    if (this.#isPlain) {
      try {
        return send(outgoing)
      } catch (thrown) {
        return Promise.reject(thrown)
      }
    }
    return runThrough(this.#around() as never, outgoing, () => send(outgoing)) as Promise<
      PublishResult | undefined
    >
  }

  #around(): readonly PublishMiddleware[] {
    return this.#outer === null ? this.#middleware : [...this.#outer.#around(), ...this.#middleware]
  }

  /** On core NATS; kept while the connection is lost, which the client would not do. */
  #send(subject: string, payload: Payload, options: ClientsOptions): void {
    if (this.#outer !== null) {
      this.#outer.#send(subject, payload, options)
      return
    }
    this.counts.published++
    if (this.#isConnected) {
      try {
        this.#nc.publish(subject, payload, options)
      } catch (thrown) {
        throw asContrailError(thrown, `Publishing ${payload.length} bytes to "${subject}" failed`, false)
      }
      return
    }
    if (this.#keptBytes + payload.length > this.#reconnectBuffer) {
      throw new ContrailError(
        'DISCONNECTED',
        `Publishing to "${subject}": the connection is lost, and ${this.#keptBytes} bytes wait for it already.`,
      )
    }
    this.#keptBytes += payload.length
    this.#kept.push({ subject, payload, options })
  }
}

function askMany(
  nc: NatsConnection,
  { subject, payload, options: { headers } }: Outgoing,
  { max, timeout = DEFAULT_MANY_MS, stall }: RequestManyOptions<Schema | undefined>,
): Promise<AsyncIterable<Msg>> {
  return nc.requestMany(subject, payload, {
    strategy: max !== undefined ? 'count' : stall !== undefined ? 'stall' : 'timer',
    maxWait: toMs(timeout, 'timeout'),
    maxMessages: max,
    headers: headersOf({ headers }),
    ...(stall === undefined ? {} : { stall: toMs(stall, 'stall') }),
  })
}
