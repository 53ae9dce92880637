/** All that an app publishes to one broker: on core NATS, to streams, and requests. */
import {
  type PublishOptions as ClientsOptions,
  errors,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Payload,
} from '@nats-io/nats-core'
import { type CodecOption, codecOf, decode } from '../codec.ts'
import { ContrailError, RequestFailedError, reasonOf } from '../errors.ts'
import { type Outgoing, type PublishMiddleware, runThrough } from '../middleware.ts'
import { validate } from '../schema.ts'
import { subjectMatches } from '../subject-pattern.ts'
import { toMs } from '../units.ts'
import { headersOf } from './headers.ts'
import type { PublishOptions, PublishResult, RequestOptions } from './options.ts'
import { PipelinedPublisher, type PublisherLimits } from './pipelined-publisher.ts'

const DEFAULT_TIMEOUT_MS = 5000
const MAX_REMEMBERED_SUBJECTS = 4096

export interface BrokerPublisherOptions extends PublisherLimits {
  /** Bytes that may be published on core NATS while the connection is lost; then publishing fails. Default: 8 MiB. */
  reconnectBuffer?: number
}

const DEFAULT_RECONNECT_BUFFER = 8 * 1024 * 1024

export class BrokerPublisher {
  readonly #nc: NatsConnection
  readonly #middleware: readonly PublishMiddleware[]
  readonly #pipeline: PipelinedPublisher
  readonly #streamSubjects: string[] = []
  /** Whether a declared stream takes a subject. */
  readonly #isStreams = new Map<string, boolean>()
  readonly #reconnectBuffer: number
  #isConnected = true
  /** What waits for the connection. */
  readonly #kept: Array<{ subject: string; payload: Payload; options: ClientsOptions }> = []
  #keptBytes = 0

  constructor(nc: NatsConnection, middleware: readonly PublishMiddleware[], options: BrokerPublisherOptions) {
    this.#nc = nc
    this.#middleware = middleware
    this.#pipeline = new PipelinedPublisher(nc, options)
    this.#reconnectBuffer = options.reconnectBuffer ?? DEFAULT_RECONNECT_BUFFER
  }

  /** Publications to these subjects are acknowledged by a stream from now on. */
  addStreamSubjects(subjects: readonly string[]): void {
    this.#streamSubjects.push(...subjects)
    this.#isStreams.clear()
  }

  /** Where a declared stream takes the subject, waits for its PubAck; else resolves to undefined at once. */
  publish(subject: string, data: unknown, options: PublishOptions = {}): Promise<PublishResult | undefined> {
    if (options.replyTo === undefined && this.#takenByStream(subject)) {
      return this.publishToStream(subject, data, options)
    }
    const payload = codecOf(options.codec).encode(data as never)
    return this.#through({ subject, payload, options, kind: 'publish' }, (outgoing) => {
      this.#send(outgoing.subject, outgoing.payload, {
        headers: headersOf(outgoing.options),
        reply: outgoing.options.replyTo,
      })
      return Promise.resolve(undefined)
    })
  }

  /** Resolves to the stream's PubAck. Errors: those of PipelinedPublisher.publish. */
  publishToStream(subject: string, data: unknown, options: PublishOptions = {}): Promise<PublishResult> {
    const payload = codecOf(options.codec).encode(data as never)
    if (this.#middleware.length === 0) return this.#pipe(subject, payload, options)
    return this.#through({ subject, payload, options, kind: 'stream' }, (outgoing) =>
      this.#pipe(outgoing.subject, outgoing.payload, outgoing.options),
    ) as Promise<PublishResult>
  }

  /** A message of an atomic batch but its last: nothing answers it. */
  publishToBatch(subject: string, data: unknown, all: MsgHdrs, codec: CodecOption | undefined): void {
    this.#send(subject, codecOf(codec).encode(data as never), { headers: all })
  }

  /** @throws ContrailError REQUEST_TIMEOUT, NO_RESPONDERS; RequestFailedError when the handler threw */
  async request<T>(subject: string, data: unknown, options: RequestOptions = {}): Promise<T> {
    const codec = codecOf(options.codec)
    const answer = (await this.#through(
      {
        subject,
        payload: codec.encode(data as never),
        options: { headers: options.headers },
        kind: 'request',
      },
      (outgoing) => this.#ask(outgoing, options) as never,
    )) as unknown as Msg
    if (answer.headers?.has('Nats-Service-Error')) {
      throw new RequestFailedError(
        subject,
        Number(answer.headers.get('Nats-Service-Error-Code') || 500),
        answer.headers.get('Nats-Service-Error'),
      )
    }
    const value = decode(codec, answer.data, subject)
    return (options.schema === undefined ? value : await validate(options.schema, value, subject)) as T
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

  close(): void {
    this.#pipeline.close()
  }

  #pipe(subject: string, payload: Uint8Array | string, options: PublishOptions): Promise<PublishResult> {
    return this.#pipeline.publish(
      subject,
      payload,
      headersOf(options),
      options.timeout === undefined ? DEFAULT_TIMEOUT_MS : toMs(options.timeout, 'timeout'),
      options.id !== undefined,
    )
  }

  async #ask(outgoing: Outgoing, options: RequestOptions): Promise<Msg> {
    const timeout = options.timeout === undefined ? DEFAULT_TIMEOUT_MS : toMs(options.timeout, 'timeout')
    try {
      return await this.#nc.request(outgoing.subject, outgoing.payload, {
        timeout,
        headers: headersOf(outgoing.options),
      })
    } catch (thrown) {
      const reason = thrown instanceof errors.RequestError ? (thrown.cause ?? thrown) : thrown
      if (reason instanceof errors.NoRespondersError) {
        throw new ContrailError('NO_RESPONDERS', `The request to "${outgoing.subject}" found nobody.`, {
          cause: thrown,
        })
      }
      if (reason instanceof errors.TimeoutError) {
        throw new ContrailError(
          'REQUEST_TIMEOUT',
          `The request to "${outgoing.subject}" had no answer in ${timeout} ms.`,
          { cause: thrown },
        )
      }
      throw new Error(`The request to "${outgoing.subject}" failed: ${reasonOf(thrown)}`, { cause: thrown })
    }
  }

  #through(
    outgoing: Outgoing,
    send: (outgoing: Outgoing) => Promise<PublishResult | undefined>,
  ): Promise<PublishResult | undefined> {
    if (this.#middleware.length === 0) {
      try {
        return send(outgoing)
      } catch (thrown) {
        return Promise.reject(thrown)
      }
    }
    return runThrough(this.#middleware as never, outgoing, () => send(outgoing)) as Promise<
      PublishResult | undefined
    >
  }

  #takenByStream(subject: string): boolean {
    if (this.#streamSubjects.length === 0) return false
    let taken = this.#isStreams.get(subject)
    if (taken === undefined) {
      taken = this.#streamSubjects.some((filter) => subjectMatches(filter, subject))
      if (this.#isStreams.size >= MAX_REMEMBERED_SUBJECTS) this.#isStreams.clear()
      this.#isStreams.set(subject, taken)
    }
    return taken
  }

  /** On core NATS; kept while the connection is lost, which the client would not do. */
  #send(subject: string, payload: Payload, options: ClientsOptions): void {
    if (this.#isConnected) {
      this.#nc.publish(subject, payload, options)
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
