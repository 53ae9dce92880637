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

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

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

/** An error's stack, indented: none of its lines can be taken for one of the log. */
function stackText(stack: string): string {
  return stack
    .split('\n')
    .map((line) => `\n    ${printable(line)}`)
    .join('')
}

const LEVELS: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }
const COLOURS: Record<string, string> = { debug: '90', info: '32', warn: '33', error: '31' }

/** What senders put into subjects, headers and the like: it breaks no line, and moves no cursor. */
function printable(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (character) => {
    const code = (character.codePointAt(0) as number).toString(16)
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`
  })
}

const forPeople: DestinationStream = {
  write: (line) => void process.stdout.write(textForPeople(line)),
}

/** `12:30:01.250 info billed stream=ORDERS order=7`, and an error's stack below, of one of pino's lines. */
export function textForPeople(line: string): string {
  const { level, time, msg, err, pid: _, hostname: __, ...bindings } = JSON.parse(line)
  const name = LEVELS[level] ?? String(level)
  const clock = new Date(time).toTimeString().slice(0, 8)
  const millis = String(time % 1000).padStart(3, '0')
  const pairs = Object.entries(bindings).map(([key, value]) => {
    const shown = typeof value === 'string' ? value : JSON.stringify(value)
    return ` \x1b[90m${printable(key)}=\x1b[0m${printable(shown)}`
  })
  const stack = err === undefined ? '' : stackText(String(err.stack ?? err.message ?? JSON.stringify(err)))
  const head = `\x1b[90m${clock}.${millis}\x1b[0m \x1b[${COLOURS[name] ?? '0'}m${name}\x1b[0m`
  return `${head} ${printable(msg ?? '')}${pairs.join('')}${stack}\n`
}
