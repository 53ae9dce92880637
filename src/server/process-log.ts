/** Where the process's log goes: standard error, a file, syslog. */
import { type Logger, type LogLineLevel, type LogOptions, TextLogger } from './logger.ts'
import { programName } from './program.ts'
import { Syslog } from './syslog.ts'

/** The log of the process, whose options may change while it runs. */
export class ProcessLog implements Logger {
  private options: LogOptions
  private target: TextLogger | Syslog

  /** @throws Error in nats-server's words when the file can't be opened or syslog not be found */
  constructor(options: LogOptions) {
    this.options = options
    this.target = open(options)
  }

  log(level: LogLineLevel, text: string): void {
    this.target.log(level, text)
  }

  /** Goes on in the file that has the log's name now: another program has moved the old one. */
  reopen(): void {
    const { target } = this
    try {
      const isFile = target instanceof TextLogger && target.reopen()
      this.log('info', isFile ? 'File log re-opened' : 'File log re-open ignored, not a file logger')
    } catch (error) {
      this.log('error', `File log could not be re-opened: ${(error as Error).message}`)
    }
  }

  /**
   * Takes other options from now on.
   * @throws as the constructor; nothing has changed then
   */
  change(options: LogOptions): void {
    const next = open(options)
    // Lines that are on their way still go there.
    void this.target.close()
    this.target = next
    this.options = options
  }

  /** What `change` would go back to. */
  current(): LogOptions {
    return this.options
  }

  /** Resolves when all lines are out. */
  async close(): Promise<void> {
    await this.target.close()
  }
}

function open(options: LogOptions): TextLogger | Syslog {
  const { file, syslog, remoteSyslog, debug = false, trace = false } = options
  if (!file && (syslog || remoteSyslog))
    return new Syslog({ address: remoteSyslog ?? '', tag: programName, debug, trace })
  try {
    return new TextLogger(options)
  } catch (error) {
    throw new Error(`error opening file: ${(error as Error).message}`)
  }
}
