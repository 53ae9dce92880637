/** Runs clients that are programs of their own: to their end, or beside the test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { natsCli, needPeer } from '../servers.ts'

/** How long any program may take, in milliseconds. */
const PROGRAM_MS = 60_000

export interface Outcome {
  code: number
  stdout: string
  /** Standard output and standard error as they came. */
  output: string
}

/** A program that runs beside the test. */
export class Program {
  output = ''
  private stdout = ''
  private readonly child: ChildProcess
  private readonly ended: Promise<unknown>
  private wake: (() => void)[] = []

  constructor(path: string, args: readonly string[], input = '') {
    // Contexts and settings of whoever runs the tests must not count.
    const env = { ...process.env, XDG_CONFIG_HOME: tmpdir(), NATS_CONTEXT: '', NATS_URL: '', NO_COLOR: '1' }
    this.child = spawn(needPeer(path), args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.ended = once(this.child, 'close')
    this.child.stdin?.on('error', () => {})
    this.child.stdin?.end(input)
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.stdout += bytes.toString()
      this.keep(bytes)
    })
    this.child.stderr?.on('data', (bytes: Buffer) => this.keep(bytes))
    this.ended.then(() => this.notify())
  }

  /** Waits until its output has `text`. @throws Error when it ends or takes too long before */
  async until(text: string | RegExp, timeoutMs = 10_000): Promise<string> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      if (typeof text === 'string' ? this.output.includes(text) : text.test(this.output)) return this.output
      if (this.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${text} did not come; what came:\n${this.output}`)
      }
      await new Promise<void>((done) => {
        const timer = setTimeout(done, Math.max(1, deadline - Date.now()))
        this.wake.push(() => {
          clearTimeout(timer)
          done()
        })
      })
    }
  }

  async end(): Promise<Outcome> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), PROGRAM_MS)
    await this.ended
    clearTimeout(timer)
    return { code: this.child.exitCode ?? -1, stdout: this.stdout, output: this.output }
  }

  async stop(): Promise<Outcome> {
    this.child.kill()
    return this.end()
  }

  private keep(bytes: Buffer): void {
    this.output += bytes.toString()
    this.notify()
  }

  private notify(): void {
    for (const wake of this.wake.splice(0)) wake()
  }
}

/** The nats command line against one server. */
export class NatsCli {
  private readonly url: string

  constructor(url: string) {
    this.url = url
  }

  /** Runs a command to its end. */
  async try(args: readonly string[], input = ''): Promise<Outcome> {
    return new Program(natsCli, ['--server', this.url, ...args], input).end()
  }

  /** Runs a command that must succeed, words parted by spaces; returns its standard output and error. */
  async run(command: string, ...more: string[]): Promise<string> {
    const args = [...command.split(' '), ...more]
    const { code, output } = await this.try(args)
    if (code !== 0) throw new Error(`nats ${args.join(' ')} ended with ${code}:\n${output}`)
    return output
  }

  /** Runs a command that must succeed and prints JSON. */
  async json<T>(command: string, ...more: string[]): Promise<T> {
    const { code, stdout, output } = await this.try([...command.split(' '), ...more])
    if (code !== 0) throw new Error(`nats ${command} ended with ${code}:\n${output}`)
    return JSON.parse(stdout) as T
  }

  /** Starts a command that goes on beside the test. */
  start(command: string, ...more: string[]): Program {
    return new Program(natsCli, ['--server', this.url, ...command.split(' '), ...more])
  }
}
