import { ApiError, apiError } from '../errors.ts'

/** Errors that are about consumers only: HTTP-like code, error code and text of nats-server 2.15; `{…}` is filled in. */
export const CONSUMER_ERRORS = {
  JSConsumerEphemeralWithDurableNameErr: [
    400,
    10020,
    'consumer expected to be ephemeral but a durable name was set in request',
  ],
  JSConsumerNotFoundErr: [404, 10014, 'consumer not found'],
  JSMaximumConsumersLimitErr: [400, 10026, 'maximum consumers limit reached'],
  JSConsumerCreateErrF: [500, 10012, '{err}'],
  JSConsumerDurableNameNotInSubjectErr: [
    400,
    10016,
    'consumer expected to be durable but no durable name set in subject',
  ],
  JSConsumerNameExistErr: [400, 10013, 'consumer name already in use'],
  JSConsumerDurableNameNotSetErr: [
    400,
    10018,
    'consumer expected to be durable but a durable name was not set',
  ],
  JSConsumerDurableNameNotMatchSubjectErr: [
    400,
    10017,
    'consumer name in subject does not match durable name in request',
  ],
  JSConsumerConfigRequiredErr: [400, 10078, 'consumer config required'],
  JSConsumerDeliverToWildcardsErr: [400, 10079, 'consumer deliver subject has wildcards'],
  JSConsumerPushMaxWaitingErr: [400, 10080, 'consumer in push mode can not set max waiting'],
  JSConsumerDeliverCycleErr: [400, 10081, 'consumer deliver subject forms a cycle'],
  JSConsumerMaxPendingAckPolicyRequiredErr: [400, 10082, 'consumer requires ack policy for max ack pending'],
  JSConsumerSmallHeartbeatErr: [400, 10083, 'consumer idle heartbeat needs to be >= 100ms'],
  JSConsumerPullRequiresAckErr: [
    400,
    10084,
    'consumer in pull mode requires explicit ack policy on workqueue stream',
  ],
  JSConsumerPullWithRateLimitErr: [400, 10086, 'consumer in pull mode can not have rate limit set'],
  JSConsumerHBRequiresPushErr: [400, 10088, 'consumer idle heartbeat requires a push based consumer'],
  JSConsumerFCRequiresPushErr: [400, 10089, 'consumer flow control requires a push based consumer'],
  JSConsumerDirectRequiresPushErr: [400, 10090, 'consumer direct requires a push based consumer'],
  JSConsumerDirectRequiresEphemeralErr: [400, 10091, 'consumer direct requires an ephemeral consumer'],
  JSConsumerInvalidPolicyErrF: [400, 10094, '{err}'],
  JSConsumerInvalidSamplingErrF: [400, 10095, 'failed to parse consumer sampling configuration: {err}'],
  JSConsumerWQRequiresExplicitAckErr: [400, 10098, 'workqueue stream requires explicit ack'],
  JSConsumerWQMultipleUnfilteredErr: [
    400,
    10099,
    'multiple non-filtered consumers not allowed on workqueue stream',
  ],
  JSConsumerWQConsumerNotUniqueErr: [400, 10100, 'filtered consumer not unique on workqueue stream'],
  JSConsumerWQConsumerNotDeliverAllErr: [400, 10101, 'consumer must be deliver all on workqueue stream'],
  JSConsumerNameTooLongErrF: [400, 10102, 'consumer name is too long, maximum allowed is {max}'],
  JSConsumerBadDurableNameErr: [400, 10103, "durable name can not contain '.', '*', '>'"],
  JSConsumerStoreFailedErrF: [500, 10104, 'error creating store for consumer: {err}'],
  JSConsumerDescriptionTooLongErrF: [
    400,
    10107,
    'consumer description is too long, maximum allowed is {max}',
  ],
  JSConsumerWithFlowControlNeedsHeartbeats: [400, 10108, 'consumer with flow control also needs heartbeats'],
  JSConsumerInvalidDeliverSubject: [400, 10112, 'invalid push consumer deliver subject'],
  JSConsumerMaxRequestExpiresTooSmall: [400, 10115, 'consumer max request expires needs to be >= 1ms'],
  JSConsumerMaxDeliverBackoffErr: [400, 10116, 'max deliver is required to be > length of backoff values'],
  JSConsumerMaxPendingAckExcessErrF: [400, 10121, 'consumer max ack pending exceeds system limit of {limit}'],
  JSConsumerMaxRequestBatchExceededF: [
    400,
    10125,
    'consumer max request batch exceeds server limit of {limit}',
  ],
  JSConsumerReplicasExceedsStream: [400, 10126, 'consumer config replica count exceeds parent stream'],
  JSConsumerNameContainsPathSeparatorsErr: [400, 10127, 'Consumer name can not contain path separators'],
  JSConsumerCreateFilterSubjectMismatchErr: [
    400,
    10131,
    'Consumer create request did not match filtered subject from create subject',
  ],
  JSConsumerCreateDurableAndNameMismatch: [
    400,
    10132,
    'Consumer Durable and Name have to be equal if both are provided',
  ],
  JSConsumerReplicasShouldMatchStream: [
    400,
    10134,
    "consumer config replicas must match interest retention stream's replicas",
  ],
  JSConsumerMetadataLengthErrF: [400, 10135, 'consumer metadata exceeds maximum size of {limit}'],
  JSConsumerDuplicateFilterSubjects: [
    400,
    10136,
    'consumer cannot have both FilterSubject and FilterSubjects specified',
  ],
  JSConsumerMultipleFiltersNotAllowed: [
    400,
    10137,
    'consumer with multiple subject filters cannot use subject based API',
  ],
  JSConsumerOverlappingSubjectFilters: [400, 10138, 'consumer subject filters cannot overlap'],
  JSConsumerEmptyFilter: [400, 10139, 'consumer filter in FilterSubjects cannot be empty'],
  JSConsumerAlreadyExists: [400, 10148, 'consumer already exists'],
  JSConsumerDoesNotExist: [400, 10149, 'consumer does not exist'],
  JSConsumerInactiveThresholdExcess: [
    400,
    10153,
    'consumer inactive threshold exceeds system limit of {limit}',
  ],
  JSConsumerPriorityPolicyWithoutGroup: [
    400,
    10159,
    'Setting PriorityPolicy requires at least one PriorityGroup to be set',
  ],
  JSConsumerInvalidPriorityGroupErr: [400, 10160, 'Provided priority group does not exist for this consumer'],
  JSConsumerEmptyGroupName: [400, 10161, 'Group name cannot be an empty string'],
  JSConsumerInvalidGroupNameErr: [
    400,
    10162,
    'Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters',
  ],
  JSConsumerPushWithPriorityGroupErr: [400, 10178, 'priority groups can not be used with push consumers'],
  JSConsumerAckPolicyInvalidErr: [400, 10181, 'consumer ack policy invalid'],
  JSConsumerReplayPolicyInvalidErr: [400, 10182, 'consumer replay policy invalid'],
  JSConsumerAckWaitNegativeErr: [400, 10183, 'consumer ack wait needs to be positive'],
  JSConsumerBackOffNegativeErr: [400, 10184, 'consumer backoff needs to be positive'],
  JSConsumerPriorityGroupWithPolicyNone: [
    400,
    10196,
    'consumer can not have priority groups when policy is none',
  ],
  JSConsumerPinnedTTLWithoutPriorityPolicyNone: [
    400,
    10197,
    'PinnedTTL cannot be set when PriorityPolicy is none',
  ],
  JSConsumerInvalidResetErr: [400, 10204, 'invalid reset: {err}'],
  JSConsumerAckFCRequiresPushErr: [400, 10218, 'flow control ack policy requires a push based consumer'],
  JSConsumerAckFCRequiresFCErr: [400, 10219, 'flow control ack policy requires flow control'],
  JSConsumerAckFCRequiresMaxAckPendingErr: [400, 10220, 'flow control ack policy requires max ack pending'],
  JSConsumerAckFCRequiresNoAckWaitErr: [400, 10221, 'flow control ack policy requires unset ack wait'],
  JSConsumerAckFCRequiresNoMaxDeliverErr: [400, 10222, 'flow control ack policy requires unset max deliver'],
  JSConsumerStreamIdentityMismatchF: [400, 10225, "consumer's stream identity does not match: {msg}"],
} as const satisfies Record<string, readonly [number, number, string]>

export type ConsumerErrorName = keyof typeof CONSUMER_ERRORS

/** An error of the table. */
export function consumerError(
  name: ConsumerErrorName,
  values: Record<string, string | number> = {},
): ApiError {
  const [code, errCode, template] = CONSUMER_ERRORS[name]
  let description: string = template
  for (const [key, value] of Object.entries(values))
    description = description.replace(`{${key}}`, () => String(value))
  return new ApiError(code, errCode, description)
}

/** What nats-server answers to configurations that are wrong in some other way. */
export function invalidConfigError(reason: string): ApiError {
  return apiError('JSStreamInvalidConfigF', { err: reason })
}

/** In pedantic mode: the server would have had to change the request. */
export function pedanticError(reason: string): ApiError {
  return apiError('JSPedanticErrF', { err: reason })
}
