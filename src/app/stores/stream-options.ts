/** What can be said of a stream, and its configuration as the API has it. */
import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream'
import { duration, flag, listOf, object, oneOf, size, type Table, text, whole } from '../options.ts'
import { type Duration, type Size, toBytes, toNs } from '../units.ts'
import {
  COPY,
  type CopyOptions,
  copyOf,
  MAPPING,
  MIRROR,
  mappingOf,
  REPUBLISH,
  type RepublishOptions,
  republishOf,
  type SubjectMapping,
} from './copies.ts'
import { DECLARE, type Declare } from './declaring.ts'

export interface StreamOptions {
  /** What it stores; wildcards and {names} allowed. Default: its name in lower case and `.>` behind it. */
  subjects?: readonly string[]
  /** Default: 'ensure'. @see Declare */
  declare?: Declare
  description?: string
  /** Default: 'limits'. 'workqueue': acknowledged is removed; 'interest': kept while consumers want it. */
  retention?: 'limits' | 'interest' | 'workqueue'
  /** Default: 'file'. */
  storage?: 'file' | 'memory'
  /** Messages are removed after so long. Default: never. */
  maxAge?: Duration
  maxMessages?: number
  maxBytes?: Size
  maxMessagesPerSubject?: number
  maxMessageSize?: Size
  /** When full: drop the oldest (default), or refuse the newest. */
  discard?: 'old' | 'new'
  /** How long message ids are remembered. Default: 2 min. */
  duplicateWindow?: Duration
  /** Copies in a cluster. Default: 1. */
  replicas?: number
  /** Messages may have a `ttl` of their own (ADR-43). Default: false. */
  allowTtl?: boolean
  /** Messages may be published at a time or again and again (ADR-51); their schedules are in `schedules.STREAM.>`. Default: false. */
  allowSchedules?: boolean
  /** Batches may be published as one (ADR-50). Default: false. */
  allowAtomic?: boolean
  /** Each subject is a counter (ADR-49): messages add to it. Only of a new stream. Default: false. @see Stream.counter */
  allowCounters?: boolean
  /** It is a copy of another stream, and has no subjects of its own. null: it is one no more, and goes on with what it has. */
  mirror?: string | CopyOptions | null
  /** It copies what other streams take, beside its own subjects; without `subjects` it has none of its own. */
  sources?: readonly (string | CopyOptions)[]
  /** Under which subjects messages are stored; `{ from: 'orders.*', to: 'kept.{{wildcard(1)}}' }`. */
  transform?: SubjectMapping | null
  /** What is stored is published to other subjects too. */
  republish?: RepublishOptions | null
  /** How it is stored. Default: 'none'. */
  compression?: 'none' | 's2'
  /** Fields of the configuration as the API has them, over all others. */
  config?: Partial<StreamConfig>
}

const RETENTION = {
  limits: RetentionPolicy.Limits,
  interest: RetentionPolicy.Interest,
  workqueue: RetentionPolicy.Workqueue,
} as const
const COMPRESSION = { none: StoreCompression.None, s2: StoreCompression.S2 } as const
/** -1 and 0: no limit. */
const LIMIT = whole(-1)

export const STREAM_OPTIONS: Table<StreamOptions> = {
  subjects: listOf(text, "['orders.>']"),
  declare: DECLARE,
  description: text,
  retention: oneOf(...Object.keys(RETENTION)),
  storage: oneOf('file', 'memory'),
  maxAge: duration,
  maxMessages: LIMIT,
  maxBytes: size,
  maxMessagesPerSubject: LIMIT,
  maxMessageSize: size,
  discard: oneOf('old', 'new'),
  duplicateWindow: duration,
  replicas: whole(1, 5),
  allowTtl: flag,
  allowSchedules: flag,
  allowAtomic: flag,
  allowCounters: flag,
  mirror: MIRROR,
  sources: listOf(COPY, "['ORDERS', { name: 'RETURNS', filter: 'returns.>' }]"),
  transform: MAPPING,
  republish: REPUBLISH,
  compression: oneOf('none', 's2'),
  config: object,
}

/** The part of a configuration that a declaration speaks of. @throws ContrailError INVALID_OPTION */
export function configOf(
  name: string,
  subjects: readonly string[],
  options: StreamOptions,
): Partial<StreamConfig> & { name: string } {
  const config: Partial<StreamConfig> & { name: string } = { name, subjects: [...subjects] }
  if (options.description !== undefined) config.description = options.description
  if (options.retention !== undefined) config.retention = RETENTION[options.retention]
  if (options.storage !== undefined) {
    config.storage = options.storage === 'memory' ? StorageType.Memory : StorageType.File
  }
  if (options.maxAge !== undefined) config.max_age = toNs(options.maxAge, 'maxAge')
  if (options.maxMessages !== undefined) config.max_msgs = options.maxMessages
  if (options.maxBytes !== undefined) config.max_bytes = toBytes(options.maxBytes, 'maxBytes')
  if (options.maxMessagesPerSubject !== undefined) config.max_msgs_per_subject = options.maxMessagesPerSubject
  if (options.maxMessageSize !== undefined)
    config.max_msg_size = toBytes(options.maxMessageSize, 'maxMessageSize')
  if (options.discard !== undefined)
    config.discard = options.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old
  if (options.duplicateWindow !== undefined)
    config.duplicate_window = toNs(options.duplicateWindow, 'duplicateWindow')
  if (options.replicas !== undefined) config.num_replicas = options.replicas
  if (options.allowTtl !== undefined) config.allow_msg_ttl = options.allowTtl
  if (options.allowSchedules !== undefined) config.allow_msg_schedules = options.allowSchedules
  if (options.allowAtomic !== undefined) config.allow_atomic = options.allowAtomic
  if (options.allowCounters !== undefined) config.allow_msg_counter = options.allowCounters
  // Counters are read past the queue of the API.
  if (options.allowCounters) config.allow_direct = true
  if (options.mirror !== undefined) config.mirror = orNone(options.mirror, copyOf)
  if (options.sources !== undefined) config.sources = options.sources.map(copyOf)
  if (options.transform !== undefined) config.subject_transform = orNone(options.transform, mappingOf)
  if (options.republish !== undefined) config.republish = orNone(options.republish, republishOf)
  if (options.compression !== undefined) config.compression = COMPRESSION[options.compression]
  return { ...config, ...options.config }
}

/** The API takes null for nothing; the client's types know only what is there. */
function orNone<Given, Made>(given: Given | null, make: (given: Given) => Made): Made {
  return given === null ? (null as Made) : make(given)
}
