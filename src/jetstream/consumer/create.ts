import type { Json, Ledger } from '../../storage/index.ts'
import { type SubjectFilter, subjectFilter, subjectsCollide } from '../../subjects/index.ts'
import { checkConfig, isConsumerName, LIMITS } from '../config/consumer/check.ts'
import { applyDefaults, filtersOf } from '../config/consumer/defaults.ts'
import { consumerError } from '../config/consumer/errors.ts'
import { stampMetadata } from '../config/consumer/metadata.ts'
import type { ConsumerConfig } from '../config/types.ts'
import { uniqueId } from '../config/unique-id.ts'
import { ackModeOf, Consumer } from './consumer.ts'
import type { Consumers } from './consumers.ts'
import type { ConsumerMeta } from './state/consumer-state.ts'
import { Progress } from './state/progress.ts'
import { chooseStart } from './state/start.ts'
import type { ConsumerStream } from './state/stream.ts'
import { checkUpdate, isSameConfig } from './update.ts'

/** `create`: must not exist with another configuration; `update`: must exist; '': either. */
export type ConsumerAction = '' | 'create' | 'update'

/** A stream with its consumers. */
export interface ConsumedStream extends ConsumerStream {
  readonly consumers: Consumers
}

const EPHEMERAL_NAME_LENGTH = 8

/**
 * Makes a consumer, or changes the one of the same name. The configuration's defaults are filled in. Throws ApiError with what
 * nats-server would say. `filter`: that of a new one, where it was built before.
 */
export function createConsumer(
  stream: ConsumedStream,
  config: ConsumerConfig,
  action: ConsumerAction = '',
  pedantic = false,
  filter: SubjectFilter | null = null,
): Consumer {
  const { limits } = stream.host
  const { maxAckPending } = stream.usage.limits
  applyDefaults(config, stream.config, limits, pedantic, maxAckPending)
  checkConfig(config, stream.config, limits, maxAckPending)
  stampMetadata(config)
  let name = config.durable_name || config.name || ''
  const existing = name === '' ? undefined : stream.consumers.get(name)
  if (existing !== undefined) return change(stream, existing, config, action)
  if (action === 'update') throw consumerError('JSConsumerDoesNotExist')
  const most = mostConsumers(stream)
  if (most > 0 && config.direct !== true && countOrdinary(stream) >= most) {
    throw consumerError('JSMaximumConsumersLimitErr')
  }
  checkWorkQueue(stream, config, name)
  if (name.length > LIMITS.nameLength) {
    throw consumerError('JSConsumerNameTooLongErrF', { max: LIMITS.nameLength })
  }
  while (name === '' || stream.consumers.has(name)) name = uniqueId(EPHEMERAL_NAME_LENGTH)
  if (!isConsumerName(name)) throw consumerError('JSConsumerBadDurableNameErr')
  return make(stream, name, config, filter ?? subjectFilter(filtersOf(config)))
}

function change(
  stream: ConsumedStream,
  existing: Consumer,
  config: ConsumerConfig,
  action: ConsumerAction,
): Consumer {
  if (action === 'create' && !isSameConfig(config, existing.config)) {
    throw consumerError('JSConsumerAlreadyExists')
  }
  if (stream.config.retention === 'workqueue' && !isPartition(stream, filtersOf(config), existing.name)) {
    throw consumerError('JSConsumerWQConsumerNotUniqueErr')
  }
  if (isSameConfig(config, existing.config)) return existing
  checkUpdate(existing, config)
  existing.update(config)
  // Who copies begins to count anew.
  if (config.sourcing) existing.reset(existing.progress.ackFloorStreamSeq + 1)
  return existing
}

function make(stream: ConsumedStream, name: string, config: ConsumerConfig, filter: SubjectFilter): Consumer {
  const { log } = stream
  const start = chooseStart(config, filter, log, stream.config.max_msgs_per_subject ?? -1)
  const progress = new Progress(ackModeOf(config))
  progress.startAt(start.seq)
  const meta: ConsumerMeta = { created: stream.clock.now(), config }
  let ledger: Ledger | null = null
  if (config.mem_storage !== true && !log.inMemory && config.direct !== true) {
    ledger = log.createLedger(name, meta as unknown as Json)
  }
  const consumer = new Consumer(stream, name, meta, progress, ledger, filter)
  if (start.skipList !== null) consumer.count.beginWith(start.skipList)
  if (ledger !== null) {
    ledger.setMeta(consumer.meta() as unknown as Json)
    consumer.ledger.steps.startAt(start.seq)
  }
  stream.consumers.set(name, consumer)
  consumer.advisories.created()
  consumer.wake()
  return consumer
}

/** The smaller one of what stream and account say; the server's default where neither says anything. */
function mostConsumers({ config, host, usage }: ConsumedStream): number {
  const { maxConsumers } = usage.limits
  const most = config.max_consumers ?? -1
  if (most > 0 && maxConsumers > 0) return Math.min(most, maxConsumers)
  if (most > 0 || maxConsumers > 0) return Math.max(most, maxConsumers)
  return host.limits.defaultMaxConsumers
}

/** Consumers that limits count: the direct ones of mirrors and sources are left out. */
function countOrdinary(stream: ConsumedStream): number {
  let count = 0
  for (const consumer of stream.consumers.values()) if (consumer.config.direct !== true) count++
  return count
}

/** A message of a work queue belongs to one consumer, and only its ack removes it. */
function checkWorkQueue(stream: ConsumedStream, config: ConsumerConfig, name: string): void {
  if (stream.config.retention !== 'workqueue' || config.direct === true || config.sourcing === true) return
  if (config.ack_policy !== 'explicit' && config.ack_policy !== 'flow_control')
    throw consumerError('JSConsumerWQRequiresExplicitAckErr')
  if (config.deliver_policy !== 'all') throw consumerError('JSConsumerWQConsumerNotDeliverAllErr')
  if (countOrdinary(stream) === 0) return
  const filters = filtersOf(config)
  if (filters.length === 0) throw consumerError('JSConsumerWQMultipleUnfilteredErr')
  if (!isPartition(stream, filters, name)) throw consumerError('JSConsumerWQConsumerNotUniqueErr')
}

/** Do the filters leave to every other consumer what is its own? */
function isPartition(stream: ConsumedStream, filters: string[], name: string): boolean {
  for (const [otherName, other] of stream.consumers) {
    if (otherName === name || other.config.direct === true) continue
    const others = filtersOf(other.config)
    if (filters.length === 0) continue
    if (others.length === 0) return false
    for (const filter of filters) if (others.some((theirs) => subjectsCollide(filter, theirs))) return false
  }
  return true
}
