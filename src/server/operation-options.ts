/** Options of running a server: how it ends, what it says of itself, what it shows. A part of `ServerOptions`. */
import { formatDuration } from './duration.ts'

export interface OperationOptions {
  /** `host` or `host:port` that clients are told in INFO instead of where the server listens. Default: none. */
  clientAdvertise?: string
  /** Milliseconds over which clients are closed in lame duck mode. Default: 120,000. */
  lameDuckDuration?: number
  /** Milliseconds that clients have to go by themselves before the first is closed. Default: 10,000. */
  lameDuckGracePeriod?: number
  /** What becomes of a client that a write takes longer to than `writeDeadline`: it is closed, or waited for. Default: 'close'. */
  writeTimeout?: 'close' | 'retry'
  /** Are publishers held up for a moment while one of their receivers is behind? Default: true. */
  stallPublishers?: boolean
  /** May messages have headers? Default: true. */
  headers?: boolean
  /** Are requests and events of the system account left out? Default: false. */
  noSystemAccount?: boolean
  /** Connections that are gone and still shown by the monitoring. Default: 10,000. */
  maxClosedClients?: number
  /** Tokens that the subject of a subscription may have; 0: no limit. At most 255. Default: 0. */
  maxSubscriptionTokens?: number
  /** Words about the server, shown by the monitoring and the system account. Default: none. */
  tags?: readonly string[]
  /** Names and values about the server, shown by the monitoring and the system account. Default: none. */
  metadata?: Readonly<Record<string, string>>
  /** Switches of nats-server's features, shown by the monitoring and the system account. Default: none. */
  featureFlags?: Readonly<Record<string, boolean>>
  /** Characters of a payload, headers or line in the protocol trace; 0: no limit. Default: 0. */
  maxTracedMessage?: number
  /** Trace headers without payloads. Default: false. */
  traceHeaders?: boolean
  /** Trace clients of the system account too. Default: false. */
  traceSystem?: boolean
  /** Shown by the monitoring: which configuration this is. Default: ''. */
  configDigest?: string
}

/** The same with every default. */
export interface OperationSettings {
  clientAdvertise: Advertised | null
  lameDuckMs: number
  lameDuckGraceMs: number
  writeTimeout: 'close' | 'retry' | null
  noSystemAccount: boolean
  maxClosedClients: number
  tags: readonly string[]
  metadata: Readonly<Record<string, string>>
  featureFlags: Readonly<Record<string, boolean>>
  maxTracedMessage: number
  traceHeaders: boolean
  traceSystem: boolean
  configDigest: string
}

/** Where clients are told to find the server; port 0: where it listens. */
export interface Advertised {
  host: string
  port: number
}

const DEFAULTS = { lameDuckMs: 120_000, lameDuckGraceMs: 10_000, maxClosedClients: 10_000 }
/** Those that nats-server 2.15 knows, with its values. */
export const FEATURE_FLAGS: Readonly<Record<string, boolean>> = {
  js_ack_fc_v2: false,
  js_api_reply_v2: false,
  js_raft_delete_range: true,
  js_snapshot_sources: false,
}
const MOST_TOKENS = 255

/** @throws Error with nats-server's sentence where it has one */
export function settleOperation(options: OperationOptions): OperationSettings {
  const lameDuckMs = options.lameDuckDuration ?? DEFAULTS.lameDuckMs
  const lameDuckGraceMs = options.lameDuckGracePeriod ?? DEFAULTS.lameDuckGraceMs
  if (lameDuckMs > 0 && lameDuckGraceMs >= lameDuckMs) {
    const [grace, whole] = [formatDuration(lameDuckGraceMs), formatDuration(lameDuckMs)]
    throw new Error(
      `lame duck grace period (${grace}) should be strictly lower than lame duck duration (${whole})`,
    )
  }
  const { maxSubscriptionTokens = 0, maxClosedClients = DEFAULTS.maxClosedClients } = options
  if (
    !Number.isInteger(maxSubscriptionTokens) ||
    maxSubscriptionTokens < 0 ||
    maxSubscriptionTokens > MOST_TOKENS
  )
    throw new Error(
      `maxSubscriptionTokens must be between 0 and ${MOST_TOKENS}, not ${maxSubscriptionTokens}`,
    )
  return {
    clientAdvertise: advertised(options.clientAdvertise ?? ''),
    lameDuckMs,
    lameDuckGraceMs,
    writeTimeout: options.writeTimeout ?? null,
    noSystemAccount: options.noSystemAccount ?? false,
    maxClosedClients,
    tags: options.tags ?? [],
    metadata: options.metadata ?? {},
    featureFlags: { ...FEATURE_FLAGS, ...options.featureFlags },
    maxTracedMessage: options.maxTracedMessage ?? 0,
    traceHeaders: options.traceHeaders ?? false,
    traceSystem: options.traceSystem ?? false,
    configDigest: options.configDigest ?? '',
  }
}

function advertised(text: string): Advertised | null {
  if (text === '') return null
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(-?\d+))?$/.exec(text.trim())
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3] ?? 0)
  if (match === null || host === '' || port > 65_535)
    throw new Error(`invalid ClientAdvertise value of ${text}: it should be host or host:port`)
  return { host, port: Math.max(port, 0) }
}
