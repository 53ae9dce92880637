import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type NatsConnection, wsconnect } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { start } from './support.ts'

const fast = { reconnectTimeWait: 20, reconnectJitter: 0 }

/** Resolves at the client's next reconnect. */
async function reconnected(client: NatsConnection): Promise<void> {
  for await (const status of client.status()) if (status.type === 'reconnect') return
}

async function answers(client: NatsConnection, subject: string): Promise<void> {
  client.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) })
  assert.equal((await client.request(subject, 'x')).string(), 'x')
}

test('clients publish, subscribe and request without a socket', async (t) => {
  const server = await start(t)
  const [one, two] = await Promise.all([server.connect({ name: 'one' }), server.connect()])
  one.subscribe('echo.*', {
    callback: (_error, message) => void message.respond(message.data, { headers: message.headers }),
  })
  await one.flush()
  assert.equal((await two.request('echo.a', 'hello')).string(), 'hello')
  await assert.rejects(two.request('nobody'), /no responders/)
  const large = new Uint8Array(1024 * 1024).fill(7)
  assert.ok(Buffer.from((await two.request('echo.b', large)).data).equals(large))
  await server.stop()
  assert.equal(one.isClosed(), true)
  assert.equal(two.isClosed(), true)
})

test('a client that is closed or drained is gone for the server', async (t) => {
  const server = await start(t, { monitorPort: 0 })
  const client = await server.connect()
  const other = await server.connect()
  client.subscribe('x')
  await client.flush()
  await client.close()
  await other.drain()
  const response = await fetch(`${server.monitorUrl}/connz?state=all`)
  const { connections } = (await response.json()) as { connections: { type: string; reason: string }[] }
  assert.deepEqual(
    connections.map((each) => [each.type, each.reason]),
    [
      ['in_process', 'Client Closed'],
      ['in_process', 'Client Closed'],
    ],
  )
  await server.stop()
})

test('messages published before a close arrive', async (t) => {
  const server = await start(t)
  const [listener, publisher] = await Promise.all([server.connect(), server.connect()])
  let count = 0
  listener.subscribe('n', { callback: () => void count++ })
  await listener.flush()
  for (let i = 0; i < 1000; i++) publisher.publish('n')
  await publisher.drain()
  await listener.flush()
  assert.equal(count, 1000)
  await server.stop()
})

test('in-process and TCP clients reconnect side by side, whoever connected last', async (t) => {
  const embedded = await start(t)
  const remote = await start(t, { port: 0, name: 'remote' })
  const inside = await embedded.connect(fast)
  const tcp = await connect({ servers: remote.url, ...fast })
  const insideLater = await embedded.connect(fast)
  await Promise.all([answers(inside, 'a'), answers(tcp, 'b'), answers(insideLater, 'c')])

  // The TCP client's factory was set before `insideLater` came, and after `inside` did.
  for (const client of [tcp, inside, insideLater]) {
    const back = reconnected(client)
    await client.reconnect()
    await back
  }
  assert.equal((await inside.request('a', 'again')).string(), 'again')
  assert.equal((await tcp.request('b', 'again')).string(), 'again')
  assert.equal((await insideLater.request('c', 'again')).string(), 'again')
  assert.equal(tcp.info?.server_name, 'remote')
  assert.equal(inside.info?.server_id, embedded.id)

  // And a WebSocket client that fails leaves a factory that must not matter to either.
  await assert.rejects(wsconnect({ servers: 'ws://127.0.0.1:1', reconnect: false, tls: {} }))
  const back = reconnected(inside)
  await inside.reconnect()
  await back
  assert.equal((await inside.request('a', 'third')).string(), 'third')
  const newcomer = await embedded.connect()
  await newcomer.flush()
  await tcp.close()
  await Promise.all([embedded.stop(), remote.stop()])
})

test('a TCP client comes back to its server while in-process clients come and go', async (t) => {
  const embedded = await start(t)
  const remote = await start(t, { port: 0 })
  const port = remote.port as number
  const tcp = await connect({ servers: remote.url, ...fast, maxReconnectAttempts: -1 })
  const back = reconnected(tcp)
  await remote.stop()
  const inside = await embedded.connect()
  const again = await start(t, { port })
  await back
  assert.equal(tcp.info?.server_id, again.id)
  assert.equal(inside.info?.server_id, embedded.id)
  await tcp.close()
  await Promise.all([embedded.stop(), again.stop()])
})

test('a slow reader is given what it can take, and everything in the end', async (t) => {
  const server = await start(t, { maxPending: 4 * 1024 * 1024 })
  const [listener, publisher] = await Promise.all([server.connect(), server.connect()])
  const payload = new Uint8Array(64 * 1024)
  const total = 200
  let count = 0
  const done = new Promise<void>((resolve) => {
    listener.subscribe('big', {
      callback: () => {
        if (++count === total) resolve()
      },
    })
  })
  await listener.flush()
  for (let i = 0; i < total; i++) {
    publisher.publish('big', payload)
    if (i % 10 === 9) await publisher.flush()
  }
  await done
  assert.equal(count, total)
  await server.stop()
})

test('connecting to a server that has stopped is refused', async (t) => {
  const server = await start(t)
  await server.stop()
  await assert.rejects(server.connect(), /the server has stopped/)
})
