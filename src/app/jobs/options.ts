/** What can be said of a queue, and of a job. */
import { hashBytes } from '../../subjects/hash.ts'
import type { Backoff, RetryOptions } from '../consumer/retry.ts'
import { BACKOFF, RetryPolicy } from '../consumer/retry.ts'
import type { HandlerContext } from '../context.ts'
import { ContrailError } from '../errors.ts'
import type { StreamMessage } from '../message.ts'
import type { Middleware } from '../middleware.ts'
import {
  callback,
  count,
  duration,
  listOf,
  object,
  oneOf,
  schema,
  shape,
  type Table,
  text,
  time,
  whole,
} from '../options.ts'
import { RATE, type Rate } from '../rate.ts'
import type { Schema } from '../schema.ts'
import { type Duration, toMs } from '../units.ts'
import type { RunningJob } from './job.ts'
import { PRIORITIES, type Priority } from './names.ts'

export interface QueueOptions<
  S extends Schema | undefined = undefined,
  R extends Schema | undefined = undefined,
  Data = unknown,
> {
  /** What jobs must be: checked when they are added, and again before the handler. Default: anything. */
  schema?: S
  /** What handlers return: checked before the result is kept. Default: anything that can be written as JSON. */
  result?: R
  /** Tries in all, where a job does not say otherwise. Default: 3. */
  attempts?: number
  /** Pauses between tries. Default: 1 s, 2 s, 4 s … up to 1 min. */
  backoff?: Backoff
  /** Is a job that failed with this to be tried again? @see RetryOptions.when */
  retryWhen?: RetryOptions['when']
  /** Jobs handled at the same time by this process. Default: 1. */
  concurrency?: number
  /** Jobs handled at the same time by all processes together. Default: no limit. */
  totalConcurrency?: number
  /** No more than so many jobs begin in so long, in all processes together, at even distances. Default: no limit. */
  rate?: Rate
  /**
   * Jobs with the same key are handled one after the other, in the order in which they were added, over all processes; a job that is
   * tried again holds up those behind it. Such a queue has no priorities. Default: no order.
   */
  orderBy?: (data: Data) => string
  /** Keys share so many places in which the order is kept: at most so many jobs run at a time. Only with `orderBy`. Default: 16. */
  partitions?: number
  /** How long results are kept. Default: '1d'. */
  keepResults?: Duration
  /** How long after the death of its process a job is handled by another one. Default: '30s'. */
  ackWait?: Duration
  /** Copies in a cluster. Default: the broker's. */
  replicas?: number
  /** Around the handler, inside those of the router and the app. */
  middleware?: readonly Middleware<never>[]
}

export interface AddOptions {
  /** It begins after so long. */
  delay?: Duration
  /** It begins at this time; one that has gone by is now. */
  at?: Date | string
  /** Default: 'normal'. */
  priority?: Priority
  /**
   * While a job of this key is delayed, waiting or being handled, no other one is added; whatever text. It is the job's id then.
   * Default: a job of its own.
   */
  unique?: string
  /** What happens where the key is there: nothing, and the one that is there comes back; or it is replaced. Default: 'ignore'. */
  onDuplicate?: 'ignore' | 'replace'
  /** Tries in all. Default: the queue's. */
  attempts?: number
  /** Headers of the job's message. */
  headers?: Readonly<Record<string, string>>
}

/** Handles a job; what it returns is the job's result. The context has the `job` besides what every handler's has. */
export type JobHandler<Data, Deps extends object = object> = (
  data: Data,
  context: HandlerContext<object, Deps, StreamMessage> & { readonly job: RunningJob },
) => unknown

export const QUEUE_OPTIONS: Table<QueueOptions> = {
  schema,
  result: schema,
  attempts: count,
  backoff: BACKOFF,
  retryWhen: callback,
  concurrency: count,
  totalConcurrency: count,
  rate: shape<Rate>(RATE),
  orderBy: callback,
  partitions: count,
  keepResults: duration,
  ackWait: duration,
  replicas: whole(1, 5),
  middleware: listOf(callback, '[around]'),
}

export const ADD_OPTIONS: Table<AddOptions> = {
  delay: duration,
  at: time,
  priority: oneOf(...PRIORITIES),
  unique: text,
  onDuplicate: oneOf('ignore', 'replace'),
  attempts: whole(1, 1_000_000),
  headers: object,
}

export const DEFAULT_ATTEMPTS = 3
const DEFAULT_ACK_WAIT = '30s'
const DEFAULT_KEEP = '1d'
const DEFAULT_PARTITIONS = 16
const MAX_PARTITIONS = 256
const MAX_ATTEMPTS = 1_000_000

/** Options of a queue, settled. @throws ContrailError INVALID_OPTION */
export class QueueSettings {
  readonly retry: RetryOptions
  readonly concurrency: number
  readonly totalConcurrency: number | undefined
  readonly keepResultsMs: number
  readonly ackWaitMs: number
  /** Lanes from the first to begin to the last. */
  readonly lanes: readonly string[]
  readonly isOrdered: boolean
  readonly options: QueueOptions<Schema | undefined, Schema | undefined, never>

  constructor(options: QueueOptions<Schema | undefined, Schema | undefined, never>) {
    this.options = options
    this.retry = {
      attempts: options.attempts ?? DEFAULT_ATTEMPTS,
      backoff: options.backoff,
      when: options.retryWhen,
      deadLetter: true,
    }
    checkAttempts(this.retry.attempts as number)
    // Says what is wrong with the pauses.
    new RetryPolicy(this.retry)
    this.concurrency = options.concurrency ?? 1
    mustBeWhole('concurrency', this.concurrency)
    this.totalConcurrency = options.totalConcurrency
    if (this.totalConcurrency !== undefined) mustBeWhole('totalConcurrency', this.totalConcurrency, 10_000)
    this.keepResultsMs = toMs(options.keepResults ?? DEFAULT_KEEP, 'keepResults')
    if (this.keepResultsMs < 1000) {
      throw new ContrailError(
        'INVALID_OPTION',
        `keepResults: ${options.keepResults} is shorter than a second.`,
      )
    }
    this.ackWaitMs = toMs(options.ackWait ?? DEFAULT_ACK_WAIT, 'ackWait')
    this.isOrdered = options.orderBy !== undefined
    if (options.partitions !== undefined && !this.isOrdered) {
      throw new ContrailError('INVALID_OPTION', 'partitions: only a queue with orderBy has some.')
    }
    const partitions = options.partitions ?? DEFAULT_PARTITIONS
    mustBeWhole('partitions', partitions, MAX_PARTITIONS)
    this.lanes = this.isOrdered ? Array.from({ length: partitions }, (_, i) => `p${i}`) : PRIORITIES
  }

  /** Which of two lanes goes first: the same number for lanes of an order. */
  rankOf(lane: string): number {
    return this.isOrdered ? 0 : this.lanes.indexOf(lane)
  }
}

/** @throws ContrailError INVALID_OPTION */
function checkAttempts(attempts: number): void {
  mustBeWhole('attempts', attempts, MAX_ATTEMPTS)
}

function mustBeWhole(option: string, value: number, most = 100_000): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return
  throw new ContrailError('INVALID_OPTION', `${option}: ${value} is no whole number from 1 to ${most}.`)
}

/** The place of a key: FNV-1a of its UTF-8 bytes, modulo how many there are (as `partition` of nats-server does it). */
export function partitionOf(key: string, partitions: number): number {
  const bytes = Buffer.from(key)
  return (hashBytes(bytes, 0, bytes.length) >>> 0) % partitions
}
