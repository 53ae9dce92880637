import { CONSUMER_STALLED, LAST_CONSUMER, LAST_STREAM, statusHeader } from '../../headers/status.ts'
import type { Progress } from './progress.ts'

/** Header block of an idle heartbeat; `stalledOn` is the flow control request that waits for an answer. */
export function heartbeatHeader(progress: Progress, stalledOn: string): string {
  const fields: [string, string | number][] = [
    [LAST_CONSUMER, progress.consumerSeq],
    [LAST_STREAM, progress.nextStreamSeq - 1],
  ]
  if (stalledOn !== '') fields.push([CONSUMER_STALLED, stalledOn])
  return statusHeader('100 Idle Heartbeat', fields)
}
