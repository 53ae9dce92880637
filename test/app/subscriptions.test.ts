import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Message } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('of several handlers the first whose filter takes a message has it, the default has the rest', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: string[] = []
  const kind = (wanted: string) => (message: Message) => message.header('Kind') === wanted
  const consumer = orders
    .consume('orders.>', { durable: 'w' }, (data) => {
      seen.push(`default ${data}`)
    })
    .handle({ filter: kind('express'), schema: z.number() }, (n) => {
      seen.push(`express ${n + 0}`)
    })
    .handle({ filter: (message) => message.json() === 7 }, () => {
      seen.push('seven')
    })
  await app.start()
  await orders.publish('orders.a', 1, { headers: { Kind: 'express' } })
  await orders.publish('orders.a', 7)
  await orders.publish('orders.a', 3, { headers: { Kind: 'other' } })
  await until(() => seen.length === 3)
  assert.deepEqual(seen, ['express 1', 'seven', 'default 3'])
  await until(async () => (await consumer.info()).ack_floor.stream_seq === 3, 'the acks')
})

test('handlers with filters share a core subscription too, and each answers', async (t) => {
  const app = makeApp(t)
  app
    .subscribe('calc')
    .handle({ filter: (message) => message.header('Op') === 'double' }, (n: number) => n * 2)
    .handle((n: number) => -n)
  await app.start()
  assert.equal(await app.request('calc', 4, { headers: { Op: 'double' } }), 8)
  assert.equal(await app.request('calc', 4), -4)
})

test('a message that no filter takes is acknowledged with a warning, so that it does not come again', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const consumer = orders.consume('orders.>', { durable: 'w', filter: () => false }, () => {
    assert.fail('not for it')
  })
  await app.start()
  await orders.publish('orders.a', 1)
  await until(async () => (await consumer.info()).ack_floor.stream_seq === 1, 'the ack')
  assert.equal(app.lines.filter((line) => line.sentence === 'no handler takes this message').length, 1)
})

test('a filter that throws is a failure of the message', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  let calls = 0
  orders.consume(
    'orders.>',
    {
      durable: 'w',
      retry: { backoff: '5ms' },
      filter: () => {
        if (++calls < 3) throw new Error('filter')
        return true
      },
    },
    () => {},
  )
  await app.start()
  await orders.publish('orders.a', 1)
  await until(() => calls === 3)
})

test('a second handler without a filter is refused', (t) => {
  const app = makeApp(t)
  const subscription = app.subscribe('a', () => {})
  assert.throws(() => subscription.handle(() => {}), /without a filter already/)
})

test('a core subscription declared while the app runs works, and ends without losing what it has taken', async (t) => {
  const app = makeApp(t)
  await app.start()
  const seen: unknown[] = []
  const subscription = app.subscribe('late', async (data) => {
    await pause(10)
    seen.push(data)
  })
  await app.ready()
  for (let i = 0; i < 5; i++) await app.publish('late', i)
  await subscription.unsubscribe()
  assert.deepEqual(seen, [0, 1, 2, 3, 4])
  await app.publish('late', 'too late')
  await pause(30)
  assert.equal(seen.length, 5)
  await assert.rejects(app.request('late'), (error: { code: string }) => error.code === 'NO_RESPONDERS')
})

test('a durable consumer that is unsubscribed keeps its place for the next one', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  const seen: unknown[] = []
  const handler = (data: unknown) => {
    seen.push(data)
  }
  const first = orders.consume('orders.>', { durable: 'w' }, handler)
  await orders.publish('orders.a', 1)
  await until(() => seen.length === 1)
  await first.unsubscribe()
  await orders.publish('orders.a', 2)
  await pause(30)
  assert.deepEqual(seen, [1])
  orders.consume('orders.>', { durable: 'w' }, handler)
  await until(() => seen.length === 2)
  assert.deepEqual(seen, [1, 2])
})

test('an ephemeral consumer that is unsubscribed is removed from the server', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  const consumer = orders.consume('orders.>', () => {})
  await app.ready()
  const { name } = consumer
  assert.equal((await orders.info()).state.consumer_count, 1)
  await consumer.unsubscribe()
  await assert.rejects(app.context.jsm.consumers.info('ORDERS', name), /consumer not found/)
})

test('a subscription that is unsubscribed before it has started never starts', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  const consumer = orders.consume('orders.>', { durable: 'never' }, () => assert.fail('it must not run'))
  await consumer.unsubscribe()
  await app.ready()
  await orders.publish('orders.a', 1)
  await pause(30)
  assert.equal((await orders.info()).state.consumer_count, 0)
})

test('a subscription that is unsubscribed while it starts is stopped when it has', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  let calls = 0
  const consumer = orders.consume('orders.>', { durable: 'w' }, () => {
    calls++
  })
  await new Promise((resolve) => setImmediate(resolve))
  await consumer.unsubscribe()
  await orders.publish('orders.a', 1)
  await pause(50)
  assert.equal(calls, 0)
})

test('a core handler runs as often at a time as concurrency says', async (t) => {
  const app = makeApp(t)
  let running = 0
  let most = 0
  let done = 0
  app.subscribe('work', { concurrency: 3 }, async () => {
    most = Math.max(most, ++running)
    await pause(5)
    running--
    done++
  })
  await app.start()
  for (let i = 0; i < 12; i++) await app.publish('work')
  await until(() => done === 12)
  assert.equal(most, 3)
})

test('orderBy and rate count on core NATS too', async (t) => {
  const app = makeApp(t)
  const ends: string[] = []
  app.subscribe(
    'work.{key}.{n}',
    { orderBy: (message) => message.subject.split('.')[1] },
    async (_data, { params }) => {
      await pause(params.n === '0' ? 20 : 1)
      ends.push(params.key + params.n)
    },
  )
  const times: number[] = []
  app.subscribe('slowly', { rate: { messages: 1, per: '20ms' } }, () => {
    times.push(performance.now())
  })
  await app.start()
  for (let n = 0; n < 3; n++) for (const key of ['a', 'b']) await app.publish(`work.${key}.${n}`)
  for (let i = 0; i < 4; i++) await app.publish('slowly')
  await until(() => ends.length === 6 && times.length === 4)
  for (const key of ['a', 'b']) {
    assert.deepEqual(
      ends.filter((end) => end.startsWith(key)),
      [`${key}0`, `${key}1`, `${key}2`],
    )
  }
  assert.ok(times[3] - times[0] >= 55, `${times[3] - times[0]} ms`)
})

test('concurrency, orderBy and rate that make no sense are refused', (t) => {
  const app = makeApp(t)
  assert.throws(() => app.subscribe('a', { concurrency: 0 }, () => {}), /concurrency: 0/)
  assert.throws(() => app.subscribe('a', { rate: { messages: 0, per: '1s' } }, () => {}), /rate\.messages: 0/)
  assert.throws(
    () => app.subscribe('a', { rate: { messages: 1, per: 'soon' as never } }, () => {}),
    /rate\.per/,
  )
})

test('what is declared while the app starts comes up once, and what is declared while it stops does not', async (t) => {
  const app = makeApp(t)
  let calls = 0
  const count = () => {
    calls++
  }
  app.provide('early', ({ nc }) => {
    assert.ok(nc)
    app.subscribe('early', count)
    app.stream('EARLY').consume('early.>', { durable: 'w' }, count)
  })
  app.stream('ORDERS')
  app.afterStart(() => {
    app.subscribe('late', count)
  })
  app.onShutdown(() => {
    app.subscribe('never', count)
  })
  await app.start()
  await app.ready()
  for (const subject of ['early', 'early.a', 'late']) await app.publish(subject)
  await until(() => calls === 3)
  await pause(30)
  assert.equal(calls, 3)
  await app.stop()
})
