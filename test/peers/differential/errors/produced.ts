/** For each error that a server without a cluster answers with: requests that bring it, the last of them. */
import type { Session } from '../session.ts'

export type Act = (session: Session) => Promise<unknown>

type Fields = Record<string, unknown>

const STREAM = { name: 'S', subjects: ['s.*'] }

const stream =
  (config: Fields): Act =>
  (s) =>
    s.api('STREAM.CREATE.S', { ...STREAM, ...config })

/** A stream with the second configuration, then asked for with the first. */
const update =
  (config: Fields, before: Fields = {}): Act =>
  async (s) => {
    await stream(before)(s)
    await s.api('STREAM.UPDATE.S', { ...STREAM, ...before, ...config })
  }

const consumer =
  (config: Fields, of: Fields = {}, subject = 'CREATE.S.c'): Act =>
  async (s) => {
    await stream(of)(s)
    await s.api(`CONSUMER.${subject}`, {
      stream_name: 'S',
      config: { name: 'c', ack_policy: 'explicit', ...config },
    })
  }

const push = (config: Fields, of: Fields = {}): Act => consumer({ deliver_subject: 'd', ...config }, of)

/** Acks by flow control, with what they need but for what is given. */
const byFlowControl = (config: Fields): Act =>
  push({
    ...{ ack_policy: 'flow_control', flow_control: true, idle_heartbeat: 1e9, max_ack_pending: 10 },
    ...config,
  })

/** A second consumer of a work queue. */
const second =
  (config: Fields, first: Fields = {}): Act =>
  async (s) => {
    await consumer({ durable_name: 'c', ...first }, { retention: 'workqueue' })(s)
    await s.api('CONSUMER.CREATE.S.d', {
      stream_name: 'S',
      config: { name: 'd', ack_policy: 'explicit', ...config },
    })
  }

/** A consumer that is there, asked for again otherwise. */
const again =
  (config: Fields, action: string, first: Fields = {}): Act =>
  async (s) => {
    const before = { name: 'c', durable_name: 'c', ack_policy: 'explicit', ...first }
    await consumer(before)(s)
    await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { ...before, ...config }, action })
  }

const ask =
  (subject: string, body: unknown = '', of: Fields = {}, headers = ''): Act =>
  async (s) => {
    await stream(of)(s)
    await s.api(subject, body, headers)
  }

const publish =
  (headers: string, of: Fields = {}, body = 'x', subject = 's.a'): Act =>
  async (s) => {
    await stream(of)(s)
    await s.request('s.a', 'first')
    await s.request(subject, body, headers)
  }

const SCHEDULES = { allow_msg_schedules: true, allow_msg_ttl: true }
const schedule = (headers: string, of: Fields = SCHEDULES): Act => publish(headers, of, 'x', 's.sched')
const AT = 'Nats-Schedule: @at 2100-01-01T00:00:00Z'
const ATOMIC = { allow_atomic: true }
const COUNTER = { allow_msg_counter: true }
const FAST = { allow_batched: true }
const fast =
  (of: Fields, inbox: string): Act =>
  async (s) => {
    await stream(of)(s)
    await s.subscribe('in.>')
    await s.publish('s.a', 'x', '', inbox)
    await s.settle()
  }

export const PRODUCED: Readonly<Record<string, Act>> = {
  JSBadRequestErr: ask('STREAM.PURGE.S', { seq: 1, keep: 1 }),
  JSClusterRequiredErr: ask('STREAM.LEADER.STEPDOWN.S'),
  JSConsumerCreateErrF: again({ ack_policy: 'none' }, 'update'),
  JSConsumerNotFoundErr: ask('CONSUMER.INFO.S.none'),
  JSSnapshotDeliverSubjectInvalidErr: ask('STREAM.SNAPSHOT.S', { deliver_subject: 'a b' }),
  JSConsumerDurableNameNotMatchSubjectErr: consumer({ name: undefined, durable_name: 'd' }),
  JSConsumerDurableNameNotSetErr: consumer({ name: undefined }, {}, 'DURABLE.CREATE.S.c'),
  JSConsumerEphemeralWithDurableNameErr: consumer({ name: undefined, durable_name: 'd' }, {}, 'CREATE.S'),
  JSInvalidJSONErr: ask('STREAM.CREATE.X', '{'),
  JSMaximumConsumersLimitErr: async (s) => {
    await consumer({ durable_name: 'c' }, { max_consumers: 1 })(s)
    await s.api('CONSUMER.CREATE.S.d', { stream_name: 'S', config: { name: 'd', ack_policy: 'explicit' } })
  },
  JSMirrorWithSourcesErr: stream({ subjects: undefined, mirror: { name: 'O' }, sources: [{ name: 'P' }] }),
  JSMirrorWithSubjectsErr: stream({ mirror: { name: 'O' } }),
  JSNoMessageFoundErr: ask('STREAM.MSG.GET.S', { seq: 7 }),
  JSNotEmptyRequestErr: ask('STREAM.DELETE.S', { x: 1 }),
  JSSequenceNotFoundErrF: ask('STREAM.MSG.DELETE.S', { seq: 7 }, { storage: 'memory' }),
  JSStreamInvalidConfigF: update({ storage: 'memory' }),
  JSStreamMessageExceedsMaximumErr: publish('', { max_msg_size: 10 }, 'x'.repeat(20)),
  JSStreamMismatchErr: ask('STREAM.CREATE.X', { name: 'Y' }),
  JSStreamMsgDeleteFailedF: ask('STREAM.MSG.DELETE.S', { seq: 1 }, { deny_delete: true }),
  JSStreamNameExistErr: ask('STREAM.CREATE.S', { ...STREAM, max_msgs: 7 }),
  JSStreamNotFoundErr: ask('STREAM.INFO.NONE'),
  JSStreamNotMatchErr: publish('Nats-Expected-Stream: O'),
  JSStreamNameExistRestoreFailedErr: ask('STREAM.RESTORE.S', { config: STREAM, state: {} }),
  JSStreamSubjectOverlapErr: ask('STREAM.CREATE.T', { name: 'T', subjects: ['s.a'] }),
  JSStreamUpdateErrF: async (s) => {
    await consumer({ durable_name: 'c', max_ack_pending: 100 })(s)
    await s.api('STREAM.UPDATE.S', { ...STREAM, consumer_limits: { max_ack_pending: 10 } })
  },
  JSStreamWrongLastMsgIDErrF: publish('Nats-Expected-Last-Msg-Id: other'),
  JSStreamWrongLastSequenceErrF: publish('Nats-Expected-Last-Sequence: 7'),
  JSStreamReplicasNotSupportedErr: stream({ num_replicas: 3 }),
  JSStreamStoreFailedF: publish('', { max_msgs: 1, discard: 'new' }),
  JSConsumerDeliverToWildcardsErr: push({ deliver_subject: 'd.*' }),
  JSConsumerPushMaxWaitingErr: push({ max_waiting: 5 }),
  JSConsumerDeliverCycleErr: push({ deliver_subject: 's.d' }),
  JSConsumerMaxPendingAckPolicyRequiredErr: push({ ack_policy: 'none', max_ack_pending: 5 }),
  JSConsumerSmallHeartbeatErr: push({ idle_heartbeat: 1e6 }),
  JSConsumerPullRequiresAckErr: consumer({ ack_policy: 'none' }, { retention: 'workqueue' }),
  JSConsumerPullWithRateLimitErr: consumer({ rate_limit_bps: 1024 }),
  JSConsumerHBRequiresPushErr: consumer({ idle_heartbeat: 1e9 }),
  JSConsumerFCRequiresPushErr: consumer({ flow_control: true }),
  JSConsumerDirectRequiresPushErr: consumer({ direct: true }),
  JSConsumerDirectRequiresEphemeralErr: push({ direct: true, durable_name: 'c' }),
  JSConsumerInvalidPolicyErrF: consumer({ opt_start_seq: 5 }),
  JSConsumerInvalidSamplingErrF: consumer({ sample_freq: 'often' }),
  JSStreamHeaderExceedsMaximumErr: publish(`A: ${'x'.repeat(70_000)}`),
  JSConsumerWQRequiresExplicitAckErr: push({ ack_policy: 'none' }, { retention: 'workqueue' }),
  JSConsumerWQMultipleUnfilteredErr: second({}),
  JSConsumerWQConsumerNotUniqueErr: second({ filter_subject: 's.a' }, { filter_subject: 's.*' }),
  JSConsumerWQConsumerNotDeliverAllErr: consumer({ deliver_policy: 'new' }, { retention: 'workqueue' }),
  JSConsumerDescriptionTooLongErrF: consumer({ description: 'x'.repeat(5000) }),
  JSConsumerWithFlowControlNeedsHeartbeats: push({ flow_control: true }),
  JSStreamSealedErr: async (s) => {
    await update({ sealed: true })(s)
    await s.request('s.a', 'x')
  },
  JSStreamPurgeFailedF: ask('STREAM.PURGE.S', {}, { deny_purge: true }),
  JSStreamRollupFailedF: publish('Nats-Rollup: sub'),
  JSConsumerInvalidDeliverSubject: push({ deliver_subject: 'd..e' }),
  JSConsumerMaxRequestExpiresTooSmall: consumer({ max_expires: 10 }),
  JSConsumerMaxDeliverBackoffErr: consumer({ max_deliver: 1, backoff: [1e9, 2e9] }),
  JSConsumerMaxPendingAckExcessErrF: consumer(
    { max_ack_pending: 50 },
    { consumer_limits: { max_ack_pending: 10 } },
  ),
  JSConsumerNameContainsPathSeparatorsErr: consumer({}, {}, 'CREATE.S.a/b'),
  JSStreamNameContainsPathSeparatorsErr: ask('STREAM.CREATE.a/b', { name: 'a/b' }),
  JSConsumerCreateFilterSubjectMismatchErr: consumer({ filter_subject: 's.b' }, {}, 'CREATE.S.c.s.a'),
  JSReplicasCountCannotBeNegative: stream({ num_replicas: -1 }),
  JSConsumerMetadataLengthErrF: consumer({ metadata: { a: 'x'.repeat(200_000) } }),
  JSConsumerDuplicateFilterSubjects: consumer({ filter_subject: 's.a', filter_subjects: ['s.b'] }),
  JSConsumerMultipleFiltersNotAllowed: consumer({ filter_subjects: ['s.a', 's.b'] }, {}, 'CREATE.S.c.s.a'),
  JSConsumerOverlappingSubjectFilters: consumer({ filter_subjects: ['s.a', 's.*'] }),
  JSConsumerEmptyFilter: consumer({ filter_subjects: ['s.a', ''] }),
  JSConsumerAlreadyExists: again({ max_deliver: 7 }, 'create'),
  JSConsumerDoesNotExist: async (s) => {
    await stream({})(s)
    await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { name: 'c' }, action: 'update' })
  },
  JSConsumerInactiveThresholdExcess: consumer(
    { inactive_threshold: 60e9 },
    { consumer_limits: { inactive_threshold: 10e9 } },
  ),
  JSStreamTransformInvalidSource: stream({ subject_transform: { src: 'a..b', dest: 'c' } }),
  JSStreamTransformInvalidDestination: stream({
    subject_transform: { src: 's.*', dest: 'c.{{wildcard(3)}}' },
  }),
  JSPedanticErrF: stream({ pedantic: true, max_age: 1e9 }),
  JSConsumerPriorityPolicyWithoutGroup: consumer({ priority_policy: 'overflow' }),
  JSConsumerInvalidPriorityGroupErr: async (s) => {
    await consumer({ priority_policy: 'pinned_client', priority_groups: ['g'], priority_timeout: 1e9 })(s)
    await s.api('CONSUMER.UNPIN.S.c', { group: 'other' })
  },
  JSConsumerEmptyGroupName: consumer({ priority_policy: 'overflow', priority_groups: [''] }),
  JSConsumerInvalidGroupNameErr: consumer({ priority_policy: 'overflow', priority_groups: ['a b'] }),
  JSMessageTTLInvalidErr: publish('Nats-TTL: soon', { allow_msg_ttl: true }),
  JSMessageTTLDisabledErr: publish('Nats-TTL: 10s'),
  JSMessageIncrDisabledErr: publish('Nats-Incr: 1', {}, ''),
  JSMessageIncrMissingErr: publish('', COUNTER, ''),
  JSMessageIncrPayloadErr: publish('Nats-Incr: 1', COUNTER),
  JSMessageIncrInvalidErr: publish('Nats-Incr: much', COUNTER, ''),
  JSMessageCounterBrokenErr: async (s) => {
    await stream(COUNTER)(s)
    await s.request('s.a', '', 'Nats-Incr: 1\nNats-Counter-Sources: no JSON')
    await s.request('s.a', '', 'Nats-Incr: 1')
  },
  JSAtomicPublishDisabledErr: publish('Nats-Batch-Id: b\nNats-Batch-Sequence: 1'),
  JSAtomicPublishMissingSeqErr: publish('Nats-Batch-Id: b', ATOMIC),
  JSAtomicPublishIncompleteBatchErr: publish('Nats-Batch-Id: b\nNats-Batch-Sequence: 5', ATOMIC),
  JSAtomicPublishUnsupportedHeaderBatchErr: async (s) => {
    await stream(ATOMIC)(s)
    const head =
      'Nats-Batch-Id: b\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1\nNats-Expected-Last-Msg-Id: x'
    await s.request('s.a', 'x', head)
  },
  JSAtomicPublishInvalidBatchIDErr: publish(
    `Nats-Batch-Id: ${'b'.repeat(70)}\nNats-Batch-Sequence: 1`,
    ATOMIC,
  ),
  JSAtomicPublishInvalidBatchCommitErr: publish(
    'Nats-Batch-Id: b\nNats-Batch-Sequence: 1\nNats-Batch-Commit: maybe',
    ATOMIC,
  ),
  JSAtomicPublishContainsDuplicateMessageErr: async (s) => {
    await stream(ATOMIC)(s)
    await s.request('s.a', 'x', 'Nats-Msg-Id: m')
    await s.request(
      's.a',
      'x',
      'Nats-Batch-Id: b\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1\nNats-Msg-Id: m',
    )
  },
  JSStreamWrongLastSequenceConstantErr: async (s) => {
    await stream(ATOMIC)(s)
    await s.request('s.a', 'x', 'Nats-Batch-Id: b\nNats-Batch-Sequence: 1')
    const head = 'Nats-Batch-Id: b\nNats-Batch-Sequence: 2\nNats-Batch-Commit: 1'
    await s.request('s.a', 'x', `${head}\nNats-Expected-Last-Subject-Sequence: 0`)
  },
  JSConsumerPushWithPriorityGroupErr: push({ priority_policy: 'overflow', priority_groups: ['g'] }),
  JSConsumerAckWaitNegativeErr: consumer({ ack_wait: -5 }),
  JSConsumerBackOffNegativeErr: consumer({ backoff: [-5] }),
  JSRequiredApiLevelErr: ask('STREAM.INFO.S', '', {}, 'Nats-Required-Api-Level: 99'),
  JSMessageSchedulesDisabledErr: schedule(`${AT}\nNats-Schedule-Target: s.t`, {}),
  JSMessageSchedulesPatternInvalidErr: schedule('Nats-Schedule: sometimes\nNats-Schedule-Target: s.t'),
  JSMessageSchedulesTargetInvalidErr: schedule(`${AT}\nNats-Schedule-Target: s.*`),
  JSMessageSchedulesTTLInvalidErr: schedule(`${AT}\nNats-Schedule-Target: s.t\nNats-Schedule-TTL: soon`),
  JSMessageSchedulesRollupInvalidErr: schedule(`${AT}\nNats-Schedule-Target: s.t\nNats-Schedule-Rollup: all`),
  JSMessageSchedulesSourceInvalidErr: schedule(`${AT}\nNats-Schedule-Target: s.t\nNats-Schedule-Source: s.*`),
  JSMessageSchedulesTimeZoneInvalidErr: schedule(
    'Nats-Schedule: 0 0 5 * * *\nNats-Schedule-Target: s.t\nNats-Schedule-Time-Zone: Nowhere/Land',
  ),
  JSStreamExpectedLastSeqPerSubjectInvalid: publish('Nats-Expected-Last-Subject-Sequence-Subject: s.b'),
  JSConsumerPriorityGroupWithPolicyNone: consumer({ priority_groups: ['g'] }),
  JSConsumerPinnedTTLWithoutPriorityPolicyNone: consumer({ priority_timeout: 1e9 }),
  JSConsumerInvalidResetErr: async (s) => {
    await consumer({ durable_name: 'c', deliver_policy: 'by_start_sequence', opt_start_seq: 5 })(s)
    await s.api('CONSUMER.RESET.S.c', { seq: 2 })
  },
  JSBatchPublishDisabledErr: fast({}, 'in.uuid.1.10.ok.1.0.$FI'),
  JSConsumerAckFCRequiresPushErr: consumer({ ack_policy: 'flow_control' }),
  JSConsumerAckFCRequiresFCErr: async (s) => {
    await stream({})(s)
    const config = { name: 'c', ack_policy: 'flow_control', deliver_subject: 'd', max_ack_pending: 10 }
    await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config, pedantic: true })
  },
  JSConsumerAckFCRequiresMaxAckPendingErr: byFlowControl({ max_ack_pending: -1 }),
  JSConsumerAckFCRequiresNoAckWaitErr: byFlowControl({ ack_wait: 5e9 }),
  JSConsumerAckFCRequiresNoMaxDeliverErr: byFlowControl({ max_deliver: 5 }),
  JSMessageSourceHdrNotAllowedErr: publish('Nats-Stream-Source: S 1 > > s.a'),
  JSBatchPublishInvalidPatternErr: fast(FAST, 'in.uuid.10.maybe.1.0.$FI'),
  JSBatchPublishInvalidBatchIDErr: fast(FAST, `in.${'u'.repeat(70)}.10.ok.1.0.$FI`),
  JSBatchPublishUnknownBatchIDErr: fast(FAST, 'in.uuid.10.ok.5.1.$FI'),
  JSMirrorWithCountersErr: stream({ subjects: undefined, mirror: { name: 'O' }, allow_msg_counter: true }),
  JSMirrorWithMsgSchedulesErr: stream({ subjects: undefined, mirror: { name: 'O' }, ...SCHEDULES }),
  JSMirrorWithAtomicPublishErr: stream({ subjects: undefined, mirror: { name: 'O' }, ...ATOMIC }),
  JSMirrorWithBatchPublishErr: stream({ subjects: undefined, mirror: { name: 'O' }, ...FAST }),
  JSMirrorWithFirstSeqErr: stream({ subjects: undefined, mirror: { name: 'O' }, first_seq: 5 }),
  JSMirrorInvalidStreamName: stream({ subjects: undefined, mirror: { name: 'a b' } }),
  JSSourceInvalidStreamName: stream({ sources: [{ name: 'a b' }] }),
  JSSourceDuplicateDetected: stream({ sources: [{ name: 'O' }, { name: 'O' }] }),
  JSSourceWithMsgSchedulesErr: stream({ sources: [{ name: 'O' }], ...SCHEDULES }),
  JSStreamMirrorNotUpdatableErr: update({ subjects: undefined, mirror: { name: 'O' } }),
  JSSourceMultipleFiltersNotAllowed: stream({
    sources: [{ name: 'O', filter_subject: 'o.a', subject_transforms: [{ src: 'o.b', dest: '' }] }],
  }),
  JSSourceOverlappingSubjectFilters: stream({
    sources: [
      {
        name: 'O',
        subject_transforms: [
          { src: 'o.*', dest: '' },
          { src: 'o.a', dest: '' },
        ],
      },
    ],
  }),
  JSSourceInvalidSubjectFilter: stream({
    sources: [{ name: 'O', subject_transforms: [{ src: 'o..b', dest: '' }] }],
  }),
  JSSourceInvalidTransformDestination: stream({
    sources: [{ name: 'O', subject_transforms: [{ src: 'o.*', dest: 'x.{{wildcard(5)}}' }] }],
  }),
  JSMirrorMultipleFiltersNotAllowed: stream({
    subjects: undefined,
    mirror: { name: 'O', filter_subject: 'o.a', subject_transforms: [{ src: 'o.b', dest: '' }] },
  }),
  JSMirrorOverlappingSubjectFilters: stream({
    subjects: undefined,
    mirror: {
      name: 'O',
      subject_transforms: [
        { src: 'o.*', dest: '' },
        { src: 'o.a', dest: '' },
      ],
    },
  }),
  JSMirrorInvalidSubjectFilter: stream({
    subjects: undefined,
    mirror: { name: 'O', subject_transforms: [{ src: 'o..b', dest: '' }] },
  }),
  JSMirrorInvalidTransformDestination: stream({
    subjects: undefined,
    mirror: { name: 'O', subject_transforms: [{ src: 'o.*', dest: 'x.{{wildcard(5)}}' }] },
  }),
}
