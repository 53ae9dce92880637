import { API_LEVEL, COMPATIBLE_VERSION } from '../stream/metadata.ts'
import { ZERO_TIME } from '../time-text.ts'
import type { ConsumerConfig } from '../types.ts'

/** What nats-server writes into the metadata of consumers (ADR-44). */
const REQUIRED_LEVEL = '_nats.req.level'
const SERVER_VERSION = '_nats.ver'
const SERVER_LEVEL = '_nats.level'

function requiredLevel(config: ConsumerConfig): number {
  if (config.ack_policy === 'flow_control') return 4
  const hasGroups = (config.priority_policy ?? 'none') !== 'none'
  // The command line says "never" by the beginning of time.
  const isPaused = config.pause_until !== undefined && config.pause_until !== ZERO_TIME
  return hasGroups || isPaused ? 1 : 0
}

/** Notes the API level that the configuration needs. */
export function stampMetadata(config: ConsumerConfig): void {
  const metadata = { ...config.metadata }
  delete metadata[SERVER_VERSION]
  delete metadata[SERVER_LEVEL]
  metadata[REQUIRED_LEVEL] = String(requiredLevel(config))
  config.metadata = metadata
}

/** The configuration as answers show it: with the server's version and level. */
export function withServerMetadata(config: ConsumerConfig): ConsumerConfig {
  const metadata: Record<string, string> = {
    ...config.metadata,
    [SERVER_LEVEL]: String(API_LEVEL),
    [SERVER_VERSION]: COMPATIBLE_VERSION,
  }
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))
  return { ...config, metadata: Object.fromEntries(sorted) }
}
