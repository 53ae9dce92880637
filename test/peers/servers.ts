/** Starts and stops the servers under comparison, each on a free loopback port with a temporary directory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export type Kind = 'contrail' | 'nats-server'

const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../..')
export const natsCli = join(root, '.peers', 'bin', 'nats')
export const python = join(root, '.peers', 'venv', 'bin', 'python')

/** @throws Error when `npm run peers` was not run */
export function needPeer(path: string): string {
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run peers\` first`)
  return path
}

export function freePort(): Promise<number> {
  return new Promise((done, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? done(address.port) : reject(new Error('no port'))))
    })
  })
}

/** One running server. */
export class PeerServer {
  readonly kind: Kind
  readonly directory: string
  port = 0
  output = ''
  private child: ChildProcess | null = null
  private readonly flags: string[]

  constructor(kind: Kind, flags: string[] = ['-js']) {
    this.kind = kind
    this.flags = flags
    this.directory = mkdtempSync(join(tmpdir(), `contrail-${kind}-`))
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  async start(): Promise<this> {
    if (this.port === 0) this.port = await freePort()
    const [program, first] =
      this.kind === 'contrail'
        ? [process.execPath, [needPeer(join(root, 'bin', 'contrail-server'))]]
        : [needPeer(join(root, '.peers', 'bin', 'nats-server')), []]
    const child = spawn(program, [...first, '-a', '127.0.0.1', '-p', String(this.port), '-sd', this.directory, ...this.flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    const keep = (bytes: Buffer): void => {
      this.output = (this.output + bytes.toString()).slice(-20_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    const deadline = Date.now() + 10_000
    while (!(await answers(this.port))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${this.kind} did not start:\n${this.output}`)
      await new Promise((done) => setTimeout(done, 20))
    }
    return this
  }

  /** Ends the process and waits for it; the directory stays. */
  async stop(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    const { child } = this
    this.child = null
    if (child === null || child.exitCode !== null) return
    await new Promise<void>((done) => {
      child.once('exit', () => done())
      child.kill(signal)
    })
  }

  async dispose(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Does the server send its INFO? */
function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })
}
