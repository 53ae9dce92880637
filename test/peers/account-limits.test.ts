/** Limits of JetStream in accounts, at a start, at a reload, and after a restart: as with nats-server. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from '@nats-io/transport-node'
import { type Kind, PeerServer } from './servers.ts'

const SERVER = 'jetstream { max_memory_store: 100000, max_file_store: 100000 }\n'
const WAIT_MS = 15_000

/** `accounts { … }` with a user for each, of the same name. */
function accounts(limits: Readonly<Record<string, string>>): string {
  const all = Object.entries(limits).map(
    ([name, jetstream]) =>
      `${name} { jetstream: ${jetstream}, users: [ { user: "${name}", password: "x" } ] }`,
  )
  return `${SERVER}accounts {\n${all.join('\n')}\n}\n`
}

class Peer {
  readonly server: PeerServer

  constructor(kind: Kind, config: string) {
    this.server = new PeerServer(kind, { flags: [], config })
  }

  write(config: string): void {
    writeFileSync(join(this.server.directory, 'server.conf'), config)
  }

  /** What the log says of accounts at a reload. */
  async reload(config: string): Promise<string[]> {
    this.write(config)
    this.server.output = ''
    process.kill(this.server.pid, 'SIGHUP')
    for (const end = Date.now() + WAIT_MS; !/Reloaded server configuration.*\n/.test(this.server.output); ) {
      assert.ok(Date.now() < end, this.server.output)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return this.server.output.split('\n').flatMap((line) => /\[ERR\] (.*)/.exec(line)?.[1] ?? [])
  }

  async ask(user: string, subject: string, body: string | object = ''): Promise<unknown> {
    const client = await connect({ servers: this.server.url, user, pass: 'x', reconnect: false })
    try {
      const reply = await client.request(subject, typeof body === 'string' ? body : JSON.stringify(body), {
        timeout: 5000,
      })
      const { created: _, ts: _ts, config: _config, ...answer } = reply.json<Record<string, unknown>>()
      return answer
    } catch (error) {
      return (error as Error).message
    } finally {
      await client.close()
    }
  }
}

async function pair(
  t: TestContext,
  config: string,
): Promise<(act: (peer: Peer) => Promise<unknown>) => Promise<void>> {
  const peers = [new Peer('nats-server', config), new Peer('contrail', config)]
  t.after(() => Promise.all(peers.map(({ server }) => server.dispose())))
  await Promise.all(peers.map(({ server }) => server.start()))
  return async (act) => {
    const [theirs, ours] = await Promise.all(peers.map(act))
    assert.deepEqual(ours, theirs)
  }
}

const info = (user: string) => (peer: Peer) => peer.ask(user, '$JS.API.INFO')

test('a reload changes limits, and who has JetStream at all', async (t) => {
  const before = {
    a: '{ max_mem: 2000, max_store: 2000 }',
    b: '{ max_streams: 1 }',
    c: 'enabled',
    d: 'disabled',
  }
  const same = await pair(t, accounts(before))
  const create =
    (user: string, name: string, fields: object = {}) =>
    (peer: Peer) =>
      peer.ask(user, `$JS.API.STREAM.CREATE.${name}`, { name, subjects: [`${name}.*`], ...fields })
  const publish = (user: string, subject: string) => (peer: Peer) => peer.ask(user, subject, 'x'.repeat(300))
  const reload = (limits: object) => (peer: Peer) => peer.reload(accounts({ ...before, ...limits }))
  await same(create('a', 'S', { max_bytes: 1500 }))
  await same(publish('a', 'S.x'))
  await same(create('b', 'S'))
  await same(create('b', 'T'))
  // Less than is used.
  await same(
    reload({ a: '{ max_mem: 10, max_store: 20, max_bytes_required: true }', b: '{ max_streams: 2 }' }),
  )
  await same(info('a'))
  await same(publish('a', 'S.x'))
  await same(create('b', 'T'))
  // More than the server has.
  await same(reload({ a: '{ max_mem: 200000 }' }))
  await same(info('a'))
  await same(reload({ a: '{ max_mem: 60000 }', b: '{ max_mem: 60000 }' }))
  await same(reload({ a: 'enabled', c: 'disabled', d: '{ max_streams: 4 }' }))
  for (const user of ['a', 'b', 'c', 'd']) await same(info(user))
  await same(create('d', 'D'))
  await same(publish('a', 'S.x'))
  await same(reload({ a: 'disabled' }))
  await same(info('a'))
  await same(publish('a', 'S.x'))
  await same(reload({ a: '{ max_store: 700 }' }))
  await same(publish('a', 'S.x'))
  await same(publish('a', 'S.x'))
  await same(info('a'))
  await same(async (peer) => {
    await peer.server.restart()
    return info('a')(peer)
  })
  await same(publish('a', 'S.x'))
})

for (const [what, config] of [
  [
    'accounts that may have more than the server',
    accounts({ a: '{ max_mem: 60000 }', b: '{ max_mem: 60000 }' }),
  ],
  ['files of which there are fewer', accounts({ a: '{ max_store: 100001 }' })],
  ['the system account', `system_account: s\n${accounts({ a: 'enabled', s: 'enabled' })}`],
]) {
  test(`no start with JetStream for ${what}`, async (t) => {
    const reasons = await Promise.all(
      (['nats-server', 'contrail'] as const).map(async (kind) => {
        const peer = new Peer(kind, config)
        t.after(() => peer.server.dispose().catch(() => {}))
        await assert.rejects(peer.server.start())
        return /\[FTL\] (.*)/.exec(peer.server.output)?.[1] ?? peer.server.output
      }),
    )
    assert.equal(reasons[1], reasons[0])
  })
}
