/** A consumer that is paused at the server: nobody gets its messages (nats-server 2.11 and later). */
import { duration, flag, type Table } from '../options.ts'
import { type Duration, toMs } from '../units.ts'

export interface PauseOptions {
  /** For all processes that share the durable, and over restarts. Default: false, this process only. */
  everywhere?: boolean
  /** With `everywhere`: it goes on by itself after so long. Default: when it is resumed. */
  for?: Duration
}

export const PAUSE_OPTIONS: Table<PauseOptions> = { everywhere: flag, for: duration }

const FOR_EVER = new Date('2200-01-01T00:00:00Z')

export function pausedUntil(options: PauseOptions): Date {
  return options.for === undefined ? FOR_EVER : new Date(Date.now() + toMs(options.for, 'for'))
}
