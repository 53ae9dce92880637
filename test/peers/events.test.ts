/** `nats events` shows with Contrail what it shows with nats-server, and the system account is told the same. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { Program } from './clients/program.ts'
import { type Kind, natsCli, PeerServer } from './servers.ts'

const config = `
server_name: one
jetstream: enabled
lame_duck_duration: 30s
lame_duck_grace_period: 10ms
accounts {
  $SYS { users [ { user: sys, password: sys } ] }
  A { jetstream: enabled, users [ { user: a, password: a } ] }
  B { users [ { user: b, password: b } ], limits { max_conn: 1 } }
}
`
/** Whatever is to come has come when nothing did for so long, in milliseconds. */
const QUIET_MS = 400

const kinds: readonly Kind[] = ['nats-server', 'contrail']
const servers = kinds.map((kind) => new PeerServer(kind, { flags: [], config }))
before(() => Promise.all(servers.map((server) => server.start())))
after(() => Promise.all(servers.map((server) => server.dispose())))

function login({ url }: PeerServer, user: string, pass = user): Promise<NatsConnection> {
  return connect({ servers: url, user, pass, name: `the ${user}`, reconnect: false })
}

/** People come and go, one is turned away. */
async function comeAndGo(server: PeerServer): Promise<void> {
  const client = await login(server, 'a')
  client.subscribe('x')
  client.publish('x', 'hello')
  await client.flush()
  await client.close()
  await assert.rejects(login(server, 'a', 'wrong'))
  await assert.rejects(login(server, 'nobody'))
  const only = await login(server, 'b')
  await assert.rejects(login(server, 'b'))
  await only.close()
}

async function useJetStream(server: PeerServer): Promise<void> {
  const client = await login(server, 'a')
  const manager = await jetstreamManager(client)
  await manager.streams.add({ name: 'S', subjects: ['s'] })
  await manager.consumers.add('S', { durable_name: 'C', ack_policy: 'explicit', sample_freq: '100' })
  for (let i = 0; i < 3; i++) await jetstream(client).publish('s', 'hello')
  const consumer = await jetstream(client).consumers.get('S', 'C')
  await (await consumer.next())?.ackAck()
  ;(await consumer.next())?.nak(60_000)
  ;(await consumer.next())?.term('for a reason')
  await manager.consumers.pause('S', 'C', new Date(Date.now() + 3_600_000))
  await manager.consumers.resume('S', 'C')
  await manager.consumers.delete('S', 'C')
  await manager.streams.update('S', { description: 'changed' })
  await manager.streams.delete('S')
  await client.close()
}

/** Events as the command line prints them, without what is of the moment, in the order of the alphabet: they come from several subjects. */
function printed(output: string): string[] {
  return output
    .replace(/^\[[\d:]+\] \[\w+\] /gm, '\0')
    .replace(/\b\d{4}-\d\d-\d\d(T| )[\d:.]+(Z| [+-]\d{4} [A-Z]+)?/g, 'TIME')
    .replace(/^( +(ID|Delay|RTT): ).*$/gm, '$1N')
    .replace(/^( +Client Received: \d+ messages).*$/gm, '$1')
    .replace(/^( +Pause Until: ).*$/gim, '$1TIME')
    .replace(/"(api|storage|pause_remaining)":({[^}]*}|\d+),?/g, '')
    .split('\0')
    .slice(1)
    .map((event) => event.trim())
    .sort()
}

async function eventsOf(
  server: PeerServer,
  user: string,
  words: string,
  act: typeof comeAndGo,
): Promise<string[]> {
  const all = ['-s', server.url, '--user', user, '--password', user, 'events', ...words.split(' ')]
  const program = new Program(natsCli, all)
  await program.until(/Listening for/)
  // It says so before it has subscribed.
  await new Promise((done) => setTimeout(done, QUIET_MS))
  await act(server)
  for (let seen = ''; seen !== program.output; ) {
    seen = program.output
    await new Promise((done) => setTimeout(done, QUIET_MS))
  }
  return printed((await program.stop()).output)
}

for (const [user, words, act, least] of [
  ['sys', '--all', comeAndGo, 6],
  ['a', '--all', useJetStream, 20],
  ['a', '--js-advisory --js-metric --no-srv-advisory', useJetStream, 20],
] as const) {
  test(`nats events ${words} (as ${user})`, async () => {
    const [real, ours] = await Promise.all(servers.map((server) => eventsOf(server, user, words, act)))
    assert.ok(real.length >= least, `${real.length} events:\n${real.join('\n')}`)
    assert.deepEqual(ours, real)
  })
}

/** `num_subscriptions`: a server has some of its own in each account. */
const OF_THE_MOMENT = new Set(
  'num_subscriptions id timestamp start stop rtt time seq ver host time_ns sent received jetstream feature_flags flags'.split(
    ' ',
  ),
)

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(
    keys.map(([key, each]) => [key, OF_THE_MOMENT.has(key) ? `<${key}>` : plain(each)]),
  )
}

/** What comes on `$SYS.>` while something happens: subject and event. */
async function told(server: PeerServer, act: (system: NatsConnection) => Promise<void>): Promise<string[]> {
  const system = await login(server, 'sys')
  const id = system.info?.server_id ?? ''
  const events: string[] = []
  system.subscribe('$SYS.>', {
    callback: (_, message) => {
      if (/STATSZ$|^\$SYS\.REQ\./.test(message.subject)) return
      events.push(`${message.subject.replace(id, '<id>')} ${JSON.stringify(plain(message.json()))}`)
    },
  })
  await system.flush()
  await act(system)
  for (let seen = -1; seen !== events.length; ) {
    seen = events.length
    await new Promise((done) => setTimeout(done, QUIET_MS))
  }
  await system.close()
  return events.sort()
}

async function same(
  act: (server: PeerServer, system: NatsConnection) => Promise<void>,
  pair = servers,
): Promise<string[]> {
  const [real, ours] = await Promise.all(pair.map((server) => told(server, (system) => act(server, system))))
  assert.deepEqual(ours, real)
  return real
}

test('the system account is told who comes, goes and is turned away', async () => {
  const events = await same(comeAndGo)
  for (const what of ['CONNECT', 'DISCONNECT', 'CONNS', 'AUTH.ERR'])
    assert.ok(
      events.some((event) => event.split(' ')[0].endsWith(what)),
      what,
    )
})

test('the system account is told of clients that are kicked', async () => {
  await same(async (server, system) => {
    const client = await login(server, 'a')
    const cid = client.info?.client_id
    const id = client.info?.server_id
    await system.request(`$SYS.REQ.SERVER.${id}.KICK`, JSON.stringify({ cid }), { timeout: 2000 })
    await client.closed()
  })
})

test('the system account is told that a server goes', async (t) => {
  const going = kinds.map((kind) => new PeerServer(kind, { flags: [], config }))
  // They have ended by then.
  t.after(() => Promise.all(going.map((server) => server.dispose().catch(() => {}))))
  await Promise.all(going.map((server) => server.start()))
  const events = await same(async (server, system) => {
    process.kill(server.pid, process.platform === 'win32' ? 'SIGTERM' : 'SIGUSR2')
    await system.closed()
  }, going)
  assert.ok(
    events.some((event) => event.includes('LAMEDUCK')),
    events.join('\n'),
  )
})
