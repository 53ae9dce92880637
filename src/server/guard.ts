/**
 * What the server's own callbacks throw: sockets, timers, files, the end of a turn. Nobody above them could catch it, so
 * that it would end the process, which may not be ours. Here it ends the server, and only the server.
 */
import type { Clock, Timer } from '../ports/index.ts'

/** The server has stopped because of a fault in itself; `cause` is what was thrown. */
export class ServerFault extends Error {
  override readonly name = 'ServerFault'

  constructor(thrown: unknown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    super(`the server has stopped because of a fault of its own: ${reason}`, { cause: thrown })
  }
}

export class Guard {
  /** The first fault; null: none. */
  fault: ServerFault | null = null
  /** No guarded callback runs any more: after a fault, and when the server has stopped. */
  isOver = false
  /** Told once. */
  onFault: ((fault: ServerFault) => void) | null = null

  /** Runs a callback of the server. */
  run(work: () => void): void {
    if (this.isOver) return
    try {
      work()
    } catch (thrown) {
      this.report(thrown)
    }
  }

  /** Something was thrown where nobody catches. */
  readonly report = (thrown: unknown): void => {
    if (this.isOver) return
    this.isOver = true
    this.fault = new ServerFault(thrown)
    this.onFault?.(this.fault)
  }
}

/** A clock whose timers are guarded. */
export class GuardedClock implements Clock {
  private readonly clock: Clock
  private readonly guard: Guard
  /** A timer that sets itself again stays the same one for the clock behind: that of tests does not follow short ones for hours. */
  private readonly guarded = new WeakMap<() => void, () => void>()

  constructor(clock: Clock, guard: Guard) {
    this.clock = clock
    this.guard = guard
  }

  now(): number {
    return this.clock.now()
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    let run = this.guarded.get(callback)
    if (run === undefined) {
      run = () => this.guard.run(callback)
      this.guarded.set(callback, run)
    }
    return this.clock.setTimer(run, delayMs)
  }
}
