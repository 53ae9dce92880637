import type { Clock, Timer } from '../ports/index.ts'
import type { Pausable, WaitedFor, Waiting } from './origin.ts'

/** The longest that a publisher waits for one receiver. */
const STALL_MS = 5

/** A fast publisher is not read from until its receiver has caught up, or for a moment at most. */
export class Stall implements Waiting {
  private timer: Timer | null = null
  private readonly clock: Clock
  private readonly publisher: Pausable

  constructor(clock: Clock, publisher: Pausable) {
    this.clock = clock
    this.publisher = publisher
  }

  begin(receiver: WaitedFor): void {
    if (this.timer !== null) return
    this.publisher.pause()
    receiver.waiting.add(this)
    this.timer = this.clock.setTimer(() => {
      receiver.waiting.delete(this)
      this.release()
    }, STALL_MS)
  }

  release(): void {
    if (this.timer === null) return
    this.end()
    this.publisher.resume()
  }

  /** The publisher is gone. */
  end(): void {
    this.timer?.clear()
    this.timer = null
  }
}
