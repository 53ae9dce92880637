/** Limits of connections with nats-server's defaults. Times in milliseconds, sizes in bytes, 0 = none. */
export interface CoreLimits {
  maxPayloadBytes: number
  maxControlLineBytes: number
  maxConnections: number
  maxSubscriptions: number
  maxPendingBytes: number
  writeDeadlineMs: number
  pingIntervalMs: number
  pingMax: number
  authTimeoutMs: number
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
