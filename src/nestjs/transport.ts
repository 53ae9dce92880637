/** The transport strategy: Nest's handlers become handlers of an app, on core NATS and on streams. */
import {
  type CustomTransportStrategy,
  type MessageHandler,
  RpcException,
  Server,
} from '@nestjs/microservices'
import { lastValueFrom } from 'rxjs'
import {
  type App,
  type ConsumeOptions,
  ContrailError,
  type HandlerContext,
  Reject,
  ReplyError,
  type Schema,
  type Stream,
  type SubscribeOptions,
} from '../app/index.ts'
import { ContrailContext } from './context.ts'
import { subjectOf } from './subjects.ts'

/** Extras of `@MessagePattern` and `@EventPattern` on core NATS. */
export interface CoreExtras {
  /** Instances of a queue group share the messages. Default: that of the transport, else each gets all. */
  queue?: string
  /** Handlers at a time. Default: 256. */
  concurrency?: number
  schema?: Schema
}

/** Extras of `@EventPattern` for a stream. */
export interface StreamExtras extends ConsumeOptions<Schema | undefined> {
  /** Name of a stream of the transport. */
  stream: string
}

export interface TransportOptions {
  /** Streams, declared on the app, that patterns name. */
  streams?: readonly Stream[]
  /** Queue group of handlers on core NATS that name none. Default: none. */
  queue?: string
}

const INTERNAL_ERROR = 500

export class ContrailTransport extends Server implements CustomTransportStrategy {
  readonly #app: App
  readonly #options: TransportOptions
  /** It was started here, and stops here. */
  #isOurs = false

  /** @param app starts with `listen`, if it does not run yet, and stops with `close` then */
  constructor(app: App, options: TransportOptions = {}) {
    super()
    this.#app = app
    this.#options = options
  }

  listen(callback: (...parameters: unknown[]) => unknown): void {
    this.#listen().then(
      () => callback(),
      (thrown) => callback(thrown),
    )
  }

  async close(): Promise<void> {
    if (this.#isOurs) await this.#app.stop()
  }

  /** The app. */
  unwrap<T>(): T {
    return this.#app as T
  }

  on(): never {
    throw new ContrailError('INVALID_OPTION', 'The transport has no events: see `onConnection` of the app.')
  }

  async #listen(): Promise<void> {
    for (const [pattern, handler] of this.messageHandlers) this.#declare(pattern, handler)
    this.#isOurs = this.#app.state === 'new'
    await this.#app.start()
    await this.#app.ready()
  }

  #declare(pattern: string, handler: MessageHandler): void {
    const subject = subjectOf(pattern)
    const extras = (handler.extras ?? {}) as Partial<StreamExtras> & CoreExtras
    const { stream, queue = this.#options.queue, ...options } = extras
    if (stream === undefined) {
      this.#app.subscribe(
        subject,
        { ...options, queue, reply: handler.isEventHandler !== true } as SubscribeOptions,
        (data: unknown, context) => this.#handle(handler, data, context as never),
      )
      return
    }
    if (!handler.isEventHandler) {
      const sentence = `"${pattern}": a message of a stream has no answer: use @EventPattern.`
      throw new ContrailError('INVALID_OPTION', sentence)
    }
    const { streams = [] } = this.#options
    const found = streams.find((one) => one.name === stream)
    if (found === undefined) {
      const known = streams.map((one) => one.name).join(', ') || 'none'
      throw new ContrailError(
        'INVALID_OPTION',
        `"${pattern}": the transport has no stream "${stream}" (it has: ${known}).`,
      )
    }
    found.consume(subject, options as ConsumeOptions, (data: unknown, context) =>
      this.#handle(handler, data, context as never),
    )
  }

  async #handle(
    handler: MessageHandler,
    data: unknown,
    context: HandlerContext<Readonly<Record<string, string>>>,
  ): Promise<unknown> {
    const nestContext = new ContrailContext(context)
    try {
      const answer = this.transformToObservable(await handler(data, nestContext))
      return await lastValueFrom(answer, { defaultValue: undefined })
    } catch (thrown) {
      throw errorOf(nestContext.thrown ?? thrown)
    }
  }
}

/** What an app does something with: Nest throws objects and text too. */
function errorOf(thrown: unknown): unknown {
  if (thrown instanceof ReplyError || thrown instanceof Reject) return thrown
  if (thrown instanceof RpcException) return replyOf(thrown.getError())
  return thrown instanceof Error ? thrown : replyOf(thrown)
}

/** An answer that says what is wrong; a stream's message fails with its text. */
function replyOf(error: unknown): ReplyError {
  if (typeof error !== 'object' || error === null) return new ReplyError(INTERNAL_ERROR, String(error))
  const { status, message } = error as { status?: unknown; message?: unknown }
  const code = typeof status === 'number' ? status : INTERNAL_ERROR
  return new ReplyError(code, String(message ?? 'Internal server error'), { details: error })
}
