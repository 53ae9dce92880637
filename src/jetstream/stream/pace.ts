import type { Clock } from '../../ports/index.ts'

const STEP_MS = 10
const MOST_IN_A_STEP = 20

/** Spreads what many would do at the same time, so that others are served between. */
export class Pace {
  private readonly clock: Clock
  /** The step that is being filled. */
  private beganMs = Number.NEGATIVE_INFINITY
  private count = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** How long to wait, in milliseconds; 0: there is room now. Each call takes a place. */
  delayMs(): number {
    const nowMs = this.clock.now()
    if (nowMs >= this.beganMs + STEP_MS) this.begin(nowMs)
    else if (this.count === MOST_IN_A_STEP) this.begin(this.beganMs + STEP_MS)
    this.count++
    return Math.max(0, this.beganMs - nowMs)
  }

  private begin(atMs: number): void {
    this.beganMs = atMs
    this.count = 0
  }
}
