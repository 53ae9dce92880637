import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { ContrailError } from '../../src/app/index.ts'
import { instances, makeApp, until } from './support.ts'

test('a paused consumer takes no more in this process, handles what it has, and goes on where it was', async (t) => {
  const app = makeApp(t)
  const handled: number[] = []
  const jobs = app.stream('JOBS')
  const consumer = jobs.consume('jobs.>', { durable: 'w' }, (n: number) => {
    handled.push(n)
  })
  await assert.rejects(consumer.pause(), (thrown: ContrailError) => thrown.code === 'NOT_STARTED')
  await app.start()
  await jobs.publish('jobs.a', 1)
  await until(() => handled.length === 1)
  await consumer.pause()
  await consumer.pause()
  assert.equal(consumer.isPaused, true)
  for (const n of [2, 3]) await jobs.publish('jobs.a', n)
  await wait(100)
  assert.deepEqual(handled, [1])
  await consumer.resume()
  await until(() => handled.length === 3)
  assert.deepEqual(handled, [1, 2, 3])
  await consumer.pause()
  // What stops while it is paused stops.
})

test('while one instance is paused another one of the durable goes on', async (t) => {
  const handled = [0, 0]
  const apps = await instances(t, 2, (app, index) => {
    app.stream('JOBS').consume('jobs.>', { durable: 'w' }, () => {
      handled[index]++
    })
    app.subscribe('ask', { queue: 'askers' }, () => index)
  })
  await apps[0].pause()
  for (let n = 0; n < 10; n++) await apps[1].publish('jobs.a', n)
  await until(() => handled[1] === 10, 'the other one')
  assert.equal(handled[0], 0)
  for (let n = 0; n < 5; n++) assert.equal(await apps[1].request('ask'), 1)
  await apps[0].resume()
  await until(async () => (await apps[1].request('ask')) === 0, 'the first to answer again')
})

test('a durable that is paused everywhere is paused for all, also for who comes later', async (t) => {
  const handled: number[] = []
  const apps = await instances(t, 2, (app, index) => {
    const consumer = app.stream('JOBS').consume('jobs.>', { durable: 'w' }, (n: number) => {
      handled.push(n)
    })
    if (index === 0) app.afterStart(() => consumer.pause({ everywhere: true }))
    app.subscribe('resume', () => consumer.resume({ everywhere: true }).then(() => true))
    app.subscribe('pause', () => consumer.pause({ everywhere: true, for: '300ms' }).then(() => true))
  })
  await apps[1].publish('jobs.a', 1)
  await wait(100)
  assert.deepEqual(handled, [])
  await apps[0].request('resume')
  await until(() => handled.length === 1, 'it to go on')
  await apps[0].request('pause')
  await apps[1].publish('jobs.a', 2)
  await until(() => handled.length === 2, 'it to go on by itself', 10_000)
})

test('only a durable can be paused everywhere', async (t) => {
  const app = makeApp(t)
  const consumer = app.stream('JOBS').consume('jobs.>', { ordered: true }, () => {})
  await app.start()
  await assert.rejects(consumer.pause({ everywhere: true }), /only a durable consumer/)
})

test('the whole app is paused: handlers, cron and queues; publishing and watches go on', async (t) => {
  const app = makeApp(t)
  const handled: string[] = []
  const stock = app.keyValue<number>('stock')
  const jobs = app.stream('JOBS')
  jobs.consume('jobs.>', { durable: 'w' }, () => {
    handled.push('message')
  })
  app.subscribe('hello', () => {
    handled.push('core')
  })
  const work = app.queue('work')
  work.handle(() => {
    handled.push('job')
  })
  stock.watch('*', () => {
    handled.push('watch')
  })
  await app.start()
  await app.pause()
  await jobs.publish('jobs.a', 1)
  await work.add(1)
  await stock.put('nut', 1)
  await until(() => handled.length === 1, 'the watch')
  await wait(50)
  assert.deepEqual(handled, ['watch'])
  await app.resume()
  await until(() => handled.length === 3, 'the rest')
  await app.publish('hello')
  await until(() => handled.length === 4, 'core NATS')
  assert.deepEqual(handled.toSorted(), ['core', 'job', 'message', 'watch'])
})
