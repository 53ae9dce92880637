import { consumerError } from '../consumer/consumer-errors.ts'
import { type ConsumerAction, createConsumer } from '../consumer/create.ts'
import { decodeConfig, encodeConfig, invalidJsonError } from '../consumer/decode-config.ts'
import { withServerMetadata } from '../consumer/metadata.ts'
import { apiError } from '../errors.ts'
import type { ConsumerConfig } from '../types.ts'
import { type ConsumerRequest, parseObject, streamNamed } from './consumer-request.ts'

export const CONSUMER_CREATE_TYPE = 'io.nats.jetstream.api.v1.consumer_create_response'

interface CreateRequest {
  stream_name: string
  config: ConsumerConfig
  action: ConsumerAction
  pedantic: boolean
}

function decode(body: string): CreateRequest {
  const json = parseObject(body, 'CreateConsumerRequest')
  const request: CreateRequest = {
    stream_name: '',
    config: decodeConfig(json.config),
    action: '',
    pedantic: false,
  }
  for (const [field, value] of Object.entries(json)) {
    if (value === null || field === 'config') continue
    if (field === 'stream_name') {
      if (typeof value !== 'string') throw wrongType(value, field, 'string')
      request.stream_name = value
    } else if (field === 'pedantic') {
      if (typeof value !== 'boolean') throw wrongType(value, field, 'bool')
      request.pedantic = value
    } else if (field === 'action') {
      if (value !== '' && value !== 'create' && value !== 'update') {
        throw invalidJsonError(`unknown consumer action: ${JSON.stringify(value)}`)
      }
      request.action = value
    } else throw invalidJsonError(`json: unknown field ${JSON.stringify(field)}`)
  }
  return request
}

function wrongType(value: unknown, field: string, type: string): Error {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  return invalidJsonError(
    `json: cannot unmarshal ${kind} into Go struct field CreateConsumerRequest.${field} of type ${type}`,
  )
}

/** `CONSUMER.CREATE.<stream>`, `.<stream>.<name>` and `.<stream>.<name>.<filter>`. */
export function createNewStyle(request: ConsumerRequest): object {
  const asked = decode(request.body)
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

function createEphemeral(request: ConsumerRequest, asked: CreateRequest, stream: string): object {
  checkTarget(asked, stream, asked.config.name ?? '')
  if (asked.config.durable_name) throw consumerError('JSConsumerEphemeralWithDurableNameErr')
  return create(request, asked)
}

/** `CONSUMER.DURABLE.CREATE.<stream>.<name>`. */
export function createDurable(request: ConsumerRequest): object {
  const asked = decode(request.body)
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

function create(request: ConsumerRequest, asked: CreateRequest): object {
  const { config } = asked
  if ((config.num_replicas ?? 0) > 1) throw apiError('JSStreamReplicasNotSupportedErr')
  const stream = streamNamed(request.account, asked.stream_name)
  const existing = stream.consumers.get(config.durable_name || config.name || '')
  // Pausing goes through its own request.
  if (existing !== undefined) config.pause_until = existing.config.pause_until
  const consumer = createConsumer(stream, config, asked.action, asked.pedantic)
  const info = consumer.info()
  if (existing === undefined && consumer.pauseEndMs > stream.clock.now()) {
    consumer.advisories.paused(consumer.pauseEndMs)
  }
  return { ...info, config: encodeConfig(withServerMetadata(consumer.config)) }
}
