import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { App, type ContrailError } from '../../src/app/index.ts'
import { MemoryLog, makeApp, testBroker, until } from './support.ts'

test('hooks run at their turn, those of the end in the opposite order', async (t) => {
  const app = makeApp(t)
  const order: string[] = []
  app.onStart(() => order.push(`onStart ${app.state}`))
  app.afterStart(async ({ nc }) => order.push(`afterStart ${app.state} ${nc.isClosed()}`))
  app.onShutdown(() => order.push('onShutdown 1'))
  app.onShutdown(() => order.push('onShutdown 2'))
  app.afterShutdown(() => order.push('afterShutdown'))
  await app.start()
  await app.stop()
  assert.deepEqual(order, [
    'onStart starting',
    'afterStart running false',
    'onShutdown 2',
    'onShutdown 1',
    'afterShutdown',
  ])
  assert.equal(app.state, 'stopped')
})

test('a start that fails leaves nothing running, and says why', async (t) => {
  const app = makeApp(t)
  app.afterStart(() => {
    throw new Error('not today')
  })
  await assert.rejects(app.start(), /not today/)
  assert.equal(app.state, 'stopped')
  await assert.rejects(app.start(), /not today/)
  const unreachable = new App('nats://127.0.0.1:1', { log: new MemoryLog() })
  await assert.rejects(unreachable.start(), (error: ContrailError) => error.code === 'CANNOT_CONNECT')
})

test('an AbortSignal stops the app, and run resolves', async (t) => {
  const controller = new AbortController()
  const app = makeApp(t, { signal: controller.signal })
  app.afterStart(() => controller.abort())
  await app.run()
  assert.equal(app.state, 'stopped')
})

test('an app stops at the end of its block', async () => {
  let stopped = false
  {
    await using app = new App(testBroker(), { log: new MemoryLog() })
    app.afterShutdown(() => {
      stopped = true
    })
    await app.start()
  }
  assert.ok(stopped)
})

test('stop gives up on a handler that takes longer than stopTimeout, and its signal is aborted', async (t) => {
  const app = makeApp(t, { stopTimeout: '200ms' })
  let hasBegun = false
  let wasAborted = false
  const jobs = app.stream('JOBS')
  jobs.consume('jobs.>', { durable: 'w' }, async (_data, { signal }) => {
    hasBegun = true
    signal.addEventListener('abort', () => {
      wasAborted = true
    })
    await pause(3000, undefined, { ref: false })
  })
  await app.start()
  await jobs.publish('jobs.a')
  await until(() => hasBegun)
  const begun = performance.now()
  await app.stop()
  assert.ok(performance.now() - begun < 2000)
  assert.ok(wasAborted)
})

test('a stream is made, updated, checked, or left alone, as it is declared', async (t) => {
  const first = makeApp(t)
  await first.start()
  const { jsm, nc } = first.context
  const ready = async (declare: (app: App) => unknown) => {
    const app = makeApp(t, { broker: { nc } })
    declare(app)
    await app.start()
    await app.stop()
  }
  await ready((app) => app.stream('ORDERS', { maxAge: '1h' }))
  assert.equal((await jsm.streams.info('ORDERS')).config.max_age, 3600e9)
  await ready((app) => app.stream('ORDERS', { maxAge: '2h' }))
  assert.equal((await jsm.streams.info('ORDERS')).config.max_age, 7200e9)
  await ready((app) => app.stream('ORDERS', { maxAge: '3h', declare: 'create' }))
  assert.equal((await jsm.streams.info('ORDERS')).config.max_age, 7200e9)
  await ready((app) => app.stream('ORDERS', { maxAge: '2h', declare: 'check' }))
  await assert.rejects(
    ready((app) => app.stream('ORDERS', { maxAge: '3h', declare: 'check' })),
    (error: ContrailError) => error.code === 'STREAM_MISMATCH' && /max_age/.test(error.message),
  )
  await assert.rejects(
    ready((app) => app.stream('MISSING', { declare: 'check' })),
    (error: ContrailError) => error.code === 'STREAM_MISSING',
  )
})

test('a new consumer begins where it is told', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  await orders.publish('orders.a', 1)
  await orders.publish('orders.b', 2)
  await pause(20)
  const since = new Date()
  await pause(20)
  await orders.publish('orders.a', 3)
  const seen: Record<string, unknown[]> = {}
  const starts = {
    all: 'all',
    new: 'new',
    last: 'last',
    'last-per-subject': 'last-per-subject',
    seq: { seq: 2 },
    time: { time: since },
  } as const
  for (const [name, deliver] of Object.entries(starts)) {
    seen[name] = []
    orders.consume('orders.>', { deliver }, (n) => seen[name].push(n))
  }
  await app.ready()
  await orders.publish('orders.c', 4)
  await until(() => Object.values(seen).every((list) => list.at(-1) === 4))
  assert.deepEqual(seen, {
    all: [1, 2, 3, 4],
    new: [4],
    last: [3, 4],
    'last-per-subject': [2, 3, 4],
    seq: [2, 3, 4],
    time: [3, 4],
  })
})

test('confirmed acks are on disk when the handler counts as done', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS', { retention: 'workqueue' })
  let handled = 0
  const consumer = jobs.consume('jobs.>', { durable: 'w', confirmAcks: true, concurrency: 5 }, () => {
    handled++
  })
  await app.start()
  for (let i = 0; i < 20; i++) await jobs.publish('jobs.a', i)
  await until(() => handled === 20 && consumer.held === 0)
  assert.equal((await jobs.info()).state.messages, 0)
})

test('an embedded broker keeps its data in its folder, for the next start', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-app-'))
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const dir = join(folder, 'data')
  for (const round of [1, 2]) {
    await using app = new App({ dir, port: 0 }, { log: new MemoryLog() })
    const orders = app.stream('ORDERS')
    await app.start()
    assert.match(app.url ?? '', /^nats:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await orders.publish('orders.a', round)).seq, round)
  }
  assert.ok(existsSync(join(dir, 'jetstream')))
})

test('a stop during a start that fails does not wait for itself', async () => {
  const app = new App('nats://127.0.0.1:1', { log: new MemoryLog() })
  const starting = app.start()
  const stopping = app.stop()
  await assert.rejects(starting, (error: ContrailError) => error.code === 'CANNOT_CONNECT')
  await stopping
  assert.equal(app.state, 'stopped')
})
