/** A server in a process of its own: started, waited for, measured, and ended by its pid. */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { endWithUs } from './ending.ts'
import { freePort } from './free-port.ts'
import { cpuSeconds, residentMiB } from './usage.ts'

export interface ServerCommand {
  readonly command: string
  /** Arguments, given the port to listen on. */
  args(port: number): string[]
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 60_000
const logTailBytes = 4000

export class ServerProcess {
  readonly port: number
  /** Milliseconds from spawning until a connection was accepted and its INFO arrived. */
  readonly startMs: number
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #log: { text: string }

  private constructor(
    child: ChildProcess,
    exited: Promise<void>,
    port: number,
    startMs: number,
    log: { text: string },
  ) {
    this.#child = child
    this.#exited = exited
    this.port = port
    this.startMs = startMs
    this.#log = log
  }

  /** Starts the server on a free port of the loopback and waits until it answers. */
  static async start(server: ServerCommand): Promise<ServerProcess> {
    const port = await freePort()
    const begun = performance.now()
    const child = endWithUs(spawn(server.command, server.args(port), { stdio: ['ignore', 'pipe', 'pipe'] }))
    const log = { text: '' }
    const keep = (chunk: Buffer) => {
      log.text = (log.text + chunk.toString()).slice(-logTailBytes)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    let ended = false
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => {
        ended = true
        resolve()
      })
      child.once('error', (error) => {
        log.text += String(error)
        ended = true
        resolve()
      })
    })
    while (!(await answers(port))) {
      if (ended)
        throw new Error(`${server.command} ended before it listened:\n${log.text.trim().slice(0, 400)}`)
      if (performance.now() - begun > startTimeoutMs) {
        child.kill('SIGKILL')
        throw new Error(`${server.command} does not listen after ${startTimeoutMs} ms:\n${log.text}`)
      }
      await sleep(2)
    }
    return new ServerProcess(child, exited, port, performance.now() - begun, log)
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** The end of what the server wrote, for error messages. */
  get logTail(): string {
    return this.#log.text
  }

  cpuSeconds(): number {
    return cpuSeconds(this.pid)
  }

  residentMiB(): number {
    return residentMiB(this.pid)
  }

  /** A clean stop: SIGTERM, and SIGKILL when that has no effect in time. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
    await this.#exited
    clearTimeout(timer)
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}

/** Does something accept on this port and send an INFO? */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const finish = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('data', (chunk) => finish(chunk.toString('latin1').startsWith('INFO')))
    socket.once('error', () => finish(false))
    socket.once('close', () => resolve(false))
  })
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
