/** JetStream as the server runs it: the store opened and closed, and what monitoring asks of it. */

import { statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type AccountLimitClaims, hasJetStream } from '../auth/index.ts'
import type { Bus } from '../core/index.ts'
import {
  ApiError,
  isCompressed,
  JetStream,
  type JetStreamAccount,
  type JetStreamLimitOptions,
  settleLimits,
} from '../jetstream/index.ts'
import type { FileSystem } from '../ports/index.ts'
import { Store } from '../storage/index.ts'
import { claimedTiers } from './claimed-tiers.ts'
import type { Logger } from './logger.ts'
import { goDuration } from './monitor/go-text.ts'
import type { Settings } from './options.ts'
import type { SecuritySettings } from './security.ts'
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
const ENABLING_FAILED = 'Error enabling jetstream on configured accounts'

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
    const { systemAccount, jetstreamAccounts } = settings.security
    if (jetstreamAccounts.some(({ name }) => name === systemAccount))
      throw new Error('Not allowed to enable JetStream on the system account')
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
        compresses: isCompressed,
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
        accounts: jetstreamAccounts,
        accountsCome: settings.security.operator !== null,
        domain: settings.domain,
        maxMemory,
        maxStore,
        serverName: options.serverName,
        serverId: options.serverId,
        limits: settings.jetstreamLimits,
        strict: settings.strict,
      })
    } catch (error) {
      // What failed first is told; that the store closes badly too would only hide it.
      await store.close().catch(() => {})
      throw new Error(`Can't start JetStream: ${accountsMistake(error)}`, { cause: error })
    }
    const config = {
      max_memory: maxMemory,
      max_storage: maxStore,
      store_dir: directory ?? '',
      sync_interval:
        (settings.syncInterval === 'always' ? SHOWN_SYNC_MS : settings.syncInterval) * NANOS_PER_MS,
      ...(settings.syncInterval === 'always' ? { sync_always: true } : {}),
      // As nats-server has it, of a store whose two sizes were given.
      ...(settings.maxMemoryStore && settings.maxFileStore ? { compress_ok: true } : {}),
      ...(settings.strict ? { strict: true } : {}),
      ...(settings.domain === '' ? {} : { domain: settings.domain }),
    }
    logger.log('info', '---------------- JETSTREAM ----------------')
    if (settings.strict) logger.log('info', '  Strict:          true')
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
    const shown = { config, limits: shownLimits(settings.jetstreamLimits) }
    const service = new JetStreamService(store, jetstream, shown)
    service.refuseOthers(settings.security)
    return service
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

  /**
   * What an account's JWT says of JetStream; null: it has none.
   * @throws Error in nats-server's words when the server has not as much
   */
  async changeAccount(name: string, limits: AccountLimitClaims | null): Promise<void> {
    try {
      if (limits !== null && hasJetStream(limits)) await this.jetstream.enable(name, claimedTiers(limits))
      else this.jetstream.disable(name)
    } catch (error) {
      throw new Error(withCode(error))
    }
  }

  /**
   * JetStream is in the accounts that these settings name, with their limits; those that are new have it when the promise is
   * fulfilled.
   * @throws Error at once, in nats-server's words, when they can't; nothing has changed then
   */
  changeAccounts(security: SecuritySettings): Promise<unknown> {
    const { systemAccount, jetstreamAccounts } = security
    try {
      if (jetstreamAccounts.some(({ name }) => name === systemAccount))
        throw new Error('jetstream can not be enabled on the system account')
      const enabled = this.jetstream.enableOnly(jetstreamAccounts)
      this.refuseOthers(security)
      return enabled
    } catch (error) {
      throw new Error(`${ENABLING_FAILED}: ${withCode(error)}`)
    }
  }

  /** Other accounts are told that they have none, but not that of the system. */
  private refuseOthers({ operator, accounts, systemAccount, jetstreamAccounts }: SecuritySettings): void {
    // By JWTs each account is asked about when it is used.
    if (operator !== null) return
    const served = new Set([systemAccount, ...jetstreamAccounts.map(({ name }) => name)])
    for (const { name } of accounts) if (!served.has(name)) this.jetstream.disable(name)
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

/** Why the accounts can't have what they are to have. */
function accountsMistake(error: unknown): string {
  if (!(error instanceof ApiError)) return (error as Error).message
  return `${ENABLING_FAILED}: ${withCode(error)}`
}

function withCode(error: unknown): string {
  return error instanceof ApiError ? `${error.message} (${error.errCode})` : (error as Error).message
}

/** `limits` of /varz and /jsz: what was set. */
function shownLimits(options: JetStreamLimitOptions): Record<string, number> {
  const { batch, ...limits } = settleLimits(options)
  const shown = {
    max_request_batch: limits.maxRequestBatch,
    max_ack_pending: limits.maxAckPending,
    max_ha_assets: limits.maxHaAssets,
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
