import { isDurable } from '../config/consumer/defaults.ts'
import type { PushDelivery } from './delivery/push-delivery.ts'
import type { PullQueue } from './requests/pull-queue.ts'
import type { ConsumerState } from './state/consumer-state.ts'

/** Ephemeral consumers without a threshold of their own (seconds 5). */
export const DEFAULT_INACTIVE_NS = 5e9
/** Spread of 0.1 to 1 second over the threshold, so that not all go in the same moment. */
const SPREAD_FROM_MS = 100
const SPREAD_MS = 900

/** Tells when a consumer that nobody uses is to go. */
export class Inactivity {
  /** When to look, Infinity for never. */
  checkAtMs = Infinity
  private readonly consumer: ConsumerState
  private readonly pulls: PullQueue | null
  private readonly push: PushDelivery | null
  private readonly sweepPulls: (nowMs: number) => void
  /** 0: it stays for ever. */
  private thresholdMs = 0

  constructor(
    consumer: ConsumerState,
    pulls: PullQueue | null,
    push: PushDelivery | null,
    sweepPulls: (nowMs: number) => void,
  ) {
    this.consumer = consumer
    this.pulls = pulls
    this.push = push
    this.sweepPulls = sweepPulls
  }

  /** Takes the threshold from the configuration; for ephemeral consumers the default is written there. */
  configure(nowMs: number): void {
    const { pulls } = this
    const { config } = this.consumer
    const ns = config.inactive_threshold ?? 0
    const spreadMs = SPREAD_FROM_MS + Math.random() * SPREAD_MS
    if (ns > 0) this.thresholdMs = ns / 1e6 + (pulls === null ? 0 : spreadMs)
    else if (isDurable(config)) this.thresholdMs = 0
    else {
      this.thresholdMs = DEFAULT_INACTIVE_NS / 1e6 + spreadMs
      config.inactive_threshold = DEFAULT_INACTIVE_NS
    }
    const isInUse = this.push?.isActive === true
    this.checkAtMs = this.thresholdMs > 0 && !isInUse ? nowMs + this.thresholdMs : Infinity
  }

  /** A push consumer's deliver subject gained or lost its listeners. */
  interestChanged(nowMs: number): void {
    const isInUse = this.push?.isActive === true
    this.checkAtMs = this.thresholdMs > 0 && !isInUse ? nowMs + this.thresholdMs : Infinity
  }

  /** At `checkAtMs`: is the time over? Otherwise `checkAtMs` moves on. */
  isOver(nowMs: number): boolean {
    const { consumer, pulls } = this
    const { progress } = consumer
    if (pulls === null) {
      this.checkAtMs = Infinity
      return this.push?.isActive !== true
    }
    const restMs = pulls.lastActiveMs + this.thresholdMs - nowMs
    if (restMs > 0) {
      this.checkAtMs = nowMs + restMs
      return false
    }
    this.sweepPulls(nowMs)
    if (pulls.length > 0) {
      this.checkAtMs = nowMs + this.thresholdMs
      return false
    }
    // Somebody may still be working on what is pending: its ack wait comes first.
    const { pending } = progress
    let latestMs = 0
    for (let row = pending.first; row !== -1; row = pending.next[row]) {
      const redeliveries = progress.redelivered.get(pending.streamSeq[row]) ?? 0
      latestMs = Math.max(latestMs, pending.timeMs[row] + consumer.ackWaitMs(redeliveries) + this.thresholdMs)
    }
    if (latestMs <= nowMs) return true
    this.checkAtMs = latestMs
    return false
  }
}
