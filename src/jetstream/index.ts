/** JetStream: streams that keep what is published to their subjects, consumers that read it, and the API to both. */
export { JetStreamAccount } from './account/account.ts'
export { Stream } from './account/stream.ts'
export { storedConfig, streamInfo, streamState } from './account/stream-info.ts'
export {
  type AccountTiers,
  type JetStreamAccountLimits,
  NO_ACCOUNT_LIMITS,
  UNLIMITED,
  WITHOUT_TIERS,
} from './config/account-limits.ts'
export { ApiError } from './config/errors.ts'
export { formatDuration, parseDuration } from './config/go-duration.ts'
export { type JetStreamLimitOptions, settleLimits } from './config/limits.ts'
export { API_LEVEL, COMPATIBLE_VERSION } from './config/stream/metadata.ts'
export type { ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo, StreamState } from './config/types.ts'
export type { Consumer } from './consumer/consumer.ts'
export {
  JetStream,
  type JetStreamAccountOptions,
  type JetStreamOptions,
  type JetStreamStats,
} from './jetstream.ts'
export { isCompressed } from './stream/stream-log.ts'
