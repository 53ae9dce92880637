import type { Clock, Timer } from './index.ts'

interface Alarm {
  atMs: number
  order: number
  callback: (() => void) | null
}

/** Time that passes when told to. */
export class SimulatedClock implements Clock {
  private nowMs: number
  private alarms: Alarm[] = []
  private order = 0

  constructor(startMs = 1_700_000_000_000) {
    this.nowMs = startMs
  }

  now(): number {
    return this.nowMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const alarm: Alarm = { atMs: this.nowMs + Math.max(0, delayMs), order: this.order++, callback }
    this.alarms.push(alarm)
    return {
      clear: () => {
        alarm.callback = null
      },
    }
  }

  /** Lets time pass; timers fire in their order, each at its time. */
  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs
    for (;;) {
      this.alarms = this.alarms.filter((alarm) => alarm.callback !== null)
      let first: Alarm | null = null
      for (const alarm of this.alarms) {
        if (
          alarm.atMs <= untilMs &&
          (first === null ||
            alarm.atMs < first.atMs ||
            (alarm.atMs === first.atMs && alarm.order < first.order))
        ) {
          first = alarm
        }
      }
      if (first === null) break
      this.nowMs = Math.max(this.nowMs, first.atMs)
      const { callback } = first
      first.callback = null
      callback?.()
    }
    this.nowMs = untilMs
  }
}
