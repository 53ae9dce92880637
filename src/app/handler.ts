/** What a handler is, and what can be said about how it is called. */
import type { Codec, CodecOption, Decoded } from './codec.ts'
import { codecOf, decode } from './codec.ts'
import type { HandlerContext } from './context.ts'
import type { Message } from './message.ts'
import type { Middleware } from './middleware.ts'
import { callback, codec, listOf, schema, type Table, text } from './options.ts'
import { type Output, type Schema, validate } from './schema.ts'

/** A handler's result: a reply, what `returns` publishes, or nothing. */
export type Handler<
  Data,
  Params extends object = object,
  Deps extends object = object,
  M extends Message = Message,
> = (data: Data, context: HandlerContext<Params, Deps, M>) => unknown

/** A handler whose types nobody needs to know any more. */
export type AnyHandler = (data: never, context: never) => unknown

export interface HandlerOptions<
  S extends Schema | undefined = undefined,
  C extends CodecOption | undefined = undefined,
> {
  /** What messages must be; their type follows from it. Default: anything. */
  schema?: S
  /** How messages are read: 'json' (default), 'text', 'bytes', or a codec of your own. */
  codec?: C
  /**
   * Which messages this handler is for, where several share a subscription. The first whose filter takes a message
   * has it; one without a filter takes the rest.
   */
  filter?: (message: Message) => boolean
  /** Around this handler, inside those of the router and the app. */
  middleware?: readonly Middleware<never>[]
  /** Subject to which the handler's result is published (with a PubAck, if a declared stream takes it) before the ack. */
  returns?: string
}

export const HANDLER_OPTIONS: Table<HandlerOptions> = {
  schema,
  codec,
  filter: callback,
  middleware: listOf(callback, '[around]'),
  returns: text,
}

/** What a handler gets: the schema's output, else what its codec reads; with neither, what the handler says it takes. */
export type DataOf<S, C, T> = [S] extends [Schema] ? Output<S> : [C] extends [CodecOption] ? Decoded<C> : T

/** A handler with its options settled. */
export class Route {
  readonly handler: AnyHandler
  readonly codec: Codec
  readonly schema: Schema | undefined
  readonly filter: ((message: Message) => boolean) | undefined
  readonly middleware: readonly Middleware<never>[]
  readonly returns: string | undefined

  constructor(options: HandlerOptions<Schema | undefined, CodecOption | undefined>, handler: AnyHandler) {
    this.handler = handler
    this.codec = codecOf(options.codec)
    this.schema = options.schema
    this.filter = options.filter
    this.middleware = options.middleware ?? []
    this.returns = options.returns
  }

  /** The data of a message; a promise only where the schema is asynchronous. @throws InvalidMessageError */
  read(message: Message): unknown {
    const value = decode(this.codec, message.data, message.subject)
    return this.schema === undefined ? value : validate(this.schema, value, message.subject)
  }
}
