/** A typed publisher for one subject. */
import type { CodecOption, Decoded } from '../codec.ts'
import {
  checkOptions,
  codec,
  duration,
  flag,
  object,
  schema,
  shape,
  type Table,
  text,
  whole,
} from '../options.ts'
import type { Input, Schema } from '../schema.ts'
import { validate } from '../schema.ts'
import { type Params, SubjectPattern } from '../subject-pattern.ts'
import type { BrokerPublisher } from './broker-publisher.ts'
import type { AnswerOf, Expectations, PublishOptions, PublishResult, RequestOptions } from './options.ts'

export interface PublisherOptions<
  S extends Schema | undefined = undefined,
  C extends CodecOption | undefined = undefined,
> extends Omit<PublishOptions, 'codec'> {
  /** What is published is checked by it first. */
  schema?: S
  codec?: C
  /** Wait for a stream's PubAck, whether the stream is declared here or not. Default: where a declared stream takes it. */
  toStream?: boolean
}

export const PUBLISHER_OPTIONS: Table<PublisherOptions> = {
  schema,
  codec,
  headers: object,
  id: text,
  expect: shape<Expectations>({
    stream: text,
    lastSeq: whole(0),
    lastId: text,
    lastSubjectSeq: whole(0),
    lastSubject: text,
  }),
  ttl: duration,
  replyTo: text,
  timeout: duration,
  template: text,
  toStream: flag,
}

/** What a publisher takes. */
export type Published<S, C> = [S] extends [Schema]
  ? Input<S>
  : [C] extends [CodecOption]
    ? Decoded<C>
    : unknown

/** Values for the names in the publisher's subject, where it has any. */
type ParamsOption<Subject extends string> = keyof Params<Subject> extends never
  ? { params?: undefined }
  : { params: { readonly [Name in keyof Params<Subject>]: string | number } }

type Rest<Subject extends string, Options> = keyof Params<Subject> extends never
  ? [options?: Options]
  : [options: Options & ParamsOption<Subject>]

export class Publisher<Subject extends string, T> {
  readonly #source: () => string
  #lastPattern: SubjectPattern
  readonly #options: PublisherOptions<Schema | undefined, CodecOption | undefined>
  readonly #broker: () => BrokerPublisher

  /** @param source the subject, under the prefixes of its routers, which it may get later */
  constructor(
    source: () => string,
    options: PublisherOptions<Schema | undefined, CodecOption | undefined>,
    broker: () => BrokerPublisher,
  ) {
    checkOptions(`the publisher of "${source()}"`, options, PUBLISHER_OPTIONS)
    this.#source = source
    this.#lastPattern = new SubjectPattern(source())
    this.#options = options
    this.#broker = broker
  }

  get #pattern(): SubjectPattern {
    const source = this.#source()
    if (source !== this.#lastPattern.source) this.#lastPattern = new SubjectPattern(source)
    return this.#lastPattern
  }

  /** The subject as it was declared. */
  get source(): string {
    return this.#pattern.source
  }

  get options(): PublisherOptions<Schema | undefined, CodecOption | undefined> {
    return this.#options
  }

  /** Resolves to the stream's PubAck, or to undefined on core NATS. */
  async publish(data: T, ...[options]: Rest<Subject, PublishOptions>): Promise<PublishResult | undefined> {
    const { subject, all } = this.#prepare(options)
    const value = await this.#checked(data, subject)
    return this.#options.toStream === true
      ? this.#broker().publishToStream(subject, value, all)
      : this.#broker().publish(subject, value, all)
  }

  /** Asks, and resolves to the answer. */
  async request<Answer = unknown, S extends Schema | undefined = undefined>(
    data: T,
    ...[options]: Rest<Subject, RequestOptions<S>>
  ): Promise<AnswerOf<S, Answer>> {
    const { subject, all } = this.#prepare(options)
    return this.#broker().request(subject, await this.#checked(data, subject), all)
  }

  #prepare<O>(options: O | undefined): { subject: string; all: O } {
    const { schema: _, toStream: __, ...own } = this.#options
    const { params, ...given } = (options ?? {}) as O & { params?: Record<string, string> }
    const pattern = this.#pattern
    const subject = pattern.hasNames ? pattern.fill(params ?? {}) : pattern.subject
    return { subject, all: { template: pattern.source, ...own, ...given } as unknown as O }
  }

  async #checked(data: T, subject: string): Promise<unknown> {
    if (this.#options.schema !== undefined) await validate(this.#options.schema, data, subject)
    return data
  }
}
