import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House, type Json } from './house.ts'

const STREAM = { name: 'S', subjects: ['s.>'], storage: 'memory' }

async function consume(house: House, name: string, config: Json = {}): Promise<Json> {
  return house.api(`CONSUMER.CREATE.S.${name}`, {
    stream_name: 'S',
    config: { name, durable_name: name, ack_policy: 'explicit', ...config },
  })
}

test('a stream that does not say how many consumers it has is given a thousand', async () => {
  const house = await House.open()
  await house.stream(STREAM)
  for (let i = 0; i < 1000; i++) assert.equal((await consume(house, `c${i}`)).error, undefined)
  assert.deepEqual(errorOf(await consume(house, 'more')), [10026, 'maximum consumers limit reached'])
  assert.equal((await consume(house, 'c0', { description: 'changed' })).error, undefined)
  await house.api('CONSUMER.DELETE.S.c0')
  assert.equal((await consume(house, 'more')).error, undefined)
})

test('a server says how many consumers streams have; a stream that says so itself has as many as it says', async () => {
  for (const [defaultMaxConsumers, max_consumers, most] of [
    [3, undefined, 3],
    [3, -1, 3],
    [3, 5, 5],
    [3, 2, 2],
  ]) {
    const house = await House.open({ limits: { defaultMaxConsumers } })
    await house.stream({ ...STREAM, max_consumers })
    let made = 0
    while ((await consume(house, `c${made}`)).error === undefined) made++
    assert.equal(made, most)
  }
  const without = await House.open({ limits: { defaultMaxConsumers: -1 } })
  await without.stream(STREAM)
  for (let i = 0; i < 1010; i++) assert.equal((await consume(without, `c${i}`)).error, undefined)
})

test('max_ack_pending and max_batch of consumers stay within what the server allows', async () => {
  const house = await House.open({ limits: { maxAckPending: 10, maxRequestBatch: 50 } })
  await house.stream(STREAM)
  const { config } = await consume(house, 'plain')
  assert.equal((config as Json).max_ack_pending, 10)
  assert.equal((config as Json).max_batch, 50)
  assert.deepEqual(errorOf(await consume(house, 'acks', { max_ack_pending: 11 })), [
    10121,
    'consumer max ack pending exceeds system limit of 10',
  ])
  assert.deepEqual(errorOf(await consume(house, 'batch', { max_batch: 51 })), [
    10125,
    'consumer max request batch exceeds server limit of 50',
  ])
  const unlimited = (await consume(house, 'unlimited', { max_ack_pending: -1 })).config as Json
  assert.equal(unlimited.max_ack_pending, -1)
})

test('duplicate windows stay within what the server allows', async () => {
  const house = await House.open({ limits: { duplicateWindow: 30_000 } })
  const { config } = await house.stream(STREAM)
  assert.equal((config as Json).duplicate_window, 30e9)
  const longer = { ...STREAM, duplicate_window: 60e9 }
  const refusal = [10052, 'duplicates window can not be larger then server limit of 30s']
  assert.deepEqual(errorOf(await house.api('STREAM.UPDATE.S', longer)), refusal)
  const pedantic = { name: 'P', subjects: ['p'], pedantic: true }
  assert.deepEqual(errorOf(await house.api('STREAM.CREATE.P', pedantic)), [
    10157,
    'pedantic mode: duplicate window limits are higher than current limits',
  ])
})

test('batches are as many, as long and as silent as the server allows', async () => {
  const batch = { maxInflightPerStream: 1, maxInflightTotal: 2, maxMessages: 3, timeout: 1000 }
  const house = await House.open({ limits: { batch } })
  for (const name of ['A', 'B', 'C'])
    await house.stream({ name, subjects: [name], allow_atomic: true, allow_batched: true })
  const send = (stream: string, id: string, seq: number) =>
    house.publish(stream, '', [`Nats-Batch-Id: ${id}`, `Nats-Batch-Sequence: ${seq}`])
  const inAtomic = async (stream: string, id: string, seq: number) =>
    errorOf(await send(stream, id, seq).catch(() => ({})))
  assert.equal(await inAtomic('A', 'a', 1), null)
  assert.deepEqual(await inAtomic('A', 'b', 1), [10210, 'atomic publish too many inflight'])
  assert.equal(await inAtomic('B', 'b', 1), null)
  assert.deepEqual(await inAtomic('C', 'c', 1), [10210, 'atomic publish too many inflight'])
  for (const seq of [2, 3]) assert.equal(await inAtomic('A', 'a', seq), null)
  assert.deepEqual(await inAtomic('A', 'a', 4), [10199, 'atomic publish batch is too large: 3'])
  await house.pass(1000)
  assert.deepEqual(await inAtomic('B', 'b', 2), [10176, 'atomic publish batch is incomplete'])

  const fast = house.listen('fast.>')
  for (const [stream, id] of ['Aa', 'Ab', 'Bb', 'Cc']) house.send(stream, '', [], `fast.${id}.10.ok.1.0.$FI`)
  await house.pass(1)
  assert.deepEqual(
    fast.map(({ body }) => (JSON.parse(body).error?.err_code as number) ?? 'ok'),
    ['ok', 10211, 'ok', 10211],
  )
  await house.pass(1000)
  house.send('A', '', [], 'fast.a.10.ok.2.1.$FI')
  await house.pass(1)
  assert.equal(JSON.parse(fast[4].body).error.err_code, 10208)
})
