/** Time that goes on as usual, and can be let pass: timers fire in their order, each at its time. */
import type { Clock, Timer } from '../server/index.ts'

interface Alarm {
  readonly atMs: number
  readonly order: number
  readonly delayMs: number
  readonly callback: () => void
  real: NodeJS.Timeout | undefined
}

/** A timer that sets itself again and again after so short a time is not followed through hours. */
const SHORT_MS = 1000
const MOST_SHORT = 100

export class TestClock implements Clock {
  #aheadMs = 0
  #order = 0
  readonly #alarms = new Set<Alarm>()

  now(): number {
    return performance.timeOrigin + performance.now() + this.#aheadMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const alarm: Alarm = {
      atMs: this.now() + delayMs,
      delayMs,
      order: this.#order++,
      callback,
      real: undefined,
    }
    this.#alarms.add(alarm)
    alarm.real = setTimeout(() => this.#fire(alarm), delayMs)
    alarm.real.unref()
    return {
      clear: () => {
        clearTimeout(alarm.real)
        this.#alarms.delete(alarm)
      },
    }
  }

  /**
   * Lets time pass. `settle` is awaited after each timer: what it brings about may set others, which fire too when they are
   * due by then.
   */
  async advance(byMs: number, settle: () => Promise<void>): Promise<void> {
    const untilMs = this.now() + byMs
    const fired = new Map<() => void, number>()
    for (let next = this.#nextBy(untilMs, fired); next !== undefined; next = this.#nextBy(untilMs, fired)) {
      this.#aheadMs += Math.max(0, next.atMs - this.now())
      clearTimeout(next.real)
      if (next.delayMs < SHORT_MS) fired.set(next.callback, (fired.get(next.callback) ?? 0) + 1)
      this.#fire(next)
      await settle()
    }
    this.#aheadMs += Math.max(0, untilMs - this.now())
    await settle()
  }

  #fire(alarm: Alarm): void {
    if (this.#alarms.delete(alarm)) alarm.callback()
  }

  #nextBy(untilMs: number, fired: ReadonlyMap<() => void, number>): Alarm | undefined {
    let first: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (alarm.atMs > untilMs || (fired.get(alarm.callback) ?? 0) >= MOST_SHORT) continue
      if (
        first === undefined ||
        alarm.atMs < first.atMs ||
        (alarm.atMs === first.atMs && alarm.order < first.order)
      ) {
        first = alarm
      }
    }
    return first
  }
}
