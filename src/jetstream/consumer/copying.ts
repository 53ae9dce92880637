import { retainsMessages } from '../config/consumer/defaults.ts'
import type { ConsumerConfig, StreamConfig } from '../config/types.ts'
import { uniqueId } from '../config/unique-id.ts'

const SUFFIX_LENGTH = 8

/**
 * What a mirror or a source asks for is an ephemeral consumer without acks, under a name that is the same each time. A stream that
 * keeps messages until they are acknowledged makes it durable, and has it acknowledge by flow control (ADR-60); elsewhere each
 * one gets a name of its own.
 */
export function prepareForCopy(stream: StreamConfig, config: ConsumerConfig): void {
  if (!retainsMessages(stream)) {
    config.name = `${config.name}-${uniqueId(SUFFIX_LENGTH)}`
    return
  }
  config.direct = false
  config.durable_name = config.name
  config.ack_policy = 'flow_control'
  config.ack_wait = 0
  config.max_deliver = 0
  config.inactive_threshold = 0
}
