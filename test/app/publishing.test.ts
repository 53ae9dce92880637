import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { type ContrailError, InvalidMessageError, PublishRefusedError } from '../../src/app/index.ts'
import { makeApp, onCluster, testBroker, until } from './support.ts'

test('a typed publisher checks its data, and asks for the names in its subject', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const created = orders.publisher('orders.{id}.created', { schema: z.object({ sku: z.string() }) })
  await app.start()
  const ack = await created.publish({ sku: 'nut' }, { params: { id: 7 } })
  assert.equal(ack?.seq, 1)
  assert.equal((await app.context.jsm.streams.getMessage('ORDERS', { seq: 1 }))?.subject, 'orders.7.created')
  await assert.rejects(created.publish({ sku: 3 } as never, { params: { id: 7 } }), InvalidMessageError)
  await assert.rejects(
    created.publish({ sku: 'nut' }, { params: { id: 'a.b' } }),
    (error: ContrailError) => error.code === 'INVALID_SUBJECT',
  )
  assert.equal((await orders.info()).state.messages, 1)
})

test('a message with an id is stored once, however often it is published', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  const acks = await Promise.all([1, 2, 3].map(() => orders.publish('orders.a', 'x', { id: 'one' })))
  assert.deepEqual(
    acks.map((ack) => [ack.seq, ack.duplicate === true]),
    [
      [1, false],
      [1, true],
      [1, true],
    ],
  )
  assert.equal((await orders.info()).state.messages, 1)
})

test('a publication is refused when the stream is not as expected, with the server’s error code', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  await orders.publish('orders.a', 1, { expect: { stream: 'ORDERS', lastSeq: 0, lastSubjectSeq: 0 } })
  await orders.publish('orders.b', 2, { id: 'two', expect: { lastSeq: 1 } })
  await orders.publish('orders.b', 3, { expect: { lastId: 'two', lastSubjectSeq: 2 } })
  const wrong = [{ stream: 'OTHER' }, { lastSeq: 1 }, { lastSubjectSeq: 9 }, { lastId: 'no' }]
  // nats-server 2.15.2 takes nothing any more on a stream of several copies after a wrong last id.
  if (onCluster) wrong.pop()
  const codes: number[] = []
  for (const expect of wrong) {
    await orders.publish('orders.b', 4, { expect }).catch((error: PublishRefusedError) => {
      assert.ok(error instanceof PublishRefusedError)
      codes.push(error.errorCode)
    })
  }
  assert.deepEqual(codes, [10060, 10071, 10071, ...(onCluster ? [] : [10070])])
})

test('a message with a time to live goes when it is over', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { allowTtl: true })
  await app.start()
  await orders.publish('orders.a', 'stays')
  await orders.publish('orders.a', 'goes', { ttl: '1s' })
  assert.equal((await orders.info()).state.messages, 2)
  await until(async () => (await orders.info()).state.messages === 1, 'its end')
  await assert.rejects(
    orders.publish('orders.a', 'x', { ttl: '10ms' }),
    (error: ContrailError) => error.code === 'INVALID_OPTION',
  )
})

test('headers arrive as they were given, several values of a name too', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const read = orders.consume('orders.>')
  await app.start()
  await orders.publish('orders.a', 'x', { headers: { One: '1', Two: ['2', '3'] } })
  const message = await read.next({ timeout: '5s' })
  assert.equal(message?.header('One'), '1')
  assert.deepEqual(message?.headers?.values('Two'), ['2', '3'])
})

test('publishing waits in turn beyond what may be on its way, and is refused beyond what may wait', async (t) => {
  const app = makeApp(t, {
    broker: testBroker({ publish: { maxInFlight: 10, maxWaiting: 20 } }),
  })
  const orders = app.stream('ORDERS')
  await app.start()
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, i) => orders.publish('orders.a', i)),
  )
  const refused = results.filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 20)
  assert.ok(refused.every((result) => (result.reason as ContrailError).code === 'PUBLISH_BUFFER_FULL'))
  const { messages } = (await orders.info()).state
  assert.equal(messages, 30)
  // In order, whoever had to wait.
  for (let seq = 1; seq <= 30; seq++) {
    assert.equal((await app.context.jsm.streams.getMessage('ORDERS', { seq }))?.json(), seq - 1)
  }
  await app.context.jsm.streams.delete('ORDERS')
})

test('stop waits for what was published', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  await app.start()
  const acks = Array.from({ length: 200 }, (_, i) => orders.publish('orders.a', i))
  await app.stop()
  const settled = await Promise.allSettled(acks)
  assert.ok(settled.every((result) => result.status === 'fulfilled'))
  await pause(0)
})

test('what is refused because the same id is on its way is asked again until it is known', async (t) => {
  const app = makeApp(t)
  let asked = 0
  // In the place of a stream in a cluster: its first answers are that the id is in process.
  app.subscribe('copies.{way}', (_data, { params }) => {
    const inProcess = { code: 409, err_code: 10158, description: 'duplicate message id is in process' }
    if (params.way === 'always' || ++asked < 3) return { error: inProcess, stream: 'COPIES' }
    return { stream: 'COPIES', seq: 7, duplicate: true }
  })
  const copies = app.publisher('copies.{way}', { toStream: true })
  await app.start()
  const ack = await copies.publish('x', { params: { way: 'soon' }, id: 'one' })
  assert.equal(ack?.seq, 7)
  assert.equal(asked, 3)
  await assert.rejects(
    copies.publish('x', { params: { way: 'always' }, id: 'two', timeout: '300ms' }),
    (error: PublishRefusedError) => error.errorCode === 10158,
  )
})

test('what is no subject, and what JSON has no word for, is refused with a sentence', async (t) => {
  const app = makeApp(t)
  await app.start()
  const untyped = app as unknown as Record<'publish' | 'subscribe', (...given: unknown[]) => Promise<unknown>>
  await assert.rejects(untyped.publish(undefined, 1), /"undefined": a subject is a text/)
  await assert.rejects(
    untyped.publish('a.b', () => {}),
    /A function can't be written as JSON/,
  )
  assert.throws(() => untyped.subscribe(['a', 'b'], () => {}), /"a,b": a subject is a text/)
})
