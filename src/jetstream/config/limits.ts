/** Limits of a server for its streams and consumers, beside those of their configurations (`jetstream { limits { … } }`). */
export interface JetStreamLimits {
  /** Consumers of a stream that doesn't say how many (`max_consumers`); negative: as many as are made. Default: 1000. */
  defaultMaxConsumers: number
  /** Most that a consumer's `max_ack_pending` may be; 0 (default): no limit. */
  maxAckPending: number
  /** Of clusters; shown, and of no effect. 0: default. */
  maxHaAssets: number
  /** Most messages that a request to a consumer may ask for; 0 (default): no limit. */
  maxRequestBatch: number
  /** Longest duplicate window of a stream, milliseconds; 0 (default): no limit. */
  duplicateWindow: number
  /** Batches under way, of each of the two kinds; 0 (default): as many as nats-server allows by itself. */
  batch: {
    maxInflightPerStream: number
    maxInflightTotal: number
    /** Messages of an atomic batch. */
    maxMessages: number
    /** Milliseconds that a batch may be silent. */
    timeout: number
  }
}

export const DEFAULT_JETSTREAM_LIMITS: JetStreamLimits = {
  defaultMaxConsumers: 1000,
  maxAckPending: 0,
  maxHaAssets: 0,
  maxRequestBatch: 0,
  duplicateWindow: 0,
  batch: { maxInflightPerStream: 0, maxInflightTotal: 0, maxMessages: 0, timeout: 0 },
}

/** Some of the limits; those that are left out are as they are by default. */
export type JetStreamLimitOptions = Partial<Omit<JetStreamLimits, 'batch'>> & {
  batch?: Partial<JetStreamLimits['batch']>
}

/** Fills in the defaults. */
export function settleLimits(options: JetStreamLimitOptions = {}): JetStreamLimits {
  return {
    ...DEFAULT_JETSTREAM_LIMITS,
    ...options,
    // 0 is as good as nothing said.
    defaultMaxConsumers: options.defaultMaxConsumers || DEFAULT_JETSTREAM_LIMITS.defaultMaxConsumers,
    batch: { ...DEFAULT_JETSTREAM_LIMITS.batch, ...options.batch },
  }
}
