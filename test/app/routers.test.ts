import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App, Router } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

test('prefixes of nested routers go before subjects, whatever is declared before they are included', async (t) => {
  const app = makeApp(t)
  const shop = new Router({ prefix: 'shop' })
  const orders = new Router({ prefix: 'orders' })
  const seen: string[] = []
  const stream = orders.stream('SHOP_ORDERS', { subjects: ['{id}.created'] })
  const consumer = stream.consume('{id}.created', { durable: 'w' }, (_data, { params, subject }) => {
    seen.push(`${params.id} ${subject}`)
  })
  const early = stream.publisher('{id}.created')
  const core = orders.subscribe('ping.{who}', (_data, { params }) => `pong ${params.who}`)
  shop.include(orders)
  app.include(shop)
  orders.subscribe('late', () => 'late')
  assert.deepEqual(stream.subjects, ['shop.orders.*.created'])
  assert.deepEqual(consumer.sources, ['shop.orders.{id}.created'])
  assert.deepEqual(core.subjects, ['shop.orders.ping.*'])
  assert.equal(early.source, 'shop.orders.{id}.created')
  await app.start()
  await early.publish(1, { params: { id: 7 } })
  await app.publish('shop.orders.8.created', 1)
  await until(() => seen.length === 2)
  assert.deepEqual(seen, ['7 shop.orders.7.created', '8 shop.orders.8.created'])
  assert.equal(await app.request('shop.orders.ping.me'), 'pong me')
  assert.equal(await app.request('shop.orders.late'), 'late')
})

test('a prefix may have names, which handlers find in their params', async (t) => {
  const app = makeApp(t)
  const router = new Router({ prefix: 'tenants.{tenant}' })
  const seen: unknown[] = []
  router.subscribe('users.{user}', (_data, { params }) => {
    seen.push(params)
  })
  app.include(router)
  await app.start()
  await app.publish('tenants.acme.users.7')
  await until(() => seen.length === 1)
  assert.deepEqual(seen, [{ tenant: 'acme', user: '7' }])
})

test('a router that is included while the app runs comes up: streams first, then what reads from them', async (t) => {
  const app = makeApp(t)
  await app.start()
  const router = new Router({ prefix: 'late' })
  const seen: unknown[] = []
  router.subscribe('ask', () => 'answer')
  const jobs = router.stream('LATE', { subjects: ['jobs.>'] })
  jobs.consume('jobs.>', { durable: 'w' }, (data) => {
    seen.push(data)
  })
  app.include(router)
  await app.ready()
  assert.equal(await app.request('late.ask'), 'answer')
  await jobs.publish('late.jobs.a', 1)
  await until(() => seen.length === 1)
})

test('ready rejects with what kept a late declaration from starting, once', async (t) => {
  const app = makeApp(t)
  await app.start()
  app.stream('MISSING', { declare: 'check' })
  await assert.rejects(app.ready(), (error: { code: string }) => error.code === 'STREAM_MISSING')
  await app.ready()
})

test('a router can be included once only', () => {
  const router = new Router()
  const first = new Router().include(router)
  assert.throws(() => new Router().include(router), /included already/)
  assert.throws(() => first.include(first), /included already/)
})

test('an invalid prefix is refused', () => {
  assert.throws(() => new Router({ prefix: 'a..b' }), /a token is empty/)
  assert.throws(() => new Router({ prefix: 'a.>' }), /wildcard/)
})

test('a router goes only where the dependencies are that its handlers need', async (t) => {
  const app = makeApp(t).provide('unit', () => 'kg')
  const plain = new Router()
  plain.subscribe('plain', () => 'plain')
  const needs = new Router<{ readonly unit: string }>()
  needs.subscribe('needs', (_, { unit }) => unit)
  app.include(plain).include(needs)
  // @ts-expect-error: nobody provides a unit
  new App({ memory: true }).include(new Router<{ readonly unit: string }>())
  await app.start()
  assert.equal(await app.request('plain'), 'plain')
  assert.equal(await app.request('needs'), 'kg')
})
