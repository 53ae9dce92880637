import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type App, type ContrailError, CRON_STREAM, Router } from '../../src/app/index.ts'
import { declarerOf } from '../../src/app/program.ts'
import { makeApp, until } from './support.ts'

const duplicate = (text: RegExp) => (error: ContrailError) => {
  assert.equal(error.code, 'DUPLICATE_NAME', error.message)
  assert.match(error.message, text)
  return true
}

const nothing = () => {}

test('two of one name in an app are an error at its start', async (t) => {
  const cases: [(app: App) => void, RegExp][] = [
    [
      (app) => {
        const orders = app.stream('ORDERS')
        orders.consume('orders.a', { durable: 'w' }, nothing)
        const router = new Router()
        router.stream('ORDERS').consume('orders.b', { durable: 'w' }, nothing)
        app.include(router)
      },
      /the durable consumer "w" of the stream "ORDERS" twice/,
    ],
    [
      (app) => {
        app.cron('nightly', '0 3 * * *', nothing)
        app.cron('nightly', '0 4 * * *', nothing)
      },
      /the job "nightly" twice/,
    ],
    [
      (app) => {
        app.stream('ORDERS', { maxAge: '1h' })
        app.stream('ORDERS', { maxAge: '2h' })
      },
      /the stream "ORDERS" twice, and not alike/,
    ],
    [
      (app) => {
        app.keyValue('stock', { history: 2 })
        app.keyValue('stock', { history: 3 })
      },
      /the bucket "stock" twice, and not alike/,
    ],
  ]
  for (const [declare, text] of cases) {
    const app = makeApp(t)
    declare(app)
    await assert.rejects(app.start(), duplicate(text))
    assert.equal(app.state, 'stopped')
  }
})

test('what is declared alike, or left as it is, may be declared twice', async (t) => {
  const app = makeApp(t)
  app.stream('ORDERS', { maxAge: '1h' })
  app.stream('ORDERS', { maxAge: '1h' }).consume('orders.>', { durable: 'w' }, nothing)
  app.stream('ORDERS', { declare: 'check' }).consume('orders.>', { durable: 'v' }, nothing)
  app.keyValue('stock')
  app.keyValue('stock')
  await app.start()
  // On a broker of its own a name is free again.
  const running = app.stream('ORDERS', { declare: 'none' })
  running.consume('orders.>', { durable: 'w' }, nothing)
  await assert.rejects(app.ready(), duplicate(/"w"/))
  running.consume('orders.>', { durable: 'u' }, nothing)
  await app.ready()
})

test('apps that declare a durable alike share it; one that declares it otherwise is refused while it is at work', async (t) => {
  const shop = makeApp(t, { name: 'shop' })
  shop.stream('ORDERS').consume('orders.>', { durable: 'w' }, nothing)
  await shop.start()
  const declared = (name: string, subject: string) => {
    const app = makeApp(t, { name, broker: { nc: shop.context.nc } })
    app.stream('ORDERS').consume(subject, { durable: 'w' }, nothing)
    return app
  }
  const alike = declared('mail', 'orders.>')
  await alike.start()
  assert.ok(
    alike.lines.some(({ sentence, app }) => /shared with another app/.test(sentence) && app === 'shop'),
  )
  const { consumers } = shop.context.jsm
  await until(async () => (await consumers.info('ORDERS', 'w')).num_waiting > 0)
  await assert.rejects(
    declared('mail', 'orders.a').start(),
    duplicate(
      /at work for the app "shop", which declares it otherwise: filter_subjects: .* → \["orders.a"\]/,
    ),
  )
  // Another version of the same app may.
  await declared('shop', 'orders.b').start()
  assert.equal((await consumers.info('ORDERS', 'w')).config.filter_subject, 'orders.b')
})

test('a durable that nobody works with any more is taken over, and the log says from whom', async (t) => {
  const base = makeApp(t)
  await base.start()
  const release = async (name: string, subject: string) => {
    const app = makeApp(t, { name, broker: { nc: base.context.nc } })
    app.stream('ORDERS').consume(subject, { durable: 'w' }, nothing)
    await app.start()
    await app.stop()
    return app.lines
  }
  await release('shop', 'orders.a')
  const { consumers } = base.context.jsm
  await until(async () => (await consumers.info('ORDERS', 'w')).num_waiting === 0)
  const lines = await release('store', 'orders.b')
  const told = lines.find(({ sentence }) => /taken over/.test(sentence))
  assert.deepEqual([told?.level, told?.app], ['warn', 'shop'])
  assert.deepEqual(told?.changed, ['filter_subjects: ["orders.a"] → ["orders.b"]'])
})

test('two programs whose apps and jobs have the same names don’t share the turns', async (t) => {
  const base = makeApp(t)
  await base.start()
  const { nc, jsm } = base.context
  const shop = makeApp(t, { name: 'a', broker: { nc } })
  shop.cron('b-c', '@daily', nothing)
  await shop.start()
  await until(async () => (await jsm.consumers.info(CRON_STREAM, 'a-b-c')).num_waiting > 0)
  const other = makeApp(t, { name: 'a-b', broker: { nc } })
  other.cron('c', '@daily', nothing)
  await assert.rejects(other.start(), duplicate(/"a-b-c".* is at work for the app "a"/))
})

test('a job that the app no longer declares is removed; those of others go on', async (t) => {
  const base = makeApp(t)
  await base.start()
  const { nc, jsm } = base.context
  const release = async (name: string, jobs: string[], isKept = false) => {
    const app = makeApp(t, { name, broker: { nc } })
    app.stream('ORDERS')
    for (const job of jobs) app.cron(job, '@daily', nothing)
    await app.start()
    if (!isKept) await app.stop()
    return app
  }
  const schedules = async () => {
    const { state } = await jsm.streams.info(CRON_STREAM, { subjects_filter: 'schedules.>' })
    return Object.keys(state.subjects ?? {}).sort()
  }
  const idle = (id: string) =>
    until(async () => (await jsm.consumers.info(CRON_STREAM, id)).num_waiting === 0)
  await release('shop', ['nightly', 'hourly'])
  await release('mail', ['digest'])
  await idle('shop-nightly')
  await idle('shop-hourly')
  const renamed = await release('shop', ['every-night', 'hourly'])
  assert.deepEqual(
    await schedules(),
    ['mail-digest', 'shop-every-night', 'shop-hourly'].map((id) => `schedules.${CRON_STREAM}.${id}`),
  )
  const removed = renamed.lines.filter(({ sentence }) => /no longer declares this job/.test(sentence))
  assert.deepEqual(
    removed.map(({ job }) => job),
    ['nightly'],
  )
  // The last one too; what an instance still works on stays.
  await idle('shop-every-night')
  const old = await release('shop', ['hourly'], true)
  await until(async () => (await jsm.consumers.info(CRON_STREAM, 'shop-hourly')).num_waiting > 0)
  await release('shop', [])
  assert.deepEqual(
    await schedules(),
    ['mail-digest', 'shop-hourly'].map((id) => `schedules.${CRON_STREAM}.${id}`),
  )
  await old.stop()
  await idle('shop-hourly')
  await release('shop', [])
  assert.deepEqual(await schedules(), [`schedules.${CRON_STREAM}.mail-digest`])
})

test('an option that was removed from the code is told: what it once said is still so', async (t) => {
  const base = makeApp(t)
  await base.start()
  const { nc, jsm } = base.context
  const left = async (declare: (app: App) => void, name = 'shop') => {
    const app = makeApp(t, { name, broker: { nc } })
    declare(app)
    await app.start()
    await app.stop()
    return app.lines
      .filter(({ level }) => level === 'warn')
      .map(({ stream, consumer, left: l }) => [consumer ?? stream, l])
  }
  const declared = (app: App) => {
    app
      .stream('ORDERS', { maxAge: '1h', maxMessages: 10, discard: 'old' })
      .consume('orders.>', { durable: 'w', ackWait: '10s' }, nothing)
    app.keyValue('stock', { history: 5, ttl: '1h' })
  }
  const bare = (app: App) => {
    app.stream('ORDERS').consume('orders.>', { durable: 'w' }, nothing)
    app.keyValue('stock')
  }
  assert.deepEqual(await left(declared), [])
  assert.deepEqual(await left(declared), [])
  // Another app has never said so.
  assert.deepEqual(await left(bare, 'mail'), [])
  const told = [
    ['ORDERS', ['max_age: 1h', 'max_msgs: 10']],
    ['KV_stock', ['max_age: 1h', 'max_msgs_per_subject: 5']],
    ['w', ['ack_wait: 10s']],
  ]
  assert.deepEqual(await left(bare), told)
  assert.deepEqual(await left(bare), told, 'until it is said what it should be')
  assert.equal((await jsm.streams.info('ORDERS')).config.max_age, 3600e9)
  await left((app) => {
    app
      .stream('ORDERS', { maxAge: 0, maxMessages: -1 })
      .consume('orders.>', { durable: 'w', ackWait: '30s' }, nothing)
    app.keyValue('stock', { ttl: 0, history: 1, declare: 'allow-loss' })
  })
  assert.deepEqual(await left(bare), [])
})

test('apps without a name are told apart by their packages, and their programs by the script', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'contrail-program-'))
  const [, script] = process.argv
  t.after(() => {
    process.argv[1] = script
    rmSync(folder, { recursive: true })
  })
  mkdirSync(join(folder, 'dist'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "@acme/shop" }')
  process.argv[1] = join(folder, 'dist', 'worker.js')
  assert.deepEqual(declarerOf(undefined, 'contrail'), {
    app: 'contrail (package @acme/shop)',
    program: '@acme/shop:worker',
  })
  assert.deepEqual(declarerOf('shop', 'contrail'), { app: 'shop', program: '@acme/shop:worker' })
  process.argv[1] = join(folder, 'src', 'worker.ts')
  assert.equal(declarerOf('shop', 'contrail').program, '@acme/shop:worker')
})
