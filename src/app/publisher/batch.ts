/** Several messages published as one: all are stored, one behind the other, or none (ADR-50). */
import type { BatchAck } from '@nats-io/jetstream'
import { headers, nuid } from '@nats-io/nats-core'
import { ContrailError } from '../errors.ts'
import type { BrokerPublisher } from './broker-publisher.ts'
import { headersOf } from './headers.ts'
import type { PublishOptions } from './options.ts'

/** A message of a batch. `expect.stream` and `expect.lastSeq` count on the first one only. */
export interface BatchMessage extends Omit<PublishOptions, 'replyTo' | 'timeout'> {
  subject: string
  data?: unknown
}

/** The server's limit. */
const MAX_MESSAGES = 1000

/**
 * Resolves to the PubAck of the whole (`batch`, `count`, the last one's `seq`). The stream needs `allowAtomic`.
 * @throws ContrailError INVALID_OPTION when there are none, or more than 1000; PublishRefusedError as the server says
 */
export async function publishAtomic(
  broker: BrokerPublisher,
  messages: readonly BatchMessage[],
  options: Pick<PublishOptions, 'timeout'> = {},
): Promise<BatchAck> {
  if (messages.length === 0 || messages.length > MAX_MESSAGES) {
    throw new ContrailError(
      'INVALID_OPTION',
      `A batch has 1 to ${MAX_MESSAGES} messages, not ${messages.length}.`,
    )
  }
  const id = nuid.next()
  const last = messages.length - 1
  for (let i = 0; i < last; i++) {
    const { subject, data, ...rest } = messages[i]
    // Only the whole is acknowledged; what is wrong with one of them is the answer to the last.
    await broker.publishToBatch(subject, data, part(rest, id, i + 1), rest.codec)
  }
  const { subject, data, ...rest } = messages[last]
  const closing = part(rest, id, last + 1)
  closing.set('Nats-Batch-Commit', '1')
  const whole = broker.publishToStream(subject, data, { codec: rest.codec, headers: closing, ...options })
  return whole as Promise<unknown> as Promise<BatchAck>
}

function part(options: PublishOptions, id: string, sequence: number) {
  const all = headersOf(options) ?? headers()
  all.set('Nats-Batch-Id', id)
  all.set('Nats-Batch-Sequence', String(sequence))
  return all
}
