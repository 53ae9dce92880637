/** Several processes of one app: one that dies is started again, slower and slower when it keeps dying. */
import type { ChildProcess } from 'node:child_process'
import { ended, signalText } from './app-process.ts'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 10_000
/** One that ran so long has not failed at its start. */
const HEALTHY_MS = 5000
/** A worker that fails at its start again and again ends all: the app is broken. */
const MAX_FAILED_STARTS = 5
/** Workers that do not stop in time are killed. */
const STOP_MS = 35_000

export class Workers {
  readonly #count: number
  readonly #start: (number: number) => ChildProcess
  readonly #children = new Set<ChildProcess>()
  #isStopping = false
  #exitCode = 0

  constructor(count: number, start: (number: number) => ChildProcess) {
    this.#count = count
    this.#start = start
  }

  /** Resolves to the exit code when all have ended. */
  async run(): Promise<number> {
    await Promise.all(Array.from({ length: this.#count }, (_, i) => this.#keep(i + 1)))
    return this.#exitCode
  }

  stop(signal: NodeJS.Signals): void {
    this.#isStopping = true
    for (const child of this.#children) child.kill(signal)
    setTimeout(() => {
      for (const child of this.#children) child.kill('SIGKILL')
    }, STOP_MS).unref()
  }

  async #keep(number: number): Promise<void> {
    let failedStarts = 0
    while (!this.#isStopping) {
      const begun = performance.now()
      const child = this.#start(number)
      this.#children.add(child)
      const code = await ended(child)
      this.#children.delete(child)
      if (this.#isStopping || code === 0) return
      failedStarts = performance.now() - begun > HEALTHY_MS ? 0 : failedStarts + 1
      if (failedStarts >= MAX_FAILED_STARTS) {
        console.error(
          `contrail: worker ${number} can't start (exit code ${code}${signalText(code)}): stopping`,
        )
        this.#exitCode = code
        this.stop('SIGTERM')
        return
      }
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** failedStarts, LONGEST_PAUSE_MS)
      console.error(
        `contrail: worker ${number} ended (exit code ${code}${signalText(code)}): again in ${pause} ms`,
      )
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}
