import { apiError } from '../errors.ts'
import type { ConsumerConfig } from '../types.ts'
import { parseTime } from './time-text.ts'

type Kind =
  | 'string'
  | 'int'
  | 'uint64'
  | 'time.Duration'
  | 'bool'
  | '[]string'
  | '[]time.Duration'
  | 'map'
  | 'time'
  | 'enum'

/** Fields of a consumer's configuration, in the order in which answers show them. */
const FIELDS: readonly [keyof ConsumerConfig, Kind][] = [
  ['durable_name', 'string'],
  ['name', 'string'],
  ['description', 'string'],
  ['deliver_policy', 'enum'],
  ['opt_start_seq', 'uint64'],
  ['opt_start_time', 'time'],
  ['ack_policy', 'enum'],
  ['ack_wait', 'time.Duration'],
  ['max_deliver', 'int'],
  ['backoff', '[]time.Duration'],
  ['filter_subject', 'string'],
  ['filter_subjects', '[]string'],
  ['replay_policy', 'enum'],
  ['rate_limit_bps', 'uint64'],
  ['sample_freq', 'string'],
  ['max_waiting', 'int'],
  ['max_ack_pending', 'int'],
  ['flow_control', 'bool'],
  ['headers_only', 'bool'],
  ['max_batch', 'int'],
  ['max_expires', 'time.Duration'],
  ['max_bytes', 'int'],
  ['deliver_subject', 'string'],
  ['deliver_group', 'string'],
  ['idle_heartbeat', 'time.Duration'],
  ['inactive_threshold', 'time.Duration'],
  ['num_replicas', 'int'],
  ['mem_storage', 'bool'],
  ['direct', 'bool'],
  ['sourcing', 'bool'],
  ['metadata', 'map'],
  ['pause_until', 'time'],
  ['priority_groups', '[]string'],
  ['priority_policy', 'enum'],
  ['priority_timeout', 'time.Duration'],
]
const KINDS = new Map<string, Kind>(FIELDS)

/** Values of the fields that are one of a few words; the first is the default. */
const WORDS: Record<string, readonly string[]> = {
  deliver_policy: ['all', 'last', 'last_per_subject', 'new', 'by_start_sequence', 'by_start_time'],
  ack_policy: ['none', 'all', 'explicit', 'flow_control'],
  replay_policy: ['instant', 'original'],
  priority_policy: ['none', 'overflow', 'pinned_client', 'prioritized'],
}
/** Fields that answers show even when they are empty. */
const ALWAYS_SHOWN = new Set<string>(['deliver_policy', 'ack_policy', 'replay_policy', 'num_replicas'])

/** A request that cannot be read (`invalid JSON: …`). */
export function invalidJsonError(reason: string): Error {
  return apiError('JSInvalidJSONErr', { err: reason })
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

function mismatch(value: unknown, field: string, type: string): Error {
  const what = typeof value === 'number' ? `number ${value}` : jsonType(value)
  const shown = typeof value === 'number' && !Number.isInteger(value) ? what : jsonType(value)
  return invalidJsonError(
    `json: cannot unmarshal ${shown} into Go struct field ConsumerConfig.config.${field} of type ${type}`,
  )
}

function isFieldType(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'string':
      return typeof value === 'string'
    case 'int':
    case 'time.Duration':
      return typeof value === 'number' && Number.isInteger(value)
    case 'uint64':
      return typeof value === 'number' && Number.isInteger(value) && value >= 0
    case 'bool':
      return typeof value === 'boolean'
    case '[]string':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
    case '[]time.Duration':
      return Array.isArray(value) && value.every((item) => Number.isInteger(item))
    case 'map':
      return (
        typeof value === 'object' &&
        !Array.isArray(value) &&
        Object.values(value as object).every((item) => typeof item === 'string')
      )
    default:
      return true
  }
}

function checkField(field: string, kind: Kind, value: unknown): void {
  if (kind === 'enum') {
    if (typeof value === 'string' && (value === '' || WORDS[field].includes(value))) return
    throw invalidJsonError(`can not unmarshal ${JSON.stringify(JSON.stringify(value))}`)
  }
  if (kind === 'time') {
    if (typeof value === 'string' && parseTime(value) !== null) return
    throw invalidJsonError(`parsing time ${JSON.stringify(JSON.stringify(value))}: not a time of RFC 3339`)
  }
  if (!isFieldType(value, kind)) throw mismatch(value, field, kind === 'map' ? 'map[string]string' : kind)
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true
  if (Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && Object.keys(value).length === 0
}

/**
 * Reads the `config` of a create request as strictly as nats-server does. Throws ApiError 10025 for unknown fields and wrong
 * types.
 */
export function decodeConfig(json: unknown): ConsumerConfig {
  if (json === undefined || json === null) json = {}
  if (typeof json !== 'object' || Array.isArray(json)) {
    throw invalidJsonError(
      `json: cannot unmarshal ${jsonType(json)} into Go struct field CreateConsumerRequest.config of type server.ConsumerConfig`,
    )
  }
  const config: Record<string, unknown> = {
    deliver_policy: 'all',
    ack_policy: 'none',
    replay_policy: 'instant',
    num_replicas: 0,
  }
  for (const [field, value] of Object.entries(json as object)) {
    const kind = KINDS.get(field)
    if (kind === undefined) throw invalidJsonError(`json: unknown field ${JSON.stringify(field)}`)
    if (value === null) continue
    checkField(field, kind, value)
    if (kind === 'enum') config[field] = value === '' ? WORDS[field][0] : value
    else config[field] = value
  }
  return config as unknown as ConsumerConfig
}

/** The configuration as answers show it: fields in order, empty ones left out. */
export function encodeConfig(config: ConsumerConfig): ConsumerConfig {
  const shown: Record<string, unknown> = {}
  for (const [field] of FIELDS) {
    const value = config[field]
    if (field === 'priority_policy' && value === 'none') continue
    if (!isEmpty(value) || ALWAYS_SHOWN.has(field)) shown[field] = value ?? 0
  }
  return shown as unknown as ConsumerConfig
}
