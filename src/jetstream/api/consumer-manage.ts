import { GROUP_NAME } from '../config/consumer/defaults.ts'
import { consumerError } from '../config/consumer/errors.ts'
import { invalidJsonError } from '../config/consumer/fields.ts'
import { stampMetadata } from '../config/consumer/metadata.ts'
import { decodeRequest, LENIENT } from '../config/json/decode.ts'
import { formatMs, parseTime } from '../config/time-text.ts'
import { checkReset } from '../consumer/reset.ts'
import { describe } from './consumer-info.ts'
import {
  type ConsumerRequest,
  consumerNamed,
  parseObject,
  refuseFields,
  streamNamed,
} from './consumer-request.ts'
import { readRequest } from './read-request.ts'
import { answerIdentity, asksIdentity } from './stream-identity.ts'

export const CONSUMER_DELETE_TYPE = 'io.nats.jetstream.api.v1.consumer_delete_response'
export const CONSUMER_PAUSE_TYPE = 'io.nats.jetstream.api.v1.consumer_pause_response'
export const CONSUMER_RESET_TYPE = 'io.nats.jetstream.api.v1.consumer_reset_response'
export const CONSUMER_UNPIN_TYPE = 'io.nats.jetstream.api.v1.consumer_unpin_response'

/** How Go writes the time that nothing was set to. */
const ZERO_TIME = '0001-01-01T00:00:00Z'

/** `CONSUMER.DELETE.<stream>.<name>`. */
export function consumerDeleteRequest(request: ConsumerRequest): object {
  refuseFields(request.body)
  consumerNamed(request).delete()
  return { success: true }
}

/** `CONSUMER.PAUSE.<stream>.<name>`: until a time, or not at all. */
export function consumerPauseRequest(request: ConsumerRequest): object {
  let until: string | undefined
  if (/^\s*[{[]/.test(request.body)) {
    const fields = { pause_until: '*time.Time' } as const
    const asked = readRequest<{ pause_until?: string }>(request, fields, 'JSApiConsumerPauseRequest')
    const { pause_until: wanted = ZERO_TIME } = asked
    const instant = parseTime(wanted)
    if (instant !== null && wanted !== ZERO_TIME) until = formatMs(instant.sec * 1000 + instant.nsec / 1e6)
  }
  const consumer = consumerNamed(request)
  const config = { ...consumer.config, pause_until: until }
  stampMetadata(config)
  consumer.update(config)
  const leftMs = consumer.pauseEndMs - consumer.stream.clock.now()
  return {
    paused: leftMs > 0,
    pause_until: until ?? ZERO_TIME,
    ...(leftMs > 0 ? { pause_remaining: Math.round(leftMs * 1e6) } : {}),
  }
}

/** `CONSUMER.RESET.<stream>.<name>`: back to the ack floor, or to the sequence `seq`. */
export function consumerResetRequest(request: ConsumerRequest): object {
  let seq = 0
  if (request.body !== '') {
    const fields = { seq: 'uint64', [LENIENT]: true } as const
    seq = decodeRequest<{ seq?: number }>(request.body, fields, 'JSApiConsumerResetRequest').seq ?? 0
  }
  const consumer = consumerNamed(request)
  if (asksIdentity(request)) answerIdentity(request, streamNamed(request.account, request.tokens[0]))
  const resetSeq = checkReset(consumer, seq)
  consumer.reset(resetSeq)
  return { ...describe(consumer), reset_seq: resetSeq }
}

/** `CONSUMER.UNPIN.<stream>.<name>`: the pinned client of a group loses its pin. */
export function consumerUnpinRequest(request: ConsumerRequest): object {
  const group = parseObject(request.body, 'JSApiConsumerUnpinRequest').group
  if (typeof group !== 'string' || group === '') throw invalidJsonError('consumer group not specified')
  if (!GROUP_NAME.test(group)) throw consumerError('JSConsumerInvalidGroupNameErr')
  const consumer = consumerNamed(request)
  if (!(consumer.config.priority_groups ?? []).includes(group)) {
    throw consumerError('JSConsumerInvalidPriorityGroupErr')
  }
  consumer.groups.unpin(group, 'admin')
  return {}
}
