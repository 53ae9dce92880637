import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { restartableServer } from './servers.ts'
import { makeApp, until } from './support.ts'

test('a watch gives the last values first, then what changes, as typed events', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue('stock', { schema: z.number(), history: 5 })
  await app.start()
  await stock.put('nut.m8', 1)
  await stock.put('nut.m8', 2)
  await stock.put('bolt', 7)
  const events: string[] = []
  const watch = stock.watch('nut.{size}', (event) => {
    const { size } = event.params
    events.push(
      event.operation === 'put' ? `${size}=${event.value.toFixed(0)}` : `${size} ${event.operation}`,
    )
  })
  await watch.caughtUp
  assert.deepEqual(events, ['m8=2'])
  await stock.put('nut.m9', 3)
  await stock.delete('nut.m8')
  await stock.purge('nut.m9')
  await until(() => events.length === 4)
  assert.deepEqual(events.slice(1), ['m9=3', 'm8 delete', 'm9 purge'])
})

test('a watch may begin with the whole history, with updates only, or behind a revision', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue('stock', { schema: z.number(), history: 5 })
  await app.start()
  for (const value of [1, 2, 3]) await stock.put('nut', value)
  const seen: Record<string, unknown[]> = { history: [], updates: [], revision: [] }
  const watches = [
    stock.watch('>', { from: 'history' }, ({ value }) => seen.history.push(value)),
    stock.watch('>', { from: 'updates' }, ({ value }) => seen.updates.push(value)),
    stock.watch('>', { from: { revision: 2 } }, ({ value }) => seen.revision.push(value)),
  ]
  await Promise.all(watches.map((watch) => watch.caughtUp))
  await stock.put('nut', 4)
  await until(() => seen.updates.length === 1 && seen.history.length === 4 && seen.revision.length === 3)
  assert.deepEqual(seen, { history: [1, 2, 3, 4], updates: [4], revision: [2, 3, 4] })
})

test('a watch of which nothing is there has caught up at once', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue('stock')
  let told = 0
  const watch = stock.watch('nothing.>', { onCaughtUp: () => told++ }, () => {})
  await app.start()
  await watch.caughtUp
  assert.equal(told, 1)
  assert.equal(watch.pending, 0)
})

test('having caught up is told once, behind the last of what was there, whatever changes meanwhile', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  await app.start()
  for (let i = 0; i < 50; i++) await stock.put(`k${i}`, i)
  const order: Array<string | number> = []
  const watch = stock.watch('>', { onCaughtUp: () => order.push('caught up') }, async ({ value = -1 }) => {
    if (value === 10) await stock.put('late', 1000)
    await pause(1)
    order.push(value)
  })
  assert.ok(watch.pending <= 50)
  await watch.caughtUp
  await until(() => order.includes(1000))
  assert.equal(order.filter((one) => one === 'caught up').length, 1)
  for (let i = 0; i < 50; i++) assert.ok(order.indexOf(i) < order.indexOf('caught up'), `${i}`)
})

test('what is pending is exact, deletes and filters included', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock', { history: 3 })
  await app.start()
  for (let i = 0; i < 10; i++) for (let n = 0; n < 2; n++) await stock.put(`a.${i}`, n)
  for (let i = 0; i < 5; i++) await stock.put(`b.${i}`, 0)
  await stock.delete('a.3')
  await stock.purge('a.4')
  const pending: number[] = []
  const watch = stock.watch('a.*', () => {
    pending.push(watch.pending)
  })
  await watch.caughtUp
  // The one that is being handled is still pending.
  assert.deepEqual(pending, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  assert.equal(watch.pending, 0)
})

test('deletes are left out where nobody wants them', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  await app.start()
  await stock.put('a', 1)
  await stock.delete('a')
  await stock.put('b', 2)
  const seen: string[] = []
  const watch = stock.watch('>', { ignoreDeletes: true }, ({ key }) => seen.push(key))
  await watch.caughtUp
  assert.deepEqual(seen, ['b'])
})

test('a value that the schema refuses is logged, and the watch goes on', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue('stock', { schema: z.number() })
  await app.start()
  await stock.kv.put('bad', '"text"')
  await stock.put('good', 1)
  const seen: string[] = []
  const watch = stock.watch('>', ({ key }) => seen.push(key))
  await watch.caughtUp
  assert.deepEqual(seen, ['good'])
  assert.ok(app.lines.some((line) => line.level === 'error' && String(line.subject).endsWith('bad')))
})

test('an event whose handler throws comes again, and what comes later waits for it', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  await app.start()
  for (const value of [1, 2, 3]) await stock.put(`k${value}`, value)
  const seen: number[] = []
  let failures = 0
  const watch = stock.watch('>', ({ value = -1 }) => {
    if (value === 2 && ++failures < 3) throw new Error('not yet')
    seen.push(value)
  })
  await watch.caughtUp
  assert.deepEqual(seen, [1, 2, 3])
  assert.equal(failures, 3)
})

test('side by side only what comes later for the same key waits', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock', { history: 5 })
  await app.start()
  const seen: string[] = []
  let isBroken = true
  stock.watch('>', { from: 'updates', concurrency: 4, retry: { backoff: '20ms' } }, ({ key, value }) => {
    if (key === 'a' && value === 1 && isBroken) throw new Error('not yet')
    seen.push(`${key}${value}`)
  })
  await app.ready()
  for (const value of [1, 2]) for (const key of ['a', 'b']) await stock.put(key, value)
  await until(() => seen.length === 2)
  isBroken = false
  await until(() => seen.length === 4)
  assert.deepEqual(seen, ['b1', 'b2', 'a1', 'a2'])
})

test('an event that no try could handle is told to onError and logged, and the watch goes on', async (t) => {
  const app = makeApp(t)
  const told: unknown[] = []
  app.onError((thrown, { subject }) => told.push([subject, (thrown as Error).message]))
  const stock = app.keyValue<number>('stock')
  await app.start()
  for (const value of [1, 2]) await stock.put(`k${value}`, value)
  const seen: number[] = []
  const watch = stock.watch('>', { retry: { attempts: 2, backoff: '10ms' } }, ({ value = -1 }) => {
    if (value === 1) throw new Error('never')
    seen.push(value)
  })
  await watch.caughtUp
  assert.deepEqual(seen, [2])
  assert.deepEqual(told, [
    ['$KV.stock.k1', 'never'],
    ['$KV.stock.k1', 'never'],
  ])
  const last = app.lines.filter(({ level }) => level === 'error').at(-1)
  assert.deepEqual([last?.sentence, last?.try, last?.subject], ['the handler failed', 2, '$KV.stock.k1'])
})

test('an ordered consumer tries again where it is told to', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const begun: unknown[] = []
  orders.consume('orders.>', { ordered: true, retry: { attempts: 2, backoff: '10ms' } }, (data) => {
    begun.push(data)
    if (data === 1) throw new Error('never')
  })
  await app.start()
  for (const n of [1, 2]) await orders.publish('orders.a', n)
  await until(() => begun.length === 3)
  assert.deepEqual(begun, [1, 1, 2])
})

test('a watch without a handler is read by for await', async (t) => {
  const app = makeApp(t)
  const stock = app.keyValue<number>('stock')
  await app.start()
  for (const value of [1, 2, 3]) await stock.put(`k${value}`, value)
  const seen: unknown[] = []
  const watch = stock.watch('*')
  for await (const { value } of watch) {
    seen.push(value)
    if (seen.length === 3) break
  }
  assert.deepEqual(seen, [1, 2, 3])
  await watch.stop()
  assert.equal(await watch.next(), undefined)
})

test('an object store is watched for what is put and deleted', async (t) => {
  const app = makeApp(t)
  const files = app.objectStore('files')
  await app.start()
  await files.put('first.txt', 'one')
  const seen: string[] = []
  const watch = files.watch(({ operation, name, info }) => seen.push(`${operation} ${name} ${info.size}`))
  await watch.caughtUp
  await files.put('second.txt', 'three')
  await files.delete('first.txt')
  await until(() => seen.length === 3)
  assert.deepEqual(seen, ['put first.txt 3', 'put second.txt 5', 'delete first.txt 0'])
})

test('a watch goes on over restarts of the server, without gaps or repeats', async (t) => {
  const server = await restartableServer()
  const app = makeApp(t, {
    server,
    broker: { servers: server.url, connection: { reconnectTimeWait: 50 } },
  })
  const stock = app.keyValue<number>('stock', { history: 64 })
  const seen: number[] = []
  stock.watch('n', { from: 'history' }, ({ value = -1 }) => seen.push(value))
  let isUp = true
  await app.start()
  app.onConnection((event) => {
    isUp = event === 'reconnected'
  })
  let next = 0
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) await stock.put('n', next++)
    if (round === 2) break
    await server.stop()
    await until(() => !isUp)
    await server.start()
    await until(() => isUp, 'the connection', 20_000)
  }
  await until(() => seen.length >= next, 'the rest', 20_000)
  await pause(100)
  assert.deepEqual(
    seen,
    Array.from({ length: next }, (_, i) => i),
  )
})
