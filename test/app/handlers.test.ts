import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type ContrailError, ReplyError, RequestFailedError } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

const Order = z.object({ sku: z.string(), quantity: z.number() })

test('a handler on a stream gets typed data and the names of its subject, and acknowledges by returning', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { subjects: ['orders.>'] })
  const seen: string[] = []
  const billing = orders.consume(
    'orders.{id}.created',
    { durable: 'billing', schema: Order },
    (order, { params }) => {
      seen.push(`${params.id}: ${order.quantity} ${order.sku}`)
    },
  )
  await app.start()
  const ack = await orders.publish('orders.7.created', { sku: 'nut', quantity: 3 })
  assert.equal(ack.seq, 1)
  await until(() => seen.length === 1)
  assert.deepEqual(seen, ['7: 3 nut'])
  await until(async () => (await billing.info()).ack_floor.stream_seq === 1, 'the ack')
})

test('what is published to a subject of a declared stream is acknowledged by it, other subjects are core NATS', async (t) => {
  const app = makeApp(t)
  app.stream('ORDERS', { subjects: ['orders.>'] })
  await app.start()
  assert.equal((await app.publish('orders.1', 'x'))?.stream, 'ORDERS')
  assert.equal(await app.publish('other', 'x'), undefined)
})

test('a message that its schema refuses is not tried again: it goes to the dead letters with its headers and the reason', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { subjects: ['orders.>'] })
  let calls = 0
  orders.consume(
    'orders.>',
    { durable: 'billing', schema: Order, retry: { attempts: 2, backoff: '20ms', deadLetter: true } },
    () => {
      calls++
    },
  )
  await app.start()
  await orders.publish('orders.1', { sku: 'nut' }, { headers: { Shop: 'Bern' }, id: 'one' })
  const dead = await app.context.jsm.streams
  await until(async () => (await dead.info('ORDERS_DEAD')).state.messages === 1, 'the dead letter')
  const letter = await dead.getMessage('ORDERS_DEAD', { seq: 1 })
  assert.equal(letter?.subject, 'dead.ORDERS.orders.1')
  assert.deepEqual(letter?.json(), { sku: 'nut' })
  assert.equal(letter?.header.get('Shop'), 'Bern')
  assert.equal(letter?.header.get('Contrail-Dead-Letter-Deliveries'), '1')
  assert.match(letter?.header.get('Contrail-Dead-Letter-Reason') ?? '', /quantity: /)
  assert.equal(calls, 0)
})

test('a request is answered by what the handler returns', async (t) => {
  const app = makeApp(t)
  app.subscribe('greet.{name}', (_data, { params }) => ({ text: `hello ${params.name}` }))
  await app.start()
  assert.deepEqual(await app.request('greet.world'), { text: 'hello world' })
})

test('an error of a request reaches the one who asked, with a status', async (t) => {
  const app = makeApp(t)
  app.subscribe('find', () => {
    throw new ReplyError(404, 'no such thing')
  })
  await app.start()
  await assert.rejects(app.request('find'), (error: RequestFailedError) => {
    assert.ok(error instanceof RequestFailedError)
    assert.equal(error.status, 404)
    assert.equal(error.description, 'no such thing')
    return true
  })
})

test('a request that nobody hears fails at once, with a sentence that says so', async (t) => {
  const app = makeApp(t)
  await app.start()
  await assert.rejects(app.request('nobody'), (error: ContrailError) => error.code === 'NO_RESPONDERS')
})

test('a value in a bucket is changed by a function, without losing what others wrote', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue('stock', { schema: z.number() })
  await app.start()
  await Promise.all(Array.from({ length: 20 }, () => stock.update('nut', (left = 0) => left + 1)))
  assert.equal(await stock.get('nut'), 20)
  assert.equal(await stock.get('bolt'), undefined)
})

test('dependencies are in the context, made before handlers run and let go of at the end', async (t) => {
  const gone: string[] = []
  const app = makeApp(t)
    .provide('db', async () => ({ name: 'db' }), { dispose: ({ name }) => gone.push(name) })
    .provide('unit', ({ db }) => ({ name: `${db.name}-unit` }), {
      lifetime: 'message',
      dispose: ({ name }) => gone.push(name),
    })
  app.subscribe('who', (_data, { db, unit }) => `${db.name} ${unit.name}`)
  await app.start()
  assert.equal(await app.request('who'), 'db db-unit')
  await app.stop()
  assert.deepEqual(gone, ['db-unit', 'db'])
})

test('stop waits for handlers and for their acks', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS', { subjects: ['jobs.>'], retention: 'workqueue' })
  let finished = false
  jobs.consume('jobs.>', { durable: 'workers' }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    finished = true
  })
  let left = -1
  await app.start()
  await jobs.publish('jobs.one')
  await until(async () => (await jobs.info()).state.messages === 1)
  app.afterShutdown(() => {
    left = finished ? 0 : 1
  })
  await app.stop()
  assert.equal(left, 0)
})

test('messages are read without handlers, by next and for await', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { subjects: ['orders.>'] })
  const reader = orders.consume('orders.>', { ordered: true })
  await app.start()
  for (let i = 1; i <= 5; i++) await orders.publish('orders.new', i)
  assert.equal((await reader.next())?.json(), 1)
  const rest: unknown[] = []
  for await (const message of reader) {
    rest.push(message.json())
    if (rest.length === 4) break
  }
  assert.deepEqual(rest, [2, 3, 4, 5])
  assert.equal(await reader.next({ timeout: '20ms' }), undefined)
})
