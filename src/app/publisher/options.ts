/** How a message is published. */
import type { PubAck } from '@nats-io/jetstream'
import type { MsgHdrs } from '@nats-io/nats-core'
import type { CodecOption } from '../codec.ts'
import type { Output, Schema } from '../schema.ts'
import type { Duration } from '../units.ts'

/** What a stream answers: its name, the sequence, whether it was a duplicate. */
export type PublishResult = PubAck

/** What the stream must look like for a publication to be taken; else it is refused (ADR-1, `Nats-Expected-*`). */
export interface Expectations {
  /** Name of the stream. */
  stream?: string
  /** Sequence of its last message. */
  lastSeq?: number
  /** Message id of its last message. */
  lastId?: string
  /** Sequence of the last message on this subject; 0: there is none. */
  lastSubjectSeq?: number
  /** The subject (wildcards allowed) that `lastSubjectSeq` means. Default: the one published to. */
  lastSubject?: string
}

export interface PublishOptions {
  /** Headers: names and values, or the official client's. */
  headers?: Readonly<Record<string, string | readonly string[]>> | MsgHdrs
  /** Message id (`Nats-Msg-Id`): published twice within the stream's duplicate window it is stored once. */
  id?: string
  /** What the stream must look like. */
  expect?: Expectations
  /** The message is removed after so long (ADR-43); the stream needs `allowTtl`. At least '1s'. */
  ttl?: Duration
  /** Where an answer is awaited; core NATS only. */
  replyTo?: string
  /** How long the stream may take to acknowledge. Default: 5 s. */
  timeout?: Duration
  /** Default: the publisher's, or JSON. */
  codec?: CodecOption
  /** The subject with names for what varies, for traces and figures. Default: that of the typed publisher. */
  template?: string
}

export interface RequestOptions<S extends Schema | undefined = undefined>
  extends Pick<PublishOptions, 'headers' | 'codec' | 'template'> {
  /** How long to wait for the answer. Default: 5 s. */
  timeout?: Duration
  /** What the answer must be: its type follows from it. Default: anything. */
  schema?: S
}

export interface RequestManyOptions<S extends Schema | undefined = undefined>
  extends Pick<RequestOptions<S>, 'headers' | 'codec' | 'template' | 'schema'> {
  /** Answers at most. Default: as many as come. */
  max?: number
  /** How long answers are waited for in all. Default: 1 s. */
  timeout?: Duration
  /** Without `max`: it ends when no answer came for so long after the first. Default: `timeout` only. */
  stall?: Duration
}

/** The type of an answer: the schema's output, else what is said: `request<number>('stock.left.nut')`. */
export type AnswerOf<S, T> = [S] extends [Schema] ? Output<S> : T
