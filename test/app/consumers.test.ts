import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { PublishRefusedError } from '../../src/app/index.ts'
import { makeApp, until } from './support.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('a batch handler gets up to so many messages, and they are acknowledged together', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const batches: number[][] = []
  const consumer = orders.consumeBatch(
    'orders.>',
    { durable: 'b', size: 4, wait: '50ms', schema: z.number() },
    (data, { messages }) => {
      assert.equal(messages.length, data.length)
      batches.push(data)
    },
  )
  await app.start()
  await Promise.all([1, 2, 3, 4, 5, 6].map((i) => orders.publish('orders.x', i)))
  await until(() => batches.flat().length === 6)
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [4, 2],
  )
  await until(async () => (await consumer.info()).ack_floor.stream_seq === 6, 'the acks')
})

test('a batch whose handler throws is delivered again, without those that were acknowledged by hand', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const batches: unknown[][] = []
  orders.consumeBatch(
    'orders.>',
    { durable: 'b', size: 3, wait: '50ms', retry: { backoff: '10ms' } },
    (data, { messages }) => {
      batches.push(data)
      if (batches.length > 1) return
      messages[0].ack()
      throw new Error('once')
    },
  )
  await app.start()
  await Promise.all([1, 2, 3].map((i) => orders.publish('orders.x', i)))
  await until(() => batches.length >= 2)
  assert.deepEqual(batches[0], [1, 2, 3])
  assert.deepEqual(batches.slice(1).flat().sort(), [2, 3])
})

test('an invalid message of a batch goes its own way, the others are handled', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: number[] = []
  orders.consumeBatch(
    'orders.>',
    {
      durable: 'b',
      size: 3,
      wait: '50ms',
      schema: z.number(),
      ack: 'reject-on-error',
      retry: { deadLetter: true },
    },
    (data) => seen.push(...data),
  )
  await app.start()
  for (const value of [1, 'two', 3]) await orders.publish('orders.x', value)
  await until(() => seen.length === 2)
  assert.deepEqual(seen, [1, 3])
  await until(
    async () => (await app.context.jsm.streams.info('ORDERS_DEAD')).state.messages === 1,
    'the dead letter',
  )
})

for (const durable of [undefined, 'pushed']) {
  test(`a push consumer delivers all, in order (${durable === undefined ? 'ephemeral' : 'durable'})`, async (t) => {
    const app = makeApp(t)
    const orders = app.stream('ORDERS')
    const seen: unknown[] = []
    const consumer = orders.consume('orders.>', { push: true, durable, maxInFlight: 10 }, async (data) => {
      seen.push(data)
    })
    await app.start()
    const sent = Array.from({ length: 200 }, (_, i) => i)
    await Promise.all(sent.map((i) => orders.publish('orders.x', i)))
    await until(() => seen.length === 200)
    assert.deepEqual(seen, sent)
    await until(async () => (await consumer.info()).num_ack_pending === 0, 'the acks')
  })
}

test('the members of a durable push consumer share its messages', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const counts = [0, 0]
  await app.start()
  const members = [0, 1].map(() => makeApp(t, { broker: { nc: app.context.nc } }))
  for (const [member, another] of members.entries()) {
    another.stream('ORDERS').consume('orders.>', { push: true, durable: 'shared' }, () => {
      counts[member]++
    })
    await another.start()
  }
  await Promise.all(Array.from({ length: 100 }, (_, i) => orders.publish('orders.x', i)))
  await until(() => counts[0] + counts[1] === 100)
  assert.ok(counts[0] > 0 && counts[1] > 0, `${counts}`)
  // Before the app whose connection they have.
  for (const another of members) await another.stop()
})

test('an ordered consumer reads all in order, from where it is told', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: unknown[] = []
  await app.start()
  await Promise.all(Array.from({ length: 300 }, (_, i) => orders.publish('orders.x', i + 1)))
  orders.consume('orders.>', { ordered: true, deliver: { seq: 101 }, maxInFlight: 20 }, (data) => {
    seen.push(data)
  })
  await until(() => seen.length === 200)
  assert.deepEqual(
    seen,
    Array.from({ length: 200 }, (_, i) => i + 101),
  )
})

test('a handler that takes longer than ack wait is not called again for the same message', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  let calls = 0
  let finished = 0
  jobs.consume('jobs.>', { durable: 'w', ackWait: '150ms' }, async () => {
    calls++
    await pause(600)
    finished++
  })
  await app.start()
  // The second one waits longer than ack wait before it is its turn.
  await jobs.publish('jobs.a')
  await jobs.publish('jobs.b')
  await until(() => finished === 2)
  await pause(200)
  assert.equal(calls, 2)
})

test('messages of one key are handled one after the other, those of different keys side by side', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const running = new Map<string, number>()
  let most = 0
  const ends: string[] = []
  jobs.consume(
    'jobs.{key}.{n}',
    { durable: 'w', concurrency: 10, orderBy: (message) => message.subject.split('.')[1] },
    async (_data, { params }) => {
      const { key, n } = params
      assert.equal(running.get(key) ?? 0, 0)
      running.set(key, 1)
      most = Math.max(
        most,
        [...running.values()].reduce((a, b) => a + b),
      )
      await pause(key === 'a' ? 20 : 5)
      running.set(key, 0)
      ends.push(`${key}${n}`)
    },
  )
  await app.start()
  for (let n = 0; n < 4; n++) for (const key of ['a', 'b']) await jobs.publish(`jobs.${key}.${n}`)
  await until(() => ends.length === 8)
  assert.deepEqual(
    ends.filter((end) => end.startsWith('a')),
    ['a0', 'a1', 'a2', 'a3'],
  )
  assert.equal(most, 2)
})

test('a rate is kept', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const times: number[] = []
  jobs.consume('jobs.>', { durable: 'w', rate: { messages: 5, per: '100ms' } }, () => {
    times.push(performance.now())
  })
  await app.start()
  await Promise.all(Array.from({ length: 20 }, () => jobs.publish('jobs.a')))
  await until(() => times.length === 20)
  // Five at once, then fifteen at 20 ms each.
  assert.ok(times[19] - times[0] >= 250, `${times[19] - times[0]} ms`)
})

test('the pauses between tries are those of the backoff', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const times: number[] = []
  jobs.consume('jobs.>', { durable: 'w', retry: { attempts: 3, backoff: ['50ms', '150ms'] } }, () => {
    times.push(performance.now())
    throw new Error('no')
  })
  await app.start()
  await jobs.publish('jobs.a')
  await until(() => times.length === 3)
  assert.ok(times[1] - times[0] >= 45, `${times[1] - times[0]}`)
  assert.ok(times[2] - times[1] >= 145, `${times[2] - times[1]}`)
  await pause(100)
  assert.equal(times.length, 3)
})

for (const mode of ['reject-on-error', 'always', 'first'] as const) {
  test(`with ack mode ${mode} a message whose handler throws does not come again`, async (t) => {
    const app = makeApp(t)
    const jobs = app.stream('JOBS')
    let calls = 0
    const consumer = jobs.consume('jobs.>', { durable: 'w', ack: mode, ackWait: '100ms' }, () => {
      calls++
      throw new Error('no')
    })
    await app.start()
    await jobs.publish('jobs.a')
    await until(() => calls === 1)
    await until(async () => (await consumer.info()).num_ack_pending === 0)
    await pause(200)
    assert.equal(calls, 1)
  })
}

test('with ack mode on-success a message whose handler throws comes again after ack wait', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  let calls = 0
  jobs.consume('jobs.>', { durable: 'w', ack: 'on-success', ackWait: '100ms' }, () => {
    if (++calls === 1) throw new Error('once')
  })
  await app.start()
  await jobs.publish('jobs.a')
  await until(() => calls === 2)
})

test('with ack mode manual the handler acknowledges', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const consumer = jobs.consume('jobs.>', { durable: 'w', ack: 'manual' }, async (data, { message }) => {
    if (data === 'ack') assert.equal(await message.ackConfirmed(), true)
    else message.term('not wanted')
  })
  await app.start()
  await jobs.publish('jobs.a', 'ack')
  await jobs.publish('jobs.a', 'term')
  await until(async () => (await consumer.info()).ack_floor.stream_seq === 2)
})

test('a batch published as one is stored as a whole, or not at all', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { allowAtomic: true })
  await app.start()
  const ack = await orders.publishAtomic([
    { subject: 'orders.a', data: 1 },
    { subject: 'orders.b', data: 2, headers: { Shop: 'Bern' } },
    { subject: 'orders.c', data: 3 },
  ])
  assert.equal(ack.count, 3)
  assert.equal(ack.seq, 3)
  await assert.rejects(
    orders.publishAtomic([
      { subject: 'orders.a', data: 1 },
      { subject: 'orders.a', data: 2, expect: { lastSubjectSeq: 99 } },
    ]),
    PublishRefusedError,
  )
  assert.equal((await orders.info()).state.messages, 3)
})

test('a handler’s result goes to the subject that `returns` names, before the ack', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const bills = app.stream('BILLS')
  orders.consume('orders.>', { durable: 'w', returns: 'bills.new' }, (order: { price: number }) => ({
    total: order.price * 2,
  }))
  const read = bills.consume('bills.>')
  await app.start()
  await orders.publish('orders.a', { price: 21 })
  assert.deepEqual((await read.next({ timeout: '5s' }))?.json(), { total: 42 })
})

test('a consumer that limits requests is asked within its limits', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const seen: unknown[] = []
  let requests = 0
  const config = { max_batch: 5, max_expires: 2e9 }
  orders.consume('orders.>', { durable: 'w', config }, (data) => {
    seen.push(data)
  })
  app.subscribe('$JS.API.CONSUMER.MSG.NEXT.ORDERS.w', { codec: 'bytes' }, () => {
    requests++
  })
  await app.start()
  const sent = Array.from({ length: 40 }, (_, i) => i)
  await Promise.all(sent.map((i) => orders.publish('orders.x', i)))
  await until(() => seen.length === 40)
  assert.deepEqual(seen, sent)
  // What is refused would be asked for again and again.
  await pause(300)
  assert.ok(requests <= 40 / 5 + 60, `${requests} requests`)
})
