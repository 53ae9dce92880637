import type { Clock, Timer } from '../../ports/index.ts'
import { ReadFailure } from '../../storage/index.ts'

/** Time until what could not be done is tried again, milliseconds. */
export const READ_AGAIN_MS = 1000
/** Works kept; a stream takes no new messages while there are any, so what adds to them is what was there before. */
const MOST_WORKS = 100_000

/**
 * What a stream owes because a file could not be read at the moment: messages that are settled, over a limit or too old, and
 * could not be removed. Tried again until it is done.
 */
export class Later {
  private readonly clock: Clock
  private works: (() => void)[] = []
  private timer: Timer | null = null
  private isClosed = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Is something owed? */
  get isWaiting(): boolean {
    return this.works.length > 0
  }

  /** Takes what failed with `error`, to be done again. Throws `error` when it is anything but a failed read. */
  add(error: unknown, work: () => void): void {
    if (!(error instanceof ReadFailure) || this.works.length >= MOST_WORKS) throw error
    if (this.isClosed) return
    this.works.push(work)
    this.timer ??= this.clock.setTimer(() => this.tryAll(), READ_AGAIN_MS)
  }

  close(): void {
    this.isClosed = true
    this.timer?.clear()
    this.works = []
  }

  private tryAll(): void {
    this.timer = null
    const { works } = this
    this.works = []
    for (let i = 0; i < works.length; i++) {
      try {
        works[i]()
      } catch (error) {
        this.add(error, works[i])
        // The others would fail alike, and keep their order.
        this.works.push(...works.slice(i + 1))
        return
      }
    }
  }
}
