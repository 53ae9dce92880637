/** The end of a server in its own time: clients are told to go elsewhere, then closed one after the other. */
import { type Bus, CloseReason } from '../core/index.ts'
import type { Clock, Timer } from '../ports/index.ts'

export interface LameDuckTimes {
  /** All of it, milliseconds. */
  lameDuckMs: number
  /** Before the first is closed, milliseconds. */
  lameDuckGraceMs: number
}

/** What is left for closing where the grace period takes all, and the longest pause between two clients. */
const MOST_PAUSE_MS = 1000

/** Timers and closing; whoever makes it has stopped listening, and stops the server when it is through. */
export class LameDuck {
  private readonly bus: Bus
  private readonly clock: Clock
  private timer: Timer | null = null
  private tellDone: () => void = () => {}
  /** Resolves when the last client was closed, or when it was ended. */
  private readonly done = new Promise<void>((resolve) => {
    this.tellDone = resolve
  })

  constructor(bus: Bus, clock: Clock) {
    this.bus = bus
    this.clock = clock
  }

  run({ lameDuckMs, lameDuckGraceMs }: LameDuckTimes): Promise<void> {
    const { bus } = this
    if (bus.connections.size === 0) return Promise.resolve()
    const clients = shuffled([...bus.connections.values()])
    bus.announceLameDuck()
    const closingMs = Math.max(lameDuckMs - lameDuckGraceMs, MOST_PAUSE_MS)
    const pauseMs = Math.min(closingMs / clients.length, MOST_PAUSE_MS)
    /** Timers are no shorter than this: many clients are closed some at a time. */
    const atOnce = Math.max(1, Math.floor(1 / pauseMs))
    const closeSome = (): void => {
      for (let i = 0; i < atOnce; i++) clients.pop()?.close(CloseReason.serverShutdown)
      if (clients.length === 0) this.tellDone()
      else this.after(pauseMs * atOnce * (0.5 + Math.random() / 2), closeSome)
    }
    this.after(lameDuckGraceMs, () => {
      bus.log('info', 'Closing existing clients')
      closeSome()
    })
    return this.done
  }

  /** Closes nobody any more. */
  end(): void {
    this.timer?.clear()
    this.timer = null
    this.tellDone()
  }

  private after(ms: number, work: () => void): void {
    this.timer = this.clock.setTimer(work, ms)
  }
}

function shuffled<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    ;[items[i], items[other]] = [items[other], items[i]]
  }
  return items
}
