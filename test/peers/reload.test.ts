/** A reload says of each change what nats-server says: that it is done, or why not. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from '@nats-io/transport-node'
import { type Kind, PeerServer } from './servers.ts'

const base =
  'server_name: one\nmax_payload: 1MB\njetstream { max_memory_store: 100MB, max_file_store: 1GB, sync_interval: "2m" }\n'
const WAIT_MS = 15_000

class Reloaded {
  readonly server: PeerServer
  private readonly file: string

  constructor(kind: Kind) {
    this.server = new PeerServer(kind, { flags: [], config: base })
    this.file = join(this.server.directory, 'server.conf')
  }

  /** What the log says of a reload with this configuration. */
  async reload(text: string): Promise<string[]> {
    writeFileSync(this.file, text)
    this.server.output = ''
    process.kill(this.server.pid, 'SIGHUP')
    const end = Date.now() + WAIT_MS
    for (;;) {
      const lines = this.server.output
        .replaceAll(this.file, 'FILE')
        .split(/\[\d+\] (?:\S+ \S+ )?\[INF\] |\[\d+\] (?:\S+ \S+ )?\[ERR\] /)
      const last = lines.at(-1) ?? ''
      if (/^(Reloaded server configuration|Failed to reload server configuration).*\n/.test(last)) {
        // nats-server looks at accounts and users each time.
        const done = lines.filter((line) => /^Reloaded: (?!accounts|authorization)/.test(line))
        return [...done.sort(), last].map((line) => line.trim())
      }
      assert.ok(Date.now() < end, `${this.server.kind} does not reload: ${this.server.output}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

let theirs: Reloaded
let ours: Reloaded
before(async () => {
  theirs = new Reloaded('nats-server')
  ours = new Reloaded('contrail')
  await Promise.all([theirs.server.start(), ours.server.start()])
})
after(() => Promise.all([theirs.server.dispose(), ours.server.dispose()]))

const both = (text: string) => Promise.all([theirs.reload(text), ours.reload(text)])

for (const change of [
  'max_payload: 2MB',
  'max_connections: 100',
  'max_control_line: 8KB',
  'ping_interval: "30s"',
  'ping_max: 5',
  'write_deadline: "3s"',
  'debug: true',
  'trace: true',
  'logtime: false',
  'max_traced_msg_len: 10',
  'server_tags: [a, b]',
  'server_metadata { a: b }',
  'client_advertise: "example.com:4222"',
  'authorization { user: a, password: b }',
  'authorization { users: [ {user: a, password: b} ] }',
  'authorization { token: abc }',
  'authorization { timeout: 5 }',
  'no_fast_producer_stall: true',
  'max_subs: 5',
  'max_sub_tokens: 5',
  'max_pending: 32MB',
  'max_closed_clients: 5',
  'server_name: other',
  'http: "127.0.0.1:-1"',
  'http_base_path: /x',
  'lame_duck_duration: "1m"',
  'lame_duck_grace_period: "5s"',
  'no_header_support: true',
  'write_timeout: retry',
  'feature_flags { js_raft_delete_range: false }',
  'nonsense: 1',
  'max_payload: "x"',
  'ping_interval: 30',
  'max_pending: 10',
]) {
  test(`a reload with ${change}`, async () => {
    const key = change.split(/[: ]/)[0]
    const kept = base.split('\n').filter((line) => !line.startsWith(`${key}:`))
    const [wanted, got] = await both([...kept, change, ''].join('\n'))
    assert.deepEqual(got, wanted)
    // And back.
    const [wantedBack, gotBack] = await both(base)
    assert.deepEqual(gotBack, wantedBack)
  })
}

for (const [what, text] of [
  ['a domain', base.replace('jetstream {', 'jetstream { domain: hub,')],
  ['less memory', base.replace('100MB', '50MB')],
  ['less room on the disk', base.replace('1GB', '500MB')],
  ['another sync interval', base.replace('"2m"', '"1m"')],
  ['memory that is not named any more', base.replace('max_memory_store: 100MB, ', '')],
] as const) {
  test(`a reload with ${what}`, async () => {
    const [wanted, got] = await both(text)
    assert.deepEqual(got, wanted)
  })
}

test('clients that may no longer log in are cut off, the others stay', async () => {
  const users = (...names: string[]) =>
    `${base}authorization { users: [ ${names.map((name) => `{user: ${name}, password: p}`).join(', ')} ] }\n`
  await both(users('a', 'b'))
  const outcomes = await Promise.all(
    [theirs, ours].map(async ({ server }) => {
      const login = (user: string) => connect({ servers: server.url, user, pass: 'p', reconnect: false })
      return { server, a: await login('a'), b: await login('b') }
    }),
  )
  // Who is not there any more is hung up on without a word by nats-server; another password is told.
  await both(users('a', 'b').replace('{user: a, password: p}', '{user: a, password: other}'))
  for (const { server, a, b } of outcomes) {
    assert.match(String(await a.closed()), /authorization violation/i, server.kind)
    await b.flush()
    await b.close()
  }
  await both(base)
})
