/** A process under test, which is gone when the test is. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import type { TestContext } from 'node:test'

const WAIT_MS = 20_000

export class Program {
  readonly child: ChildProcess
  /** Its exit code, null after a signal. */
  readonly ended: Promise<number | null>
  /** What it has printed, on both streams. */
  output = ''

  constructor(t: TestContext, words: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LOG_LEVEL: 'info', ...env },
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk
      })
    }
    this.ended = new Promise((resolve) => this.child.once('close', (code) => resolve(code)))
    t.after(async () => {
      this.child.kill('SIGKILL')
      await this.ended
    })
  }

  /** The port that clients connect to, once it is ready. */
  async port(): Promise<number> {
    await this.until('Server is ready')
    return Number(/client connections on \S+:(\d+)/.exec(this.output)?.[1])
  }

  async until(text: string | RegExp): Promise<void> {
    const isThere = (): boolean =>
      typeof text === 'string' ? this.output.includes(text) : text.test(this.output)
    await eventually(isThere, () => `${text} does not come: ${this.output}`, this)
  }
}

/** Waits for a condition, while the process runs. */
export async function eventually(
  isSo: () => boolean,
  describe: () => string,
  program?: Program,
): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  while (!isSo()) {
    assert.ok(performance.now() < deadline, describe())
    if (program) assert.equal(program.child.exitCode ?? program.child.signalCode, null, program.output)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
