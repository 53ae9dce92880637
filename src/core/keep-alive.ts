/** When a connection is pinged, and when it is given up. */
import type { CoreLimits } from './limits.ts'

/** The first PING comes this long after CONNECT, and up to a fifth more: it measures the round trip. */
const FIRST_PING_MS = 2000
/** The round trip is measured again after this long, though the client is busy. */
const MEASURE_AGAIN_MS = 3_600_000

export type KeepAliveVerdict = 'nothing' | 'ping' | 'stale'

export class KeepAlive {
  /** Round trip in milliseconds: from accepting to CONNECT at first, then of the last PING. 0: not known. */
  rttMs = 0
  private pingsOut = 0
  private sentMs = 0
  private nextMs: number
  private readonly limits: CoreLimits

  constructor(limits: CoreLimits, nowMs: number) {
    this.limits = limits
    this.nextMs = nowMs + firstDelay(limits)
  }

  /** CONNECT has come. */
  onConnect(startedMs: number, nowMs: number): void {
    this.rttMs = atLeastOneNanosecond(nowMs - startedMs)
    this.nextMs = nowMs + firstDelay(this.limits)
  }

  onPong(nowMs: number): void {
    this.pingsOut = 0
    if (this.sentMs > 0) this.rttMs = atLeastOneNanosecond(nowMs - this.sentMs)
  }

  /** What is to be done now? `lastInMs`: when the client sent something last. */
  tend(lastInMs: number, nowMs: number): KeepAliveVerdict {
    if (nowMs < this.nextMs) return 'nothing'
    const { pingIntervalMs, pingMax } = this.limits
    this.nextMs = nowMs + pingIntervalMs
    const isMeasured = this.rttMs > 0 && nowMs - this.sentMs <= MEASURE_AGAIN_MS
    if (isMeasured && nowMs - lastInMs < pingIntervalMs) return 'nothing'
    if (this.pingsOut + 1 > pingMax) return 'stale'
    this.pingsOut++
    this.sentMs = nowMs
    return 'ping'
  }
}

function firstDelay(limits: CoreLimits): number {
  return Math.min(limits.pingIntervalMs, FIRST_PING_MS) * (1 + Math.random() / 5)
}

function atLeastOneNanosecond(ms: number): number {
  return Math.max(ms, 1e-6)
}
