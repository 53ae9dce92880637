/** Limits of JetStream that stand in the JWT of an account. */
import type { AccountLimitClaims, JetStreamClaims } from '../auth/index.ts'
import { type AccountTiers, WITHOUT_TIERS } from '../jetstream/index.ts'

/** Those of the account, or of its tiers where it has none of its own. */
export function claimedTiers({ jetstream, tiers }: AccountLimitClaims): AccountTiers {
  if (jetstream.memoryBytes !== 0 || jetstream.storageBytes !== 0)
    return { [WITHOUT_TIERS]: claimedLimits(jetstream) }
  return Object.fromEntries([...tiers].map(([name, claims]) => [name, claimedLimits(claims)]))
}

function claimedLimits(claims: JetStreamClaims): AccountTiers[string] {
  const limit = (value: number): number => (value > 0 ? value : -1)
  return {
    maxMemory: claims.memoryBytes,
    maxStore: claims.storageBytes,
    maxStreams: claims.streams,
    maxConsumers: claims.consumers,
    maxAckPending: limit(claims.maxAckPending),
    memoryMaxStreamBytes: limit(claims.memoryStreamBytes),
    storeMaxStreamBytes: limit(claims.storageStreamBytes),
    maxBytesRequired: claims.needsMaxBytes,
  }
}
