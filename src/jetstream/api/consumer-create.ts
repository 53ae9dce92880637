import { type SubjectFilter, subjectFilter } from '../../subjects/index.ts'
import type { Stream } from '../account/stream.ts'
import { consumerError } from '../config/consumer/errors.ts'
import { CONSUMER_FIELDS, encodeConfig, withDefaults } from '../config/consumer/fields.ts'
import { withServerMetadata } from '../config/consumer/metadata.ts'
import { apiError } from '../config/errors.ts'
import type { ConsumerConfig } from '../config/types.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { prepareForCopy } from '../consumer/copying.ts'
import { type ConsumerAction, createConsumer } from '../consumer/create.ts'
import { Slices } from '../stream/slices.ts'
import { type ConsumerRequest, streamNamed } from './consumer-request.ts'
import { readRequest } from './read-request.ts'
import { identify } from './stream-identity.ts'

export const CONSUMER_CREATE_TYPE = 'io.nats.jetstream.api.v1.consumer_create_response'

interface CreateRequest {
  stream_name: string
  config: ConsumerConfig
  action: ConsumerAction
  pedantic: boolean
}

const FIELDS = {
  stream_name: 'string',
  config: { fields: CONSUMER_FIELDS, type: 'ConsumerConfig' },
  action: { words: ['', 'create', 'update'], error: (json: string) => `unknown consumer action: ${json}` },
  pedantic: 'bool',
} as const

function decode(request: ConsumerRequest): CreateRequest {
  const asked = readRequest<Partial<CreateRequest>>(request, FIELDS, 'CreateConsumerRequest')
  return {
    stream_name: '',
    action: '',
    pedantic: false,
    ...asked,
    config: withDefaults(asked.config ?? {}),
  }
}

/** With more filters than this a request is worked on in several turns. */
const MANY_FILTERS = 4096
/** And so is one for the last of each subject where there are more of them. */
const MANY_SUBJECTS = 100_000

/** `CONSUMER.CREATE.<stream>`, `.<stream>.<name>` and `.<stream>.<name>.<filter>`. */
export function createNewStyle(request: ConsumerRequest): object | Promise<object> {
  const asked = decode(request)
  const [stream, name, ...filter] = request.tokens
  if (name === undefined) return createEphemeral(request, asked, stream)
  checkTarget(asked, stream, name)
  if (asked.config.durable_name && asked.config.durable_name !== name) {
    throw consumerError('JSConsumerDurableNameNotMatchSubjectErr')
  }
  asked.config.name = name
  if (filter.length > 0) {
    if ((asked.config.filter_subjects ?? []).length > 0) {
      throw consumerError('JSConsumerMultipleFiltersNotAllowed')
    }
    if (asked.config.filter_subject !== filter.join('.')) {
      throw consumerError('JSConsumerCreateFilterSubjectMismatchErr')
    }
  }
  return create(request, asked)
}

function createEphemeral(
  request: ConsumerRequest,
  asked: CreateRequest,
  stream: string,
): object | Promise<object> {
  checkTarget(asked, stream, asked.config.name ?? '')
  if (asked.config.durable_name) throw consumerError('JSConsumerEphemeralWithDurableNameErr')
  return create(request, asked)
}

/** `CONSUMER.DURABLE.CREATE.<stream>.<name>`. */
export function createDurable(request: ConsumerRequest): object | Promise<object> {
  const asked = decode(request)
  const [stream, name] = request.tokens
  if (request.tokens.length !== 2) throw consumerError('JSConsumerDurableNameNotInSubjectErr')
  checkTarget(asked, stream, name)
  if (!asked.config.durable_name) throw consumerError('JSConsumerDurableNameNotSetErr')
  if (asked.config.durable_name !== name) throw consumerError('JSConsumerDurableNameNotMatchSubjectErr')
  asked.config.name = name
  return create(request, asked)
}

function checkTarget(asked: CreateRequest, stream: string, name: string): void {
  if (asked.stream_name !== stream) throw apiError('JSStreamMismatchErr')
  if (/[\\/]/.test(name)) throw consumerError('JSConsumerNameContainsPathSeparatorsErr')
}

function create(request: ConsumerRequest, asked: CreateRequest): object | Promise<object> {
  if ((asked.config.num_replicas ?? 0) > 1) throw apiError('JSStreamReplicasNotSupportedErr')
  const stream = streamNamed(request.account, asked.stream_name)
  const { config } = asked
  if (config.direct && config.sourcing && config.name) prepareForCopy(stream.config, config)
  if (config.direct || config.sourcing) identify(request, stream)
  if ((config.filter_subjects?.length ?? 0) > MANY_FILTERS) return createInTurns(request, asked)
  if (config.deliver_policy === 'last_per_subject' && stream.log.subjectCount > MANY_SUBJECTS) {
    return createInTurns(request, asked)
  }
  return shown(made(stream, asked))
}

/** Others are served between reading the request, building the filter, making the consumer and counting what it has before it. */
async function createInTurns(request: ConsumerRequest, asked: CreateRequest): Promise<object> {
  const slices = new Slices()
  await slices.next()
  const several = asked.config.filter_subjects
  const filter = several === undefined ? undefined : subjectFilter(several)
  await slices.next()
  const consumer = made(streamNamed(request.account, asked.stream_name), asked, filter)
  await slices.next()
  return shown(consumer)
}

function made(stream: Stream, { config, action, pedantic }: CreateRequest, filter?: SubjectFilter): Consumer {
  const existing = stream.consumers.get(config.durable_name || config.name || '')
  // Pausing goes through its own request.
  if (existing !== undefined) config.pause_until = existing.config.pause_until
  // Where a durable one began stays as it was: it goes on behind what it has acknowledged.
  if (existing !== undefined && config.sourcing && config.durable_name) keepStart(config, existing.config)
  const consumer = createConsumer(stream, config, action, pedantic, filter)
  if (existing === undefined && consumer.pauseEndMs > stream.clock.now()) {
    consumer.advisories.paused(consumer.pauseEndMs)
  }
  return consumer
}

function shown(consumer: Consumer): object {
  return { ...consumer.info(), config: encodeConfig(withServerMetadata(consumer.config)) }
}

function keepStart(config: ConsumerConfig, before: ConsumerConfig): void {
  config.deliver_policy = before.deliver_policy
  config.opt_start_seq = before.opt_start_seq
  config.opt_start_time = before.opt_start_time
}
