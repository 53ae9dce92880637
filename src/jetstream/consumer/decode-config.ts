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

/** Values of the fields that are one of a few words. */
const WORDS: Record<string, readonly string[]> = {
  deliver_policy: [
    'all',
    'last',
    'last_per_subject',
    'new',
    'by_start_sequence',
    'by_start_time',
    'undefined',
  ],
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
  const isOutOfRange =
    typeof value === 'number' && type !== 'string' && (!Number.isInteger(value) || type === 'uint64')
  const shown = isOutOfRange ? `number ${value}` : jsonType(value)
  return invalidJsonError(
    `json: cannot unmarshal ${shown} into Go struct field ConsumerConfig.config.${field} of type ${type}`,
  )
}

/** Does the value have one of the plain types? */
function isPlain(value: unknown, type: string): boolean {
  if (type === 'string') return typeof value === 'string'
  if (type === 'bool') return typeof value === 'boolean'
  return typeof value === 'number' && Number.isInteger(value) && (type !== 'uint64' || value >= 0)
}

function checkField(field: string, kind: Kind, value: unknown): void {
  switch (kind) {
    case 'enum':
      checkWord(field, value)
      return
    case 'time':
      checkTime(value)
      return
    case 'map': {
      if (typeof value !== 'object' || Array.isArray(value)) throw mismatch(value, field, 'map[string]string')
      for (const item of Object.values(value as object)) {
        if (typeof item !== 'string') throw mismatch(item, field, 'string')
      }
      return
    }
    case '[]string':
    case '[]time.Duration': {
      const type = kind.slice(2)
      if (!Array.isArray(value)) throw mismatch(value, field, kind)
      for (const item of value) if (!isPlain(item, type)) throw mismatch(item, field, type)
      return
    }
    default:
      if (!isPlain(value, kind)) throw mismatch(value, field, kind)
  }
}

function checkWord(field: string, value: unknown): void {
  if (typeof value === 'string' && WORDS[field].includes(value)) return
  if (field === 'priority_policy') throw invalidJsonError(`unknown priority policy: ${JSON.stringify(value)}`)
  throw invalidJsonError(`can not unmarshal ${JSON.stringify(JSON.stringify(value))}`)
}

function checkTime(value: unknown): void {
  if (typeof value === 'string' && parseTime(value) !== null) return
  if (typeof value !== 'string') throw invalidJsonError('Time.UnmarshalJSON: input is not a JSON string')
  const text = JSON.stringify(value)
  throw invalidJsonError(
    `parsing time ${text} as "2006-01-02T15:04:05Z07:00": cannot parse ${text} as "2006"`,
  )
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
    config[field] = value === 'undefined' && kind === 'enum' ? 'all' : value
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
