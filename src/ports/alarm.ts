import type { Clock, Timer } from '../../ports/index.ts'

const LONGEST_TIMER_MS = 2 ** 31 - 1

/** One timer for everything that a consumer waits for. It may ring early; who is called looks what is due. */
export class Alarm {
  private readonly clock: Clock
  private readonly ring: () => void
  private timer: Timer | null = null
  private atMs = Infinity

  constructor(clock: Clock, onRing: () => void) {
    this.clock = clock
    this.ring = () => {
      this.timer = null
      this.atMs = Infinity
      onRing()
    }
  }

  /** Rings at this time (milliseconds) at the latest; Infinity asks for nothing. */
  set(atMs: number): void {
    if (atMs >= this.atMs) return
    this.timer?.clear()
    this.atMs = atMs
    const delayMs = Math.ceil(Math.max(0, atMs - this.clock.now()))
    this.timer = this.clock.setTimer(this.ring, Math.min(delayMs, LONGEST_TIMER_MS))
  }

  clear(): void {
    this.timer?.clear()
    this.timer = null
    this.atMs = Infinity
  }
}
