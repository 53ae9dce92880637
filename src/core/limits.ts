/** Limits of connections with nats-server's defaults. Times in milliseconds, sizes in bytes, 0 = none. */
export interface CoreLimits {
  /** Headers and payload of one message. */
  maxPayloadBytes: number
  /** Arguments of one line. */
  maxControlLineBytes: number
  maxConnections: number
  /** Subscriptions of one connection. */
  maxSubscriptions: number
  /** Tokens of one subscription's subject. */
  maxSubscriptionTokens?: number
  /** Output that waits for a client; more, and the client is cut off as a slow consumer. */
  maxPendingBytes: number
  /** How long one write may take. */
  writeDeadlineMs: number
  /** A write that takes longer is waited for, instead of cutting the client off. */
  waitsForWrites?: boolean
  /** Publishers are not held up for a moment while a receiver is behind. */
  neverStalls?: boolean
  /** Messages have no headers, whatever clients want. */
  withoutHeaders?: boolean
  pingIntervalMs: number
  /** PINGs without answer. */
  pingMax: number
  /** How long a client may take to send CONNECT where credentials are asked for. */
  authTimeoutMs: number
}

/** Limits of an account; -1: none of its own. */
export interface AccountLimits {
  readonly maxConnections: number
  /** Subscriptions of one connection. */
  readonly maxSubscriptions: number
  readonly maxPayloadBytes: number
}

export const NO_ACCOUNT_LIMITS: AccountLimits = {
  maxConnections: -1,
  maxSubscriptions: -1,
  maxPayloadBytes: -1,
}

export const DEFAULT_LIMITS: Readonly<CoreLimits> = {
  maxPayloadBytes: 1024 * 1024,
  maxControlLineBytes: 4096,
  maxConnections: 65_536,
  maxSubscriptions: 0,
  maxPendingBytes: 64 * 1024 * 1024,
  writeDeadlineMs: 10_000,
  pingIntervalMs: 120_000,
  pingMax: 2,
  authTimeoutMs: 2000,
}
