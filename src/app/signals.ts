/** TERM and INT stop an app; the second one ends the process at once. */
import { constants } from 'node:os'

const EXIT_BY_SIGNAL = 128

/** Calls `stop` at the first signal. Returns what takes the listeners away again. */
export function onSignals(stop: (signal: NodeJS.Signals) => void): () => void {
  let isStopping = false
  const listener = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(EXIT_BY_SIGNAL + constants.signals[signal])
    isStopping = true
    stop(signal)
  }
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM']
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}
