/** Log lines in nats-server's manner: `[pid] 2026/11/25 03:00:00.123456 [INF] text`. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { LogLevel } from '../core/index.ts'
import { printable } from '../wire/index.ts'

export type LogLineLevel = LogLevel | 'fatal'

/** Takes log lines; one method, so that any logger is quickly adapted. */
export interface Logger {
  log(level: LogLineLevel, text: string): void
}

export interface TextLoggerOptions {
  /** Lines of level debug. Default: false. */
  debug?: boolean
  /** Lines of level trace. Default: false. */
  trace?: boolean
  /** Date and time in every line. Default: true. */
  time?: boolean
  /** Universal instead of local time. Default: false. */
  utc?: boolean
  /** File to append to. Default: standard error. */
  file?: string
}

const labels: Record<LogLineLevel, string> = {
  debug: 'DBG',
  error: 'ERR',
  fatal: 'FTL',
  info: 'INF',
  trace: 'TRC',
  warn: 'WRN',
}

const STANDARD_ERROR = 2

/** Writes lines to standard error or a file, in order and at once. */
export class TextLogger implements Logger {
  private readonly debug: boolean
  private readonly trace: boolean
  private readonly time: boolean
  private readonly utc: boolean
  private descriptor: number

  /** @throws Error of node:fs when the file can't be opened */
  constructor(options: TextLoggerOptions = {}) {
    this.debug = options.debug ?? false
    this.trace = options.trace ?? false
    this.time = options.time ?? true
    this.utc = options.utc ?? false
    this.descriptor = options.file ? openSync(options.file, 'a', 0o640) : STANDARD_ERROR
  }

  log(level: LogLineLevel, text: string): void {
    if ((level === 'debug' && !this.debug) || (level === 'trace' && !this.trace)) return
    const time = this.time ? `${timestamp(this.utc)} ` : ''
    const line = `[${process.pid}] ${time}[${labels[level]}] ${text}\n`
    try {
      writeSync(this.descriptor, line)
    } catch {
      // A log that can't be written (a closed pipe, a full disk) must not stop the server.
    }
  }

  close(): void {
    if (this.descriptor !== STANDARD_ERROR) closeSync(this.descriptor)
    this.descriptor = STANDARD_ERROR
  }
}

/** Takes lines and forgets them, but for the end of a server that nobody asked for: that is a warning of the process. */
export const warningLogger: Logger = {
  log: (level, text) => {
    if (level === 'fatal') process.emitWarning(text, 'ContrailServerWarning')
  },
}

/**
 * What clients say of themselves comes into lines: each stays one line, and nothing in it moves a cursor. What the logger
 * behind it throws is its owner's to hear of, outside of the server.
 */
export class LineLogger implements Logger {
  private readonly logger: Logger

  constructor(logger: Logger) {
    this.logger = logger
  }

  log(level: LogLineLevel, text: string): void {
    try {
      this.logger.log(level, printable(text))
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown
      })
    }
  }
}

function timestamp(utc: boolean): string {
  const nowMs = performance.timeOrigin + performance.now()
  const micros = Math.floor((nowMs % 1000) * 1000)
  const date = new Date(nowMs)
  const shift = utc ? 0 : date.getTimezoneOffset() * 60_000
  const iso = new Date(nowMs - shift).toISOString()
  return `${iso.slice(0, 10).replaceAll('-', '/')} ${iso.slice(11, 19)}.${String(micros).padStart(6, '0')}`
}
