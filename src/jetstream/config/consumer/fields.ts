import { apiError } from '../errors.ts'
import type { Kind } from '../json/decode.ts'
import type { ConsumerConfig } from '../types.ts'

/** Fields of a consumer's configuration, in the order in which answers show them. */
export const CONSUMER_FIELDS = {
  durable_name: 'string',
  name: 'string',
  description: 'string',
  deliver_policy: {
    words: ['all', 'last', 'last_per_subject', 'new', 'by_start_sequence', 'by_start_time', 'undefined'],
  },
  opt_start_seq: 'uint64',
  opt_start_time: '*time.Time',
  ack_policy: { words: ['none', 'all', 'explicit', 'flow_control'] },
  ack_wait: 'time.Duration',
  max_deliver: 'int',
  backoff: '[]time.Duration',
  filter_subject: 'string',
  filter_subjects: '[]string',
  replay_policy: { words: ['instant', 'original'] },
  rate_limit_bps: 'uint64',
  sample_freq: 'string',
  max_waiting: 'int',
  max_ack_pending: 'int',
  flow_control: 'bool',
  headers_only: 'bool',
  max_batch: 'int',
  max_expires: 'time.Duration',
  max_bytes: 'int',
  deliver_subject: 'string',
  deliver_group: 'string',
  idle_heartbeat: 'time.Duration',
  inactive_threshold: 'time.Duration',
  num_replicas: 'int',
  mem_storage: 'bool',
  direct: 'bool',
  sourcing: 'bool',
  metadata: 'map[string]string',
  pause_until: '*time.Time',
  priority_groups: '[]string',
  priority_policy: {
    words: ['none', 'overflow', 'pinned_client', 'prioritized'],
    error: (json: string) => `unknown priority policy: ${json}`,
  },
  priority_timeout: 'time.Duration',
} as const satisfies Partial<Record<keyof ConsumerConfig, Kind>>

/** Fields that answers show even when they are empty. */
const ALWAYS_SHOWN = new Set<string>(['deliver_policy', 'ack_policy', 'replay_policy', 'num_replicas'])

/** A request that cannot be read (`invalid JSON: …`). */
export function invalidJsonError(reason: string): Error {
  return apiError('JSInvalidJSONErr', { err: reason })
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true
  if (Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** A configuration as a request brings it, with the policies that it leaves out. */
export function withDefaults(asked: Partial<ConsumerConfig>): ConsumerConfig {
  const config: Record<string, unknown> = {
    deliver_policy: 'all',
    ack_policy: 'none',
    replay_policy: 'instant',
    num_replicas: 0,
    ...asked,
  }
  if (config.deliver_policy === 'undefined') config.deliver_policy = 'all'
  return config as unknown as ConsumerConfig
}

/** The configuration as answers show it: fields in order, empty ones left out. */
export function encodeConfig(config: ConsumerConfig): ConsumerConfig {
  const shown: Record<string, unknown> = {}
  for (const field of Object.keys(CONSUMER_FIELDS)) {
    const value = config[field as keyof ConsumerConfig]
    if (field === 'priority_policy' && value === 'none') continue
    if (!isEmpty(value) || ALWAYS_SHOWN.has(field)) shown[field] = value ?? 0
  }
  return shown as unknown as ConsumerConfig
}
