/** TERM and INT stop an app; a second one, a moment later, ends the process at once. HUP, USR1 and USR2 do nothing. */
import { constants } from 'node:os'

const EXIT_BY_SIGNAL = 128
/** One Ctrl-C comes more than once: from the terminal, and from the processes above that pass it on. */
const SAME_MS = 500
const WITHOUT_MEANING: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2']

/**
 * Calls `stop` at the first signal (what comes within half a second is the same one again), and `ignored` at those without a meaning: by default HUP and USR2 end the process at once,
 * and USR1 opens Node's inspector. Returns what takes the listeners away again.
 */
export function onSignals(
  stop: (signal: NodeJS.Signals) => void,
  ignored: (signal: NodeJS.Signals) => void,
): () => void {
  let firstMs = -1
  const listener = (signal: NodeJS.Signals) => {
    const nowMs = performance.now()
    if (firstMs < 0) {
      firstMs = nowMs
      stop(signal)
    } else if (nowMs - firstMs > SAME_MS) process.exit(EXIT_BY_SIGNAL + constants.signals[signal])
  }
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.on(signal, listener)
  for (const signal of WITHOUT_MEANING) process.on(signal, ignored)
  return () => {
    for (const signal of signals) process.off(signal, listener)
    for (const signal of WITHOUT_MEANING) process.off(signal, ignored)
  }
}
