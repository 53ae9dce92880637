import { consumerError } from '../config/consumer/errors.ts'
import { type Instant, parseTime } from '../config/time-text.ts'
import type { ConsumerState } from './state/consumer-state.ts'

/** Where a reset to `seq` (0: to the ack floor) leads. Throws ApiError when the deliver policy does not allow it. */
export function checkReset(consumer: ConsumerState, seq: number): number {
  const { config, progress, stream } = consumer
  if (seq === 0) return progress.ackFloorStreamSeq + 1
  const refuse = (err: string) => consumerError('JSConsumerInvalidResetErr', { err })
  switch (config.deliver_policy) {
    case 'all':
      return seq
    case 'by_start_sequence':
      if (seq < (config.opt_start_seq ?? 0)) throw refuse('below start seq')
      return seq
    case 'by_start_time': {
      const { sec, nsec } = parseTime(config.opt_start_time as string) as Instant
      if (seq < stream.log.seqAtTime(sec, nsec)) throw refuse('below start time')
      return seq
    }
    default:
      throw refuse('not allowed')
  }
}
