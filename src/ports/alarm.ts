import type { Clock, Timer } from './index.ts'

const LONGEST_TIMER_MS = 2 ** 31 - 1

/** One timer for the next of many events. It may ring early; who is called looks what is due, and sets it again. */
export class Alarm {
  private readonly clock: Clock
  private readonly leastMs: number
  private readonly ring: () => void
  private timer: Timer | null = null
  /** Time for which it is set; Infinity while it is not. */
  private atMs = Number.POSITIVE_INFINITY

  /** `leastMs`: it rings no sooner than this after it is set, so that what comes soon after each other is one event. */
  constructor(clock: Clock, onRing: () => void, leastMs = 0) {
    this.clock = clock
    this.leastMs = leastMs
    this.ring = () => {
      this.timer = null
      this.atMs = Number.POSITIVE_INFINITY
      onRing()
    }
  }

  get isSet(): boolean {
    return this.timer !== null
  }

  /** Rings at this time (milliseconds) at the latest; Infinity asks for nothing. */
  set(atMs: number): void {
    if (atMs < this.atMs) this.begin(atMs)
  }

  /** Rings at this time, and not at the one that was set before; Infinity: not at all. */
  move(atMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) this.clear()
    else this.begin(atMs)
  }

  clear(): void {
    this.timer?.clear()
    this.timer = null
    this.atMs = Number.POSITIVE_INFINITY
  }

  private begin(atMs: number): void {
    this.timer?.clear()
    this.atMs = atMs
    const delayMs = Math.max(Math.ceil(atMs - this.clock.now()), this.leastMs)
    this.timer = this.clock.setTimer(this.ring, Math.min(delayMs, LONGEST_TIMER_MS))
  }
}
