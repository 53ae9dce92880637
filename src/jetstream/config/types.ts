/** The API's types, with its field names. Durations are nanoseconds, times RFC 3339 texts. */
import type { JsonText } from './json/encode.ts'

export type Retention = 'interest' | 'limits' | 'workqueue'
export type Discard = 'new' | 'old'
export type Storage = 'file' | 'memory'
export type Compression = 'none' | 's2'
export type PersistMode = 'async' | 'default'

/** Defaults for the consumers of a stream. */
export interface ConsumerLimits {
  /** Nanoseconds. */
  inactive_threshold?: number
  max_ack_pending?: number
}

/** Where copies of messages go once they are stored. */
export interface Republish {
  src?: string
  dest: string
  headers_only?: boolean
}

export interface SubjectTransform {
  src: string
  dest: string
}

/** Where a stream of another account, domain or server is reached: what its API's and the deliveries' subjects begin with. */
export interface ExternalStream {
  api: string
  deliver: string
}

/** io.nats.jetstream.api.v1.stream_source: a stream whose messages are copied. */
export interface StreamSource {
  name: string
  opt_start_seq?: number
  opt_start_time?: string
  filter_subject?: string
  subject_transforms?: SubjectTransform[]
  external?: ExternalStream
  /** A consumer that was made for it beforehand (ADR-60). */
  consumer?: { name?: string; deliver_subject?: string }
}

/** io.nats.jetstream.api.v1.stream_source_info: how far the copying of a stream has come. */
export interface StreamSourceInfo {
  name: string
  external?: ExternalStream
  /** Messages that were still to come when the last was delivered. */
  lag: number
  /** Of sources: the last sequence taken. */
  seq?: number
  /** Nanoseconds since something was heard of it; -1: nothing yet. */
  active: number
  error?: { code: number; err_code: number; description: string }
  filter_subject?: string
  subject_transforms?: SubjectTransform[]
}

/** io.nats.jetstream.api.v1.stream_configuration. -1 means no limit. */
export interface StreamConfig {
  name: string
  description?: string
  subjects?: string[]
  retention?: Retention
  max_consumers?: number
  max_msgs?: number
  max_bytes?: number
  /** Nanoseconds. */
  max_age?: number
  max_msgs_per_subject?: number
  max_msg_size?: number
  discard?: Discard
  storage?: Storage
  num_replicas?: number
  no_ack?: boolean
  template_owner?: string
  /** Nanoseconds. */
  duplicate_window?: number
  placement?: { cluster?: string; tags?: string[]; preferred?: string }
  mirror?: StreamSource
  sources?: StreamSource[]
  /** Kept and shown as asked for; messages are stored as they are either way. */
  compression?: Compression
  first_seq?: number
  subject_transform?: SubjectTransform
  republish?: Republish
  sealed?: boolean
  deny_delete?: boolean
  deny_purge?: boolean
  allow_rollup_hdrs?: boolean
  allow_direct?: boolean
  mirror_direct?: boolean
  discard_new_per_subject?: boolean
  consumer_limits?: ConsumerLimits
  metadata?: Record<string, string>
  allow_msg_ttl?: boolean
  /** Nanoseconds. */
  subject_delete_marker_ttl?: number
  allow_msg_counter?: boolean
  allow_atomic?: boolean
  allow_batched?: boolean
  allow_msg_schedules?: boolean
  persist_mode?: PersistMode
}

/** io.nats.jetstream.api.v1.stream_state */
export interface StreamState {
  messages: number
  bytes: number
  first_seq: number
  first_ts: string
  last_seq: number
  last_ts: string
  num_subjects?: number
  /** Messages by subject: an object. */
  subjects?: JsonText
  num_deleted?: number
  /** In an answer: the JSON text of an array of numbers. */
  deleted?: object
  lost?: { msgs: number[] | null; bytes: number }
  consumer_count: number
}

export interface StreamInfo {
  config: StreamConfig
  created: string
  state: StreamState
  domain?: string
  cluster?: { leader: string }
  mirror?: StreamSourceInfo
  sources?: StreamSourceInfo[]
  ts: string
}

export type DeliverPolicy =
  | 'all'
  | 'by_start_sequence'
  | 'by_start_time'
  | 'last'
  | 'last_per_subject'
  | 'new'
export type AckPolicy = 'all' | 'explicit' | 'flow_control' | 'none'
export type ReplayPolicy = 'instant' | 'original'
export type PriorityPolicy = 'none' | 'overflow' | 'pinned_client' | 'prioritized'

/** io.nats.jetstream.api.v1.consumer_configuration */
export interface ConsumerConfig {
  durable_name?: string
  name?: string
  description?: string
  deliver_policy: DeliverPolicy
  opt_start_seq?: number
  opt_start_time?: string
  ack_policy: AckPolicy
  /** Nanoseconds. */
  ack_wait?: number
  max_deliver?: number
  /** Nanoseconds. */
  backoff?: number[]
  filter_subject?: string
  filter_subjects?: string[]
  replay_policy: ReplayPolicy
  rate_limit_bps?: number
  sample_freq?: string
  max_waiting?: number
  max_ack_pending?: number
  flow_control?: boolean
  headers_only?: boolean
  max_batch?: number
  /** Nanoseconds. */
  max_expires?: number
  max_bytes?: number
  deliver_subject?: string
  deliver_group?: string
  /** Nanoseconds. */
  idle_heartbeat?: number
  /** Nanoseconds. */
  inactive_threshold?: number
  num_replicas?: number
  mem_storage?: boolean
  direct?: boolean
  sourcing?: boolean
  metadata?: Record<string, string>
  pause_until?: string
  priority_groups?: string[]
  priority_policy?: PriorityPolicy
  /** Nanoseconds. */
  priority_timeout?: number
}

export interface SequenceInfo {
  consumer_seq: number
  stream_seq: number
  last_active?: string
}

/** io.nats.jetstream.api.v1.consumer_info */
export interface ConsumerInfo {
  stream_name: string
  name: string
  created: string
  config: ConsumerConfig
  delivered: SequenceInfo
  ack_floor: SequenceInfo
  num_ack_pending: number
  num_redelivered: number
  num_waiting: number
  num_pending: number
  ts: string
  push_bound?: boolean
  paused?: boolean
  /** Nanoseconds. */
  pause_remaining?: number
}
