import type { Bus } from '../../core/index.ts'
import type { Clock } from '../../ports/index.ts'
import type { Store } from '../../storage/index.ts'
import { apiError } from '../config/errors.ts'
import { type JetStreamLimitOptions, type JetStreamLimits, settleLimits } from '../config/limits.ts'
import type { StreamConfig } from '../config/types.ts'
import { Commits } from './commits.ts'
import { Complaints } from './complaints.ts'
import { Pace } from './pace.ts'

export interface StreamHostOptions {
  bus: Bus
  store: Store
  clock: Clock
  /** Also answers on `$JS.<domain>.API.…`, and is named in answers. */
  domain?: string
  /** Bytes of memory and of files that streams may use; -1 (default): no limit. */
  maxMemory?: number
  maxStore?: number
  serverName: string
  serverId: string
  /** Default: those of nats-server. */
  limits?: JetStreamLimitOptions
  /** Are requests with fields that nobody knows refused? Default: true. */
  strict?: boolean
}

/** What the streams of a server share: where they are stored, how much that may be, and the commit at the end of a turn. */
export class StreamHost {
  readonly bus: Bus
  readonly store: Store
  readonly clock: Clock
  /** '' without. */
  readonly domain: string
  maxMemory: number
  maxStore: number
  readonly serverName: string
  readonly serverId: string
  /** May be changed; what is there stays, also above them. */
  limits: JetStreamLimits
  readonly isStrict: boolean
  readonly complaints: Complaints
  readonly commits: Commits
  /** Of the questions to the origins of mirrors and sources. */
  readonly askPace: Pace
  /** Copies of stored messages are being published. */
  isRepublishing = false
  /** Batches under way, over all streams, and what is held back for the atomic ones. */
  readonly staged = { batches: 0, bytes: 0, fastBatches: 0 }
  /** Bytes that streams have stored, and have been promised. */
  memoryBytes = 0
  fileBytes = 0
  reservedMemory = 0
  reservedStorage = 0

  constructor(options: StreamHostOptions) {
    this.bus = options.bus
    this.store = options.store
    this.clock = options.clock
    this.domain = options.domain ?? ''
    this.maxMemory = options.maxMemory ?? -1
    this.maxStore = options.maxStore ?? -1
    this.serverName = options.serverName
    this.serverId = options.serverId
    this.limits = settleLimits(options.limits)
    this.isStrict = options.strict ?? true
    this.complaints = new Complaints(options.bus)
    this.askPace = new Pace(options.clock)
    this.commits = new Commits(options.bus, options.store)
  }

  /** Bytes were stored or removed. */
  count(inMemory: boolean, bytes: number): void {
    if (inMemory) this.memoryBytes += bytes
    else this.fileBytes += bytes
  }

  /** A stream was promised as much, or has no use for it any more (negative). */
  reserve(inMemory: boolean, bytes: number): void {
    if (inMemory) this.reservedMemory += bytes
    else this.reservedStorage += bytes
  }

  /** Can nothing more be stored? */
  isExhausted(inMemory: boolean): boolean {
    if (inMemory) return this.maxMemory >= 0 && this.memoryBytes >= this.maxMemory
    const { failure, shortage } = this.store
    return failure !== null || shortage !== null || (this.maxStore >= 0 && this.fileBytes >= this.maxStore)
  }

  /** Is a stream's log in memory? Of a store without a folder each is, whatever its stream asks for. */
  isInMemory(config: StreamConfig): boolean {
    return config.storage === 'memory' || this.store.isInMemory
  }

  /** Throws when the store can't promise a stream so many bytes. `heldBytes`: what it was promised before. */
  checkReservation(inMemory: boolean, bytes: number, heldBytes: number): void {
    if (!inMemory && (this.store.failure ?? this.store.shortage) !== null)
      throw apiError('JSStorageResourcesExceededErr')
    const limit = inMemory ? this.maxMemory : this.maxStore
    if (limit < 0) return
    const reserved = inMemory ? this.reservedMemory : this.reservedStorage
    if (reserved + bytes - heldBytes > limit) {
      throw apiError(inMemory ? 'JSMemoryResourcesExceededErr' : 'JSStorageResourcesExceededErr')
    }
  }
}
