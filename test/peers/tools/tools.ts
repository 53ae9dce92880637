/** Tools of operators beside both servers: where one was not to be had (`npm run peers` says why), its tests say that they don't run. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { Program } from '../clients/program.ts'
import { freePort, type Kind, PeerServer, root } from '../servers.ts'

const exe = process.platform === 'win32' ? '.exe' : ''
/** How long a page may take to be there, in milliseconds. */
const PAGE_MS = 10_000

export function toolPath(name: string): string {
  return join(root, '.peers', 'bin', name + exe)
}

/** Null when the tool is there. */
function missing(name: string): string | null {
  if (existsSync(toolPath(name))) return null
  const notes = join(root, '.peers', 'tools.json')
  const all: Record<string, { missing?: string }> = existsSync(notes)
    ? JSON.parse(readFileSync(notes, 'utf8'))
    : {}
  return `${name} was not built: ${all[name]?.missing ?? 'run `npm run peers`'}`
}

/** A test that needs a tool: without it the test is skipped, and standard error says why. */
export function toolTest(tool: string, name: string, run: (t: TestContext) => Promise<void>): void {
  const why = missing(tool)
  if (why !== null) process.stderr.write(`NOT RUN: ${name}: ${why}\n`)
  test(name, why === null ? {} : { skip: why }, run)
}

export const withAccounts = `
accounts {
  $SYS { users [ { user: sys, password: sys } ] }
  A { jetstream: enabled, users [ { user: a, password: a } ] }
}
no_auth_user: a
`

/** A server with monitoring that somebody uses: a client with subscriptions, a stream, a consumer, messages. */
export class UsedServer {
  readonly server: PeerServer
  readonly http: number
  private client: NatsConnection | null = null

  private constructor(kind: Kind, http: number, config: string) {
    this.http = http
    this.server = new PeerServer(kind, {
      flags: ['-js', '-m', `${http}`],
      config: `server_name: one\njetstream { max_memory_store: 1GB, max_file_store: 1GB }\n${config}`,
    })
  }

  /** nats-server and Contrail, used alike, until the test ends. */
  static async pair(t: TestContext, config = ''): Promise<UsedServer[]> {
    const kinds: Kind[] = ['nats-server', 'contrail']
    const pair = await Promise.all(kinds.map(async (kind) => new UsedServer(kind, await freePort(), config)))
    t.after(() => Promise.all(pair.map((each) => each.end())))
    await Promise.all(pair.map((each) => each.begin()))
    return pair
  }

  private async begin(): Promise<void> {
    await this.server.start()
    const client = await connect({ servers: this.server.url, name: 'watched' })
    this.client = client
    client.subscribe('foo.>', { queue: 'q' })
    client.subscribe('bar')
    const manager = await jetstreamManager(client)
    await manager.streams.add({ name: 'S', subjects: ['s.>'], metadata: { team: 'a' } })
    await manager.streams.add({ name: 'M', subjects: ['m'], storage: 'memory' })
    await manager.consumers.add('S', { durable_name: 'C', ack_policy: 'explicit' })
    await manager.consumers.add('S', { durable_name: 'PUSH', deliver_subject: 'pushed', ack_policy: 'none' })
    for (let i = 0; i < 3; i++) await jetstream(client).publish(`s.${i}`, 'hello')
    const consumer = await jetstream(client).consumers.get('S', 'C')
    const taken = await consumer.next()
    taken?.ack()
    await consumer.next()
    client.publish('bar', 'hello')
    await client.flush()
  }

  private async end(): Promise<void> {
    await this.client?.close()
    await this.server.dispose()
  }
}

/** A tool that serves a page over HTTP, until the test ends. Resolves to the page, once it has a line that begins with `awaited`. */
export async function pageOf(
  t: TestContext,
  tool: string,
  words: (port: number) => readonly string[],
  awaited: string,
): Promise<string[]> {
  const port = await freePort()
  const program = new Program(toolPath(tool), words(port))
  t.after(() => program.stop())
  for (const deadline = Date.now() + PAGE_MS; ; ) {
    const text = await fetch(`http://127.0.0.1:${port}/metrics`)
      .then((response) => response.text())
      .catch((error: Error) => error.message)
    const lines = text.split('\n')
    if (lines.some((line) => line.startsWith(awaited))) return lines
    if (Date.now() > deadline) assert.fail(`${tool} has no ${awaited}:\n${text}\n${program.output}`)
    await new Promise((done) => setTimeout(done, 100))
  }
}

/** Metrics of the servers, without those of the tool's own process; ids replaced, and the values of what varies. */
export function metrics(lines: readonly string[], varying: RegExp, leftOut = /^$/): string[] {
  return lines
    .filter((line) => line !== '' && !/^(# \w+ )?(go_|process_|promhttp_)/.test(line))
    .filter((line) => !leftOut.test(line))
    .map((line) => line.replace(/\b[NX][A-Z2-7]{55}\b/g, 'ID').replace(/127\.0\.0\.1:\d+/g, 'ADDRESS'))
    .map((line) => line.replace(/\b(port|kafka_port)="\d+"/g, 'port="P"').replace(/\bcid="\d+"/g, 'cid="C"'))
    .map((line) => (!line.startsWith('#') && varying.test(line) ? line.replace(/ [^ ]+$/, ' N') : line))
    .sort()
}
