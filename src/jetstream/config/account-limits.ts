import { apiError } from './errors.ts'
import type { StreamConfig } from './types.ts'

/** Limits of an account with JetStream (`accounts { A { jetstream { … } } }`, `limits` of its JWT). -1: no limit. */
export interface JetStreamAccountLimits {
  /** Bytes of messages in memory, and on files. */
  readonly maxMemory: number
  readonly maxStore: number
  /** 0 is no limit either, of these three. */
  readonly maxStreams: number
  /** Of one stream. */
  readonly maxConsumers: number
  /** Most that `max_ack_pending` of a consumer may be. */
  readonly maxAckPending: number
  /** Most that `max_bytes` of a stream may be; 0 is no limit either. */
  readonly memoryMaxStreamBytes: number
  readonly storeMaxStreamBytes: number
  /** Do streams have to have `max_bytes`? */
  readonly maxBytesRequired: boolean
}

/** Limits by the tier of a stream, which is the number of its copies (`R1`, `R3`); '': of all streams together. */
export type AccountTiers = Readonly<Record<string, JetStreamAccountLimits>>

export const NO_ACCOUNT_LIMITS: JetStreamAccountLimits = {
  maxMemory: -1,
  maxStore: -1,
  maxStreams: -1,
  maxConsumers: -1,
  maxAckPending: -1,
  memoryMaxStreamBytes: -1,
  storeMaxStreamBytes: -1,
  maxBytesRequired: false,
}

export const WITHOUT_TIERS = ''
/** The tier of the streams of one server: they have one copy. */
export const ONLY_TIER = 'R1'
export const UNLIMITED: AccountTiers = { [WITHOUT_TIERS]: NO_ACCOUNT_LIMITS }

/** Those that hold for streams of one copy; null: none do, and there can be no streams. */
export function limitsIn(tiers: AccountTiers): JetStreamAccountLimits | null {
  return tiers[WITHOUT_TIERS] ?? tiers[ONLY_TIER] ?? null
}

/** As answers show them. */
export function shownAccountLimits(limits: JetStreamAccountLimits | null): Record<string, unknown> {
  return {
    max_memory: limits?.maxMemory ?? 0,
    max_storage: limits?.maxStore ?? 0,
    max_streams: limits?.maxStreams ?? 0,
    max_consumers: limits?.maxConsumers ?? 0,
    max_ack_pending: limits?.maxAckPending ?? 0,
    memory_max_stream_bytes: limits?.memoryMaxStreamBytes ?? 0,
    storage_max_stream_bytes: limits?.storeMaxStreamBytes ?? 0,
    max_bytes_required: limits?.maxBytesRequired ?? false,
  }
}

/** Throws for a stream without `max_bytes` where the account wants it, and for one with too many. */
export function checkMaxBytes(config: StreamConfig, limits: JetStreamAccountLimits): void {
  const { max_bytes: bytes = -1, storage } = config
  const most = storage === 'memory' ? limits.memoryMaxStreamBytes : limits.storeMaxStreamBytes
  if (limits.maxBytesRequired && bytes <= 0) throw apiError('JSStreamMaxBytesRequired')
  if (most > 0 && bytes > most) throw apiError('JSStreamMaxStreamBytesExceeded')
}

/** Bytes that tiers have a right to together. */
function promised(all: Iterable<AccountTiers>, key: 'maxMemory' | 'maxStore'): number {
  let bytes = 0
  for (const tiers of all) for (const tier of Object.values(tiers)) bytes += Math.max(tier[key], 0)
  return bytes
}

/**
 * Throws when the server has not what its accounts have a right to together. -1: as much as is wanted.
 */
export function checkSufficient(
  accounts: readonly AccountTiers[],
  server: { maxMemory: number; maxStore: number },
): void {
  if (server.maxMemory >= 0 && promised(accounts, 'maxMemory') > server.maxMemory)
    throw apiError('JSMemoryResourcesExceededErr')
  if (server.maxStore >= 0 && promised(accounts, 'maxStore') > server.maxStore)
    throw apiError('JSStorageResourcesExceededErr')
}
