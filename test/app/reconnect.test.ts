import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ContrailError } from '../../src/app/index.ts'
import { restartableServer } from './servers.ts'
import { makeApp, until } from './support.ts'

const quick = { reconnectTimeWait: 50 }

test('an app goes on when its server restarts: nothing is lost, handlers resume, each message is handled', async (t) => {
  const server = await restartableServer()
  const app = makeApp(t, { server, broker: { servers: server.url, connection: quick } })
  const orders = app.stream('ORDERS')
  const handled = new Set<unknown>()
  const ordered: unknown[] = []
  orders.consume('orders.>', { durable: 'billing' }, (n) => {
    handled.add(n)
  })
  orders.consume('orders.>', { ordered: true }, (n) => {
    ordered.push(n)
  })
  app.subscribe('ping', () => 'pong')
  await app.start()
  const events: string[] = []
  app.onConnection((event) => events.push(event))
  const acknowledged: number[] = []
  let isOver = false
  const publishing = (async () => {
    for (let n = 0; !isOver; n++) {
      // The id makes it safe to send again what was under way when the connection broke.
      await orders.publish('orders.new', n, { id: `n${n}`, timeout: '20s' })
      acknowledged.push(n)
      if (n % 20 === 0) await pause(1)
    }
  })()
  for (let round = 0; round < 2; round++) {
    const before = acknowledged.length
    await until(() => acknowledged.length > before + 50, 'publishing', 20_000)
    await server.stop()
    await pause(100)
    await server.start()
  }
  const before = acknowledged.length
  await until(() => acknowledged.length > before + 50, 'publishing', 20_000)
  isOver = true
  await publishing
  await until(() => handled.size >= acknowledged.length, 'handling', 20_000)
  await until(() => ordered.length >= acknowledged.length, 'reading in order', 20_000)
  assert.deepEqual(ordered, acknowledged, 'the ordered reader saw every message once, in order')
  assert.equal((await orders.info()).state.messages, acknowledged.length)
  assert.equal(await app.request('ping'), 'pong')
  assert.deepEqual(events, ['disconnected', 'reconnected', 'disconnected', 'reconnected'])
  assert.ok(app.lines.some((line) => line.sentence === 'connected again'))
})

test('what is published while the connection is lost is kept within bounds, and then refused with a sentence', async (t) => {
  const server = await restartableServer()
  const app = makeApp(t, {
    server,
    broker: { servers: server.url, connection: quick, publish: { reconnectBuffer: 1000 } },
  })
  const seen: unknown[] = []
  app.subscribe('note', (note) => {
    seen.push(note)
  })
  await app.start()
  let isDown = false
  app.onConnection((event) => {
    isDown = event === 'disconnected'
  })
  await server.stop()
  await until(() => isDown)
  await app.publish('note', 'x'.repeat(500))
  await assert.rejects(
    app.publish('note', 'y'.repeat(600)),
    (error: ContrailError) => error instanceof ContrailError && error.code === 'DISCONNECTED',
  )
  await server.start()
  await until(() => !isDown, 'the connection', 20_000)
  await until(() => seen.length === 1, 'the note', 20_000)
})

test('a consumer that was deleted is made again', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: unknown[] = []
  orders.consume('orders.>', { durable: 'billing', deliver: 'new' }, (n) => {
    seen.push(n)
  })
  await app.start()
  await orders.publish('orders.new', 1)
  await until(() => seen.length === 1)
  await app.context.jsm.consumers.delete('ORDERS', 'billing')
  await until(async () => (await orders.info()).state.consumer_count === 1, 'the new consumer')
  await orders.publish('orders.new', 2)
  await until(() => seen.length === 2)
})

test('publishing to a stream that comes a moment later succeeds, to one that does not come fails with a sentence', async (t) => {
  const app = makeApp(t)
  const late = app.stream('LATE', { declare: 'none' })
  await app.start()
  const publishing = late.publish('late.x', 1, { timeout: '5s' })
  await pause(100)
  await app.context.jsm.streams.add({ name: 'LATE', subjects: ['late.>'] })
  assert.equal((await publishing).seq, 1)
  await assert.rejects(
    app.stream('NEVER', { declare: 'none' }).publish('never.x', 1, { timeout: '600ms' }),
    (error: ContrailError) => error.code === 'NO_RESPONDERS',
  )
})
