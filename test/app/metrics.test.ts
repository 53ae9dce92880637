import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type App, type HandlerReport, prometheusText } from '../../src/app/index.ts'
import { Metrics } from '../../src/app/metrics/metrics.ts'
import { makeApp, until } from './support.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function of(app: App, subject: string): HandlerReport {
  const found = app.metrics.report().handlers.find((one) => one.subject === subject)
  assert.ok(found, subject)
  return found
}

test('handled, failed, acknowledged and dead-lettered messages are counted', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  jobs.consume(
    'jobs.{what}',
    { durable: 'w', retry: { attempts: 2, backoff: '5ms', deadLetter: true } },
    async (_data, { params, message }) => {
      await pause(2)
      if (params.what === 'bad') throw new Error('no')
      if (params.what === 'term') message.term('not wanted')
    },
  )
  await app.start()
  for (const what of ['good', 'good', 'bad', 'term']) await jobs.publish(`jobs.${what}`)
  await until(() => of(app, 'jobs.{what}').deadLettered === 1, 'the dead letter')
  await until(() => of(app, 'jobs.{what}').handled === 5)
  const { duration, consumer: _, ...report } = of(app, 'jobs.{what}')
  assert.deepEqual(report, {
    broker: 'main',
    subject: 'jobs.{what}',
    stream: 'JOBS',
    group: 'w',
    handled: 5,
    failed: 2,
    acked: 2,
    nacked: 1,
    termed: 2,
    deadLettered: 1,
    dropped: 0,
    inFlight: 0,
    waiting: 0,
  })
  assert.equal(duration.count, 5)
  assert.equal(
    duration.buckets.reduce((a, b) => a + b),
    5,
  )
  assert.ok(duration.sum >= 0.009, `${duration.sum} s`)
})

test('messages in handlers and waiting ones are gauged, and a batch counts all its messages', async (t) => {
  const app = makeApp(t)
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let releaseBatch = () => {}
  const batchGate = new Promise<void>((resolve) => {
    releaseBatch = resolve
  })
  app.subscribe('work', { concurrency: 2 }, () => gate)
  const orders = app.stream('ORDERS')
  orders.consumeBatch('orders.>', { durable: 'b', size: 3, wait: '1s' }, () => batchGate)
  await app.start()
  for (let i = 0; i < 5; i++) await app.publish('work')
  await until(() => of(app, 'work').inFlight === 2 && of(app, 'work').waiting === 3)
  assert.equal(app.metrics.inFlight, 2)
  assert.equal(app.metrics.subscriptions, 2)
  release()
  await until(() => of(app, 'work').handled === 5)
  assert.equal(of(app, 'work').inFlight + of(app, 'work').waiting, 0)
  await Promise.all([1, 2, 3, 4].map((i) => orders.publish('orders.a', i)))
  await until(() => of(app, 'orders.>').inFlight === 3 && of(app, 'orders.>').waiting === 1)
  releaseBatch()
  await until(() => of(app, 'orders.>').handled === 3)
  assert.equal(of(app, 'orders.>').duration.count, 1)
})

test('what is published is counted by kind, and what failed', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  app.subscribe('ask', () => 1)
  await app.start()
  await app.publish('core')
  await app.publish('core')
  await orders.publish('orders.a')
  await assert.rejects(orders.publish('orders.a', 1, { expect: { lastSeq: 9 } }))
  await app.request('ask')
  await assert.rejects(app.request('nobody'))
  const [{ published, publishFailed, unacknowledged, connected, reconnects, outMessages }] =
    app.metrics.report().brokers
  assert.deepEqual(published, { published: 2, toStream: 2, requests: 2, requestsFailed: 1 })
  assert.equal(publishFailed, 1)
  assert.equal(unacknowledged, 0)
  assert.equal(connected, true)
  assert.equal(reconnects, 0)
  assert.ok(outMessages >= 6)
})

test('figures stay when a subscription ends and another takes its place, and when the app has stopped', async (t) => {
  const app = makeApp(t)
  await app.start()
  for (let round = 0; round < 2; round++) {
    const subscription = app.subscribe('a', () => {})
    await app.ready()
    await app.publish('a')
    await until(() => of(app, 'a').handled === round + 1)
    await subscription.unsubscribe()
  }
  await app.stop()
  assert.equal(of(app, 'a').handled, 2)
  const [broker] = app.metrics.report().brokers
  assert.equal(broker.published.published, 2)
  assert.equal(broker.connected, false)
})

test('what the server says of consumers can be asked for', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  orders.consume('orders.>', { durable: 'w', concurrency: 2, maxAckPending: 2 }, () => gate)
  await app.start()
  await Promise.all([1, 2, 3, 4, 5].map((i) => orders.publish('orders.a', i)))
  await until(async () => {
    const { handlers } = await app.metrics.withConsumers()
    // nats-server counts the two one after the other.
    return handlers[0].consumer?.ackPending === 2 && handlers[0].consumer.pending === 3
  })
  const { handlers } = await app.metrics.withConsumers()
  assert.deepEqual(handlers[0].consumer, { pending: 3, ackPending: 2, redelivered: 0 })
  release()
})

test('the figures are text that Prometheus reads: every sample under its type, buckets cumulated, labels escaped', async (t) => {
  const app = makeApp(t)
  app.subscribe('a."b"\\', () => {})
  app.stream('ORDERS').consume('orders.{id}', { durable: 'w' }, () => {})
  await app.start()
  await app.publish('orders.1')
  await until(() => of(app, 'orders.{id}').handled === 1)
  const text = prometheusText(await app.metrics.withConsumers())
  assert.match(
    text,
    /^contrail_messages_handled_total\{broker="main",subject="orders\.\{id\}",stream="ORDERS",group="w"\} 1$/m,
  )
  assert.match(text, /^contrail_messages_handled_total\{broker="main",subject="a\.\\"b\\"\\\\",/m)
  assert.match(text, /^contrail_messages_published_total\{broker="main",kind="stream"\} 1$/m)
  assert.match(text, /^contrail_broker_connected\{broker="main"\} 1$/m)
  assert.match(text, /^contrail_consumer_pending\{.*stream="ORDERS".*\} 0$/m)
  assert.match(text, /_bucket\{.*subject="orders\.\{id\}".*le="\+Inf"\} 1$/m)
  const types = new Map<string, string>()
  let last = -1
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (type !== null) types.set(type[1], type[2])
    if (line.startsWith('#')) continue
    const sample = /^(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\} (\d+(?:\.\d+)?(?:e-?\d+)?)$/.exec(line)
    assert.ok(sample, line)
    const family = sample[1].replace(/_(bucket|sum|count)$/, '')
    assert.ok(types.has(sample[1]) || types.get(family) === 'histogram', line)
    if (types.get(sample[1]) === 'counter') assert.match(sample[1], /_total$/)
    if (!sample[1].endsWith('_bucket')) last = -1
    else {
      assert.ok(Number(sample[3]) >= last || sample[2].includes('le="0.001"'), line)
      last = Number(sample[3])
    }
  }
})

test('figures of more than a thousand different subscriptions are counted together', () => {
  const metrics = new Metrics(() => [])
  for (let i = 0; i < 1500; i++) {
    metrics.of({ broker: 'main', subject: `s.${i}`, stream: '', group: '' }).ended(1, 1, 0)
  }
  const { handlers } = metrics.report()
  assert.equal(handlers.length, 1001)
  const others = handlers.find((one) => one.subject === '(others)')
  assert.equal(others?.handled, 500)
})
