/** A stream or a bucket is removed and made again while an app reads it: it is read from its beginning, and the log says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { DeliverPolicy, JetStreamApiError, type StreamInfo } from '@nats-io/jetstream'
import { errors } from '@nats-io/nats-core'
import { restartableServer } from './servers.ts'
import { makeApp, onCluster, until } from './support.ts'

const AGAIN = 'the stream was made again: reading it from its beginning'

test('consumers of every kind begin anew on a stream that was made again', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: Record<string, unknown[]> = {
    ordered: [],
    fromSequence: [],
    ephemeral: [],
    fresh: [],
    durable: [],
    batch: [],
  }
  orders.consume('orders.>', { ordered: true }, (data) => seen.ordered.push(data))
  orders.consume('orders.>', { ordered: true, deliver: { seq: 3 } }, (data) => seen.fromSequence.push(data))
  orders.consume('orders.>', {}, (data) => seen.ephemeral.push(data))
  orders.consume('orders.>', { durable: 'fresh', deliver: 'new' }, (data) => seen.fresh.push(data))
  orders.consume('orders.>', { durable: 'durable' }, (data) => seen.durable.push(data))
  orders.consumeBatch('orders.>', { size: 2, wait: '20ms' }, (data) => seen.batch.push(...data))
  await app.start()
  for (let i = 0; i < 5; i++) await orders.publish('orders.x', i)
  await until(
    () => Object.values(seen).reduce((sum, list) => sum + list.length, 0) === 28,
    'the first round',
    10_000,
  )
  const { streams } = app.context.jsm
  const { config } = await orders.info()
  await streams.delete('ORDERS')
  await until(() => app.lines.some(({ sentence }) => /the stream is gone: waiting/.test(sentence)))
  await streams.add(config)
  for (let i = 10; i < 13; i++) await orders.publish('orders.x', i)
  await until(() => Object.values(seen).every((list) => list.length >= 6), 'the second round', 60_000)
  await pause(100)
  for (const [kind, list] of Object.entries(seen)) {
    assert.deepEqual(
      list.filter((data) => (data as number) >= 10),
      [10, 11, 12],
      kind,
    )
  }
  const told = app.lines.filter(({ sentence }) => sentence === AGAIN)
  assert.equal(told.length, 6)
  assert.ok(told.every(({ stream, level }) => stream === 'ORDERS' && level === 'warn'))
})

test('a watch begins anew on a bucket that was made again', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  const seen: Record<string, string[]> = { last: [], updates: [], revision: [] }
  stock.watch('>', ({ key }) => seen.last.push(key))
  stock.watch('>', { from: 'updates' }, ({ key }) => seen.updates.push(key))
  await app.start()
  for (let i = 0; i < 5; i++) await stock.put(`old${i}`, i)
  const late = stock.watch('>', { from: { revision: 4 } }, ({ key }) => seen.revision.push(key))
  await late.caughtUp
  await until(() => seen.last.length === 5 && seen.updates.length === 5 && seen.revision.length === 2)
  const { streams } = app.context.jsm
  const { config } = await streams.info('KV_stock')
  await streams.delete('KV_stock')
  await streams.add(config)
  for (let i = 0; i < 3; i++) await stock.put(`new${i}`, i)
  const fresh = (keys: string[]) => keys.filter((key) => key.startsWith('new'))
  await until(() => Object.values(seen).every((keys) => fresh(keys).length >= 3), 'what is new', 60_000)
  await pause(100)
  for (const keys of Object.values(seen)) assert.deepEqual(fresh(keys), ['new0', 'new1', 'new2'])
  assert.ok(app.lines.some(({ sentence, stream }) => sentence === AGAIN && stream === 'KV_stock'))
})

test('a watch that was made when its bucket was about to go has caught up on the new one', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  await app.start()
  for (let i = 0; i < 5; i++) await stock.put(`old${i}`, i)
  const { streams } = app.context.jsm
  const { config } = await streams.info('KV_stock')
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const watch = stock.watch('>', () => held)
  await app.ready()
  await until(() => watch.held > 0)
  await streams.delete('KV_stock')
  await streams.add(config)
  release()
  await watch.caughtUp
})

test('a consumer that was removed while its stream stayed goes on behind the last message', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: unknown[] = []
  const consumer = orders.consume('orders.>', {}, (data) => seen.push(data))
  await app.start()
  await orders.publish('orders.x', 1)
  await until(() => seen.length === 1)
  const { consumers } = app.context.jsm
  await consumers.delete('ORDERS', consumer.name)
  await orders.publish('orders.x', 2)
  await until(() => seen.length === 2, 'the second', 60_000)
  assert.deepEqual(seen, [1, 2])
  assert.ok(app.lines.every(({ sentence }) => sentence !== AGAIN))
  const { config } = await consumer.info()
  if (!onCluster) assert.equal(config.deliver_policy, DeliverPolicy.StartSequence)
})

test('what is new is read from the start of the app, also where its consumer went before there was any', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: Record<string, unknown[]> = { ordered: [], ephemeral: [] }
  await app.start()
  await orders.publish('orders.x', 0)
  const ordered = orders.consume('orders.>', { ordered: true, deliver: 'new' }, (n) => seen.ordered.push(n))
  const ephemeral = orders.consume('orders.>', { deliver: 'new' }, (n) => seen.ephemeral.push(n))
  await app.ready()
  const { consumers } = app.context.jsm
  await Promise.all([
    ...[ordered, ephemeral].map(({ name }) => consumers.delete('ORDERS', name)),
    ...[1, 2].map((n) => orders.publish('orders.x', n)),
  ])
  await until(() => Object.values(seen).every((list) => list.includes(2)), 'what is new', 60_000)
  // In a cluster its leader may not have heard of the first one when it began.
  for (const list of Object.values(seen)) assert.deepEqual(list.filter(Boolean), [1, 2])
})

test('what is in memory is made again when its server comes back, and read anew', async (t) => {
  const server = await restartableServer()
  const app = makeApp(t, { server, broker: { servers: server.url, connection: { reconnectTimeWait: 50 } } })
  const events = app.stream('EVENTS', { storage: 'memory' })
  const stock = app.keyValue<number>('stock', { storage: 'memory', history: 3 })
  const seen: unknown[] = []
  const keys: string[] = []
  events.consume('events.>', { durable: 'd' }, (data) => seen.push(data))
  stock.watch('>', ({ key }) => keys.push(key))
  await app.start()
  for (const n of [1, 2, 3]) {
    await events.publish('events.a', n)
    await stock.put(`old${n}`, n)
  }
  await until(() => seen.length === 3 && keys.length === 3)
  await server.stop()
  await server.start()
  await events.publish('events.a', 10, { timeout: '20s' })
  await until(async () => (await stock.put('new', 1).catch(() => 0)) > 0, 'the bucket', 60_000)
  await until(() => seen.includes(10) && keys.includes('new'), 'what is new', 60_000)
  assert.equal((await app.context.jsm.streams.info('KV_stock')).config.max_msgs_per_subject, 3)
})

/** What a cluster may say of a stream that was just removed and made again. */
const SAID = {
  'nothing in time': () => {
    throw new errors.TimeoutError()
  },
  'that it elects a leader': () => {
    const description = 'JetStream system temporarily unavailable'
    throw new JetStreamApiError({ code: 503, err_code: 10008, description })
  },
  'what the old one was': (old: StreamInfo) => old,
}

for (const [what, say] of Object.entries(SAID)) {
  test(`whoever is told ${what} about a stream begins anew where it was made again`, async (t) => {
    const app = makeApp(t)
    const stock = app.keyValue<number>('stock')
    const seen: Record<string, string[]> = { last: [], updates: [], ephemeral: [], durable: [] }
    stock.watch('>', ({ key }) => seen.last.push(key))
    stock.watch('>', { from: 'updates' }, ({ key }) => seen.updates.push(key))
    const stream = app.stream('KV_stock', { declare: 'none' })
    stream.consume('$KV.stock.>', {}, (data) => seen.ephemeral.push(`new${data}`))
    stream.consume('$KV.stock.>', { durable: 'd' }, (data) => seen.durable.push(`new${data}`))
    await app.start()
    for (let i = 0; i < 5; i++) await stock.put(`old${i}`, 10 + i)
    await until(() => Object.values(seen).every((keys) => keys.length === 5))
    const { streams } = app.context.jsm
    const old = await streams.info('KV_stock')
    let asked = 0
    const { info } = streams
    streams.info = async (...args) => (++asked <= 5 ? say(old) : info.apply(streams, args))
    await streams.delete('KV_stock')
    await streams.add(old.config)
    for (let i = 0; i < 3; i++) await stock.put(`new${i}`, i)
    const fresh = (keys: string[]) => keys.filter((key) => /^new.$/.test(key))
    await until(() => Object.values(seen).every((keys) => fresh(keys).length >= 3), 'what is new', 60_000)
    for (const keys of Object.values(seen)) assert.deepEqual(fresh(keys), ['new0', 'new1', 'new2'])
    assert.ok(asked > 5)
  })
}

test('a second look after a consumer does not end the look whether its stream is another one', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { subjects: ['orders.>'] })
  const seen: unknown[] = []
  const consumer = orders.consume('orders.>', {}, (n) => seen.push(n))
  await app.start()
  for (let n = 0; n < 5; n++) await orders.publish('orders.x', n)
  await until(() => seen.length === 5)
  const { streams, consumers } = app.context.jsm
  const old = await streams.info('ORDERS')
  const before = consumer.name
  let isOld = true
  const { info } = streams
  streams.info = async (...args) => (isOld ? old : info.apply(streams, args))
  await streams.delete('ORDERS')
  await streams.add(old.config)
  // Made again behind what was read of the stream before.
  await until(async () => {
    if (consumer.name === before) return false
    return consumers.info('ORDERS', consumer.name).then(
      ({ config }) => config.opt_start_seq === 6,
      () => false,
    )
  }, 'the consumer is made again')
  await consumer.revive('asked for by the test')
  isOld = false
  await orders.publish('orders.x', 'new')
  await until(() => seen.includes('new'), 'what is new', 20_000)
})
