import type { Clock, Timer } from './index.ts'

/** The machine's time: the wall clock at the start, carried on by the monotonic one. */
export const realClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  setTimer(callback, delayMs): Timer {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return { clear: () => clearTimeout(timer) }
  },
}
