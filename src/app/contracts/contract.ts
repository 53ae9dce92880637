/**
 * What programs say to each other, declared once: subjects, what is on them, what is answered. A contract is a value without a
 * connection, so that a package of its own can have it; publishers, handlers and requesters of other packages use it.
 */
import type { ConsumeOptions } from '../consumer/options.ts'
import type { StreamConsumer } from '../consumer/stream-consumer.ts'
import type { HandlerContext } from '../context.ts'
import type { CoreSubscription, SubscribeOptions } from '../core-subscription.ts'
import { InvalidMessageError } from '../errors.ts'
import type { AnyHandler } from '../handler.ts'
import type { StreamMessage } from '../message.ts'
import { checkOptions, schema, type Table, text } from '../options.ts'
import type {
  PublishOptions,
  PublishResult,
  RequestManyOptions,
  RequestOptions,
} from '../publisher/options.ts'
import type { Declaring } from '../router.ts'
import { type Input, type Output, type Schema, validate } from '../schema.ts'
import type { Stream } from '../stores/stream.ts'
import { type Params, SubjectPattern } from '../subject-pattern.ts'

/** An operation as it is declared. */
export interface OperationOptions {
  /** With {names} for what varies: 'orders.{id}.created'. */
  readonly subject: string
  /** What is published or asked. Default: anything. */
  readonly schema?: Schema
  /** What is answered. Default: anything, or nothing. */
  readonly response?: Schema
  /** For people, and for documents. */
  readonly description?: string
}

/** Who publishes and asks: an app, a router, or the context of a handler. */
export interface Speaker {
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PublishResult | undefined>
  request(subject: string, data?: unknown, options?: RequestOptions<never>): Promise<unknown>
  requestMany(subject: string, data?: unknown, options?: RequestManyOptions<never>): AsyncIterable<unknown>
}

type InOf<S> = S extends Schema ? Input<S> : unknown
type OutOf<S> = S extends Schema ? Output<S> : unknown
/** What a handler returns: the response's input; without one whatever it likes. */
type ReturnOf<R> = R extends Schema ? Input<R> | Promise<Input<R>> : unknown
type WithParams<Subject extends string> = { readonly [Name in keyof Params<Subject>]: string | number }
type Rest<Subject extends string, Options> = keyof Params<Subject> extends never
  ? [options?: Options]
  : [options: Options & { params: WithParams<Subject> }]

const OPERATION_OPTIONS: Table<OperationOptions> = {
  subject: text,
  schema,
  response: schema,
  description: text,
}

export class Operation<Subject extends string, S, R> {
  readonly name: string
  readonly subject: Subject
  readonly schema: S
  readonly response: R
  readonly description: string | undefined
  readonly #pattern: SubjectPattern

  /** @throws ContrailError INVALID_SUBJECT */
  constructor(name: string, options: OperationOptions) {
    checkOptions(`the operation "${name}"`, options, OPERATION_OPTIONS)
    this.name = name
    this.subject = options.subject as Subject
    this.schema = options.schema as S
    this.response = options.response as R
    this.description = options.description
    this.#pattern = new SubjectPattern(options.subject)
  }

  /** Answers it, or hears it, on core NATS. What the handler returns is checked by `response`. */
  handle<Deps extends object>(
    on: Declaring<Deps>,
    handler: (data: OutOf<S>, context: HandlerContext<Params<Subject>, Deps>) => ReturnOf<R>,
    options: Omit<SubscribeOptions<undefined>, 'schema' | 'codec'> = {},
  ): CoreSubscription<Deps, Params<Subject>> {
    const all = { ...options, schema: this.#schema, ...(this.response === undefined ? {} : { reply: true }) }
    const answering = this.#answering(handler as AnyHandler) as never
    const subscription = on.subscribe(this.subject, all as SubscribeOptions, answering)
    subscription.agreed = this
    return subscription
  }

  /** Consumes it from a stream. */
  consume<Deps extends object>(
    from: Stream<Deps>,
    options: Omit<ConsumeOptions, 'schema' | 'codec'>,
    handler: (data: OutOf<S>, context: HandlerContext<Params<Subject>, Deps, StreamMessage>) => unknown,
  ): StreamConsumer<Deps, Params<Subject>> {
    const all = { ...options, schema: this.#schema } as ConsumeOptions
    const consumer = from.consume(this.subject, all, handler as never)
    consumer.agreed = this
    return consumer
  }

  /** Resolves to the PubAck of a stream that is declared in the app, or to undefined. @throws InvalidMessageError */
  async publish(
    by: Speaker,
    data: InOf<S>,
    ...[options]: Rest<Subject, Omit<PublishOptions, 'codec' | 'template'>>
  ): Promise<PublishResult | undefined> {
    const { subject, rest } = await this.#prepare(data, options)
    return by.publish(subject, data, { ...rest, template: this.subject })
  }

  /** Asks, and resolves to the answer, checked by `response`. @throws as `app.request` does */
  async request(
    by: Speaker,
    data: InOf<S>,
    ...[options]: Rest<Subject, Omit<RequestOptions, 'codec' | 'template' | 'schema'>>
  ): Promise<OutOf<R>> {
    const { subject, rest } = await this.#prepare(data, options)
    const all = { ...rest, template: this.subject, schema: this.response as never }
    return (await by.request(subject, data, all)) as OutOf<R>
  }

  /** Asks all who listen, and gives their answers as they come, checked by `response`. @throws as `app.requestMany` does */
  async *requestMany(
    by: Speaker,
    data: InOf<S>,
    ...[options]: Rest<Subject, Omit<RequestManyOptions, 'codec' | 'template' | 'schema'>>
  ): AsyncGenerator<OutOf<R>> {
    const { subject, rest } = await this.#prepare(data, options)
    const all = { ...rest, template: this.subject, schema: this.response as never }
    yield* by.requestMany(subject, data, all) as AsyncIterable<OutOf<R>>
  }

  get #schema(): Schema | undefined {
    return this.schema as Schema | undefined
  }

  async #prepare<O>(data: unknown, options: O | undefined): Promise<{ subject: string; rest: object }> {
    const { params, ...rest } = (options ?? {}) as O & { params?: Record<string, string | number> }
    const subject = this.#pattern.hasNames ? this.#pattern.fill(params ?? {}) : this.#pattern.subject
    if (this.#schema !== undefined) await validate(this.#schema, data, subject)
    return { subject, rest }
  }

  #answering(handler: AnyHandler): AnyHandler {
    const { response } = this
    if (response === undefined) return handler
    return async (data, context) => {
      const answer = await handler(data, context)
      try {
        return await validate(response as Schema, answer, this.subject)
      } catch (thrown) {
        // It is the handler that is wrong, not who asked.
        const isInvalid = thrown instanceof InvalidMessageError
        throw isInvalid
          ? new Error(`The answer of "${this.name}" is not as its contract says: ${thrown.message}`)
          : thrown
      }
    }
  }
}

/** The operations of a contract, by name. */
export type Contract<C extends Readonly<Record<string, OperationOptions>>> = {
  readonly [Name in keyof C]: Operation<C[Name]['subject'], C[Name]['schema'], C[Name]['response']>
}

/**
 * `export const shop = contract({ price: { subject: 'price.{sku}', schema: Quantity, response: Price } })`, then
 * `shop.price.handle(app, …)` here and `await shop.price.request(app, …)` there.
 * @throws ContrailError INVALID_SUBJECT
 */
export function contract<const C extends Readonly<Record<string, OperationOptions>>>(
  operations: C,
): Contract<C> {
  const entries = Object.entries(operations).map(([name, options]) => [name, new Operation(name, options)])
  return Object.freeze(Object.fromEntries(entries))
}
