/** How a stream is consumed. */
import type { ConsumerConfig } from '@nats-io/jetstream'
import { DeliverPolicy, AckPolicy as ServersAckPolicy } from '@nats-io/jetstream'
import type { CodecOption } from '../codec.ts'
import { ContrailError } from '../errors.ts'
import { HANDLER_OPTIONS, type HandlerOptions } from '../handler.ts'
import {
  count,
  duration,
  type Field,
  flag,
  object,
  oneOf,
  shape,
  type Table,
  text,
  time,
  whole,
} from '../options.ts'
import type { Schema } from '../schema.ts'
import { DECLARE, type Declare } from '../stores/declaring.ts'
import type { SubjectPattern } from '../subject-pattern.ts'
import { FLOW_OPTIONS, type FlowOptions } from '../subscription.ts'
import { type Duration, toNs } from '../units.ts'
import { RETRY_OPTIONS, type RetryOptions } from './retry.ts'

const FROM = oneOf('all', 'new', 'last', 'last-per-subject')
const ACK_MODES = [
  'nack-on-error',
  'reject-on-error',
  'on-success',
  'always',
  'first',
  'manual',
  'none',
] as const

/** Where a new consumer begins. It says nothing to a durable consumer that exists. */
export type DeliverFrom =
  | 'all'
  | 'new'
  | 'last'
  | 'last-per-subject'
  | { readonly seq: number }
  | { readonly time: Date | string }

/**
 * When messages are acknowledged:
 * - 'nack-on-error' (default): ack when the handler returns; when it throws, redelivery as `retry` says.
 * - 'reject-on-error': ack when it returns, term when it throws.
 * - 'on-success': ack when it returns; when it throws nothing is said, and ack wait runs out.
 * - 'always': ack when it returns or throws.
 * - 'first': ack before the handler runs: at most once.
 * - 'manual': the handler's own business.
 * - 'none': the consumer needs no acks at all.
 */
export type AckMode = (typeof ACK_MODES)[number]

export interface ConsumeOptions<
  S extends Schema | undefined = undefined,
  C extends CodecOption | undefined = undefined,
> extends HandlerOptions<S, C>,
    FlowOptions {
  /** Name of a durable consumer: its position outlives the app, and apps that give the same name share the work. */
  durable?: string
  /**
   * What becomes of a durable consumer at the start. Default: 'ensure': made, or updated where the options say otherwise
   * (what they don't say is left as it is). @see Declare
   */
  declare?: Declare
  /** Default: 'all'. */
  deliver?: DeliverFrom
  /** Default: 'nack-on-error'. */
  ack?: AckMode
  /** Acks are confirmed: handled means that the server has it on disk. Default: false. */
  confirmAcks?: boolean
  /**
   * How often, and after which pauses, a message is tried again; and where it goes then. Without acks (`ordered`, or
   * `ack: 'none'`) it is tried again only where this is given.
   */
  retry?: RetryOptions
  /** How long the server waits for an ack before it delivers again. Kept up by itself while a handler works. Default: 30 s. */
  ackWait?: Duration
  /** Messages delivered and not acknowledged, over all apps of the durable. Default: 1000. */
  maxAckPending?: number
  /** Messages this app holds at a time, handled and waiting. Default: 500, at least twice `concurrency`. */
  maxInFlight?: number
  /** An ephemeral consumer is removed when nobody asked for so long. Default: 30 s (durable: never). */
  inactiveThreshold?: Duration
  /** Every message in order, without acks; the consumer is made again by itself where it broke off. Default: false. */
  ordered?: boolean
  /**
   * The server sends by itself instead of being asked. Members of a durable share its messages. Pull (the default) holds
   * back better; push saves a request. Default: false.
   */
  push?: boolean
  /** Only headers; `Nats-Msg-Size` tells the size. Default: false. */
  headersOnly?: boolean
  /** Fields of the consumer's configuration as the API has them, over all others. */
  config?: Partial<ConsumerConfig>
}

const DELIVER: Field = {
  takes: (value) =>
    FROM.takes(value) || (object.takes(value) && ('seq' in Object(value) || 'time' in Object(value))),
  isNot: `${FROM.isNot}, { seq }, { time }`,
  words: FROM.words,
  shape: { seq: count, time },
}

export const CONSUME_OPTIONS: Table<ConsumeOptions> = {
  ...HANDLER_OPTIONS,
  ...FLOW_OPTIONS,
  durable: text,
  declare: DECLARE,
  deliver: DELIVER,
  ack: oneOf(...ACK_MODES),
  confirmAcks: flag,
  retry: shape<RetryOptions>(RETRY_OPTIONS),
  ackWait: duration,
  maxAckPending: whole(-1),
  maxInFlight: count,
  inactiveThreshold: duration,
  ordered: flag,
  push: flag,
  headersOnly: flag,
  config: object,
}

export const DEFAULT_MAX_IN_FLIGHT = 500
export const DEFAULT_ACK_WAIT_MS = 30_000
const EPHEMERAL_INACTIVE = '30s'
const NAME = /^[^\s.*>/\\]+$/

/** The consumer's configuration as the API takes it. @throws ContrailError INVALID_OPTION */
export function consumerConfig(
  patterns: readonly SubjectPattern[],
  options: ConsumeOptions<Schema | undefined, CodecOption | undefined>,
): Partial<ConsumerConfig> {
  const subjects = patterns.map((pattern) => pattern.subject)
  const config: Partial<ConsumerConfig> = {
    ack_policy: options.ack === 'none' || options.ordered ? ServersAckPolicy.None : ServersAckPolicy.Explicit,
    ...startOf(options.deliver ?? 'all'),
  }
  if (subjects.length === 1) config.filter_subject = subjects[0]
  else if (subjects.length > 1) config.filter_subjects = subjects
  if (options.durable !== undefined) {
    if (!NAME.test(options.durable)) {
      throw new ContrailError(
        'INVALID_OPTION',
        `durable: "${options.durable}" is no name (no dots, spaces, wildcards, slashes).`,
      )
    }
    config.durable_name = options.durable
  }
  if (config.ack_policy === ServersAckPolicy.Explicit) {
    if (options.ackWait !== undefined) config.ack_wait = toNs(options.ackWait, 'ackWait')
    if (options.maxAckPending !== undefined) config.max_ack_pending = options.maxAckPending
  }
  if (options.durable === undefined || options.inactiveThreshold !== undefined) {
    config.inactive_threshold = toNs(options.inactiveThreshold ?? EPHEMERAL_INACTIVE, 'inactiveThreshold')
  }
  if (options.ordered) {
    config.mem_storage = true
    config.num_replicas = 1
    config.max_deliver = 1
  }
  if (options.headersOnly) config.headers_only = true
  return { ...config, ...options.config }
}

function startOf(deliver: DeliverFrom): Partial<ConsumerConfig> {
  switch (deliver) {
    case 'all':
      return { deliver_policy: DeliverPolicy.All }
    case 'new':
      return { deliver_policy: DeliverPolicy.New }
    case 'last':
      return { deliver_policy: DeliverPolicy.Last }
    case 'last-per-subject':
      return { deliver_policy: DeliverPolicy.LastPerSubject }
    default:
      if ('seq' in deliver) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: deliver.seq }
      return {
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: (deliver.time instanceof Date ? deliver.time : new Date(deliver.time)).toISOString(),
      }
  }
}
