/** What handlers and hooks are given besides the message. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { KV, KvOptions } from '@nats-io/kv'
import type { MsgHdrs, NatsConnection } from '@nats-io/nats-core'
import type { ObjectStore, ObjectStoreOptions } from '@nats-io/obj'
import type { Log } from './log.ts'
import type { Message } from './message.ts'
import type {
  AnswerOf,
  PublishOptions,
  PublishResult,
  RequestManyOptions,
  RequestOptions,
} from './publisher/options.ts'
import type { Schema } from './schema.ts'

/** The application's context: hooks get it, handlers get it with their message's part. */
export interface BaseContext {
  /** The connection of the official client. */
  readonly nc: NatsConnection
  /** Its JetStream client. */
  readonly js: JetStreamClient
  /** Its JetStream manager. */
  readonly jsm: JetStreamManager
  readonly log: Log
  /** Opens a key-value bucket, and makes it when it is not there. */
  kv(bucket: string, options?: Partial<KvOptions>): Promise<KV>
  /** Opens an object store, and makes it when it is not there. */
  obj(bucket: string, options?: Partial<ObjectStoreOptions>): Promise<ObjectStore>
  /** Publishes like `app.publish`. */
  publish(subject: string, data?: unknown, options?: PublishOptions): Promise<PublishResult | undefined>
  /** Asks like `app.request`. */
  request<T = unknown, S extends Schema | undefined = undefined>(
    subject: string,
    data?: unknown,
    options?: RequestOptions<S>,
  ): Promise<AnswerOf<S, T>>
  /** Asks all like `app.requestMany`. */
  requestMany<T = unknown, S extends Schema | undefined = undefined>(
    subject: string,
    data?: unknown,
    options?: RequestManyOptions<S>,
  ): AsyncIterable<AnswerOf<S, T>>
}

export type AppContext<Deps extends object = object> = BaseContext & Readonly<Deps>

/** Where a handler's messages come from, as it was declared. */
export interface SubscriptionInfo {
  /** The subjects as they were declared: 'orders.{id}.created'. */
  readonly sources: readonly string[]
  /** The same as NATS writes them: 'orders.*.created'. */
  readonly subjects: readonly string[]
  /** Name of the stream; undefined on core NATS. */
  readonly stream: string | undefined
  /** Queue group, or name of the durable consumer: who shares the messages. */
  readonly group: string | undefined
}

/** A message's part. */
export interface MessageContext<Params extends object, M extends Message = Message> {
  /** The message; the first one of a batch. */
  readonly message: M
  /** All messages of a batch, else the one. */
  readonly messages: readonly M[]
  readonly subscription: SubscriptionInfo
  readonly subject: string
  readonly headers: MsgHdrs | undefined
  /** What stands for the names in the handler's subject. */
  readonly params: Params
  /** Aborted when the app stops and no longer waits for its handlers. */
  readonly signal: AbortSignal
}

export type HandlerContext<
  Params extends object = object,
  Deps extends object = object,
  M extends Message = Message,
> = BaseContext & MessageContext<Params, M> & Readonly<Deps>
