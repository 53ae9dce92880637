import {
  type AccountTiers,
  type JetStreamAccountLimits,
  limitsIn,
  UNLIMITED,
  WITHOUT_TIERS,
} from '../config/account-limits.ts'
import { consumerError } from '../config/consumer/errors.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import type { StreamConfig } from '../config/types.ts'

/** What the streams of an account have stored and were promised, and how much that may be. Sizes are bytes. */
export class AccountUsage {
  memory = 0
  storage = 0
  reservedMemory = 0
  reservedStorage = 0
  /** Is what may be stored limited? Else nothing need be asked for a message. */
  isLimited = false
  private current: AccountTiers = UNLIMITED
  private selected: JetStreamAccountLimits | null = limitsIn(UNLIMITED)
  private mostMemory = Number.POSITIVE_INFINITY
  private mostStorage = Number.POSITIVE_INFINITY
  private readonly warn: (text: string) => void
  private readonly fullText: Readonly<Record<'file' | 'memory', string>>

  /** `warn`: told of each message that is refused. */
  constructor(name: string, warn: (text: string) => void) {
    const full = (kind: string): string =>
      `JetStream ${kind} resource limits exceeded for account: ${JSON.stringify(name)}`
    this.warn = warn
    this.fullText = { file: full('file'), memory: full('memory') }
  }

  get tiers(): AccountTiers {
    return this.current
  }

  get hasTiers(): boolean {
    return !(WITHOUT_TIERS in this.current)
  }

  /** Other limits from now on. What is there stays, also above them. */
  change(tiers: AccountTiers): void {
    this.current = tiers
    this.selected = limitsIn(tiers)
    // Without limits for its streams an account may store nothing.
    const { maxMemory, maxStore } = this.selected ?? { maxMemory: 0, maxStore: 0 }
    this.mostMemory = maxMemory < 0 ? Number.POSITIVE_INFINITY : maxMemory
    this.mostStorage = maxStore < 0 ? Number.POSITIVE_INFINITY : maxStore
    this.isLimited = maxMemory >= 0 || maxStore >= 0
  }

  /** Those of streams. Throws when there are none: the account may have no streams here. */
  get limits(): JetStreamAccountLimits {
    if (this.selected === null) throw apiError('JSNoLimitsErr')
    return this.selected
  }

  /** Those of streams, or null. */
  get limitsOrNone(): JetStreamAccountLimits | null {
    return this.selected
  }

  /** Bytes were stored or removed. */
  count(inMemory: boolean, bytes: number): void {
    if (inMemory) this.memory += bytes
    else this.storage += bytes
  }

  /** A stream was promised as much, or has no use for it any more (negative). */
  reserve(inMemory: boolean, bytes: number): void {
    if (inMemory) this.reservedMemory += bytes
    else this.reservedStorage += bytes
  }

  /** Would it be too much to store so much more? */
  wouldExceed(inMemory: boolean, bytes: number): boolean {
    return inMemory ? this.memory + bytes > this.mostMemory : this.storage + bytes > this.mostStorage
  }

  /** Why a message is not stored. */
  refusal(inMemory: boolean): ApiError {
    this.warn(this.fullText[inMemory ? 'memory' : 'file'])
    return apiError(this.selected === null ? 'JSNoLimitsErr' : 'JSAccountResourcesExceededErr')
  }

  /** Throws when there may be no more streams than the `streams` that there are. */
  checkStreams(streams: number): void {
    const { maxStreams } = this.limits
    if (maxStreams > 0 && streams >= maxStreams) throw apiError('JSMaximumStreamsLimitErr')
  }

  /** Throws when a stream asks for more consumers, or bytes, than may be promised. `bytes`: beside what others were promised. */
  checkStream(config: StreamConfig, inMemory: boolean, bytes: number, heldBytes: number): void {
    const { maxConsumers } = this.limits
    if (maxConsumers > 0 && (config.max_consumers ?? 0) > maxConsumers)
      throw consumerError('JSMaximumConsumersLimitErr')
    const others = (inMemory ? this.reservedMemory : this.reservedStorage) - heldBytes
    if (others + bytes > (inMemory ? this.mostMemory : this.mostStorage)) {
      throw apiError(inMemory ? 'JSMemoryResourcesExceededErr' : 'JSStorageResourcesExceededErr')
    }
  }
}
