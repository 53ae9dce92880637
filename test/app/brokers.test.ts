import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asyncApi, type ContrailError, Router } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

test('handlers bridge from one broker to the other and back', async (t) => {
  const app = makeApp(t)
  const eu = app.broker('eu', { memory: true })
  const local = app.stream('ORDERS')
  const remote = eu.stream('ORDERS')
  const seen: unknown[] = []
  local.consume('orders.{id}.created', { durable: 'bridge' }, async (order, { params }) => {
    await remote.publish(`orders.${params.id}.forwarded`, order, { id: params.id })
  })
  remote.consume('orders.{id}.forwarded', { durable: 'w' }, async (order, { params, publish }) => {
    // The context is that of the message's broker.
    await publish(`done.${params.id}`, order)
  })
  eu.subscribe('done.{id}', async (order, { params }) => {
    await app.publish(`back.${params.id}`, order)
  })
  app.subscribe('back.{id}', (order, { params }) => {
    seen.push([params.id, order])
  })
  await app.start()
  await local.publish('orders.7.created', { sku: 'nut' })
  await until(() => seen.length === 1)
  assert.deepEqual(seen, [['7', { sku: 'nut' }]])
  assert.equal((await local.info()).state.messages, 1)
  assert.equal((await remote.info()).state.messages, 1)
  await assert.rejects(
    app.request('done.7'),
    (error: ContrailError) => error.code === 'NO_RESPONDERS',
    'a subject of the other broker',
  )
})

test('stores, requests and the clients of a context are those of its broker', async (t) => {
  const app = makeApp(t)
  const eu = app.broker('eu', { memory: true })
  const here = app.keyValue<number>('stock')
  const there = eu.keyValue<number>('stock')
  app.subscribe('stock', async (_, { kv }) => (await (await kv('stock')).get('nut'))?.json())
  eu.subscribe('stock', async (_, { kv }) => (await (await kv('stock')).get('nut'))?.json())
  await app.start()
  await here.put('nut', 1)
  await there.put('nut', 2)
  assert.equal(await app.request('stock'), 1)
  assert.equal(await eu.request('stock'), 2)
})

test('the app’s middleware, error hooks and dependencies count on all its brokers', async (t) => {
  const app = makeApp(t).provide('unit', () => 'kg')
  const eu = app.broker('eu', { memory: true })
  const steps: string[] = []
  const failures: string[] = []
  app.use({
    handle: ({ subject }, next) => {
      steps.push(`handle ${subject}`)
      return next()
    },
    publish: (outgoing, next) => {
      steps.push(`${outgoing.kind} ${outgoing.subject}`)
      return next()
    },
  })
  eu.use(({ subject }, next) => {
    steps.push(`eu ${subject}`)
    return next()
  })
  app.onError((_, { subject }) => failures.push(subject))
  const router = new Router<{ readonly unit: string }>({ prefix: 'far' })
  router.subscribe('unit', (_, { unit }) => unit)
  eu.include(router)
  eu.subscribe('broken', () => {
    throw new Error('no')
  })
  await app.start()
  assert.equal(await eu.request('far.unit'), 'kg')
  assert.deepEqual(steps, ['request far.unit', 'handle far.unit', 'eu far.unit'])
  await eu.publish('broken')
  await until(() => failures.length === 1)
  assert.deepEqual(failures, ['broken'])
})

test('figures are told apart by broker', async (t) => {
  const app = makeApp(t)
  const eu = app.broker('eu', { memory: true })
  app.subscribe('a', () => 1)
  eu.subscribe('a', () => 1)
  await app.start()
  await app.request('a')
  await eu.request('a')
  await eu.request('a')
  const { brokers, handlers } = app.metrics.report()
  assert.deepEqual(
    brokers.map(({ broker, published }) => [broker, published.requests]),
    [
      ['main', 1],
      ['eu', 2],
    ],
  )
  assert.deepEqual(
    handlers.map(({ broker, handled }) => [broker, handled]),
    [
      ['main', 1],
      ['eu', 2],
    ],
  )
})

test('all brokers stop with the app: handlers on each are waited for', async (t) => {
  const app = makeApp(t)
  const eu = app.broker('eu', { memory: true })
  const done: string[] = []
  for (const [name, broker] of [
    ['main', app],
    ['eu', eu],
  ] as const) {
    broker.subscribe('slow', async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      done.push(name)
    })
  }
  await app.start()
  await app.publish('slow')
  await eu.publish('slow')
  await eu.request('nobody').catch(() => {})
  await app.request('nobody').catch(() => {})
  await app.stop()
  assert.deepEqual(done.sort(), ['eu', 'main'])
  await assert.rejects(eu.publish('slow'), /not connected/)
})

test('where one broker can’t be reached the app does not start, and the others are let go', async (t) => {
  const app = makeApp(t)
  app.broker('away', { servers: 'nats://127.0.0.1:1', connectTimeout: '200ms' })
  await assert.rejects(app.start(), (error: ContrailError) => error.code === 'CANNOT_CONNECT')
  assert.equal(app.state, 'stopped')
})

test('a broker’s name is its own, and is given before the start', async (t) => {
  const app = makeApp(t)
  app.broker('eu', { memory: true })
  assert.throws(() => app.broker('eu', { memory: true }), /broker "eu" already/)
  assert.throws(() => app.broker('main', { memory: true }), /broker "main" already/)
  await app.start()
  assert.throws(() => app.broker('us', { memory: true }), /before the app starts/)
})

test('the document of an app says of each channel on which broker it is', (t) => {
  const app = makeApp(t)
  const eu = app.broker('eu', { memory: true })
  app.subscribe('a.{id}', () => {})
  eu.subscribe('a.{id}', () => {})
  eu.publisher('b')
  eu.stream('ORDERS')
  const document = asyncApi(app) as Record<string, Record<string, Record<string, unknown>>>
  assert.deepEqual(Object.keys(document.servers), ['main', 'eu'])
  assert.deepEqual(Object.keys(document.channels), ['main: a.{id}', 'eu: a.{id}', 'eu: b'])
  assert.deepEqual(document.channels['eu: b'].servers, [{ $ref: '#/servers/eu' }])
  assert.equal(document.channels['eu: a.{id}'].address, 'a.{id}')
  assert.deepEqual(Object.keys(document['x-contrail'].streams), ['eu: ORDERS'])
})
