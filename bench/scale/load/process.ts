/** The bench's side of the process that loads a server. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Sample } from '../../row.ts'
import { endWithUs } from '../../servers/ending.ts'
import type { Assignment } from './stage.ts'

/** Longer than any sample takes that is cut in time. */
const limitMs = 240_000

export class LoadProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()))
  }

  /** Resolves when all is ready for samples. */
  static async start(assignment: Assignment): Promise<LoadProcess> {
    const script = join(import.meta.dirname, 'main.js')
    const load = new LoadProcess(endWithUs(fork(script, [JSON.stringify(assignment)])))
    try {
      await load.#answer()
      return load
    } catch (error) {
      await load.close()
      throw error
    }
  }

  sample(): Promise<Sample> {
    const answer = this.#answer()
    this.#child.send('sample')
    return answer
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    await this.#exited
  }

  #answer(): Promise<Sample> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        child.off('message', onMessage)
        child.off('exit', onExit)
      }
      const onMessage = (message: { figures?: Sample; error?: string }) => {
        settle()
        if (message.figures) resolve(message.figures)
        else reject(new Error(message.error))
      }
      const onExit = () => {
        settle()
        reject(new Error('the process of the load ended'))
      }
      const timer = setTimeout(() => {
        settle()
        reject(new Error(`no sample after ${limitMs / 1000} s`))
      }, limitMs)
      child.on('message', onMessage)
      child.once('exit', onExit)
    })
  }
}
