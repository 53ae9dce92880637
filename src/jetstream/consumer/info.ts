import { encodeConfig } from '../config/consumer/fields.ts'
import { formatMs, ZERO_TIME } from '../config/time-text.ts'
import type { ConsumerInfo as ApiConsumerInfo, SequenceInfo } from '../config/types.ts'
import type { PushDelivery } from './delivery/push-delivery.ts'
import type { PriorityGroups } from './requests/priority-groups.ts'
import type { PullQueue } from './requests/pull-queue.ts'
import type { ConsumerState } from './state/consumer-state.ts'

function sequences(consumerSeq: number, streamSeq: number, lastMs: number): SequenceInfo {
  const info: SequenceInfo = { consumer_seq: consumerSeq, stream_seq: streamSeq }
  if (lastMs > 0) info.last_active = formatMs(lastMs)
  return info
}

/** A priority group and its pinned client. */
export interface PriorityGroupState {
  group: string
  pinned_client_id?: string
  pinned_ts: string
}

export interface ConsumerInfo extends ApiConsumerInfo {
  priority_groups?: PriorityGroupState[]
}

/** A consumer with what its info tells of beside its state. */
export interface ShownConsumer extends ConsumerState {
  readonly groups: PriorityGroups
  readonly pulls: PullQueue | null
  readonly push: PushDelivery | null
  readonly pauseEndMs: number
}

/** A consumer's state as the API shows it. */
export function consumerInfo(consumer: ShownConsumer, nowMs: number): ConsumerInfo {
  const { progress, config, stream } = consumer
  const info: ConsumerInfo = {
    stream_name: stream.name,
    name: consumer.name,
    created: formatMs(consumer.createdMs),
    config: encodeConfig(config),
    delivered: sequences(progress.consumerSeq, progress.deliveredStreamSeq, consumer.lastDeliveredMs),
    ack_floor: sequences(progress.ackFloorConsumerSeq, progress.ackFloorStreamSeq, consumer.lastAckMs),
    num_ack_pending: progress.pending.size,
    num_redelivered: config.max_deliver === 1 ? 0 : progress.redelivered.size,
    num_waiting: consumer.pulls?.length ?? 0,
    num_pending: consumer.numPending(),
    ts: formatMs(nowMs),
  }
  if (consumer.push?.isActive) info.push_bound = true
  if (consumer.pauseEndMs > nowMs) {
    info.paused = true
    info.pause_remaining = Math.round((consumer.pauseEndMs - nowMs) * 1e6)
  }
  const groups = config.priority_groups ?? []
  if (groups.length > 0) {
    const { pinId, pinnedAtMs } = consumer.groups
    info.priority_groups = [
      {
        group: groups[0],
        ...(pinId === '' ? {} : { pinned_client_id: pinId }),
        pinned_ts: pinnedAtMs === 0 ? ZERO_TIME : formatMs(pinnedAtMs),
      },
    ]
  }
  return info
}
