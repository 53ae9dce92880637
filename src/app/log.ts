/** The app's log: pino's, or anything with the same five methods. */
import { pino } from 'pino'

/** Methods take bindings and a sentence, or a sentence alone. */
export interface LogMethod {
  (bindings: object, sentence?: string): void
  (sentence: string): void
}

export interface Log {
  debug: LogMethod
  info: LogMethod
  warn: LogMethod
  error: LogMethod
  /** A log whose lines all carry these bindings. */
  child(bindings: Record<string, unknown>): Log
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** JSON lines on standard output. Default level: `LOG_LEVEL` of the environment, or 'info'. */
export function makeLog(level: LogLevel | undefined): Log {
  return pino({ level: level ?? process.env.LOG_LEVEL ?? 'info' }) as unknown as Log
}
