import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { test } from 'node:test'
import { connect } from '@nats-io/transport-node'
import { start } from './support.ts'

const base = { port: 0 }

test('limits change for clients that are there', async (t) => {
  const server = await start(t, { ...base, maxPayload: 100 })
  const client = await connect({ servers: server.url })
  await client.flush()
  server.reload({ ...base, maxPayload: 1000 })
  await client.flush()
  assert.equal(client.info?.max_payload, 1000)
  client.publish('x', new Uint8Array(900))
  await client.flush()
  await client.close()
})

test('users change: who is gone is disconnected, others stay, new ones come', async (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((user) => ({ user, password: 'secret' }))
  const server = await start(t, { ...base, users: [a, b] })
  const options = ({ user }: { user: string }) => ({
    servers: server.url,
    user,
    pass: 'secret',
    reconnect: false,
  })
  const [first, second] = [await connect(options(a)), await connect(options(b))]
  server.reload({ ...base, users: [b, c] })
  assert.equal(await first.closed(), undefined)
  await second.flush()
  await assert.rejects(connect(options(a)), /Authorization Violation/i)
  const third = await connect(options(c))
  await Promise.all([second.close(), third.close()])
})

test('what can not change is refused, and nothing has changed', async (t) => {
  const server = await start(t, { ...base, maxPayload: 100, jetstream: true, maxMemoryStore: 1000 })
  for (const [options, sentence] of [
    [{ host: '::1' }, 'config reload not supported for Host: old=127.0.0.1, new=::1'],
    [{ maxSubscriptions: 7 }, 'config reload not supported for MaxSubs: old=0, new=7'],
    [{ lameDuckDuration: 60_000 }, 'config reload not supported for LameDuckDuration: old=2m0s, new=1m0s'],
    [{ jetstream: false }, 'config reload not supported for JetStream: old=true, new=false'],
    [{ syncInterval: 1000 }, 'config reload not supported for SyncInterval: old=always, new=1s'],
    [{ maxMemoryStore: 10 }, 'config reload not supported for decreasing jetstream max memory and store'],
    [{ encryption: { key: 'hidden' } }, 'config reload not supported for the encryption of jetstream'],
  ] as const) {
    assert.throws(
      () => server.reload({ ...base, jetstream: true, maxMemoryStore: 1000, maxPayload: 200, ...options }),
      { message: sentence },
    )
  }
  const client = await connect({ servers: server.url })
  assert.equal(client.info?.max_payload, 100)
  await client.close()
})

test('fewer connections cut off the latest', async (t) => {
  const server = await start(t, base)
  const clients = []
  for (let i = 0; i < 3; i++) clients.push(await connect({ servers: server.url, reconnect: false }))
  server.reload({ ...base, maxConnections: 1 })
  const errors = await Promise.all([clients[1].closed(), clients[2].closed()])
  for (const error of errors) assert.match(String(error), /maximum connections exceeded/i)
  await clients[0].flush()
  await clients[0].close()
})

test('a server of its own ends in lame duck mode, and clients in the process with it', async (t) => {
  const server = await start(t, { ...base, lameDuckDuration: 200, lameDuckGracePeriod: 10 })
  const client = await server.connect({ reconnect: false })
  await client.flush()
  const status = client.status()[Symbol.asyncIterator]()
  const ended = server.lameDuck()
  let told = ''
  while (told !== 'ldm') told = (await status.next()).value.type
  await Promise.all([ended, client.closed()])
  assert.equal(server.isLameDuck, true)
  await assert.rejects(server.connect(), /the server has stopped/)
  const refused = await new Promise((resolve) => {
    connectSocket(server.port as number, '127.0.0.1').on('error', resolve)
  })
  assert.match(String(refused), /ECONNREFUSED/)
})

test('a stop ends lame duck mode', async (t) => {
  const server = await start(t, { ...base, lameDuckDuration: 600_000, lameDuckGracePeriod: 300_000 })
  const client = await connect({ servers: server.url, reconnect: false })
  const ended = server.lameDuck()
  await server.stop()
  await Promise.all([ended, client.closed()])
})

test('ten thousand users change in less than a second', async (t) => {
  const users = (end: string) =>
    Array.from({ length: 10_000 }, (_, i) => ({ user: `u${i}`, password: `p${end}` }))
  const server = await start(t, { ...base, users: users('1') })
  const client = await connect({ servers: server.url, user: 'u9999', pass: 'p1', reconnect: false })
  const begun = performance.now()
  server.reload({ ...base, users: users('2') })
  const ms = performance.now() - begun
  assert.ok(ms < 1000, `${ms} ms`)
  assert.match(String(await client.closed()), /Authorization Violation/i)
})
