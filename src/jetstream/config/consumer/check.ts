import { hasWildcard, isSubset, isValidSubject, PatternSet } from '../../../subjects/index.ts'
import { apiError } from '../errors.ts'
import { formatDuration } from '../go-duration.ts'
import type { JetStreamLimits } from '../limits.ts'
import type { ConsumerConfig, StreamConfig } from '../types.ts'
import { FLOW_CONTROL_HEARTBEAT_NS, filtersOf, GROUP_NAME, isDurable, retainsMessages } from './defaults.ts'
import { consumerError, invalidConfigError } from './errors.ts'

/** Limits of a consumer's configuration. */
export const LIMITS = {
  descriptionBytes: 4 * 1024,
  metadataBytes: 128 * 1024,
  nameLength: 255,
  smallestHeartbeatNs: 100e6,
  smallestExpiresNs: 1e6,
} as const

/** Characters that a consumer's name may not contain. */
const NOT_IN_NAMES = /[ \t\r\n\f.*>\\/]/

/** Is it a name for a consumer? */
export function isConsumerName(name: string): boolean {
  return name !== '' && !NOT_IN_NAMES.test(name)
}

/**
 * Refuses a configuration that nats-server refuses, with its error. Defaults are applied before. `accountAckPending`: most
 * that the account allows; -1 or 0: no limit.
 */
export function checkConfig(
  config: ConsumerConfig,
  stream: StreamConfig,
  server: JetStreamLimits,
  accountAckPending: number,
): void {
  checkNames(config)
  checkReplicas(config, stream)
  checkAcks(config)
  if ((config.description ?? '').length > LIMITS.descriptionBytes) {
    throw consumerError('JSConsumerDescriptionTooLongErrF', { max: LIMITS.descriptionBytes })
  }
  if (config.deliver_subject) checkPush(config, stream)
  else checkPull(config, stream, server)
  checkLimits(config, stream, [server.maxAckPending, accountAckPending])
  if (config.direct) {
    if (!config.deliver_subject) throw consumerError('JSConsumerDirectRequiresPushErr')
    if (isDurable(config)) throw consumerError('JSConsumerDirectRequiresEphemeralErr')
  }
  checkFilters(config)
  checkStart(config)
  checkSampling(config)
  if (config.flow_control && !config.idle_heartbeat) {
    throw consumerError('JSConsumerWithFlowControlNeedsHeartbeats')
  }
  if (config.durable_name && config.name && config.name !== config.durable_name) {
    throw consumerError('JSConsumerCreateDurableAndNameMismatch')
  }
  checkMetadata(config)
  checkPriority(config)
}

function checkNames(config: ConsumerConfig): void {
  const tail = "can not contain '.', '*', '>', '\\', '/'"
  if (config.name && !isConsumerName(config.name)) throw invalidConfigError(`consumer name ${tail}`)
  if (config.durable_name && !isConsumerName(config.durable_name)) {
    throw invalidConfigError(`consumer durable name ${tail}`)
  }
}

function checkReplicas(config: ConsumerConfig, stream: StreamConfig): void {
  const wanted = config.num_replicas ?? 0
  const has = stream.num_replicas ?? 1
  if (wanted > 0 && wanted > has) throw consumerError('JSConsumerReplicasExceedsStream')
  if (wanted < 0) throw apiError('JSReplicasCountCannotBeNegative')
  if (retainsMessages(stream) && wanted !== 0 && wanted !== has) {
    throw consumerError('JSConsumerReplicasShouldMatchStream')
  }
}

function checkAcks(config: ConsumerConfig): void {
  const backoff = config.backoff ?? []
  if (backoff.some((ns) => ns < 0)) throw consumerError('JSConsumerBackOffNegativeErr')
  if ((config.ack_wait ?? 0) < 0) throw consumerError('JSConsumerAckWaitNegativeErr')
  if (config.ack_policy === 'flow_control') checkFlowControlAcks(config)
  const most = config.max_deliver ?? -1
  if (backoff.length > 0 && most !== -1 && backoff.length > most) {
    throw consumerError('JSConsumerMaxDeliverBackoffErr')
  }
}

/** Acks by answers to flow control need it, and leave no room for redelivery. */
function checkFlowControlAcks(config: ConsumerConfig): void {
  if (!config.deliver_subject) throw consumerError('JSConsumerAckFCRequiresPushErr')
  if (!config.flow_control) throw consumerError('JSConsumerAckFCRequiresFCErr')
  if (config.idle_heartbeat !== FLOW_CONTROL_HEARTBEAT_NS) {
    throw invalidConfigError('flow control ack policy heartbeat needs to be 1s')
  }
  if ((config.max_ack_pending ?? 0) <= 0) throw consumerError('JSConsumerAckFCRequiresMaxAckPendingErr')
  if (config.ack_wait || (config.backoff ?? []).length > 0) {
    throw consumerError('JSConsumerAckFCRequiresNoAckWaitErr')
  }
  if ((config.max_deliver ?? -1) > 0) throw consumerError('JSConsumerAckFCRequiresNoMaxDeliverErr')
}

function checkPush(config: ConsumerConfig, stream: StreamConfig): void {
  const subject = config.deliver_subject as string
  if (hasWildcard(subject)) throw consumerError('JSConsumerDeliverToWildcardsErr')
  if (!isValidSubject(subject)) throw consumerError('JSConsumerInvalidDeliverSubject')
  if ((stream.subjects ?? []).some((own) => isSubset(subject, own))) {
    throw consumerError('JSConsumerDeliverCycleErr')
  }
  if (config.max_waiting) throw consumerError('JSConsumerPushMaxWaitingErr')
  if ((config.max_ack_pending ?? 0) > 0 && config.ack_policy === 'none') {
    throw consumerError('JSConsumerMaxPendingAckPolicyRequiredErr')
  }
  const heartbeat = config.idle_heartbeat ?? 0
  if (heartbeat > 0 && heartbeat < LIMITS.smallestHeartbeatNs) {
    throw consumerError('JSConsumerSmallHeartbeatErr')
  }
}

function checkPull(config: ConsumerConfig, stream: StreamConfig, server: JetStreamLimits): void {
  if (config.ack_policy === 'none' && stream.retention === 'workqueue') {
    throw consumerError('JSConsumerPullRequiresAckErr')
  }
  if (config.rate_limit_bps) throw consumerError('JSConsumerPullWithRateLimitErr')
  if (config.idle_heartbeat) throw consumerError('JSConsumerHBRequiresPushErr')
  if (config.flow_control) throw consumerError('JSConsumerFCRequiresPushErr')
  const expires = config.max_expires ?? 0
  if (expires !== 0 && expires < LIMITS.smallestExpiresNs) {
    throw consumerError('JSConsumerMaxRequestExpiresTooSmall')
  }
  if (server.maxRequestBatch > 0 && (config.max_batch ?? 0) > server.maxRequestBatch) {
    throw consumerError('JSConsumerMaxRequestBatchExceededF', { limit: server.maxRequestBatch })
  }
}

function checkLimits(config: ConsumerConfig, stream: StreamConfig, ackPending: readonly number[]): void {
  const { max_ack_pending = 0, inactive_threshold = 0 } = stream.consumer_limits ?? {}
  for (const limit of [...ackPending, max_ack_pending]) {
    if (limit > 0 && (config.max_ack_pending ?? 0) > limit)
      throw consumerError('JSConsumerMaxPendingAckExcessErrF', { limit })
  }
  if (inactive_threshold > 0 && (config.inactive_threshold ?? 0) > inactive_threshold) {
    throw consumerError('JSConsumerInactiveThresholdExcess', { limit: formatDuration(inactive_threshold) })
  }
}

function checkFilters(config: ConsumerConfig): void {
  const several = config.filter_subjects ?? []
  if (config.filter_subject && several.length > 0) throw consumerError('JSConsumerDuplicateFilterSubjects')
  if (several.includes('')) throw consumerError('JSConsumerEmptyFilter')
  const filters = filtersOf(config)
  const known = new PatternSet(filters)
  for (const subject of filters) {
    if (!isValidSubject(subject)) throw invalidConfigError('invalid subject')
    if (known.isCovered(subject)) throw consumerError('JSConsumerOverlappingSubjectFilters')
  }
}

/** For each deliver policy: its name in errors, and which starting point it takes. */
const STARTS = {
  all: ['all', null],
  last: ['last', null],
  last_per_subject: ['last per subject', null],
  new: ['new', null],
  by_start_sequence: ['by start sequence', 'sequence'],
  by_start_time: ['by start time', 'time'],
} as const

function checkStart(config: ConsumerConfig): void {
  const [name, wants] = STARTS[config.deliver_policy]
  const refuse = (err: string) => consumerError('JSConsumerInvalidPolicyErrF', { err })
  const isSet = (what: string) =>
    refuse(`consumer delivery policy is deliver ${name}, but optional start ${what} is also set`)
  const notSet = (what: string) =>
    refuse(`consumer delivery policy is deliver ${name}, but optional ${what} is not set`)
  const seq = config.opt_start_seq ?? 0
  if (wants === 'sequence' && seq === 0) throw notSet('start sequence')
  if (wants === 'time' && config.opt_start_time === undefined) throw notSet('start time')
  if (wants !== 'sequence' && seq > 0) throw isSet(wants === 'time' ? 'start sequence' : 'sequence')
  if (wants !== 'time' && config.opt_start_time !== undefined) throw isSet('time')
  if (config.deliver_policy === 'last_per_subject' && filtersOf(config).length === 0) {
    throw notSet('filter subject')
  }
}

function checkSampling(config: ConsumerConfig): void {
  const text = (config.sample_freq ?? '').replace(/%$/, '')
  if (!config.sample_freq || /^\+?\d+$/.test(text)) return
  const err = /^-\d+$/.test(text) ? '<nil>' : `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`
  throw consumerError('JSConsumerInvalidSamplingErrF', { err })
}

function checkMetadata(config: ConsumerConfig): void {
  let bytes = 0
  for (const [key, value] of Object.entries(config.metadata ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (bytes > LIMITS.metadataBytes) {
    throw consumerError('JSConsumerMetadataLengthErrF', { limit: `${LIMITS.metadataBytes / 1024}KB` })
  }
}

function checkPriority(config: ConsumerConfig): void {
  const groups = config.priority_groups ?? []
  if (!config.priority_policy || config.priority_policy === 'none') {
    if (groups.length > 0) throw consumerError('JSConsumerPriorityGroupWithPolicyNone')
    if ((config.priority_timeout ?? 0) > 0)
      throw consumerError('JSConsumerPinnedTTLWithoutPriorityPolicyNone')
    return
  }
  if (config.deliver_subject) throw consumerError('JSConsumerPushWithPriorityGroupErr')
  if (groups.length === 0) throw consumerError('JSConsumerPriorityPolicyWithoutGroup')
  if (groups.includes('')) throw consumerError('JSConsumerEmptyGroupName')
  if (groups.some((group) => !GROUP_NAME.test(group))) {
    throw consumerError('JSConsumerInvalidGroupNameErr')
  }
}
