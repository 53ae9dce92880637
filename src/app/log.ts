/** The app's log: pino's, or anything with the same five methods. */
import { type DestinationStream, pino, stdSerializers } from 'pino'

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
  /** Is it worth making a line of this level? Without this method it is. */
  isLevelEnabled?(level: string): boolean
  /** A log whose lines all carry these bindings. */
  child(bindings: Record<string, unknown>): Log
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/**
 * JSON lines on standard output; lines for people where that is a terminal. Default level: `LOG_LEVEL` of the
 * environment, or 'info'.
 */
export function makeLog(level: LogLevel | undefined): Log {
  const options = {
    level: level ?? process.env.LOG_LEVEL ?? 'info',
    serializers: { err: stdSerializers.errWithCause },
  }
  return (process.stdout.isTTY ? pino(options, forPeople) : pino(options)) as unknown as Log
}

const LEVELS: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }
const COLOURS: Record<string, string> = { debug: '90', info: '32', warn: '33', error: '31' }

/** `12:30:01.250 info billed stream=ORDERS order=7`, and an error's stack below. */
const forPeople: DestinationStream = {
  write(line: string): void {
    const { level, time, msg, err, pid: _, hostname: __, ...bindings } = JSON.parse(line)
    const name = LEVELS[level] ?? String(level)
    const clock = new Date(time).toTimeString().slice(0, 8)
    const millis = String(time % 1000).padStart(3, '0')
    const pairs = Object.entries(bindings).map(
      ([key, value]) => ` \x1b[90m${key}=\x1b[0m${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    const stack = err === undefined ? '' : `\n${err.stack ?? err.message ?? JSON.stringify(err)}`
    process.stdout.write(
      `\x1b[90m${clock}.${millis}\x1b[0m \x1b[${COLOURS[name] ?? '0'}m${name}\x1b[0m ${msg ?? ''}${pairs.join('')}${stack}\n`,
    )
  },
}
