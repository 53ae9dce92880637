/** Starts and stops the servers under comparison, each on a free loopback port with a temporary directory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Kind = 'contrail' | 'nats-server'

export interface PeerServerOptions {
  /** After `-a`, `-p` and `-sd`. Default: `-js`. */
  flags?: readonly string[]
  /** Text of a configuration file, given with `-c`; by the server's directory, where it names that. */
  config?: string | ((directory: string) => string)
  /** Where its files are made; default: in the system's temporary directory. */
  within?: string
}

/** How long a server may take until it answers, in milliseconds. */
const START_MS = 15_000
/** How long a server may take to end after SIGTERM before it counts as hanging. */
const STOP_MS = 10_000

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const isWindows = process.platform === 'win32'
const exe = isWindows ? '.exe' : ''

export const natsCli = join(root, '.peers', 'bin', `nats${exe}`)
export const natsServer = join(root, '.peers', 'bin', `nats-server${exe}`)
export const python = isWindows
  ? join(root, '.peers', 'venv', 'Scripts', 'python.exe')
  : join(root, '.peers', 'venv', 'bin', 'python')
/** `$CONTRAIL_SERVER_FLAGS`: more flags for ours, for example `-DV`. */
const contrailFlags = (process.env.CONTRAIL_SERVER_FLAGS ?? '').split(' ').filter((flag) => flag !== '')
/** `$CONTRAIL_SERVER` puts another program in its place (nats-server itself shows what the harness alone lets differ). */
export const contrailServer = process.env.CONTRAIL_SERVER ?? join(root, 'bin', 'contrail-server')

/** @throws Error when `npm run peers` was not run: a missing peer is a failure, never a skip */
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
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => done(port))
    })
  })
}

/** Servers that run: none is left behind, however the tests end. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** One server, which can be stopped, killed and started again on its port and directory. */
export class PeerServer {
  readonly kind: Kind
  readonly directory: string
  port = 0
  /** The end of what it printed. */
  output = ''
  private child: ChildProcess | null = null
  private readonly flags: string[]

  constructor(kind: Kind, options: PeerServerOptions = {}) {
    this.kind = kind
    this.directory = mkdtempSync(join(options.within ?? tmpdir(), `contrail-peer-${kind}-`))
    this.flags = [...(options.flags ?? ['-js'])]
    if (options.config !== undefined) {
      const path = join(this.directory, 'server.conf')
      const { config } = options
      writeFileSync(path, typeof config === 'string' ? config : config(this.directory))
      this.flags.push('-c', path)
    }
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  /** Of the process; 0 when there is none. */
  get pid(): number {
    return this.child?.pid ?? 0
  }

  /** @throws Error with the server's output when it ends or doesn't answer in time */
  async start(): Promise<this> {
    if (this.port === 0) this.port = await freePort()
    const common = [
      '-a',
      '127.0.0.1',
      '-p',
      `${this.port}`,
      '-sd',
      join(this.directory, 'store'),
      ...this.flags,
      ...(this.kind === 'contrail' ? contrailFlags : []),
    ]
    const isScript = this.kind === 'contrail' && basename(contrailServer) !== basename(natsServer)
    const program = isScript
      ? process.execPath
      : needPeer(this.kind === 'contrail' ? contrailServer : natsServer)
    const child = spawn(program, isScript ? [contrailServer, ...common] : common, {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    const keep = (bytes: Buffer): void => {
      this.output = (this.output + bytes.toString()).slice(-20_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    const deadline = Date.now() + START_MS
    while (!(await answers(this.port))) {
      if (hasEnded(child) || Date.now() > deadline) {
        throw new Error(`${this.kind} did not start (${program}):\n${this.output}`)
      }
      await new Promise((done) => setTimeout(done, 10))
    }
    return this
  }

  /**
   * Ends the process and waits for it; the directory stays.
   * @throws Error when it has ended before, or doesn't end in time
   */
  async stop(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    const { child } = this
    this.child = null
    if (child === null) return
    if (hasEnded(child)) throw new Error(`${this.kind} had ended on its own:\n${this.output}`)
    await new Promise<void>((done, reject) => {
      const hanging = setTimeout(() => {
        child.kill('SIGKILL')
        reject(new Error(`${this.kind} does not end after ${signal}:\n${this.output}`))
      }, STOP_MS)
      child.once('exit', () => {
        clearTimeout(hanging)
        done()
      })
      child.kill(signal)
    })
  }

  async restart(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    await this.stop(signal)
    await this.start()
  }

  /** Ends it and removes its directory. */
  async dispose(): Promise<void> {
    try {
      await this.stop('SIGKILL')
    } finally {
      rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 })
    }
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
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
    socket.once('close', () => done(false))
  })
}
