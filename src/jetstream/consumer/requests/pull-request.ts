import type { Target } from '../../../core/index.ts'
import { JsonSyntaxError, parseJson, unmarshalMessage } from '../../config/json/parse.ts'

/** Fields of a request for messages (`io.nats.jetstream.api.v1.consumer_getnext_request`). Durations in nanoseconds. */
export interface PullFields {
  /** It came as JSON. */
  isFormal: boolean
  batch: number
  max_bytes: number
  expires: number
  no_wait: boolean
  idle_heartbeat: number
  group: string
  /** The pin that the client holds, '' for none. */
  id: string
  min_pending: number
  min_ack_pending: number
  priority: number
}

/** A request that waits for messages. Times are milliseconds. */
export class PullRequest {
  next: PullRequest | null = null
  target: Target
  /** Messages still wanted. */
  batch: number
  /** Bytes still wanted, 0 without a limit. */
  maxBytes: number
  delivered = 0
  noWait: boolean
  /** When it ends, 0 for never. */
  expiresAtMs: number
  heartbeatMs: number
  /** When the next idle heartbeat is due, 0 for never. */
  heartbeatAtMs: number
  /** Priority group, '' for none, and what it says about it (ADR-42). */
  readonly group: string
  readonly priority: number
  readonly minPending: number
  readonly minAckPending: number
  pinId: string

  constructor(target: Target, fields: PullFields, nowMs: number) {
    this.target = target
    this.batch = fields.batch
    this.maxBytes = fields.max_bytes
    this.noWait = fields.no_wait
    this.expiresAtMs = fields.expires === 0 ? 0 : nowMs + fields.expires / 1e6
    this.heartbeatMs = fields.idle_heartbeat / 1e6
    this.heartbeatAtMs = fields.idle_heartbeat > 0 ? nowMs + this.heartbeatMs : 0
    this.group = fields.group
    this.priority = fields.isFormal ? fields.priority : Infinity
    this.minPending = fields.min_pending
    this.minAckPending = fields.min_ack_pending
    this.pinId = fields.id
  }
}

const NUMBERS = [
  ['batch', 'int'],
  ['max_bytes', 'int'],
  ['expires', 'time.Duration'],
  ['idle_heartbeat', 'time.Duration'],
  ['min_pending', 'int64'],
  ['min_ack_pending', 'int64'],
  ['priority', 'int'],
] as const

function fieldsWithBatch(batch: number): PullFields {
  return {
    isFormal: false,
    batch,
    max_bytes: 0,
    expires: 0,
    no_wait: false,
    idle_heartbeat: 0,
    group: '',
    id: '',
    min_pending: 0,
    min_ack_pending: 0,
    priority: 0,
  }
}

function wrongType(value: unknown, field: string, type: string): string {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    return `json: cannot unmarshal number ${value} into Go struct field JSApiConsumerGetNextRequest.${field} of type ${type}`
  }
  const kind = Array.isArray(value) ? 'array' : value === true || value === false ? 'bool' : typeof value
  return `json: cannot unmarshal ${kind} into Go struct field JSApiConsumerGetNextRequest.${field} of type ${type}`
}

/**
 * Reads the body of a request: nothing (one message), a number, or JSON. Anything else asks for one message. A string is
 * the reason why the request is bad.
 */
export function parsePullRequest(body: string): PullFields | string {
  const text = body.trim()
  if (text === '') return fieldsWithBatch(1)
  if (text[0] !== '{') return fieldsWithBatch(/^[+-]?\d+$/.test(text) ? Number(text) : 1)
  let json: Record<string, unknown>
  try {
    json = JSON.parse(text)
  } catch {
    return whyNoJson(text)
  }
  const fields = fieldsWithBatch(0)
  fields.isFormal = true
  for (const [name, type] of NUMBERS) {
    const value = json[name]
    if (value === undefined || value === null) continue
    if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType(value, name, type)
    fields[name] = value
  }
  for (const name of ['group', 'id'] as const) {
    const value = json[name]
    if (value === undefined || value === null) continue
    if (typeof value !== 'string') return wrongType(value, name, 'string')
    fields[name] = value
  }
  if (json.no_wait !== undefined && json.no_wait !== null) {
    if (typeof json.no_wait !== 'boolean') return wrongType(json.no_wait, 'no_wait', 'bool')
    fields.no_wait = json.no_wait
  }
  if (fields.idle_heartbeat > 0 && fields.idle_heartbeat * 2 > fields.expires)
    return 'heartbeat value too large'
  return fields
}

function whyNoJson(text: string): string {
  try {
    parseJson(text)
  } catch (error) {
    if (error instanceof JsonSyntaxError) return unmarshalMessage(error)
  }
  return 'unexpected end of JSON input'
}
