/** A log on disk: appended to at once, opened anew when another program has moved it away, and rotated by its size. */
import { closeSync, fstatSync, openSync, readdirSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface LogFileOptions {
  path: string
  /** Bytes above which the file is put aside as `<path>.<time>`; 0: never. */
  sizeLimit: number
  /** Files to keep, the one in use with them; 0: all. */
  maxFiles: number
  /** Makes a line of the file's own about itself. */
  line(level: 'error' | 'info', text: string): string
}

const MODE = 0o640
/** What a file that was put aside is called by behind the log's own name. */
const STAMP = /^\d{4}(\.\d\d){5}\.\d{1,9}$/

export class LogFile {
  private readonly options: LogFileOptions
  private descriptor: number
  private bytes: number
  /** Raised when the file could not be put aside, so that it is not tried with each line. */
  private limit: number

  /** @throws Error of node:fs when the file can't be opened */
  constructor(options: LogFileOptions) {
    this.options = options
    this.limit = options.sizeLimit
    this.descriptor = openSync(options.path, 'a', MODE)
    this.bytes = fstatSync(this.descriptor).size
  }

  write(line: string): void {
    try {
      this.bytes += writeSync(this.descriptor, line)
    } catch {
      // A log that can't be written (a full disk) must not stop the server.
    }
    if (this.limit > 0 && this.bytes > this.limit) this.rotate()
  }

  /**
   * Goes on in the file that has the name now.
   * @throws Error of node:fs; the old one is used further then
   */
  reopen(): void {
    const next = openSync(this.options.path, 'a', MODE)
    closeSync(this.descriptor)
    this.descriptor = next
    this.bytes = fstatSync(next).size
    this.limit = this.options.sizeLimit
  }

  close(): void {
    closeSync(this.descriptor)
  }

  private rotate(): void {
    const { path, line } = this.options
    const aside = `${path}.${stamp()}`
    try {
      renameSync(path, aside)
      this.reopen()
    } catch (error) {
      this.limit *= 2
      const then = `will attempt next rotation at size ${this.limit}`
      this.writeOwn(line('error', `Unable to rotate the log file (${(error as Error).message}), ${then}`))
      return
    }
    this.writeOwn(line('info', `Rotated log, backup saved as "${aside}"`))
    if (this.options.maxFiles > 0) this.purge()
  }

  /** Removes the oldest of those put aside. */
  private purge(): void {
    const { path, maxFiles, line } = this.options
    const folder = dirname(path)
    try {
      const prefix = `${basename(path)}.`
      const aside = readdirSync(folder)
        .filter((name) => name.startsWith(prefix) && STAMP.test(name.slice(prefix.length)))
        .sort()
      for (const name of aside.slice(0, Math.max(0, aside.length - (maxFiles - 1)))) {
        unlinkSync(join(folder, name))
        this.writeOwn(line('info', `Purged log file "${name}"`))
      }
    } catch (error) {
      this.writeOwn(
        line('error', `Unable to purge log files (${(error as Error).message}), will attempt next rotation`),
      )
    }
  }

  private writeOwn(line: string): void {
    try {
      this.bytes += writeSync(this.descriptor, line)
    } catch {
      // As above.
    }
  }
}

/** The local time, with dots: names sort by it. */
function stamp(): string {
  const nowMs = performance.timeOrigin + performance.now()
  const date = new Date(nowMs)
  const pad = (value: number, digits = 2) => String(value).padStart(digits, '0')
  const nanos = Math.floor((nowMs % 1000) * 1e6)
  return [
    pad(date.getFullYear(), 4),
    pad(date.getMonth() + 1),
    pad(date.getDate()),
    pad(date.getHours()),
    pad(date.getMinutes()),
    pad(date.getSeconds()),
    pad(nanos, 9),
  ].join('.')
}
