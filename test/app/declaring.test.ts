/** Streams, buckets and durable consumers that change from one release of an app to the next. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { App, type ConsumeOptions, type ContrailError, type StreamOptions } from '../../src/app/index.ts'
import { MemoryLog, makeApp, onCluster } from './support.ts'

/** A release of the app: another one beside `base` on its broker, declared by `declare`; stopped when it has started. */
async function release(t: TestContext, base: App, declare: (app: App) => unknown): Promise<MemoryLog> {
  const log = new MemoryLog()
  const app = new App(
    { nc: base.context.nc, replicas: onCluster ? 3 : undefined },
    { log, stopTimeout: '5s' },
  )
  t.after(() => app.stop())
  declare(app)
  await app.start()
  await app.stop()
  return log
}

const billing =
  (options: ConsumeOptions, subjects: string | string[] = 'orders.>') =>
  (app: App) =>
    app.stream('ORDERS').consume(subjects, { durable: 'billing', ...options }, () => {})

test('a durable consumer is updated where its options say otherwise, and the log names the fields', async (t) => {
  const base = makeApp(t)
  await base.start()
  await release(t, base, billing({}))
  const { consumers } = base.context.jsm
  const changes: [ConsumeOptions, string | string[], string, unknown][] = [
    [{ ackWait: '20s' }, 'orders.>', 'ack_wait', 20e9],
    [{ maxAckPending: 5 }, 'orders.>', 'max_ack_pending', 5],
    [{ headersOnly: true }, 'orders.>', 'headers_only', true],
    [{}, 'orders.>', 'headers_only', undefined],
    [{}, ['orders.b', 'orders.a'], 'filter_subjects', ['orders.b', 'orders.a']],
    [{}, 'orders.c', 'filter_subject', 'orders.c'],
    [{ config: { max_deliver: 5 } }, 'orders.c', 'max_deliver', 5],
    [{ config: { backoff: [1e9, 2e9] } }, 'orders.c', 'backoff', [1e9, 2e9]],
    [{ inactiveThreshold: '1h' }, 'orders.c', 'inactive_threshold', 3600e9],
  ]
  for (const [options, subjects, field, value] of changes) {
    const log = await release(t, base, billing(options, subjects))
    const { config } = await consumers.info('ORDERS', 'billing')
    assert.deepEqual(config[field as keyof typeof config] || undefined, value, field)
    const line = log.lines.find(({ sentence }) => sentence === 'consumer updated')
    assert.deepEqual([line?.stream, line?.consumer], ['ORDERS', 'billing'])
    const [changed, ...others] = (line?.changed ?? []) as string[]
    assert.ok(changed?.startsWith(`${field.replace(/subject$/, 'subjects')}: `), changed)
    assert.deepEqual(others, [])
  }
  // What is not said any more is left as it is.
  const { config } = await consumers.info('ORDERS', 'billing')
  assert.equal(config.max_ack_pending, 5)
})

test('nothing is updated where only the order of subjects or the server’s own metadata differ', async (t) => {
  const base = makeApp(t)
  await base.start()
  const declare = (subjects: string[]) => (app: App) =>
    app
      .stream('ORDERS', { subjects, config: { metadata: { team: 'a' } } })
      .consume(subjects, { durable: 'billing', config: { metadata: { team: 'a' } } }, () => {})
  await release(t, base, declare(['orders.a', 'orders.b']))
  const log = await release(t, base, declare(['orders.b', 'orders.a']))
  assert.deepEqual(
    log.lines.filter(({ sentence }) => /updated/.test(sentence)),
    [],
  )
})

test('where a durable consumer begins says nothing to one that exists', async (t) => {
  const base = makeApp(t)
  await base.start()
  await release(t, base, billing({}))
  const log = await release(t, base, billing({ deliver: { seq: 5 } }))
  const line = log.lines.find(({ sentence }) => /exists: it goes on/.test(sentence))
  assert.deepEqual(line?.ignored, ['deliver_policy', 'opt_start_seq'])
})

test('what the server can not update of a consumer is an error with names, values and the way out', async (t) => {
  const base = makeApp(t)
  await base.start()
  await release(t, base, billing({}))
  const fixed: [ConsumeOptions, RegExp][] = [
    [{ ack: 'none' }, /ack_policy: "explicit" → "none"/],
    [{ push: true }, /deliver_subject: nothing → "deliver.ORDERS.billing"/],
    [{ config: { replay_policy: 'original' as never } }, /replay_policy: "instant" → "original"/],
    [{ config: { max_waiting: 7 } }, /max_waiting: 512 → 7/],
    [{ ack: 'none', declare: 'create' }, /ack_policy/],
  ]
  for (const [options, what] of fixed) {
    await assert.rejects(release(t, base, billing(options)), (error: ContrailError) => {
      assert.equal(error.code, 'CONSUMER_FIXED')
      assert.match(error.message, what)
      assert.match(error.message, /consumer "billing" of the stream "ORDERS"/)
      assert.match(error.message, /`nats consumer rm ORDERS billing`/)
      return true
    })
  }
  await base.context.jsm.consumers.delete('ORDERS', 'billing')
  await release(t, base, billing({ push: true }))
  await assert.rejects(
    release(t, base, billing({})),
    (error: ContrailError) =>
      error.code === 'CONSUMER_FIXED' && /"deliver.ORDERS.billing" → nothing/.test(error.message),
  )
})

test('a durable consumer may be left as it is, only compared, or not asked about', async (t) => {
  const base = makeApp(t)
  await base.start()
  await base.ready()
  await assert.rejects(
    release(t, base, billing({ declare: 'check' })),
    (error: ContrailError) => error.code === 'CONSUMER_MISSING' && /"billing"/.test(error.message),
  )
  await release(t, base, billing({ declare: 'create', ackWait: '20s' }))
  await release(t, base, billing({ declare: 'create', ackWait: '10s' }))
  const { consumers } = base.context.jsm
  assert.equal((await consumers.info('ORDERS', 'billing')).config.ack_wait, 20e9)
  await release(t, base, billing({ declare: 'check', ackWait: '20s' }))
  await assert.rejects(
    release(t, base, billing({ declare: 'check', ackWait: '10s' })),
    (error: ContrailError) => error.code === 'CONSUMER_MISMATCH' && /ack_wait: 20s → 10s/.test(error.message),
  )
  // With 'none' it is asked for messages, and that is all.
  const orders = base.stream('ORDERS')
  const seen: unknown[] = []
  orders.consume('orders.>', { durable: 'billing', declare: 'none', ackWait: '20s' }, (data) => {
    seen.push(data)
  })
  await base.ready()
  await orders.publish('orders.a', 1)
  for (let i = 0; i < 500 && seen.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(seen, [1])
  assert.throws(
    () => orders.consume('orders.>', { durable: 'x', declare: 'sure' as never }),
    (error: ContrailError) => error.code === 'INVALID_OPTION',
  )
})

test('fewer subjects of a consumer lose what only it wanted, where a stream keeps what is wanted', async (t) => {
  const base = makeApp(t)
  await base.start()
  const declare = (subjects: string[], declare?: 'allow-loss') => (app: App) =>
    app.stream('EVENTS', { retention: 'interest' }).consume(subjects, { durable: 'd', declare })
  await release(t, base, declare(['events.a', 'events.b']))
  await base.context.js.publish('events.b', '1')
  // More loses nothing.
  await release(t, base, declare(['events.a', 'events.b', 'events.c']))
  await assert.rejects(release(t, base, declare(['events.a', 'events.c'])), (error: ContrailError) => {
    assert.equal(error.code, 'WOULD_LOSE')
    assert.match(error.message, /filter_subjects: .* of the 1 messages of the stream/)
    return true
  })
  await release(t, base, declare(['events.a', 'events.c'], 'allow-loss'))
})

test('a change that loses messages of a stream is made only when it is asked for', async (t) => {
  const base = makeApp(t)
  await base.start()
  const cases: [name: string, from: StreamOptions, to: StreamOptions, lost: RegExp | null][] = [
    [
      'retention',
      {},
      { retention: 'interest' },
      /retention: "limits" → "interest": of its 3 messages those go/,
    ],
    [
      'age',
      { maxAge: '3h' },
      { maxAge: '2h' },
      /max_age: .*: messages from before .* go \(the oldest is of /,
    ],
    ['first age', {}, { maxAge: '2h' }, /max_age/],
    ['more age', { maxAge: '2h' }, { maxAge: '3h' }, null],
    ['no age', { maxAge: '2h' }, { maxAge: 0 }, null],
    ['messages', { maxMessages: 10 }, { maxMessages: 2 }, /max_msgs: 10 → 2: it holds 3 messages/],
    // Less than it holds today or not: it is the limit that counts.
    ['messages, still enough', {}, { maxMessages: 1000 }, /max_msgs: -1 → 1000/],
    ['refused messages', { discard: 'new' }, { discard: 'new', maxMessages: 2 }, null],
    [
      'bytes',
      { maxBytes: '1MB', storage: 'memory' },
      { maxBytes: '1kB' },
      /max_bytes: 1000000 → 1000: it holds \d+ bytes/,
    ],
    [
      'per subject',
      { maxMessagesPerSubject: 5 },
      { maxMessagesPerSubject: 1 },
      /max_msgs_per_subject: 5 → 1/,
    ],
    ['discard', { discard: 'new', maxMessages: 10 }, { discard: 'old' }, /discard: "new" → "old"/],
    ['description', {}, { description: 'orders' }, null],
  ]
  for (const [index, [name, from, to, lost]] of cases.entries()) {
    const stream = `S${index}`
    const declare = (options: StreamOptions) => (app: App) => app.stream(stream, options)
    await release(t, base, declare(from))
    // While it is empty nothing can be lost.
    await release(t, base, declare(to))
    const { streams } = base.context.jsm
    await streams.delete(stream)
    await release(t, base, declare(from))
    for (const key of ['a', 'b', 'c']) await base.context.js.publish(`s${index}.${key}`, 'x')
    if (lost === null) {
      await release(t, base, declare(to))
      assert.equal((await streams.info(stream)).state.messages, 3, name)
    } else {
      await assert.rejects(
        release(t, base, declare(to)),
        (error: ContrailError) => {
          assert.equal(error.code, 'WOULD_LOSE', name)
          assert.match(
            error.message,
            new RegExp(`^The stream "${stream}" is not changed: ${lost.source}`),
            name,
          )
          return true
        },
        name,
      )
      assert.equal((await streams.info(stream)).state.messages, 3, name)
      const log = await release(t, base, declare({ ...to, declare: 'allow-loss' }))
      assert.ok(log.lines.some((line) => line.level === 'warn' && /with loss/.test(line.sentence)))
    }
    const after = await release(t, base, declare({ ...to, declare: 'check' }))
    assert.ok(after.lines.every((line) => line.level !== 'error'))
  }
})

test('what the server can not update of a stream is an error with names, values and the way out', async (t) => {
  const base = makeApp(t)
  await base.start()
  await release(t, base, (app) => app.stream('ORDERS', { storage: 'file' }))
  for (const options of [{ storage: 'memory' }, { retention: 'workqueue' }] as const) {
    await assert.rejects(
      release(t, base, (app) => app.stream('ORDERS', options)),
      (error: ContrailError) => {
        assert.equal(error.code, 'STREAM_FIXED')
        assert.equal(error.errorCode, 10052)
        assert.match(
          error.message,
          /^The stream "ORDERS" can't be changed \((storage|retention): ".*" → ".*"\)/,
        )
        assert.match(error.message, /`nats stream rm ORDERS`/)
        assert.ok(error.cause instanceof Error)
        return true
      },
    )
  }
})

test('buckets and object stores are declared under the same rule', async (t) => {
  const base = makeApp(t)
  await base.start()
  await release(t, base, (app) => app.keyValue('stock', { history: 5 }))
  await base.context.js.publish('$KV.stock.nut', '1')
  const log = await release(t, base, (app) =>
    app.keyValue('stock', { history: 10, config: { description: 'what is left' } }),
  )
  const line = log.lines.find(({ sentence }) => sentence === 'stream updated')
  assert.deepEqual(
    [line?.stream, line?.changed],
    ['KV_stock', ['max_msgs_per_subject: 5 → 10', 'description: nothing → "what is left"']],
  )
  await assert.rejects(
    release(t, base, (app) => app.keyValue('stock', { history: 2, ttl: '1h' })),
    (error: ContrailError) => {
      assert.equal(error.code, 'WOULD_LOSE')
      assert.match(
        error.message,
        /^The bucket "stock" is not changed: .*max_msgs_per_subject: 10 → 2.*max_age: 0 → /,
      )
      return true
    },
  )
  await release(t, base, (app) => app.keyValue('stock', { history: 2, declare: 'create' }))
  // A time to live shorter than the window in which ids are known.
  await release(t, base, (app) => app.keyValue('stock', { ttl: '1m', declare: 'allow-loss' }))
  assert.equal((await base.context.jsm.streams.info('KV_stock')).config.max_age, 60e9)
  await assert.rejects(
    release(t, base, (app) => app.keyValue('missing', { declare: 'check' })),
    (error: ContrailError) => error.code === 'STREAM_MISSING' && /no bucket "missing"/.test(error.message),
  )
  await release(t, base, (app) => app.objectStore('files'))
  await base.context.js.publish('$O.files.M.x', '{}')
  await assert.rejects(
    release(t, base, (app) => app.objectStore('files', { ttl: '1h' })),
    (error: ContrailError) => error.code === 'WOULD_LOSE' && /The object store "files"/.test(error.message),
  )
})
