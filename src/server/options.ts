/** What a server can be told, with the defaults in one table. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CoreLimits, DEFAULT_LIMITS } from '../core/index.ts'
import type { JetStreamLimitOptions } from '../jetstream/index.ts'
import type { Clock, FileSystem } from '../ports/index.ts'
import { realClock } from '../ports/real-clock.ts'
import type { Encryption, StoreLimits } from '../storage/index.ts'
import { quoted } from '../wire/index.ts'
import type { Logger } from './logger.ts'
import { type OperationOptions, type OperationSettings, settleOperation } from './operation-options.ts'
import { emptySecret, type SecuritySettings, settleSecurity } from './security.ts'
import type { SecurityOptions } from './security-options.ts'
import { settleTls, type TlsOptions, type TlsSettings } from './tls-options.ts'
import { settleWebSocket, type WebSocketOptions, type WebSocketSettings } from './websocket-options.ts'

/** Options of `Server.start`. Everything may be left out. */
export interface ServerOptions extends OperationOptions, SecurityOptions {
  /**
   * TCP port for clients; 0 or -1: any free one (see `server.port`). Default: none, and no socket is opened:
   * clients come by `server.connect()`.
   */
  port?: number
  /** Address to listen on. Default: '127.0.0.1'. */
  host?: string
  /** Name of the server, without spaces. Default: its id. */
  name?: string
  /** Serve JetStream. Default: false, unless `storeDir` is given. */
  jetstream?: boolean
  /**
   * Folder of JetStream's store; the files are in its sub-folder `jetstream`. Default: none: streams, those with
   * file storage too, are in memory and gone when the server stops.
   */
  storeDir?: string | null
  /**
   * When what was published is made durable. 'always' (the default): before its PubAck, in groups. A number:
   * at the latest so many milliseconds later; acknowledged messages may then be lost when the machine fails.
   */
  syncInterval?: 'always' | number
  /** Encryption of the store on disk. Default: none. */
  encryption?: EncryptionOptions
  /** Bytes that streams in memory may take in all. Default: 75% of the machine's memory. */
  maxMemoryStore?: number
  /** Bytes that streams on files may take in all. Default: 75% of what is free on the disk at the start. */
  maxFileStore?: number
  /** JetStream domain. Default: none. */
  domain?: string
  /**
   * Limits for streams and consumers, as in a configuration's `jetstream { limits { … } }`; times are milliseconds. Default:
   * those of nats-server, among them 1000 consumers for a stream that has no `max_consumers` (`defaultMaxConsumers: -1`: as many
   * as are made).
   */
  jetstreamLimits?: JetStreamLimitOptions
  /** Are requests to JetStream's API with fields that nobody knows refused (10025)? Default: true. Else such fields are passed over. */
  strict?: boolean
  /** Largest message (headers and payload), bytes. Default: 1 MiB; at most 64 MiB. */
  maxPayload?: number
  /** Longest protocol line, bytes. Default: 4096. */
  maxControlLine?: number
  /** Clients at one time. Default: 65,536. */
  maxConnections?: number
  /** Subscriptions of one client; 0: no limit. Default: 0. */
  maxSubscriptions?: number
  /** Bytes waiting for one client before it is cut off as a slow consumer. Default: 64 MiB. */
  maxPending?: number
  /** Milliseconds between PINGs to an idle client. Default: 120,000. */
  pingInterval?: number
  /** PINGs without an answer before a client is given up. Default: 2. */
  pingMax?: number
  /** Milliseconds that one write to a client may take. Default: 10,000. */
  writeDeadline?: number
  /** TLS for clients by TCP. Default: none. */
  tls?: TlsOptions
  /**
   * May proxies say, by the PROXY protocol (1 or 2), who is behind them? Whoever reaches the port can then say it comes from
   * anywhere: only where it is reached through proxies alone. Default: false.
   */
  proxyProtocol?: boolean
  /** Clients by WebSocket. Default: none. */
  websocket?: WebSocketOptions
  /** Port of the monitoring over HTTP; 0 or -1: any free one (see `server.monitorPort`). Default: none. */
  monitorPort?: number
  /** The same over HTTPS, with the certificate of `tls` (clients need none). Not with `monitorPort`. Default: none. */
  monitorTlsPort?: number
  /** Address of the monitoring. Default: that of `host`. */
  monitorHost?: string
  /** Path before the monitoring's pages, with a slash in front. Default: ''. */
  monitorBasePath?: string
  /** Where log lines go. Default: nowhere. */
  logger?: Logger
  /** Log every line of the protocol, with level `trace`. Costs much. Default: false. */
  trace?: boolean
  /** Stops the server when it is aborted. */
  signal?: AbortSignal
  /** Whose time it is: for tests that let time pass (`contrail/testing`). Default: the machine's. */
  clock?: Clock
  /** Whose files the store is in, and how large they become: for tests that let a disk fail. Default: the machine's. */
  storage?: StorageOptions
}

/** What the store stands on. */
export interface StorageOptions {
  fileSystem?: FileSystem
  limits?: Partial<StoreLimits>
}

/** How the store is encrypted, as in a configuration's `jetstream { cipher, key, prev_key }`. */
export interface EncryptionOptions {
  /** 'chacha': ChaCha20-Poly1305. 'aes': AES-256-GCM. May be changed. Default: 'chacha'. */
  cipher?: 'aes' | 'chacha'
  /** Needed at each start; without it nothing in the store can be read. Best long and made by chance. */
  key: string
  /** The key until now: the store has `key` from this start on. */
  previousKey?: string
}

/** The options with every default filled in. */
export interface Settings extends OperationSettings {
  host: string
  port: number | null
  name: string
  jetstream: boolean
  storeDir: string | null
  syncInterval: 'always' | number
  encryption: Encryption | null
  maxMemoryStore: number | null
  maxFileStore: number | null
  domain: string
  jetstreamLimits: JetStreamLimitOptions
  strict: boolean
  limits: CoreLimits
  security: SecuritySettings
  tls: TlsSettings | null
  proxyProtocol: boolean
  websocket: WebSocketSettings | null
  monitorHost: string
  monitorPort: number | null
  /** Over HTTPS. */
  monitorIsSecure: boolean
  monitorBasePath: string
  trace: boolean
  clock: Clock
  storage: StorageOptions
}

const DEFAULT_HOST = '127.0.0.1'
const MAX_PAYLOAD_CEILING = 64 * 1024 * 1024

/** Where nats-server puts JetStream when it is not told: lost when the system tidies its temporary folder. */
export function temporaryStoreDir(): string {
  return join(tmpdir(), 'nats')
}

/**
 * Fills in the defaults and checks what goes together.
 * @throws Error with nats-server's sentence where it has one
 */
export function settle(options: ServerOptions): Settings {
  const host = options.host ?? DEFAULT_HOST
  const limits: CoreLimits = {
    maxPayloadBytes: options.maxPayload ?? DEFAULT_LIMITS.maxPayloadBytes,
    maxControlLineBytes: options.maxControlLine ?? DEFAULT_LIMITS.maxControlLineBytes,
    maxConnections: options.maxConnections ?? DEFAULT_LIMITS.maxConnections,
    maxSubscriptions: options.maxSubscriptions ?? DEFAULT_LIMITS.maxSubscriptions,
    maxSubscriptionTokens: options.maxSubscriptionTokens ?? 0,
    maxPendingBytes: options.maxPending ?? DEFAULT_LIMITS.maxPendingBytes,
    pingIntervalMs: options.pingInterval ?? DEFAULT_LIMITS.pingIntervalMs,
    pingMax: options.pingMax ?? DEFAULT_LIMITS.pingMax,
    writeDeadlineMs: options.writeDeadline ?? DEFAULT_LIMITS.writeDeadlineMs,
    waitsForWrites: options.writeTimeout === 'retry',
    neverStalls: options.stallPublishers === false,
    withoutHeaders: options.headers === false,
    authTimeoutMs: options.authTimeout ?? DEFAULT_LIMITS.authTimeoutMs,
  }
  if (limits.maxPayloadBytes > limits.maxPendingBytes) {
    throw new Error(
      `max_payload (${limits.maxPayloadBytes}) cannot be higher than max_pending (${limits.maxPendingBytes})`,
    )
  }
  if (limits.maxPayloadBytes > MAX_PAYLOAD_CEILING) {
    throw new Error(`max_payload (${limits.maxPayloadBytes}) cannot be higher than ${MAX_PAYLOAD_CEILING}`)
  }
  const name = options.name ?? ''
  if (name.includes(' ')) throw new Error('server name cannot contain spaces')
  const domain = options.domain ?? ''
  if (/[\s.*>]/.test(domain)) throw new Error(`invalid domain name: may not contain ".", "*" or ">"`)
  refuseEmptyKeys(options)
  const { operators = [], trustedKeys = [] } = options.operator ?? {}
  const { jwtCookie = '' } = options.websocket ?? {}
  if (jwtCookie !== '' && operators.length + trustedKeys.length === 0)
    throw new Error(
      `trusted operators or trusted keys configuration is required for JWT authentication via cookie ${quoted(jwtCookie)}`,
    )
  return {
    ...settleOperation(options),
    host,
    port: port(options.port, 'port'),
    name,
    jetstream: options.jetstream ?? (options.storeDir !== undefined && options.storeDir !== null),
    storeDir: options.storeDir ?? null,
    syncInterval: options.syncInterval ?? 'always',
    encryption: encryptionBy(options.encryption),
    maxMemoryStore: options.maxMemoryStore ?? null,
    maxFileStore: options.maxFileStore ?? null,
    domain,
    jetstreamLimits: options.jetstreamLimits ?? {},
    strict: options.strict ?? true,
    limits,
    security: settleSecurity(options, options.tls?.verifyAndMap ?? false),
    proxyProtocol: options.proxyProtocol ?? false,
    websocket: options.websocket === undefined ? null : settleWebSocket(options.websocket, host),
    tls: options.tls === undefined || isOnlyAllowed(options.tls) ? null : settleTls(options.tls),
    monitorHost: options.monitorHost ?? host,
    ...monitoring(options),
    monitorBasePath: options.monitorBasePath ?? '',
    trace: options.trace ?? false,
    clock: options.clock ?? realClock,
    storage: options.storage ?? {},
  }
}

function encryptionBy(options: EncryptionOptions | undefined): Encryption | null {
  return options === undefined ? null : { cipher: 'chacha', ...options }
}

const PLAIN = 'the store would not be encrypted'

/**
 * nats-server takes an empty key for none and writes plain text. Nobody means that.
 * @throws Error that names the option
 */
function refuseEmptyKeys({ encryption }: ServerOptions): void {
  if (encryption === undefined) return
  if (!encryption.key) throw new Error(emptySecret('the key of the encryption', PLAIN))
  if (encryption.previousKey === '') throw new Error(emptySecret('the previous key of the encryption', PLAIN))
}

/** `allow_non_tls` alone asks for no TLS. */
function isOnlyAllowed({ cert, key, allowNonTls }: TlsOptions): boolean {
  return allowNonTls !== undefined && cert === '' && key === ''
}

/** @throws Error in nats-server's words */
function monitoring(options: ServerOptions): Pick<Settings, 'monitorIsSecure' | 'monitorPort'> {
  const { monitorPort, monitorTlsPort } = options
  if (monitorTlsPort === undefined)
    return { monitorPort: port(monitorPort, 'monitorPort'), monitorIsSecure: false }
  if (monitorPort !== undefined)
    throw new Error(`can't specify both HTTP (${monitorPort}) and HTTPs (${monitorTlsPort}) ports`)
  if (options.tls === undefined) throw new Error('TLS cert and key required for HTTPS')
  return { monitorPort: port(monitorTlsPort, 'monitorTlsPort'), monitorIsSecure: true }
}

/** A port to listen on: null for none, 0 for any free one. */
function port(given: number | undefined, name: string): number | null {
  if (given === undefined) return null
  if (!Number.isInteger(given) || given < -1 || given > 65_535) {
    throw new Error(`${name} must be between -1 and 65535, not ${given}`)
  }
  return given === -1 ? 0 : given
}
