/** What comes to a process of ours from outside, and out of its own faults: signals, and exceptions that nobody catches. */
import { LineLogger, type Logger, TextLogger } from './logger.ts'

/** As Go's programs end after a panic. */
export const EXIT_BY_FAULT = 2
const STACK_LINES = 20

/** In the names that nats-server logs. */
const names = {
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
  SIGTERM: 'terminated',
  SIGUSR1: 'user defined signal 1',
  SIGUSR2: 'user defined signal 2',
} as const

export type WatchedSignal = keyof typeof names

/**
 * From its making on signals are logged and do what `on` says, nothing before: by default most of them end a process at once,
 * and USR1 opens Node's inspector for anybody on the machine. (On Windows there are only some of them; listening for others
 * does no harm.) What is thrown and caught by nobody is logged as fatal, and ends the process on the spot: the store is left
 * as after kill -9, since nobody knows what state the program is in.
 */
export class ProcessWatch {
  private logger: Logger = new LineLogger(new TextLogger())
  private readonly actions = new Map<WatchedSignal, () => void>()

  constructor() {
    for (const signal of Object.keys(names) as WatchedSignal[]) {
      if (signal !== 'SIGINT' && signal !== 'SIGTERM') this.listen(signal)
    }
    process.on('uncaughtException', (thrown) => this.die('uncaught exception', thrown))
    process.on('unhandledRejection', (thrown) => this.die('unhandled rejection', thrown))
  }

  /** Where lines go from now on. */
  use(logger: Logger): void {
    this.logger = new LineLogger(logger)
  }

  /** What a signal does from now on. INT and TERM end the process until they are given something. */
  on(signal: WatchedSignal, action: () => void): void {
    const isEnd = signal === 'SIGINT' || signal === 'SIGTERM'
    if (isEnd && !this.actions.has(signal)) this.listen(signal)
    this.actions.set(signal, action)
  }

  private listen(signal: WatchedSignal): void {
    process.on(signal, () => {
      const action = this.actions.get(signal)
      const effect = action === undefined ? '; it has no effect while the server starts' : ''
      this.logger.log('info', `Trapped "${names[signal]}" signal${effect}`)
      action?.()
    })
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
