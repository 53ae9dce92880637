/** JetStream as the server runs it: the store opened and closed, and what monitoring asks of it. */

import { statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type AccountLimitClaims, hasJetStream } from '../auth/index.ts'
import type { Bus } from '../core/index.ts'
import {
  type Consumer,
  JetStream,
  type JetStreamAccount,
  type JetStreamLimitOptions,
  type Stream,
  settleLimits,
  storedConfig,
  streamState,
} from '../jetstream/index.ts'
import type { FileSystem } from '../ports/index.ts'
import { Store } from '../storage/index.ts'
import type { Logger } from './logger.ts'
import { goDuration, goTime, NO_LIMIT } from './monitor/go-text.ts'
import type { Settings } from './options.ts'
import { storeFailure } from './store-failure.ts'
import { API_LEVEL } from './versions.ts'

export interface JetStreamServiceOptions {
  bus: Bus
  settings: Settings
  fileSystem: FileSystem
  serverId: string
  serverName: string
  logger: Logger
}

/** Share of the machine's memory, and of the free disk, that streams may use when nothing is said. */
const DEFAULT_SHARE = 0.75
const NANOS_PER_MS = 1e6
/** nats-server shows its default beside `sync_always`. */
const SHOWN_SYNC_MS = 120_000
const CIPHER_NAMES = { aes: 'AES-GCM', chacha: 'ChaCha20-Poly1305' }
const STORE_FOLDER = 'jetstream'

/** What /jsz was asked to show. */
export interface DetailsWanted {
  streams: boolean
  consumers: boolean
  config: boolean
}

export class JetStreamService {
  private readonly settingsShown: Record<string, unknown>
  private readonly store: Store
  private readonly jetstream: JetStream

  private constructor(store: Store, jetstream: JetStream, settingsShown: Record<string, unknown>) {
    this.store = store
    this.jetstream = jetstream
    this.settingsShown = settingsShown
  }

  /**
   * Opens the store and brings back what it holds.
   * @throws Error when the folder is in use by another process, not writable, or of a newer version
   */
  static async open(options: JetStreamServiceOptions): Promise<JetStreamService> {
    const { bus, settings, logger } = options
    const begunMs = performance.now()
    logger.log('info', 'Starting JetStream')
    const directory = settings.storeDir === null ? null : join(resolve(settings.storeDir), STORE_FOLDER)
    let store: Store
    try {
      store = await Store.open({
        directory,
        fileSystem: options.fileSystem,
        limits: settings.storage.limits ?? {},
        clock: settings.clock,
        syncInterval: settings.syncInterval,
        ...(settings.encryption === null ? {} : { encryption: settings.encryption }),
        log: (level, text) => logger.log(level, text),
      })
    } catch (error) {
      throw new Error(`Can't start JetStream: ${storeFailure(directory, error as NodeJS.ErrnoException)}`, {
        cause: error,
      })
    }
    const maxMemory = settings.maxMemoryStore ?? Math.floor(totalmem() * DEFAULT_SHARE)
    const maxStore = settings.maxFileStore ?? (await freeShare(directory))
    let jetstream: JetStream
    try {
      jetstream = await JetStream.open({
        bus,
        store,
        clock: settings.clock,
        log: (level, text) => logger.log(level, text),
        accounts: settings.security.jetstreamAccounts,
        accountsCome: settings.security.operator !== null,
        domain: settings.domain,
        maxMemory,
        maxStore,
        serverName: options.serverName,
        serverId: options.serverId,
        limits: settings.jetstreamLimits,
      })
    } catch (error) {
      // What failed first is told; that the store closes badly too would only hide it.
      await store.close().catch(() => {})
      throw new Error(`Can't start JetStream: ${(error as Error).message}`, { cause: error })
    }
    const config = {
      max_memory: maxMemory,
      max_storage: maxStore,
      store_dir: directory ?? '',
      sync_interval:
        (settings.syncInterval === 'always' ? SHOWN_SYNC_MS : settings.syncInterval) * NANOS_PER_MS,
      ...(settings.syncInterval === 'always' ? { sync_always: true } : {}),
      strict: true,
      ...(settings.domain === '' ? {} : { domain: settings.domain }),
    }
    logger.log('info', '---------------- JETSTREAM ----------------')
    if (settings.domain !== '') logger.log('info', `  Domain:          ${settings.domain}`)
    logger.log('info', `  Max Memory:      ${bytesText(maxMemory)}`)
    logger.log('info', `  Max Storage:     ${bytesText(maxStore)}`)
    logger.log(
      'info',
      directory === null ? '  Store:           in memory' : `  Store Directory: "${directory}"`,
    )
    if (directory !== null && settings.encryption !== null) {
      logger.log('info', `  Encryption:      ${CIPHER_NAMES[settings.encryption.cipher]}`)
    }
    logger.log('info', `  API Level:       ${API_LEVEL}`)
    logger.log('info', '-------------------------------------------')
    logger.log('info', `Took ${goDuration(performance.now() - begunMs)} to start JetStream`)
    return new JetStreamService(store, jetstream, { config, limits: shownLimits(settings.jetstreamLimits) })
  }

  /** Streams may take more from now on, where the settings name limits. */
  changeLimits({ maxMemoryStore, maxFileStore, jetstreamLimits }: Settings): void {
    const { settingsShown } = this
    const { host } = this.jetstream
    host.maxMemory = maxMemoryStore ?? host.maxMemory
    host.maxStore = maxFileStore ?? host.maxStore
    host.limits = settleLimits(jetstreamLimits)
    settingsShown.limits = shownLimits(jetstreamLimits)
    Object.assign(settingsShown.config as object, {
      max_memory: host.maxMemory,
      max_storage: host.maxStore,
    })
  }

  /** Names of accounts that have streams on the disk. */
  storedAccounts(): Set<string> {
    return this.jetstream.storedAccounts()
  }

  /** What an account's JWT says of JetStream. Of its limits it takes whether it has any; null: it has none. */
  async changeAccount(name: string, limits: AccountLimitClaims | null): Promise<void> {
    if (limits !== null && hasJetStream(limits)) await this.jetstream.enable(name)
    else this.jetstream.disable(name)
  }

  /** Removes all streams of an account; `done` when they are gone for good. */
  purgeAccount(name: string, done: () => void): number {
    return this.jetstream.purge(name, done)
  }

  /** Ends what waits: requests are answered, timers cleared. Before the connections go. */
  async stopServing(): Promise<void> {
    await this.jetstream.close()
  }

  /** Makes everything durable and gives the folder back. After the connections have gone. */
  async close(): Promise<void> {
    await this.store.close()
  }

  /** Why the store has become read-only, null while it is well. */
  failure(): Error | null {
    return this.store.failure
  }

  /** Why nothing new is stored for now: no space on the disk. */
  shortage(): Error | null {
    return this.store.shortage
  }

  accounts(): JetStreamAccount[] {
    return [...this.jetstream.accounts.values()]
  }

  /** `config` and `limits` of /jsz and /varz. */
  settings(): Record<string, unknown> {
    return this.settingsShown
  }

  /** Usage and API counters of /jsz. */
  usage(): Record<string, unknown> {
    const stats = this.jetstream.stats()
    return {
      memory: stats.memory,
      storage: stats.storage,
      reserved_memory: stats.reservedMemory,
      reserved_storage: stats.reservedStorage,
      accounts: stats.accounts,
      ha_assets: 0,
      api: { level: API_LEVEL, total: stats.apiTotal, errors: stats.apiErrors },
    }
  }

  /** One account of /jsz. */
  accountDetail(account: JetStreamAccount, wanted: DetailsWanted): Record<string, unknown> {
    const { name, nameTag } = account.account
    let memory = 0
    let storage = 0
    for (const { log } of account.streams.values()) {
      if (log.inMemory) memory += log.bytes
      else storage += log.bytes
    }
    return {
      name: nameTag,
      id: name,
      memory,
      storage,
      reserved_memory: NO_LIMIT,
      reserved_storage: NO_LIMIT,
      accounts: 0,
      ha_assets: 0,
      api: { level: 0, total: account.apiTotal, errors: account.apiErrors },
      ...(wanted.streams && account.streams.size > 0
        ? { stream_detail: [...account.streams.values()].map((stream) => streamDetail(stream, wanted)) }
        : {}),
    }
  }

  /** `jetstream` of /varz. */
  varz(): Record<string, unknown> {
    const { config, limits } = this.settingsShown
    return { config, stats: this.usage(), limits }
  }

  /** Streams, consumers, messages and bytes of every account. */
  totals(): Record<string, number> {
    const { streams, consumers, messages, messageBytes } = this.jetstream.stats()
    return { streams, consumers, messages, bytes: messageBytes }
  }
}

function streamDetail(stream: Stream, wanted: DetailsWanted): Record<string, unknown> {
  return {
    name: stream.name,
    created: goTime(stream.createdMs),
    cluster: { leader: stream.host.serverName },
    ...(wanted.config ? { config: storedConfig(stream) } : {}),
    state: streamState(stream),
    ...(wanted.consumers && stream.consumers.size > 0
      ? {
          consumer_detail: [...stream.consumers.values()].map((consumer) => consumerDetail(consumer, wanted)),
        }
      : {}),
  }
}

function consumerDetail(consumer: Consumer, wanted: DetailsWanted): Record<string, unknown> {
  const { config, ...rest } = consumer.info()
  return wanted.config ? { ...rest, config } : rest
}

/** `limits` of /varz and /jsz: what was set. */
function shownLimits(options: JetStreamLimitOptions): Record<string, number> {
  const { batch, ...limits } = settleLimits(options)
  const shown = {
    max_request_batch: limits.maxRequestBatch,
    max_ack_pending: limits.maxAckPending,
    max_duplicate_window: limits.duplicateWindow * NANOS_PER_MS,
    max_batch_inflight_per_stream: batch.maxInflightPerStream,
    max_batch_inflight_total: batch.maxInflightTotal,
    max_batch_size: batch.maxMessages,
    max_batch_timeout: batch.timeout * NANOS_PER_MS,
    default_max_consumers: limits.defaultMaxConsumers,
  }
  return Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== 0))
}

/** A share of what is free on the disk the folder is (or will be) on. */
async function freeShare(directory: string | null): Promise<number> {
  for (let at = directory; at !== null; at = dirname(at) === at ? null : dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at)
      return Math.floor(bavail * bsize * DEFAULT_SHARE)
    } catch {
      // It does not exist yet: its parent is on the same disk.
    }
  }
  return 0
}

const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']

function bytesText(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(2)} ${units[unit]}`
}
