import type { Clock, Timer } from './index.ts'

/** Longest delay of a timer of Node. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The machine's time: the wall clock at the start, carried on by the monotonic one. */
export const realClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  setTimer(callback, delayMs): Timer {
    let timer: NodeJS.Timeout
    // Node takes a delay that it can't count for none.
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, LONGEST_TIMER_MS)
      timer = setTimeout(stepMs < leftMs ? () => wait(leftMs - stepMs) : callback, stepMs)
      timer.unref()
    }
    wait(delayMs)
    return { clear: () => clearTimeout(timer) }
  },
}
