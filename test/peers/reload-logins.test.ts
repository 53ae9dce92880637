/** What becomes of clients that are there when a reload changes who may connect, compared with nats-server. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { login } from './differential/credentials.ts'
import { RawClient } from './differential/raw-client.ts'
import { type Kind, PeerServer } from './servers.ts'

const WAIT_MS = 10_000
const configs = {
  users:
    'authorization { users: [ { user: a, password: p }, { user: n, password: p, permissions: { publish: y } } ] }\nno_auth_user: n\n',
  others: 'authorization { users: [ { user: b, password: p } ] }\n',
  account: 'accounts { A { users: [ { user: a, password: p } ] } }\n',
  token: 'authorization { token: t }\n',
  // A file that says nothing changes nothing.
  nobody: 'max_control_line: 4KB\n',
}
type Name = keyof typeof configs

/** How each comes; one has said nothing but a subscription. */
const clients: Readonly<Record<string, string>> = {
  named: login({ user: 'a', pass: 'p' }),
  unnamed: login({}),
  withToken: login({ auth_token: 't' }),
  withoutConnect: '',
}

async function play(t: TestContext, kind: Kind, from: Name, to: Name): Promise<unknown> {
  const server = new PeerServer(kind, { flags: [], config: configs[from] })
  t.after(() => server.dispose())
  await server.start()
  const there = new Map<string, RawClient>()
  for (const [name, connect] of Object.entries(clients)) {
    const client = await RawClient.open(server.port)
    t.after(() => client.close())
    client.send(`${connect}SUB s 1\r\nPING\r\n`)
    const last = await client.take(({ op }) => op === 'PONG' || op === 'CLOSED', WAIT_MS)
    if (last?.op === 'PONG') there.set(name, client)
    client.frames.length = 0
  }
  server.output = ''
  writeFileSync(join(server.directory, 'server.conf'), configs[to])
  process.kill(server.pid, 'SIGHUP')
  for (const end = Date.now() + WAIT_MS; !server.output.includes('Reloaded server configuration'); ) {
    assert.ok(Date.now() < end, server.output)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const seen: Record<string, string> = {}
  for (const [name, client] of there) {
    client.send('PUB s 1\r\nx\r\nPING\r\n')
    await client.take(({ op }) => op === 'PONG' || op === 'CLOSED', WAIT_MS)
    const isIn = client.frames.some(({ op }) => op === 'MSG')
    const errors = client.frames.filter(({ op }) => op === '-ERR').map(({ line }) => line)
    seen[name] = [isIn ? 'in' : 'out', ...errors].join(' ')
  }
  return seen
}

// From users to a token nats-server keeps whom it would not let in any more.
const reloads: [Name, Name][] = [
  ['users', 'nobody'],
  ['users', 'others'],
  ['users', 'account'],
  ['account', 'nobody'],
  ['token', 'nobody'],
  ['nobody', 'others'],
  ['nobody', 'account'],
  ['nobody', 'token'],
]

for (const [from, to] of reloads)
  test(`clients that are there: ${from}, then ${to}`, async (t) => {
    const [theirs, ours] = await Promise.all(
      (['nats-server', 'contrail'] as const).map((kind) => play(t, kind, from, to)),
    )
    assert.deepEqual(ours, theirs)
  })
