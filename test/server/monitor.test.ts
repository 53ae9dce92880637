import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import type { Server } from '../../src/server/index.ts'
import { goDuration, goTime, uptime } from '../../src/server/monitor/go-text.ts'
import { start } from './support.ts'

interface Answer {
  status: number
  type: string | null
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: the pages are JSON of many shapes, and the tests look into them
  json: any
}

async function get(server: Server, path: string): Promise<Answer> {
  const response = await fetch(server.monitorUrl + path)
  const text = await response.text()
  const type = response.headers.get('content-type')
  return { status: response.status, type, text, json: type === 'application/json' ? JSON.parse(text) : null }
}

const monitored = (t: TestContext, options = {}) => start(t, { port: 0, monitorPort: 0, ...options })

// The keys nats-server 2.15.2 answers with, in its order.
const varzKeys =
  `server_id server_name version proto go host port max_connections ping_interval ping_max http_host
  http_port http_base_path https_port auth_timeout max_control_line max_payload max_pending cluster gateway leaf mqtt
  websocket jetstream tls_timeout write_deadline start now uptime mem cores gomaxprocs cpu connections total_connections
  routes remotes leafnodes in_msgs in_bytes in_client_msgs in_client_bytes out_msgs out_bytes out_client_msgs
  out_client_bytes slow_consumers stale_connections stalled_clients subscriptions http_req_stats config_load_time
  config_digest feature_flags system_account slow_consumer_stats stale_connection_stats disk_io_wait_stats`.split(
    /\s+/,
  )
const connzKeys = 'server_id now num_connections total offset limit connections'.split(' ')
const connectionKeys =
  `cid kind type ip port start last_activity rtt uptime idle pending_bytes in_msgs out_msgs in_bytes
  out_bytes subscriptions name lang version subscriptions_list`.split(/\s+/)
const subszKeys =
  `server_id now num_subscriptions num_cache num_inserts num_removes num_matches cache_hit_rate max_fanout
  avg_fanout total offset limit subscriptions_list`.split(/\s+/)
const jszKeys =
  `memory storage reserved_memory reserved_storage accounts ha_assets api server_id now config limits streams
  consumers messages bytes account_details total`.split(/\s+/)

test('/varz has the keys of nats-server and counts', async (t) => {
  const server = await monitored(t)
  const client = await connect({ servers: server.url })
  client.subscribe('x')
  client.publish('x', 'abc')
  await client.flush()
  const { status, type, json } = await get(server, '/varz')
  assert.equal(status, 200)
  assert.equal(type, 'application/json')
  assert.deepEqual(Object.keys(json), varzKeys)
  assert.equal(json.server_id, server.id)
  assert.equal(json.port, server.port)
  assert.equal(json.http_port, server.monitorPort)
  assert.deepEqual([json.connections, json.in_msgs, json.in_bytes, json.out_msgs], [1, 1, 3, 1])
  assert.deepEqual(json.http_req_stats, { '/varz': 1 })
  // Those of the server itself are counted too.
  client.subscribe('y')
  await client.flush()
  assert.equal((await get(server, '/varz')).json.subscriptions, json.subscriptions + 1)
  await client.close()
})

test('/connz shows, filters, sorts and pages connections', async (t) => {
  const server = await monitored(t)
  const names = ['a', 'b', 'c']
  const clients = await Promise.all(names.map((name) => connect({ servers: server.url, name })))
  clients[1].subscribe('b.>', { queue: 'q' })
  clients[2].publish('nowhere')
  await Promise.all(clients.map((client) => client.flush()))
  const listed = await get(server, '/connz?subs=1')
  assert.deepEqual(Object.keys(listed.json), connzKeys)
  assert.equal(listed.json.total, 3)
  assert.match(listed.text, /"b\.\\u003e"/)
  const b = listed.json.connections.find((each: { name: string }) => each.name === 'b')
  assert.deepEqual(Object.keys(b), connectionKeys)
  const detailed = await get(server, `/connz?subs=detail&auth=true&cid=${b.cid}`)
  assert.deepEqual(detailed.json.connections[0].subscriptions_list_detail, [
    { subject: 'b.>', qgroup: 'q', sid: '1', msgs: 0, cid: b.cid },
  ])
  assert.deepEqual(
    [detailed.json.connections[0].account, detailed.json.connections[0].name_tag],
    [undefined, '$G'],
  )
  const sorted = await get(server, '/connz?sort=msgs_from&limit=1')
  assert.deepEqual(
    [sorted.json.connections[0].name, sorted.json.num_connections, sorted.json.total],
    ['c', 1, 3],
  )
  assert.equal((await get(server, '/connz?offset=2')).json.num_connections, 1)
  await clients[0].close()
  const closed = await get(server, '/connz?state=closed')
  assert.deepEqual(
    [closed.json.connections[0].name, closed.json.connections[0].reason],
    ['a', 'Client Closed'],
  )
  assert.equal((await get(server, '/connz?state=all')).json.total, 3)
  await Promise.all(clients.map((client) => client.close()))
})

test('/subsz lists and tests subjects', async (t) => {
  const server = await monitored(t)
  const client = await connect({ servers: server.url })
  client.subscribe('foo.*')
  client.subscribe('bar')
  await client.flush()
  const listed = await get(server, '/subsz?subs=1')
  assert.deepEqual(Object.keys(listed.json), subszKeys)
  const subjects = listed.json.subscriptions_list.map((each: { subject: string }) => each.subject)
  assert.deepEqual(subjects.filter((subject: string) => !subject.startsWith('$')).sort(), ['bar', 'foo.*'])
  assert.equal(listed.json.total, listed.json.num_subscriptions)
  const tested = await get(server, '/subsz?subs=1&test=foo.x')
  assert.deepEqual(
    tested.json.subscriptions_list.map((each: { subject: string }) => each.subject),
    ['foo.*'],
  )
  await client.close()
})

test('/jsz shows streams and consumers', async (t) => {
  const server = await monitored(t, { jetstream: true, domain: 'hub' })
  const client = await connect({ servers: server.url })
  const manager = await jetstreamManager(client)
  await manager.streams.add({ name: 'S', subjects: ['s'] })
  await manager.consumers.add('S', { durable_name: 'C' })
  await jetstream(client).publish('s', 'hello')
  const { json } = await get(server, '/jsz?consumers=1&config=1')
  assert.deepEqual(Object.keys(json), jszKeys)
  assert.deepEqual([json.streams, json.consumers, json.messages, json.config.domain], [1, 1, 1, 'hub'])
  const [stream] = json.account_details[0].stream_detail
  assert.deepEqual([stream.name, stream.config.subjects, stream.state.messages], ['S', ['s'], 1])
  assert.deepEqual([stream.consumer_detail[0].name, stream.consumer_detail[0].num_pending], ['C', 1])
  const bare = await get(server, '/jsz')
  assert.equal(bare.json.account_details, undefined)
  assert.equal((await get(server, '/varz')).json.jetstream.stats.accounts, 1)
  for (const [query, status] of [
    ['', 200],
    ['?js-enabled-only=true', 200],
    ['?account=$G&stream=S&consumer=C', 200],
    ['?account=X', 404],
    ['?account=$G&stream=Z', 404],
    ['?account=$G&stream=S&consumer=Z', 404],
    ['?stream=S', 400],
  ] as const) {
    assert.equal((await get(server, `/healthz${query}`)).status, status, query)
  }
  await client.close()
})

test('without JetStream /jsz says so, and /healthz when it is asked', async (t) => {
  const server = await monitored(t)
  assert.equal((await get(server, '/jsz')).json.disabled, true)
  assert.equal((await get(server, '/healthz')).text, '{"status":"ok"}')
  const unhealthy = await get(server, '/healthz?js-enabled-only=1')
  assert.equal(unhealthy.status, 503)
})

test('what is asked wrongly is answered in the words of nats-server', async (t) => {
  const server = await monitored(t)
  for (const [path, status, text] of [
    ['/connz?sort=bogus', 400, 'invalid sorting option: bogus'],
    ['/connz?state=x', 400, 'Error decoding state for x'],
    ['/connz?limit=abc', 400, `Error decoding int for 'limit': strconv.Atoi: parsing "abc": invalid syntax`],
    ['/connz?sort=stop', 400, 'sort by stop only valid on closed connections'],
    ['/subsz?test=foo..bar', 400, 'invalid test subject, must be valid publish subject: foo..bar'],
    ['/connz?sort=__proto__', 400, 'invalid sorting option: __proto__'],
    ['/connz?sort=constructor', 400, 'invalid sorting option: constructor'],
    ['/connz?state=__proto__', 400, 'Error decoding state for __proto__'],
    [
      '/connz?auth=constructor',
      400,
      `Error decoding boolean for 'auth': strconv.ParseBool: parsing "constructor": invalid syntax`,
    ],
    [
      '/subsz?subs=%E4%BD%A0%0A%07%22%00',
      400,
      `Error decoding boolean for 'subs': strconv.ParseBool: parsing "你\\n\\a\\"\\x00": invalid syntax`,
    ],
    [
      '/jsz?offset=9223372036854775808',
      400,
      `Error decoding int for 'offset': strconv.Atoi: parsing "9223372036854775808": value out of range`,
    ],
    [
      '/connz?cid=18446744073709551616',
      400,
      `Error decoding uint64 for 'cid': strconv.ParseUint: parsing "18446744073709551616": value out of range`,
    ],
    ['/%zz', 400, '400 Bad Request'],
    ['/__proto__', 404, '404 page not found\n'],
    ['/nope', 404, '404 page not found\n'],
  ] as const) {
    const answer = await get(server, path)
    assert.deepEqual([answer.status, answer.text, answer.type], [status, text, 'text/plain; charset=utf-8'])
  }
})

test('a path that is not plain is sent to the plain one, as Go does', async (t) => {
  const server = await monitored(t)
  for (const [path, location] of [
    ['//', '/'],
    ['//varz?x=1', '/varz?x=1'],
    ['/./varz', '/varz'],
    ['/varz//', '/varz/'],
    ['/..', '/'],
  ]) {
    // fetch would make the path plain itself.
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ port: server.monitorPort, path }, resolve).on('error', reject).end()
    })
    response.resume()
    assert.deepEqual([response.statusCode, response.headers.location], [307, location])
  }
})

test('numbers at the ends of their range page through nothing', async (t) => {
  const server = await monitored(t, { jetstream: true })
  for (const [query, offset, limit] of [
    [
      'offset=9223372036854775807&limit=9223372036854775807',
      Number.MAX_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER,
    ],
    ['offset=-9223372036854775808&limit=-5', 0, 1024],
    ['offset=00000000000000000000000000000001&limit=0', 1, 1024],
  ] as const) {
    for (const page of ['connz', 'subsz']) {
      const { json } = await get(server, `/${page}?${query}`)
      assert.deepEqual([json.offset, json.limit], [offset, limit], `${page} ${query}`)
    }
    assert.equal((await get(server, `/jsz?accounts=1&${query}`)).status, 200)
  }
})

test('the first page leads to the others, also below a base path', async (t) => {
  const server = await monitored(t, { monitorBasePath: '/nats' })
  assert.match((await get(server, '/nats/')).text, /href="\.\/varz"/)
  assert.equal((await get(server, '/nats/healthz')).status, 200)
  assert.equal((await get(server, '/healthz')).status, 404)
})

test('times and durations as Go prints them', () => {
  assert.equal(goTime(Date.UTC(2026, 10, 25, 3, 4, 5)), '2026-11-25T03:04:05Z')
  assert.equal(goTime(Date.UTC(2026, 10, 25, 3, 4, 5, 120) + 0.5), '2026-11-25T03:04:05.1205Z')
  assert.equal(uptime(65_000), '1m5s')
  assert.equal(uptime(366 * 86_400_000), '1y1d0h0m0s')
  assert.equal(goDuration(0.366), '366µs')
  assert.equal(goDuration(1.25), '1.25ms')
  assert.equal(goDuration(0), '0s')
  assert.equal(goDuration(90_000), '1m30s')
})

test('/metrics is text as Prometheus reads it', async (t) => {
  const server = await monitored(t, { jetstream: true, name: 'a-"b"\\' })
  const client = await connect({ servers: server.url })
  const manager = await jetstreamManager(client)
  await manager.streams.add({ name: 'S', subjects: ['s'] })
  await manager.consumers.add('S', { durable_name: 'C' })
  await jetstream(client).publish('s', 'hello')
  const { status, type, text } = await get(server, '/metrics')
  assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  const line =
    /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="([^"\\\n]|\\.)*"(,[a-z_]+="([^"\\\n]|\\.)*")*\})? -?[\d.e+-]+)$/
  for (const each of text.trimEnd().split('\n')) assert.match(each, line)
  assert.match(text, /^nats_server_connections 1$/m)
  assert.match(text, /^nats_stream_messages\{account="\$G",stream="S"\} 1$/m)
  assert.match(text, /^nats_consumer_pending_messages\{account="\$G",stream="S",consumer="C"\} 1$/m)
  assert.match(text, /^nats_server_info\{.*server_name="a-\\"b\\"\\\\".*\} 1$/m)
  await client.close()
})

test('pages of what one node has not are answered as by a nats-server that is alone', async (t) => {
  const server = await monitored(t)
  const { json: routez } = await get(server, '/routez')
  assert.deepEqual([routez.num_routes, routez.routes], [0, []])
  assert.deepEqual((await get(server, '/gatewayz')).json.outbound_gateways, {})
  assert.deepEqual((await get(server, '/leafz')).json.leafs, [])
  assert.deepEqual((await get(server, '/ipqueuesz')).json, {})
  assert.equal((await get(server, '/raftz')).status, 404)
  const vars = JSON.parse((await get(server, '/debug/vars')).text)
  assert.equal(vars.cmdline.length, 1)
  // nats-server calls it JSON, which it is not.
  const stacks = await (await fetch(`${server.monitorUrl}/stacksz`)).text()
  assert.match(stacks, /^main thread \[running\]:\n/)
})

test('/jsz says of an account without limits what Go makes of -1, to the digit', async (t) => {
  const server = await monitored(t, { jetstream: true })
  const { text } = await get(server, '/jsz?accounts=1')
  assert.match(text, /"reserved_memory": 18446744073709551615,\s+"reserved_storage": 18446744073709551615,/)
})
