/** A server with a system account, an account that is in use, and the command line asked about both. */
import { execFile } from 'node:child_process'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { type Kind, natsCli, needPeer, PeerServer } from './servers.ts'

const config = `
server_name: one
server_tags: [a]
jetstream { sync_interval: "2m" }
accounts {
  $SYS { users [ { user: sys, password: sys } ] }
  A { jetstream: enabled, users [ { user: a, password: a } ] }
}
`

export class Watched {
  readonly server: PeerServer
  client: NatsConnection | null = null
  id = ''

  constructor(kind: Kind) {
    this.server = new PeerServer(kind, { flags: [], config })
  }

  async start(): Promise<void> {
    await this.server.start()
    const client = await connect({ servers: this.server.url, user: 'a', pass: 'a', name: 'watched' })
    this.client = client
    this.id = client.info?.server_id ?? ''
    client.subscribe('foo.>', { queue: 'q' })
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: 'S', subjects: ['s'] })
    await manager.consumers.add('S', { durable_name: 'C', ack_policy: 'explicit' })
    await jetstream(client).publish('s', 'hello')
    await client.flush()
  }

  async stop(): Promise<void> {
    await this.client?.close()
    await this.server.dispose()
  }

  /** Exit code, and what the command line prints, without what differs by the moment. */
  async run(user: string, words: readonly string[]): Promise<{ code: number; lines: string[] }> {
    const { code, text } = await this.print(user, words)
    return { code, lines: this.lines(text) }
  }

  /** Exit code, and all that the command line prints. */
  print(user: string, words: readonly string[]): Promise<{ code: number; text: string }> {
    const all = ['-s', this.server.url, '--user', user, '--password', user, '--timeout', '2s', ...words]
    return new Promise((resolve) => {
      execFile(needPeer(natsCli), all, (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), text: stdout + stderr })
      })
    })
  }

  lines(text: string): string[] {
    return plain(text.replaceAll(this.id, 'ID').replaceAll(this.server.directory, 'FOLDER'))
  }
}

/** Without what differs by the moment and the machine: numbers, their units, widths of columns. */
function plain(text: string): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .replace(/[─═╭╮╰╯├┤┬┴┼│]+/g, '|')
        .replace(/\b[0-9A-Za-z]{22}\b/g, 'NUID')
        .replace(/sha256:[0-9a-f]{64}/g, 'DIGEST')
        .replace(/Go Version: .*/, 'Go Version: V')
        .replace(/Storage Directory: .*/, 'Storage Directory: D')
        .replace(/(\d[\d.,:-]*|never)( ?(ns|µs|ms|s|m|h|B|KiB|MiB|GiB|TiB|%))?/g, '#')
        .replace(/#(#|\s)*/g, '# ')
        .replace(/[ |]+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '')
}
