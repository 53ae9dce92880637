/** A redis-server that has every write on disk before it answers, in a temporary folder. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { removeFolder, temporaryFolder } from './ending.ts'
import { freePort } from './free-port.ts'
import { sleep } from './server-process.ts'

const startMs = 5000

export class RedisServer {
  readonly address: string
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(address: string, child: ChildProcess, folder: string) {
    this.address = address
    this.#child = child
    this.#folder = folder
  }

  /** @throws Error that says how to get it when there is none */
  static async start(): Promise<RedisServer> {
    const folder = temporaryFolder('redis')
    const port = await freePort()
    const child = spawn(
      'redis-server',
      [
        '--port',
        `${port}`,
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--save',
        '',
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
      ],
      { stdio: 'ignore' },
    )
    let failure: Error | undefined
    child.on('error', (error) => {
      failure = error
    })
    const deadline = Date.now() + startMs
    while (!(await answers(port))) {
      if (failure !== undefined || child.exitCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL')
        removeFolder(folder)
        throw new Error(
          `redis-server did not start${failure ? `: ${failure.message}` : ''} (on Debian: apt install redis-server)`,
        )
      }
      await sleep(20)
    }
    return new RedisServer(`127.0.0.1:${port}`, child, folder)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const exit = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await exit
    }
    removeFolder(this.#folder)
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })
}
