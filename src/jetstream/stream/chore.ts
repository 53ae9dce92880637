import type { Turn, TurnTask } from '../../core/index.ts'

/** How long it holds the thread in one turn, milliseconds. */
export const CHORE_SLICE_MS = 0.2

/**
 * Work that may be long and that nobody waits for: some of it is done at once, the rest in the turns that follow, with everybody
 * else's in between.
 */
export class Chore {
  /** There is more to do. */
  isWaiting = false
  private readonly turn: Turn
  private readonly step: () => boolean
  private onDone: (() => void)[] | null = null
  /** null until it is needed. */
  private pause: TurnTask | null = null

  /** `step` does a little, some dozens of messages, and tells whether there is more. */
  constructor(turn: Turn, step: () => boolean) {
    this.turn = turn
    this.step = step
  }

  start(): void {
    if (!this.isWaiting) this.work()
  }

  /** Resolves when there is nothing to do for now. */
  async done(): Promise<void> {
    if (!this.isWaiting) return
    this.onDone ??= []
    const { onDone } = this
    await new Promise<void>((resolve) => onDone.push(resolve))
  }

  private work(): void {
    this.isWaiting = false
    const endMs = performance.now() + CHORE_SLICE_MS
    while (this.step()) {
      if (performance.now() < endMs) continue
      this.isWaiting = true
      this.pause ??= this.makePause()
      this.turn.deferFlush(this.pause)
      return
    }
    const { onDone } = this
    if (onDone === null) return
    this.onDone = null
    for (const resolve of onDone) resolve()
  }

  /** A flush is what a turn ends with: what it puts off comes in the next one. */
  private makePause(): TurnTask {
    const task: TurnTask = { deferred: false, run: () => this.work() }
    return { deferred: false, run: () => this.turn.deferWork(task) }
  }
}
