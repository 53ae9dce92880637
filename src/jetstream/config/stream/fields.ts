import { decodeRequest, type Fields, type Kind } from '../json/decode.ts'
import type { StreamConfig } from '../types.ts'

const TRANSFORM: Fields = { src: 'string', dest: 'string' }
const CONSUMER_SOURCE: Fields = { name: 'string', deliver_subject: 'string' }
const SOURCE: Fields = {
  name: 'string',
  opt_start_seq: 'uint64',
  opt_start_time: '*time.Time',
  filter_subject: 'string',
  subject_transforms: { fields: TRANSFORM, type: 'SubjectTransformConfig', isList: true },
  external: { fields: { api: 'string', deliver: 'string' }, type: 'ExternalStream' },
  consumer: { fields: CONSUMER_SOURCE, type: 'StreamConsumerSource' },
}

/** Fields of a stream's configuration, in the order in which answers show them. */
export const STREAM_FIELDS = {
  name: 'string',
  description: 'string',
  subjects: '[]string',
  retention: { words: ['limits', 'interest', 'workqueue'] },
  max_consumers: 'int',
  max_msgs: 'int64',
  max_bytes: 'int64',
  max_age: 'time.Duration',
  max_msgs_per_subject: 'int64',
  max_msg_size: 'int32',
  discard: { words: ['old', 'new'] },
  storage: { words: ['file', 'memory'] },
  num_replicas: 'int',
  no_ack: 'bool',
  duplicate_window: 'time.Duration',
  placement: { fields: { cluster: 'string', tags: '[]string', preferred: 'string' }, type: 'Placement' },
  mirror: { fields: SOURCE, type: 'StreamSource' },
  sources: { fields: SOURCE, type: 'StreamSource', isList: true },
  compression: { words: ['none', 's2'], error: 'unknown compression algorithm', isText: true },
  first_seq: 'uint64',
  subject_transform: { fields: TRANSFORM, type: 'SubjectTransformConfig' },
  republish: { fields: { src: 'string', dest: 'string', headers_only: 'bool' }, type: 'RePublish' },
  allow_direct: 'bool',
  mirror_direct: 'bool',
  discard_new_per_subject: 'bool',
  sealed: 'bool',
  deny_delete: 'bool',
  deny_purge: 'bool',
  allow_rollup_hdrs: 'bool',
  consumer_limits: {
    fields: { inactive_threshold: 'time.Duration', max_ack_pending: 'int' },
    type: 'StreamConsumerLimits',
  },
  allow_msg_ttl: 'bool',
  subject_delete_marker_ttl: 'time.Duration',
  allow_msg_counter: 'bool',
  allow_atomic: 'bool',
  allow_msg_schedules: 'bool',
  persist_mode: { words: ['default', 'async', ''] },
  allow_batched: 'bool',
  metadata: 'map[string]string',
} as const satisfies Record<Exclude<keyof StreamConfig, 'template_owner'>, Kind>

/** Fields that answers show even when they are empty. */
const ALWAYS_SHOWN = new Set<string>([
  'name',
  'retention',
  'max_consumers',
  'max_msgs',
  'max_bytes',
  'max_age',
  'max_msgs_per_subject',
  'discard',
  'storage',
  'num_replicas',
  'compression',
  'allow_direct',
  'mirror_direct',
  'sealed',
  'deny_delete',
  'deny_purge',
  'allow_rollup_hdrs',
  'consumer_limits',
  'allow_msg_ttl',
])

/** A configuration as requests bring it. `pedantic`: refuse instead of correcting. */
export type StreamConfigRequest = StreamConfig & { pedantic?: boolean }

/** Reads the request to create or update a stream. `isLenient`: fields that nobody knows are passed over. */
export function decodeStreamConfig(body: string, isLenient = false): StreamConfigRequest {
  const fields = { ...STREAM_FIELDS, pedantic: 'bool' } as const
  const request = decodeRequest<StreamConfigRequest>(
    body,
    fields,
    'StreamConfigRequest',
    'StreamConfigRequest.StreamConfig',
    isLenient,
  )
  request.name ??= ''
  return request
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** The configuration as answers show it: fields in order, without the empty ones. */
export function encodeStreamConfig(config: StreamConfig): StreamConfig {
  const encoded: Record<string, unknown> = {}
  for (const field of Object.keys(STREAM_FIELDS)) {
    const value = config[field as keyof StreamConfig]
    if (ALWAYS_SHOWN.has(field) || !isEmpty(value)) encoded[field] = value
  }
  return encoded as unknown as StreamConfig
}
