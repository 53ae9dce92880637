/** Each page of the monitoring has the keys and types of nats-server's, asked in the same state. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { freePort, type Kind, PeerServer } from './servers.ts'
import { shape } from './shape.ts'

const config = `
server_name: one
server_tags: [a, b]
server_metadata { owner: me }
max_payload: 2MB
`

class Watched {
  readonly server: PeerServer
  readonly port: number
  client: NatsConnection | null = null

  constructor(kind: Kind, port: number) {
    this.port = port
    this.server = new PeerServer(kind, { flags: ['-js', '-m', `${port}`], config })
  }

  async start(): Promise<void> {
    await this.server.start()
    const gone = await this.connect('gone')
    gone.subscribe('was.here')
    await gone.flush()
    await gone.close()
    this.client = await this.connect('stays')
    this.client.subscribe('foo.>', { queue: 'q' })
    this.client.subscribe('bar', { max: 5 })
    const manager = await jetstreamManager(this.client)
    await manager.streams.add({ name: 'S', subjects: ['s'] })
    await manager.consumers.add('S', { durable_name: 'C', ack_policy: 'explicit' })
    await jetstream(this.client).publish('s', 'hello')
    await this.client.flush()
  }

  connect(name: string): Promise<NatsConnection> {
    return connect({ servers: this.server.url, name })
  }

  async stop(): Promise<void> {
    await this.client?.close()
    await this.server.dispose()
  }

  ask(path: string): Promise<{ status: number; type: string; location: string; text: string }> {
    return new Promise((resolve, reject) => {
      // fetch would make the path plain itself.
      const asked = request({ host: '127.0.0.1', port: this.port, path }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => {
          const { 'content-type': type = '', location = '' } = response.headers
          resolve({ status: response.statusCode ?? 0, type, location, text })
        })
      })
      asked.on('error', reject).end()
    })
  }
}

let theirs: Watched
let ours: Watched
before(async () => {
  theirs = new Watched('nats-server', await freePort())
  ours = new Watched('contrail', await freePort())
  await Promise.all([theirs.start(), ours.start()])
})
after(() => Promise.all([theirs.stop(), ours.stop()]))

/** What differs by what the servers are made of. */
const ignored = [
  // Which subjects a server subscribes to itself.
  /^\.subscriptions_list\[\]\.(qgroup|max) /,
  // Counted by nats-server in its own way: see docs/operations.md.
  /^\.jetstream\.config\.sync_always /,
  /^\.config\.sync_always /,
]

function shapeOf(text: string): string[] {
  return [...shape(JSON.parse(text))].filter((path) => !ignored.some((pattern) => pattern.test(path))).sort()
}

for (const path of [
  '/varz',
  '/connz',
  '/connz?auth=1&subs=1',
  '/connz?auth=true&subs=detail&state=all',
  '/connz?state=closed&subs=1',
  '/connz?acc=$G&sort=msgs_to',
  '/connz?acc=nope',
  '/connz?mqtt_client=x',
  '/connz?cid=1000',
  '/routez',
  '/routez?subs=1',
  '/gatewayz',
  '/gatewayz?accs=1',
  '/leafz',
  '/leafz?subs=1',
  '/subsz',
  '/subsz?subs=1',
  '/subsz?subs=1&test=foo.x',
  '/subsz?acc=$G',
  '/subscriptionsz',
  '/accountz',
  '/accountz?acc=$G',
  '/accountz?acc=$SYS',
  '/accstatz',
  '/accstatz?unused=1',
  '/jsz',
  '/jsz?accounts=1',
  '/jsz?consumers=1&config=1',
  '/jsz?acc=$G&streams=1',
  '/jsz?raft=1&streams=1&consumers=1',
  '/jsz?leader-only=1',
  '/healthz',
  '/healthz?details=1',
  '/healthz?js-enabled-only=1',
  '/healthz?js-server-only=1',
  '/healthz?account=$G&stream=S&consumer=C',
  '/ipqueuesz',
]) {
  test(`${path} has the keys of nats-server`, async () => {
    const [wanted, got] = await Promise.all([theirs.ask(path), ours.ask(path)])
    assert.deepEqual([got.status, got.type], [wanted.status, wanted.type])
    assert.deepEqual(shapeOf(got.text), shapeOf(wanted.text))
  })
}

for (const path of [
  '/nope',
  '/varz/',
  '//varz',
  '/./varz',
  '/a/../varz?x=1',
  '//',
  '/raftz',
  '/accountz?acc=nope',
  '/connz?sort=bogus',
  '/connz?state=bogus',
  '/connz?sort=stop',
  '/connz?limit=x',
  '/subsz?subs=maybe',
  '/subsz?test=a..b&subs=1',
  '/jsz?raft=x',
  '/leafz?subs=x',
  '/accstatz?unused=x',
  '/healthz?account=nope',
  '/healthz?account=$G&stream=nope',
  '/healthz?account=$G&stream=S&consumer=nope',
  '/healthz?account=nope&details=1',
  '/healthz?account=$G&stream=S&consumer=nope&details=1',
  '/healthz?stream=S',
  '/healthz?consumer=C',
  '/healthz?details=x',
]) {
  test(`${path} is answered as nats-server answers`, async () => {
    const [wanted, got] = await Promise.all([theirs.ask(path), ours.ask(path)])
    assert.deepEqual(got, wanted)
  })
}

test('values that are not of the machine are the same', async () => {
  const pick = async (server: Watched) => {
    const varz = JSON.parse((await server.ask('/varz')).text)
    const { connections } = JSON.parse((await server.ask('/connz?state=closed&subs=detail&auth=1')).text)
    const gone = connections.find((each: { name: string }) => each.name === 'gone')
    const pages = [
      ...[
        'server_name',
        'version',
        'proto',
        'tags',
        'metadata',
        'feature_flags',
        'config_digest',
        'max_payload',
      ],
      ...['max_connections', 'ping_interval', 'ping_max', 'auth_timeout', 'write_deadline', 'system_account'],
    ]
    return {
      varz: pages.map((key) => [key, varz[key]]),
      // Asked twice by now, by this test and by that of its keys, which runs before.
      counted: Object.keys(varz.http_req_stats).sort(),
      gone: [gone.reason, gone.subscriptions, gone.subscriptions_list_detail[0].subject, gone.name_tag],
    }
  }
  const [wanted, got] = await Promise.all([pick(theirs), pick(ours)])
  // The file with it names a folder of each server's own nowhere.
  assert.deepEqual(got, wanted)
})

test('a PING is no activity, and a message is', async () => {
  const last = async ({ ask, port }: Watched) => {
    const { text } = await ask.call({ port } as Watched, '/connz')
    return JSON.parse(text).connections[0].last_activity as string
  }
  const after = async (server: Watched, act: () => Promise<void>): Promise<boolean> => {
    const before = await last(server)
    await act()
    return (await last(server)) !== before
  }
  for (const server of [theirs, ours]) {
    const client = server.client as NatsConnection
    assert.equal(await after(server, () => client.flush()), false, server.server.kind)
    const publish = async () => {
      client.publish('nobody')
      await client.flush()
    }
    assert.equal(await after(server, publish), true, server.server.kind)
  }
})
