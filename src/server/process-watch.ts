/** What comes to a process of ours from outside, and out of its own faults: signals without a meaning, and exceptions. */
import { LineLogger, type Logger, TextLogger } from './logger.ts'

/** As Go's programs end after a panic. */
export const EXIT_BY_FAULT = 2
const STACK_LINES = 20

/** In the names that nats-server logs. */
const WITHOUT_MEANING: readonly (readonly [NodeJS.Signals, string])[] = [
  ['SIGHUP', 'hangup'],
  ['SIGUSR1', 'user defined signal 1'],
  ['SIGUSR2', 'user defined signal 2'],
]

/**
 * From its making on HUP, USR1 and USR2 are logged and nothing else: by default the first and the last end a process at once,
 * and USR1 opens Node's inspector for anybody on the machine. (On Windows there are only some of them; listening for others
 * does no harm.) What is thrown and caught by nobody is logged as fatal, and ends the process on the spot: the store is left
 * as after kill -9, since nobody knows what state the program is in.
 */
export class ProcessWatch {
  private logger: Logger = new LineLogger(new TextLogger())

  constructor() {
    for (const [signal, name] of WITHOUT_MEANING) {
      process.on(signal, () => this.logger.log('info', `Trapped "${name}" signal; it has no effect`))
    }
    process.on('uncaughtException', (thrown) => this.die('uncaught exception', thrown))
    process.on('unhandledRejection', (thrown) => this.die('unhandled rejection', thrown))
  }

  /** Where lines go from now on. */
  use(logger: Logger): void {
    this.logger = new LineLogger(logger)
  }

  private die(what: string, thrown: unknown): never {
    const isError = thrown instanceof Error
    this.logger.log('fatal', `${what}: ${isError ? thrown.message : String(thrown)}`)
    const stack = isError ? (thrown.stack ?? '') : ''
    for (const line of stack.split('\n').slice(0, STACK_LINES))
      if (line !== '') this.logger.log('fatal', line)
    process.exit(EXIT_BY_FAULT)
  }
}
