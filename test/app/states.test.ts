import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContrailError, type Params, Router } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

const code = (wanted: string, text: RegExp) => (error: ContrailError) => {
  assert.equal(error.code, wanted, error.message)
  assert.match(error.message, text)
  return true
}

test('what is asked of an app before its start, and after its end, says in which state it is', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const stock = app.keyValue('stock')
  const files = app.objectStore('files')
  const created = orders.publisher('orders.created')
  const job = app.cron('nightly', '@daily', () => {})
  const asked: [string, () => Promise<unknown>][] = [
    ['app.publish', () => app.publish('orders.1', 1)],
    ['app.request', () => app.request('ask')],
    ['orders.publish', () => orders.publish('orders.1', 1)],
    ['orders.info', async () => orders.info()],
    ['created.publish', () => created.publish(1)],
    ['stock.put', async () => stock.put('a', 1)],
    ['files.get', async () => files.get('a')],
    ['job.remove', () => job.remove()],
    ['context', async () => app.context],
    ['onConnection', async () => app.onConnection(() => {})],
  ]
  for (const [name, ask] of asked) {
    await assert.rejects(ask(), code('NOT_STARTED', /has not been started/), name)
  }
  await app.start()
  const { publish, request } = app.context
  await app.start()
  await app.stop()
  for (const [name, ask] of asked) await assert.rejects(ask(), code('STOPPED', /the app has stopped/), name)
  // What somebody has kept of it too.
  await assert.rejects(publish('orders.1', 1), code('STOPPED', /"orders.1"/))
  await assert.rejects(publish('elsewhere', 1), code('STOPPED', /"elsewhere"/))
  await assert.rejects(request('ask', 1), code('STOPPED', /"ask"/))
  await assert.rejects(app.start(), code('STOPPED', /The app has stopped: it can't be started again/))
  await assert.rejects(app.run(), code('STOPPED', /has stopped/))
  await app.stop()
})

test('an app that is stopping says so', async (t) => {
  const app = makeApp(t)
  let restarted: unknown
  app.onShutdown(async () => {
    restarted = await app.start().catch((thrown) => thrown)
  })
  await app.start()
  await app.stop()
  code('STOPPED', /The app is stopping/)(restarted as ContrailError)
  const never = makeApp(t)
  await never.stop()
  await assert.rejects(never.start(), code('STOPPED', /has stopped/))
})

test('what is declared on a router that no app includes says so', async () => {
  const router = new Router()
  const orders = router.stream('ORDERS')
  await assert.rejects(orders.publish('orders.1'), code('NOT_STARTED', /not included in an app/))
  await assert.rejects(router.publish('orders.1'), code('NOT_STARTED', /not included in an app/))
})

test('params of several patterns: what one of them lacks may be undefined', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: unknown[] = []
  orders.consume(['orders.{id}.created', 'orders.{id}.items.{item}'], (_data, { params }) => {
    const id: string = params.id
    const item: string | undefined = params.item
    // @ts-expect-error one of the subjects has no item
    const certain: string = params.item
    seen.push([id, item, certain === item])
  })
  const one: Params<'a.{x}'> = { x: '1' }
  const both: Params<'a.{x}' | 'b.{x}'> = one
  assert.equal(both.x.length, 1)
  await app.start()
  await orders.publish('orders.7.created', 1)
  await orders.publish('orders.7.items.nut', 1)
  await until(() => seen.length === 2)
  assert.deepEqual(seen, [
    ['7', undefined, true],
    ['7', 'nut', true],
  ])
})

test('a stream that takes no schedules says so at once', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { maxAge: '1h' })
  await app.start()
  const begun = performance.now()
  const refused = code('INVALID_OPTION', /"ORDERS" takes no schedules: declare it with allowSchedules: true/)
  await assert.rejects(orders.schedule('orders.1', 1, { after: '1h' }), refused)
  assert.ok(performance.now() - begun < 2000)
})

test('dead letters to a subject that no stream keeps are an error at the start', async (t) => {
  const app = makeApp(t)
  app
    .stream('ORDERS')
    .consume('orders.>', { durable: 'w', retry: { attempts: 2, deadLetter: 'letters.orders' } }, () => {})
  await assert.rejects(app.start(), code('STREAM_MISSING', /No stream keeps "letters.orders".*"ORDERS"/))
  const kept = makeApp(t)
  kept.stream('LETTERS')
  kept
    .stream('ORDERS')
    .consume('orders.>', { durable: 'w', retry: { deadLetter: 'letters.orders' } }, () => {})
  await kept.start()
  // Somebody else's stream will do.
  const other = makeApp(t, { broker: { nc: kept.context.nc } })
  other
    .stream('ORDERS')
    .consume('orders.>', { durable: 'v', retry: { deadLetter: 'letters.more' } }, () => {})
  await other.start()
  assert.throws(
    () => other.stream('ORDERS').consume('orders.>', { retry: { deadLetter: 'letters.>' } }, () => {}),
    code('INVALID_SUBJECT', /letters.>/),
  )
})
