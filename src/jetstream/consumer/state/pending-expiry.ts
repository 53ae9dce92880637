import type { ConsumerState } from './consumer-state.ts'
import { ACK_WAIT_SLACK_MS, type Deliveries } from './deliveries.ts'

/**
 * Queues what was delivered and not acknowledged in time for redelivery, in order of sequence. Returns when to look again
 * (milliseconds), Infinity when nothing is pending.
 */
export function expirePending(consumer: ConsumerState, deliveries: Deliveries, nowMs: number): number {
  const { progress, config } = consumer
  const { pending } = progress
  if (pending.size === 0 || (config.ack_wait ?? 0) <= 0) return Infinity
  const backoff = config.backoff ?? []
  let nextMs =
    backoff.length > 0 ? backoff[backoff.length - 1] / 1e6 : consumer.ackWaitMs(0) + ACK_WAIT_SLACK_MS
  /** What expires together keeps its distances in time, so that it stays in order the next time. */
  let shiftMs = -1
  for (let row = pending.first; row !== -1; ) {
    const here = row
    row = pending.next[row]
    const seq = pending.streamSeq[here]
    const redeliveries = Math.max(progress.redelivered.get(seq) ?? 0, 0)
    const waitMs = consumer.ackWaitMs(redeliveries)
    if (backoff.length > 0) nextMs = Math.min(nextMs, consumer.ackWaitMs(redeliveries + 1))
    const leftMs = pending.timeMs[here] + waitMs - nowMs
    if (leftMs > 0) {
      nextMs = Math.min(nextMs, leftMs)
      continue
    }
    if (pending.queuedAt[here] !== 0 || isSpent(consumer, deliveries, seq, here)) continue
    if (shiftMs < 0) shiftMs = nowMs - pending.timeMs[here]
    progress.enqueue(here)
    pending.timeMs[here] += shiftMs
  }
  return pending.size === 0 ? Infinity : nowMs + Math.max(nextMs, 1)
}

/** Was this the last allowed delivery? Then the message is given up here, without waiting for a client to ask. */
function isSpent(consumer: ConsumerState, deliveries: Deliveries, seq: number, row: number): boolean {
  const most = consumer.config.max_deliver ?? -1
  if (most <= 0) return false
  const times = Math.max(consumer.progress.redelivered.get(seq) ?? 0, 1)
  if (times < most) return false
  if (times === most) consumer.advisories.maxDeliveries(seq, times)
  deliveries.exhaust(seq, row, times)
  return true
}
