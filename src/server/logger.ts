/** Log lines in nats-server's manner: `[pid] 2026/11/25 03:00:00.123456 [INF] text`. */
import { writeSync } from 'node:fs'
import type { LogLevel } from '../core/index.ts'
import { printable } from '../wire/index.ts'
import { LogFile } from './log-file.ts'

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
  /** Bytes above which the file is put aside as `<file>.<time>`, and begun anew. Default: never. */
  sizeLimit?: number
  /** Files to keep, the one in use with them. Default: all. */
  maxFiles?: number
}

/** The log of a process. */
export interface LogOptions extends TextLoggerOptions {
  /** To this machine's syslog instead, unless there is a file. Default: false. */
  syslog?: boolean
  /** To another machine's: `udp://host:port`, `tcp://host:port` or `unix:///path`. Default: none. */
  remoteSyslog?: string
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
  private file: LogFile | null = null

  /** @throws Error of node:fs when the file can't be opened */
  constructor(options: TextLoggerOptions = {}) {
    this.debug = options.debug ?? false
    this.trace = options.trace ?? false
    this.time = options.time ?? true
    this.utc = options.utc ?? false
    const { file: path, sizeLimit = 0, maxFiles = 0 } = options
    if (path)
      this.file = new LogFile({ path, sizeLimit, maxFiles, line: (level, text) => this.line(level, text) })
  }

  log(level: LogLineLevel, text: string): void {
    if ((level === 'debug' && !this.debug) || (level === 'trace' && !this.trace)) return
    const line = this.line(level, text)
    if (this.file !== null) {
      this.file.write(line)
      return
    }
    try {
      writeSync(STANDARD_ERROR, line)
    } catch {
      // A log that can't be written (a closed pipe) must not stop the server.
    }
  }

  /**
   * Goes on in the file that has the log's name now. False: it is no file.
   * @throws Error of node:fs; the old file is used further then
   */
  reopen(): boolean {
    this.file?.reopen()
    return this.file !== null
  }

  close(): void {
    this.file?.close()
    this.file = null
  }

  private line(level: LogLineLevel, text: string): string {
    const time = this.time ? `${timestamp(this.utc)} ` : ''
    return `[${process.pid}] ${time}[${labels[level]}] ${text}\n`
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
