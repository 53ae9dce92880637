import { encodeConfig } from '../config/consumer/fields.ts'
import { withServerMetadata } from '../config/consumer/metadata.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { type ConsumerRequest, consumerNamed, refuseFields, streamNamed } from './consumer-request.ts'
import { readRequest } from './read-request.ts'

export const CONSUMER_INFO_TYPE = 'io.nats.jetstream.api.v1.consumer_info_response'
export const CONSUMER_NAMES_TYPE = 'io.nats.jetstream.api.v1.consumer_names_response'
export const CONSUMER_LIST_TYPE = 'io.nats.jetstream.api.v1.consumer_list_response'

const PAGE_FIELDS = { offset: { embedded: 'ApiPagedRequest', kind: 'int' } } as const

/** Most entries of one answer. */
const NAMES_LIMIT = 1024
const LIST_LIMIT = 256

/** The info as answers show it. */
export function describe(consumer: Consumer): object {
  return { ...consumer.info(), config: encodeConfig(withServerMetadata(consumer.config)) }
}

/** `CONSUMER.INFO.<stream>.<name>`. */
export function consumerInfoRequest(request: ConsumerRequest): object {
  refuseFields(request.body)
  return describe(consumerNamed(request))
}

function page(request: ConsumerRequest, limit: number): { total: number; offset: number; found: Consumer[] } {
  let offset = 0
  if (/^\s*[{[]/.test(request.body)) {
    const asked = readRequest<{ offset?: number }>(request, PAGE_FIELDS, 'JSApiConsumersRequest')
    offset = Math.max(asked.offset ?? 0, 0)
  }
  const stream = streamNamed(request.account, request.tokens[0])
  const all = [...stream.consumers.values()].filter((consumer) => consumer.config.direct !== true)
  all.sort((a, b) => (a.name < b.name ? -1 : 1))
  offset = Math.min(offset, all.length)
  return { total: all.length, offset, found: all.slice(offset, offset + limit) }
}

/** `CONSUMER.NAMES.<stream>`. */
export function consumerNamesRequest(request: ConsumerRequest): object {
  const { total, offset, found } = page(request, NAMES_LIMIT)
  return { total, offset, limit: NAMES_LIMIT, consumers: found.map((consumer) => consumer.name) }
}

/** `CONSUMER.LIST.<stream>`. */
export function consumerListRequest(request: ConsumerRequest): object {
  const { total, offset, found } = page(request, LIST_LIMIT)
  return { total, offset, limit: LIST_LIMIT, consumers: found.map((consumer) => consumer.info()) }
}
