/** Errors of the JetStream API, with the codes and texts of nats-server 2.15. */

/** An answer of the API, or of a publish, that is an error. */
export class ApiError extends Error {
  /** Like an HTTP status. */
  readonly code: number
  /** Which error it is; stable over releases. */
  readonly errCode: number
  readonly description: string

  constructor(code: number, errCode: number, description: string) {
    super(description)
    this.name = 'ApiError'
    this.code = code
    this.errCode = errCode
    this.description = description
  }

  toJSON(): { code: number; err_code: number; description: string } {
    return { code: this.code, err_code: this.errCode, description: this.description }
  }
}

/** Errors about the account, streams and messages; `{…}` is filled in. Those about consumers are in `consumer/`. */
export const API_ERRORS = {
  JSAccountResourcesExceededErr: [400, 10002, 'resource limits exceeded for account'],
  JSBadRequestErr: [400, 10003, 'bad request'],
  JSClusterNotActiveErr: [500, 10006, 'JetStream not in clustered mode'],
  JSClusterRequiredErr: [503, 10010, 'JetStream clustering support required'],
  JSInsufficientResourcesErr: [503, 10023, 'insufficient resources'],
  JSInvalidJSONErr: [400, 10025, 'invalid JSON: {err}'],
  JSMaximumStreamsLimitErr: [400, 10027, 'maximum number of streams reached'],
  JSMemoryResourcesExceededErr: [500, 10028, 'insufficient memory resources available'],
  JSMirrorConsumerSetupFailedErrF: [500, 10029, '{err}'],
  JSMirrorMaxMessageSizeTooBigErr: [400, 10030, 'stream mirror must have max message size >= source'],
  JSStreamExternalApiOverlapErrF: [
    400,
    10021,
    'stream external api prefix {prefix} must not overlap with {subject}',
  ],
  JSStreamExternalDelPrefixOverlapsErrF: [
    400,
    10022,
    'stream external delivery prefix {prefix} overlaps with stream subject {subject}',
  ],
  JSStreamInvalidExternalDeliverySubjErrF: [
    400,
    10024,
    'stream external delivery prefix {prefix} must not contain wildcards',
  ],
  JSSourceConsumerSetupFailedErrF: [500, 10045, '{err}'],
  JSSourceMaxMessageSizeTooBigErr: [400, 10046, 'stream source must have max message size >= target'],
  JSStreamMirrorNotUpdatableErr: [400, 10055, 'stream mirror configuration can not be updated'],
  JSSourceDuplicateDetected: [400, 10140, 'duplicate source configuration detected'],
  JSSourceInvalidStreamName: [400, 10141, 'sourced stream name is invalid'],
  JSMirrorInvalidStreamName: [400, 10142, 'mirrored stream name is invalid'],
  JSMirrorWithFirstSeqErr: [400, 10143, 'stream mirrors can not have first sequence configured'],
  JSSourceMultipleFiltersNotAllowed: [
    400,
    10144,
    'source with multiple subject transforms cannot also have a single subject filter',
  ],
  JSSourceInvalidSubjectFilter: [400, 10145, 'source transform source: {err}'],
  JSSourceInvalidTransformDestination: [400, 10146, 'source transform: {err}'],
  JSSourceOverlappingSubjectFilters: [400, 10147, 'source filters can not overlap'],
  JSMirrorMultipleFiltersNotAllowed: [
    400,
    10150,
    'mirror with multiple subject transforms cannot also have a single subject filter',
  ],
  JSMirrorInvalidSubjectFilter: [400, 10151, 'mirror transform source: {err}'],
  JSMirrorOverlappingSubjectFilters: [400, 10152, 'mirror subject filters can not overlap'],
  JSMirrorInvalidTransformDestination: [400, 10154, 'mirror transform: {err}'],
  JSMirrorWithCountersErr: [400, 10173, 'stream mirrors can not also calculate counters'],
  JSMirrorWithAtomicPublishErr: [400, 10198, 'stream mirrors can not also use atomic publishing'],
  JSMirrorWithBatchPublishErr: [400, 10209, 'stream mirrors can not also use batch publishing'],
  JSMirrorDurableConsumerCfgInvalid: [400, 10213, 'stream mirror consumer config is invalid'],
  JSMirrorConsumerRequiresAckFCErr: [400, 10214, 'stream mirror consumer requires flow control ack policy'],
  JSSourceDurableConsumerCfgInvalid: [400, 10215, 'stream source consumer config is invalid'],
  JSSourceDurableConsumerDuplicateDetected: [400, 10216, 'duplicate stream source consumer detected'],
  JSSourceConsumerRequiresAckFCErr: [400, 10217, 'stream source consumer requires flow control ack policy'],
  JSMirrorWithSourcesErr: [400, 10031, 'stream mirrors can not also contain other sources'],
  JSMirrorWithSubjectsErr: [400, 10034, 'stream mirrors can not contain subjects'],
  JSNoLimitsErr: [400, 10120, 'no JetStream default or applicable tiered limit present'],
  JSNoMessageFoundErr: [404, 10037, 'no message found'],
  JSNotEmptyRequestErr: [400, 10038, 'expected an empty request payload'],
  JSNotEnabledForAccountErr: [503, 10039, 'JetStream not enabled for account'],
  JSSequenceNotFoundErrF: [400, 10043, 'sequence {seq} not found'],
  JSStorageResourcesExceededErr: [500, 10047, 'insufficient storage resources available'],
  JSStreamCreateErrF: [500, 10049, '{err}'],
  JSStreamDeleteErrF: [500, 10050, '{err}'],
  JSStreamGeneralErrorF: [500, 10051, '{err}'],
  JSStreamInvalidConfigF: [500, 10052, '{err}'],
  JSStreamMessageExceedsMaximumErr: [400, 10054, 'message size exceeds maximum allowed'],
  JSStreamMismatchErr: [400, 10056, 'stream name in subject does not match request'],
  JSStreamMsgDeleteFailedF: [500, 10057, '{err}'],
  JSStreamNameExistErr: [400, 10058, 'stream name already in use with a different configuration'],
  JSStreamNotFoundErr: [404, 10059, 'stream not found'],
  JSStreamNotMatchErr: [400, 10060, 'expected stream does not match'],
  JSSnapshotDeliverSubjectInvalidErr: [400, 10015, 'deliver subject not valid'],
  JSStreamNameExistRestoreFailedErr: [400, 10130, 'stream name already in use, cannot restore'],
  JSStreamRestoreErrF: [500, 10062, 'restore failed: {err}'],
  JSStreamSnapshotErrF: [500, 10064, 'snapshot failed: {err}'],
  JSStreamSubjectOverlapErr: [400, 10065, 'subjects overlap with an existing stream'],
  JSStreamUpdateErrF: [500, 10069, '{err}'],
  JSStreamWrongLastMsgIDErrF: [400, 10070, 'wrong last msg ID: {id}'],
  JSStreamWrongLastSequenceConstantErr: [400, 10164, 'wrong last sequence'],
  JSStreamWrongLastSequenceErrF: [400, 10071, 'wrong last sequence: {seq}'],
  JSStreamReplicasNotSupportedErr: [500, 10074, 'replicas > 1 not supported in non-clustered mode'],
  JSStreamStoreFailedF: [503, 10077, '{err}'],
  JSStreamHeaderExceedsMaximumErr: [400, 10097, 'header size exceeds maximum allowed of 64k'],
  JSStreamSealedErr: [400, 10109, 'invalid operation on sealed stream'],
  JSStreamPurgeFailedF: [500, 10110, '{err}'],
  JSStreamRollupFailedF: [500, 10111, '{err}'],
  JSStreamMaxBytesRequired: [400, 10113, 'account requires a stream config to have max bytes set'],
  JSStreamInfoMaxSubjectsErr: [500, 10117, 'subject details would exceed maximum allowed'],
  JSStreamMaxStreamBytesExceeded: [400, 10122, 'stream max bytes exceeds account limit max stream bytes'],
  JSStreamNameContainsPathSeparatorsErr: [400, 10128, 'Stream name can not contain path separators'],
  JSReplicasCountCannotBeNegative: [400, 10133, 'replicas count cannot be negative'],
  JSStreamTransformInvalidSource: [400, 10155, 'stream transform source: {err}'],
  JSStreamTransformInvalidDestination: [400, 10156, 'stream transform: {err}'],
  JSPedanticErrF: [400, 10157, 'pedantic mode: {err}'],
  JSMessageTTLInvalidErr: [400, 10165, 'invalid per-message TTL'],
  JSMessageTTLDisabledErr: [400, 10166, 'per-message TTL is disabled'],
  JSStreamTooManyRequests: [429, 10167, 'too many requests'],
  JSMessageIncrDisabledErr: [400, 10168, 'message counters is disabled'],
  JSMessageIncrMissingErr: [400, 10169, 'message counter increment is missing'],
  JSMessageIncrPayloadErr: [400, 10170, 'message counter has payload'],
  JSMessageIncrInvalidErr: [400, 10171, 'message counter increment is invalid'],
  JSMessageCounterBrokenErr: [400, 10172, 'message counter is broken'],
  JSAtomicPublishDisabledErr: [400, 10174, 'atomic publish is disabled'],
  JSAtomicPublishMissingSeqErr: [400, 10175, 'atomic publish sequence is missing'],
  JSAtomicPublishIncompleteBatchErr: [400, 10176, 'atomic publish batch is incomplete'],
  JSAtomicPublishUnsupportedHeaderBatchErr: [400, 10177, 'atomic publish unsupported header used: {header}'],
  JSAtomicPublishInvalidBatchIDErr: [400, 10179, 'atomic publish batch ID is invalid'],
  JSAtomicPublishTooLargeBatchErrF: [400, 10199, 'atomic publish batch is too large: {size}'],
  JSAtomicPublishInvalidBatchCommitErr: [400, 10200, 'atomic publish batch commit is invalid'],
  JSAtomicPublishContainsDuplicateMessageErr: [
    400,
    10201,
    'atomic publish batch contains duplicate message id',
  ],
  JSAtomicPublishTooManyInflight: [429, 10210, 'atomic publish too many inflight'],
  JSBatchPublishInvalidPatternErr: [400, 10206, 'batch publish pattern is invalid'],
  JSBatchPublishInvalidBatchIDErr: [400, 10207, 'batch publish ID is invalid'],
  JSBatchPublishUnknownBatchIDErr: [400, 10208, 'batch publish ID unknown'],
  JSBatchPublishTooManyInflight: [429, 10211, 'batch publish too many inflight'],
  JSRequiredApiLevelErr: [412, 10185, 'JetStream minimum api level required'],
  JSMirrorWithMsgSchedulesErr: [400, 10186, 'stream mirrors can not also schedule messages'],
  JSSourceWithMsgSchedulesErr: [400, 10187, 'stream source can not also schedule messages'],
  JSMessageSchedulesDisabledErr: [400, 10188, 'message schedules is disabled'],
  JSMessageSchedulesPatternInvalidErr: [400, 10189, 'message schedules pattern is invalid'],
  JSMessageSchedulesTargetInvalidErr: [400, 10190, 'message schedules target is invalid'],
  JSMessageSchedulesTTLInvalidErr: [400, 10191, 'message schedules invalid per-message TTL'],
  JSMessageSchedulesRollupInvalidErr: [400, 10192, 'message schedules invalid rollup'],
  JSStreamExpectedLastSeqPerSubjectInvalid: [
    400,
    10193,
    'missing sequence for expected last sequence per subject',
  ],
  JSBatchPublishDisabledErr: [400, 10205, 'batch publish is disabled'],
  JSMessageSchedulesSourceInvalidErr: [400, 10203, 'message schedules source is invalid'],
  JSMessageSchedulesSchedulerInvalidErr: [400, 10212, 'message schedules invalid scheduler'],
  JSMessageSchedulesTimeZoneInvalidErr: [400, 10223, 'message schedules time zone is invalid'],
  JSMessageSourceHdrNotAllowedErr: [400, 10227, 'message stream source header is not allowed'],
} as const satisfies Record<string, readonly [number, number, string]>

export type ApiErrorName = keyof typeof API_ERRORS

/** Errors in which nothing is filled in: one of each is enough. */
const plain = new Map<ApiErrorName, ApiError>()

/** An error of the table. */
export function apiError(name: ApiErrorName, values?: Record<string, string | number>): ApiError {
  const [code, errCode, template] = API_ERRORS[name]
  if (values === undefined) {
    let error = plain.get(name)
    if (error === undefined) {
      error = withoutStack(code, errCode, template)
      plain.set(name, error)
    }
    return error
  }
  let description: string = template
  for (const [key, value] of Object.entries(values)) {
    description = description.replace(`{${key}}`, () => String(value))
  }
  return withoutStack(code, errCode, description)
}

/** It is an answer, not a fault of the program: the stack would cost more than all else, and nobody reads it. */
function withoutStack(code: number, errCode: number, description: string): ApiError {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return new ApiError(code, errCode, description)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
