/** JetStream: streams that keep what is published to their subjects, consumers that read it, and the API to both. */
export { JetStreamAccount } from './account.ts'
export { API_LEVEL, COMPATIBLE_VERSION } from './config/metadata.ts'
export type { Consumer } from './consumer/consumer.ts'
export { ApiError } from './errors.ts'
export { JetStream, type JetStreamOptions, type JetStreamStats } from './jetstream.ts'
export { Stream } from './stream.ts'
export { shownConfig, streamInfo, streamState } from './stream-info.ts'
export type { ConsumerConfig, ConsumerInfo, StreamConfig, StreamInfo, StreamState } from './types.ts'
