import type { JetStreamLimits } from '../limits.ts'
import type { ConsumerConfig, StreamConfig } from '../types.ts'
import { pedanticError } from './errors.ts'

/** Defaults of a consumer's configuration. Durations are nanoseconds. */
export const DEFAULTS = {
  ackWaitNs: 30e9,
  maxAckPending: 1000,
  maxWaiting: 512,
} as const

/** How long a pinned client may stay silent where the configuration does not say. */
export const DEFAULT_PINNED_TTL_NS = 120e9
export const GROUP_NAME = /^[a-zA-Z0-9/_=-]{1,16}$/

/** Consumers that are acknowledged by answers to flow control have heartbeats of a second. */
export const FLOW_CONTROL_HEARTBEAT_NS = 1e9

/** The subjects a consumer is limited to; none means all. */
export function filtersOf(config: ConsumerConfig): string[] {
  if (config.filter_subject) return [config.filter_subject]
  return config.filter_subjects ?? []
}

export function isDurable(config: ConsumerConfig): boolean {
  return (config.durable_name ?? '') !== ''
}

/** Does an ack have a say in whether the stream keeps a message? */
export function retainsMessages(stream: StreamConfig): boolean {
  return stream.retention === 'workqueue' || stream.retention === 'interest'
}

/** `sample_freq` as a percentage, 0 without. */
export function samplePercent(config: ConsumerConfig): number {
  const text = (config.sample_freq ?? '').replace(/%$/, '')
  return text === '' ? 0 : Number(text)
}

const NOT_NEGATIVE = [
  'max_batch',
  'max_expires',
  'max_bytes',
  'idle_heartbeat',
  'inactive_threshold',
  'priority_timeout',
] as const

/**
 * Fills in what a configuration leaves open, in place. `pedantic`: refuses what would have to be changed.
 * `accountAckPending`: most that the account allows; -1 or 0: no limit.
 */
export function applyDefaults(
  config: ConsumerConfig,
  stream: StreamConfig,
  server: JetStreamLimits,
  pedantic: boolean,
  accountAckPending: number,
): void {
  const limits = stream.consumer_limits ?? {}
  const isPull = (config.deliver_subject ?? '') === ''
  const correct = (reason: string): void => {
    if (pedantic) throw pedanticError(reason)
  }
  if ((config.max_deliver ?? 0) === 0) config.max_deliver = -1
  else if ((config.max_deliver as number) < -1) {
    correct('max_deliver must be set to -1')
    config.max_deliver = -1
  }
  const notNegative = (field: (typeof NOT_NEGATIVE)[number] | 'max_waiting'): void => {
    if ((config[field] ?? 0) >= 0) return
    correct(`${field} must not be negative`)
    config[field] = 0
  }
  notNegative('max_waiting')
  if ((config.max_ack_pending ?? 0) < -1) {
    correct('max_ack_pending must be set to -1')
    config.max_ack_pending = -1
  }
  for (const field of NOT_NEGATIVE) notNegative(field)
  if (isPull && !config.max_waiting) config.max_waiting = DEFAULTS.maxWaiting
  if (!config.ack_wait && (config.ack_policy === 'explicit' || config.ack_policy === 'all')) {
    config.ack_wait = DEFAULTS.ackWaitNs
  }
  const backoff = config.backoff ?? []
  if (backoff.length > 0) {
    if (config.ack_wait !== backoff[0]) correct('first backoff value has to equal batch AckWait')
    config.ack_wait = backoff[0]
  }
  if (!config.max_ack_pending) {
    if ((limits.max_ack_pending ?? 0) > 0) {
      correct("max_ack_pending must be set if it's configured in stream limits")
    }
    config.max_ack_pending = limits.max_ack_pending ?? 0
  }
  if (!config.inactive_threshold) {
    if ((limits.inactive_threshold ?? 0) > 0) {
      correct("inactive_threshold must be set if it's configured in stream limits")
    }
    config.inactive_threshold = limits.inactive_threshold ?? 0
  }
  if (!config.max_ack_pending && config.ack_policy !== 'none') {
    const limits = [server.maxAckPending, accountAckPending].filter((limit) => limit > 0)
    config.max_ack_pending = Math.min(DEFAULTS.maxAckPending, ...limits)
  }
  if (isPull && !config.max_batch && server.maxRequestBatch > 0) {
    correct("max_request_batch must be set if it's JetStream limits are set")
    config.max_batch = server.maxRequestBatch
  }
  if (config.priority_policy === 'pinned_client' && !config.priority_timeout) {
    config.priority_timeout = DEFAULT_PINNED_TTL_NS
  }
  if (config.ack_policy === 'flow_control' && !pedantic) {
    config.flow_control = true
    config.idle_heartbeat = FLOW_CONTROL_HEARTBEAT_NS
  }
}
