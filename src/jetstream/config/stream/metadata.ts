import type { StreamConfig } from '../types.ts'

/** What nats-server writes into the metadata of streams (ADR-44). */
const REQUIRED_LEVEL = '_nats.req.level'
const SERVER_VERSION = '_nats.ver'
const SERVER_LEVEL = '_nats.level'

/** API level we answer for, and the nats-server version we stand for. */
export const API_LEVEL = 5
export const COMPATIBLE_VERSION = '2.15.2'

function requiredLevel(config: StreamConfig): number {
  if (config.allow_batched) return 4
  if (config.allow_msg_counter || config.allow_atomic || config.allow_msg_schedules) return 2
  if (config.persist_mode === 'async') return 2
  return config.allow_msg_ttl || (config.subject_delete_marker_ttl ?? 0) > 0 ? 1 : 0
}

/** Notes the API level that the configuration needs. */
export function stampStreamMetadata(config: StreamConfig): void {
  const metadata = { ...config.metadata }
  delete metadata[SERVER_VERSION]
  delete metadata[SERVER_LEVEL]
  metadata[REQUIRED_LEVEL] = String(requiredLevel(config))
  config.metadata = sorted(metadata)
}

/** The configuration with the server's version and level, as answers about one stream show it. */
export function withStreamServerMetadata(config: StreamConfig): StreamConfig {
  const metadata = {
    ...config.metadata,
    [SERVER_LEVEL]: String(API_LEVEL),
    [SERVER_VERSION]: COMPATIBLE_VERSION,
  }
  return { ...config, metadata: sorted(metadata) }
}

function sorted(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)))
}
