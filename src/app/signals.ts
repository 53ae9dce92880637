/** TERM and INT stop an app; the second one ends the process at once. HUP, USR1 and USR2 do nothing. */
import { constants } from 'node:os'

const EXIT_BY_SIGNAL = 128
const WITHOUT_MEANING: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGUSR1', 'SIGUSR2']

/**
 * Calls `stop` at the first signal, and `ignored` at those without a meaning: by default HUP and USR2 end the process at once,
 * and USR1 opens Node's inspector. Returns what takes the listeners away again.
 */
export function onSignals(
  stop: (signal: NodeJS.Signals) => void,
  ignored: (signal: NodeJS.Signals) => void,
): () => void {
  let isStopping = false
  const listener = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(EXIT_BY_SIGNAL + constants.signals[signal])
    isStopping = true
    stop(signal)
  }
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.on(signal, listener)
  for (const signal of WITHOUT_MEANING) process.on(signal, ignored)
  return () => {
    for (const signal of signals) process.off(signal, listener)
    for (const signal of WITHOUT_MEANING) process.off(signal, ignored)
  }
}
