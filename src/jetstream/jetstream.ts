import type { Bus, TurnTask } from '../core/index.ts'
import type { Clock } from '../ports/index.ts'
import type { Store } from '../storage/index.ts'
import { JetStreamAccount } from './account/account.ts'
import { Stream, type StreamMeta } from './account/stream.ts'
import { apiError } from './config/errors.ts'
import type { StreamConfig } from './config/types.ts'
import { Consumer } from './consumer/consumer.ts'
import type { Positions } from './origins/positions.ts'
import { streamOfIds } from './publish/msg-id-log.ts'
import { StoreWatch } from './store-watch.ts'

export type Log = (level: 'error' | 'info' | 'warn', text: string) => void

export interface JetStreamOptions {
  bus: Bus
  store: Store
  clock: Clock
  log?: Log
  /** Also answers on `$JS.<domain>.API.…`, and is named in answers. */
  domain?: string
  /** Bytes of memory and of files that streams may use; -1 (default): no limit. */
  maxMemory?: number
  maxStore?: number
  serverName: string
  serverId: string
  /** Accounts with JetStream. Default: `$G`. */
  accounts?: readonly string[]
}

/** What the server's monitoring shows. Sizes are bytes. */
export interface JetStreamStats {
  memory: number
  storage: number
  reservedMemory: number
  reservedStorage: number
  accounts: number
  streams: number
  consumers: number
  messages: number
  messageBytes: number
  apiTotal: number
  apiErrors: number
}

/** What pull requests that wait are told when the server stops. */
const SHUTDOWN_STATUS = '409 Server Shutdown'

/** JetStream of one server: its accounts, and what they share with the store. */
export class JetStream implements TurnTask {
  /** Owned by the Turn. */
  deferred = false
  readonly bus: Bus
  readonly store: Store
  readonly clock: Clock
  /** '' without. */
  readonly domain: string
  readonly maxMemory: number
  readonly maxStore: number
  readonly serverName: string
  readonly serverId: string
  readonly accounts = new Map<string, JetStreamAccount>()
  /** Batches under way, over all streams, and what is held back for the atomic ones. */
  readonly staged = { batches: 0, bytes: 0, fastBatches: 0 }
  memoryBytes = 0
  fileBytes = 0
  isClosed = false
  private readonly log: Log
  /** Streams that wait for a commit, and streams that have grown beyond their limits in this turn. */
  private awaiting: Stream[] = []
  private over: Stream[] = []
  /** Streams with ids of messages that are to be written with the next commit. */
  private readonly withIds: Stream[] = []
  /** Positions in origins that are to be written with the next commit. */
  private readonly movedPositions: Positions[] = []

  /** Opens JetStream on a store: recovers its streams and consumers and begins to answer. */
  static async open(options: JetStreamOptions): Promise<JetStream> {
    const js = new JetStream(options)
    for (const name of options.accounts ?? ['$G']) js.addAccount(name)
    js.connect()
    await js.recover()
    for (const account of js.accounts.values()) account.open()
    return js
  }

  private constructor(options: JetStreamOptions) {
    this.bus = options.bus
    this.store = options.store
    this.clock = options.clock
    this.log = options.log ?? (() => {})
    this.domain = options.domain ?? ''
    this.maxMemory = options.maxMemory ?? -1
    this.maxStore = options.maxStore ?? -1
    this.serverName = options.serverName
    this.serverId = options.serverId
  }

  /** JetStream of an account; undefined where it isn't enabled. */
  account(name: string): JetStreamAccount | undefined {
    return this.accounts.get(name)
  }

  stats(): JetStreamStats {
    const stats: JetStreamStats = {
      memory: this.memoryBytes,
      storage: this.fileBytes,
      reservedMemory: 0,
      reservedStorage: 0,
      accounts: this.accounts.size,
      streams: 0,
      consumers: 0,
      messages: 0,
      messageBytes: 0,
      apiTotal: 0,
      apiErrors: 0,
    }
    for (const account of this.accounts.values()) {
      stats.reservedMemory += account.streams.reservedMemory
      stats.reservedStorage += account.streams.reservedStorage
      stats.apiTotal += account.apiTotal
      stats.apiErrors += account.apiErrors
      for (const stream of account.streams.values()) {
        stats.streams++
        stats.consumers += stream.consumers.size
        stats.messages += stream.log.messages
        stats.messageBytes += stream.log.bytes
      }
    }
    return stats
  }

  /** Stops answering; waiting requests are told so. The store is closed by who opened it. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.commit()
    for (const account of this.accounts.values()) account.close(SHUTDOWN_STATUS)
    this.store.commit()
  }

  // What streams tell

  /** A stream has messages that are not durable yet. */
  appended(stream: Stream): void {
    if (!stream.isAwaitingCommit) {
      stream.isAwaitingCommit = true
      this.awaiting.push(stream)
    }
    const { store, bus } = this
    if (!store.overloaded || store.isHeldUp) return
    if (store.isFlooded) bus.pauseReading()
    else bus.pauseSender()
  }

  /** A stream holds more than it may: the oldest go at the end of the turn, or before somebody looks. */
  overLimit(stream: Stream): void {
    if (stream.isOverLimit) return
    stream.isOverLimit = true
    this.over.push(stream)
    this.bus.turn.deferWork(this)
  }

  /** Bytes were stored or removed. */
  count(inMemory: boolean, bytes: number): void {
    if (inMemory) this.memoryBytes += bytes
    else this.fileBytes += bytes
  }

  /** Can nothing more be stored? */
  isExhausted(inMemory: boolean): boolean {
    if (inMemory) return this.maxMemory >= 0 && this.memoryBytes >= this.maxMemory
    const { failure, shortage } = this.store
    return failure !== null || shortage !== null || (this.maxStore >= 0 && this.fileBytes >= this.maxStore)
  }

  /** Throws when the store can't promise a stream its max_bytes. `heldBytes`: what it was promised before. */
  checkReservation(config: StreamConfig, heldBytes: number): void {
    const inMemory = config.storage === 'memory'
    if (!inMemory && (this.store.failure ?? this.store.shortage) !== null)
      throw apiError('JSStorageResourcesExceededErr')
    const limit = inMemory ? this.maxMemory : this.maxStore
    if (limit < 0) return
    let reserved = Math.max(config.max_bytes ?? 0, 0) - heldBytes
    for (const { streams } of this.accounts.values()) {
      reserved += inMemory ? streams.reservedMemory : streams.reservedStorage
    }
    if (reserved > limit) {
      throw apiError(inMemory ? 'JSMemoryResourcesExceededErr' : 'JSStorageResourcesExceededErr')
    }
  }

  /** Brings streams back within their limits. */
  trim(): void {
    if (this.over.length === 0) return
    const over = this.over
    this.over = []
    for (const stream of over) {
      stream.isOverLimit = false
      if (!stream.isClosed) stream.trimming.trim()
    }
  }

  /** A stream stored a message with an id, the first of this turn. */
  notedMsgId(stream: Stream): void {
    this.withIds.push(stream)
  }

  /** Something was copied, the first of this turn that its stream copied. */
  positionsMoved(positions: Positions): void {
    this.movedPositions.push(positions)
  }

  /** The end of a turn in which something was stored. */
  run(): void {
    this.trim()
    this.commit()
  }

  /** Messages, their ids and how far copying has come are committed together. */
  private commit(): void {
    for (let i = 0; i < this.withIds.length; i++) if (!this.withIds[i].isClosed) this.withIds[i].flushMsgIds()
    this.withIds.length = 0
    for (let i = 0; i < this.movedPositions.length; i++) this.movedPositions[i].flush()
    this.movedPositions.length = 0
    this.store.commit()
  }

  // Opening

  private addAccount(name: string): JetStreamAccount {
    const account = new JetStreamAccount(this, this.bus.account(name))
    this.accounts.set(name, account)
    return account
  }

  private async recover(): Promise<void> {
    const recovered: Promise<void>[] = []
    for (const [name, log] of this.store.logs) {
      const idsOf = streamOfIds(name)
      if (idsOf !== null) {
        if (!this.store.logs.has(idsOf)) this.store.deleteLog(log)
        continue
      }
      const slash = name.lastIndexOf('/')
      const account = this.accounts.get(name.slice(0, slash))
      if (account === undefined) {
        this.log('warn', `stream ${name} belongs to an account without JetStream and stays closed`)
        continue
      }
      const meta = log.meta as unknown as StreamMeta
      if (meta.isRestoring) {
        this.log('warn', `stream ${name} was not restored to its end and is removed`)
        this.store.deleteLog(log)
        continue
      }
      const stream = new Stream(account, log, meta)
      account.streams.set(stream.name, stream)
      for (const ledger of log.ledgers.values()) {
        if (ledger.name.startsWith('.')) continue
        stream.consumers.set(ledger.name, Consumer.recover(stream, ledger))
      }
      recovered.push(stream.recoverMsgIds())
    }
    await Promise.all(recovered)
  }

  private connect(): void {
    const { store, bus } = this
    store.onNeedsCommit = () => bus.turn.deferWork(this)
    store.onCommitted = (batch) => this.committed(batch)
    store.onDrain = () => bus.resumeReading()
    const watch = new StoreWatch(this, this.log)
    store.onFailure = (error) => {
      watch.failed(error)
      bus.resumeReading()
    }
    store.onShortage = (error) => {
      watch.short(error)
      bus.resumeReading()
    }
    store.onRelief = () => watch.relieved()
    store.onLost = (log) => watch.lost(log)
    for (const log of store.logs.values()) if (log.lost.count > log.lost.told) watch.lost(log)
  }

  /** A batch is durable: publishers get their acks, then consumers get the messages. */
  private committed(batch: number): void {
    for (const account of this.accounts.values()) account.pubAcks.release(batch)
    const awaiting = this.awaiting
    let kept = 0
    for (let i = 0; i < awaiting.length; i++) {
      const stream = awaiting[i]
      if (stream.log.committedSeq < stream.log.lastSeq && !stream.isClosed) awaiting[kept++] = stream
      else stream.isAwaitingCommit = false
      stream.committed()
    }
    awaiting.length = kept
  }
}
