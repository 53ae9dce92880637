import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { App, type BrokerArgument, ReplyError } from '../../src/app/index.ts'
import { Guard, GuardedClock } from '../../src/server/guard.ts'
import { testApp } from '../../src/testing/index.ts'
import { TestClock } from '../../src/testing/test-clock.ts'

const Order = z.object({ sku: z.string(), quantity: z.number() })

/** An app as somebody would write it, whatever its broker. */
function shop(broker: BrokerArgument = 'nats://nobody.invalid:4222') {
  const app = new App(broker, { logLevel: 'silent' })
  const orders = app.stream('ORDERS', { subjects: ['orders.>'], allowSchedules: true, allowTtl: true })
  const stock = app.keyValue('stock', { schema: z.number() })
  const billing = orders.consume(
    'orders.{id}.created',
    { durable: 'billing', schema: Order, retry: { attempts: 3, backoff: '10m', deadLetter: true } },
    async (order, { params, publish }) => {
      if (order.sku === 'broken') throw new Error('out of paper')
      const left = await stock.update(order.sku, (left = 10) => left - order.quantity)
      await publish('bills.new', { order: params.id, left })
    },
  )
  app.subscribe('stock.{sku}', async (_, { params }) => {
    const left = await stock.get(params.sku)
    if (left === undefined) throw new ReplyError(404, 'unknown')
    return left
  })
  return { app, orders, stock, billing }
}

test('publish resolves when the handlers are through, with what they had and published', async () => {
  const { app, stock, billing } = shop()
  await using tested = await testApp(app)
  const ack = await tested.publish('orders.7.created', { sku: 'nut', quantity: 3 })
  assert.equal(ack?.seq, 1)
  assert.equal(await stock.get('nut'), 7)
  const [call] = tested.calls(billing)
  assert.deepEqual(call.data, { sku: 'nut', quantity: 3 })
  assert.deepEqual({ ...call.params }, { id: '7' })
  assert.equal(call.message.settlement, 'acked')
  assert.deepEqual(
    tested.published('bills.new').map((one) => one.json()),
    [{ order: '7', left: 7 }],
  )
  assert.equal(tested.published('orders.7.created').length, 0, 'what the test publishes is not the app’s')
})

test('what a handler throws is thrown by the publish that brought it about', async () => {
  const { app } = shop()
  await using tested = await testApp(app)
  await assert.rejects(tested.publish('orders.7.created', { sku: 'broken', quantity: 1 }), /out of paper/)
  await assert.rejects(tested.publish('orders.8.created', { sku: 'nut' }), /quantity/)
})

test('time passes when told to: three tries ten minutes apart, then the dead letters', async () => {
  const { app, billing } = shop()
  await using tested = await testApp(app, { rethrow: false })
  const begun = performance.now()
  await tested.publish('orders.7.created', { sku: 'broken', quantity: 1 })
  assert.equal(tested.calls(billing).length, 1)
  await tested.advance('9m')
  assert.equal(tested.calls(billing).length, 1)
  await tested.advance('1m')
  assert.equal(tested.calls(billing).length, 2)
  await tested.advance('1h')
  assert.deepEqual(
    tested.calls(billing).map((call) => call.deliveries),
    [1, 2, 3],
  )
  assert.equal((await app.context.jsm.streams.info('ORDERS_DEAD')).state.messages, 1)
  // An hour and ten minutes have not passed.
  assert.ok(performance.now() - begun < 60_000)
})

test('schedules and jobs by the clock follow it too', async () => {
  const { app, orders, billing } = shop()
  let turns = 0
  app.cron('report', '0 6 * * *', () => {
    turns++
  })
  await using tested = await testApp(app)
  await orders.schedule('orders.9.created', { sku: 'nut', quantity: 1 }, { every: '1h' })
  await tested.advance('24h1m')
  assert.equal(turns, 1)
  assert.equal(tested.calls(billing).length, 24)
  await orders.publish('orders.hint', 'soon gone', { ttl: '30s' })
  const before = (await orders.info()).state.messages
  await tested.advance('31s')
  assert.equal((await orders.info()).state.messages, before - 1)
})

test('requests are answered, and their errors are the request’s', async () => {
  const { app } = shop()
  await using tested = await testApp(app)
  await tested.publish('orders.7.created', { sku: 'nut', quantity: 4 })
  assert.equal(await tested.request('stock.nut'), 6)
  await assert.rejects(tested.request('stock.nothing'), /unknown/)
  const broken = () => {
    const other = new App(undefined, { logLevel: 'silent' })
    other.subscribe('ask', () => {
      throw new Error('the database is away')
    })
    return other
  }
  await using inside = await testApp(broken())
  await assert.rejects(inside.request('ask'), /the database is away/)
  await using outside = await testApp(broken(), { rethrow: false })
  await assert.rejects(outside.request('ask'), /internal error \(\w+\) \(500\)/)
})

test('several apps are tested side by side, each on a broker of its own', async () => {
  const all = await Promise.all(
    Array.from({ length: 5 }, async (_, i) => {
      const { app, stock } = shop({ dir: '/nowhere' })
      await using tested = await testApp(app)
      await tested.publish('orders.1.created', { sku: 'nut', quantity: i })
      return stock.get('nut')
    }),
  )
  assert.deepEqual(all, [10, 9, 8, 7, 6])
})

test('jobs follow it: delays, pauses between tries, repetitions', async () => {
  const app = new App(undefined, { logLevel: 'silent' })
  const handled: string[] = []
  const work = app.queue<string, string>('work', { backoff: '1m' })
  work.handle((what, { job }) => {
    handled.push(`${what} ${job.tries}`)
    if (what === 'flaky' && job.tries < 3) throw new Error('not yet')
    return what
  })
  await using tested = await testApp(app, { rethrow: false })
  const later = await work.add('later', { delay: '5m' })
  const flaky = await work.add('flaky')
  await tested.idle()
  assert.deepEqual(handled, ['flaky 1'])
  await tested.advance('3m')
  assert.equal(await flaky.done, 'flaky')
  await tested.advance('3m')
  assert.equal(await later.done, 'later')
  await work.repeat('report', { every: '1m' }, 'report')
  await tested.advance('2m30s')
  assert.equal(handled.filter((one) => one === 'report 1').length, 2)
})

test('a short timer of the server that sets itself again is not followed through days', async () => {
  const clock = new TestClock()
  const guarded = new GuardedClock(clock, new Guard())
  let rang = 0
  const ring = () => {
    rang++
    guarded.setTimer(ring, 250)
  }
  guarded.setTimer(ring, 250)
  await clock.advance(24 * 60 * 60 * 1000, async () => {})
  assert.equal(rang, 100)
})
