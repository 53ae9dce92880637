/**
 * `contrail`: an application with typed handlers on NATS core, JetStream, key-value and object stores.
 */
export { App, BrokerRouter } from './app.ts'
export type { AppOptions, AppState } from './app-parts.ts'
export { type AsyncApiOptions, asyncApi } from './asyncapi.ts'
export {
  type BrokerArgument,
  type BrokerOptions,
  brokerFromEnvironment,
  type RemoteOptions,
} from './broker-options.ts'
export { bytesCodec, type Codec, type CodecOption, jsonCodec, textCodec } from './codec.ts'
export type { BatchConsumer, BatchContext, BatchHandler, BatchOptions } from './consumer/batch-consumer.ts'
export { CRON_STREAM, type CronHandler, type CronJob, type CronOptions } from './consumer/cron.ts'
export { DEAD_LETTER_HEADERS, deadLetterStream } from './consumer/dead-letters.ts'
export type { AckMode, ConsumeOptions, DeliverFrom } from './consumer/options.ts'
export type { PauseOptions } from './consumer/pausing.ts'
export { Reject } from './consumer/reject.ts'
export type { Backoff, RetryOptions } from './consumer/retry.ts'
export { StreamConsumer } from './consumer/stream-consumer.ts'
export type { AppContext, BaseContext, HandlerContext, MessageContext, SubscriptionInfo } from './context.ts'
export {
  type Contract,
  contract,
  Operation,
  type OperationOptions,
  type Speaker,
} from './contracts/contract.ts'
export { unchecked } from './contracts/unchecked.ts'
export type { CoreSubscription, SubscribeOptions } from './core-subscription.ts'
export { DeadLetter } from './dead-letters/dead-letter.ts'
export {
  DeadLetterBox,
  type DeadLetterBroker,
  type DeadLetterFilter,
  type DeadLetterList,
  type ResendOptions,
} from './dead-letters/dead-letter-box.ts'
export type { Lifetime, ProvideOptions } from './dependencies.ts'
export { DESCRIBE_AS, DESCRIBE_TO } from './describing.ts'
export type { EmbeddedOptions } from './embedded-broker.ts'
export {
  ContrailError,
  ERROR_HINTS,
  type ErrorCode,
  InvalidMessageError,
  PublishRefusedError,
  ReplyError,
  RequestFailedError,
} from './errors.ts'
export type { Handler, HandlerOptions } from './handler.ts'
export type { ErrorHook, Hook } from './hooks.ts'
export { hot, type Replaceable } from './hot.ts'
export { httpStatus } from './http-status.ts'
export type { QueueEvent } from './jobs/events.ts'
export { Job, JobFailedError, RunningJob } from './jobs/job.ts'
export { JOB_HEADERS, type Priority } from './jobs/names.ts'
export type { AddOptions, JobHandler, QueueOptions } from './jobs/options.ts'
export type { Outcome, ProgressEvent } from './jobs/outcomes.ts'
export type { Queue } from './jobs/queue.ts'
export type { BulkJob, JobReport, QueueCounts, RepeatOptions } from './jobs/reports.ts'
export type { Log, LogLevel } from './log.ts'
export { Message, type Settlement, StreamMessage } from './message.ts'
export type { HandlerLabels } from './metrics/handler-metrics.ts'
export type { BrokerReport, ConsumerState, HandlerReport, Metrics, MetricsReport } from './metrics/metrics.ts'
export { prometheusText } from './metrics/prometheus.ts'
export {
  type Around,
  type Middleware,
  Outgoing,
  type OutgoingKind,
  type PublishMiddleware,
} from './middleware.ts'
export { type EndpointOptions, fetchMonitor, nodeMonitor } from './monitor/endpoints.ts'
export {
  type HealthOptions,
  type Liveness,
  liveness,
  type MonitoredApp,
  type Readiness,
  readiness,
} from './monitor/health.ts'
export type { Monitor, MonitorOptions } from './monitor/monitor.ts'
export type { BatchMessage } from './publisher/batch.ts'
export type { BrokerPublisherOptions } from './publisher/broker-publisher.ts'
export type {
  Expectations,
  PublishOptions,
  PublishResult,
  RequestManyOptions,
  RequestOptions,
} from './publisher/options.ts'
export type { PublisherLimits } from './publisher/pipelined-publisher.ts'
export type { Publisher, PublisherOptions } from './publisher/publisher.ts'
export type { Schedule, ScheduleOptions, When } from './publisher/schedule.ts'
export type { Rate } from './rate.ts'
export { Router, type RouterOptions } from './router.ts'
export type { ConnectionEvent } from './runtime.ts'
export type { Schema } from './schema.ts'
export type { CopyOptions, RepublishOptions, SubjectMapping } from './stores/copies.ts'
export type { Counter, CounterEntry } from './stores/counter.ts'
export type { Declare } from './stores/declaring.ts'
export type { Entry, KeyValue, KeyValueOptions } from './stores/key-value.ts'
export type { KeyValueEvent } from './stores/key-value-watch.ts'
export type { ObjectEvent, ObjectStore, ObjectStoreOptions } from './stores/object-store.ts'
export type { Stream } from './stores/stream.ts'
export type { StreamOptions } from './stores/stream-options.ts'
export type { Watch, WatchFrom, WatchHandler, WatchOptions } from './stores/watch.ts'
export type { Params } from './subject-pattern.ts'
export { type FlowOptions, Subscription } from './subscription.ts'
export { type Duration, type Size, toMs as durationMs } from './units.ts'
