import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/ports/random.ts'
import { errorOf, House, type Json, tick } from './house.ts'

const STREAM = { name: 'C', subjects: ['c.>'], allow_msg_counter: true, allow_direct: true }

/** Small segments and caches: last values are soon on disk alone. */
const SMALL = { segmentBytes: 16 * 1024, chunkBits: 12, cacheBytes: 8 * 1024 }

async function increment(house: House, subject: string, by: bigint | number | string): Promise<Json> {
  return house.publish(subject, '', [`Nats-Incr: ${by}`])
}

test('an increment is answered with the value, of any size', async () => {
  const house = await House.open()
  await house.stream(STREAM)
  const random = new Random(1)
  let expected = 0n
  for (let i = 1; i <= 300; i++) {
    const digits = 1 + random.below(40)
    let by = 0n
    for (let digit = 0; digit < digits; digit++) by = by * 10n + BigInt(random.below(10))
    if (random.chance(0.5)) by = -by
    expected += by
    assert.deepEqual(await increment(house, 'c.a', by), { stream: 'C', seq: i, val: `${expected}` })
  }
})

test('values around the largest exact number are exact', async () => {
  const house = await House.open()
  await house.stream(STREAM)
  const largest = 2n ** 53n
  let expected = 0n
  for (const by of [
    largest - 2n,
    1n,
    1n,
    1n,
    -2n,
    -largest,
    -largest,
    1n,
    -3n,
    largest,
    largest,
    2n * largest,
  ]) {
    expected += by
    assert.equal((await increment(house, 'c.a', by)).val, `${expected}`)
  }
})

test('increments that come in one turn follow each other before any of them is durable', async () => {
  const house = await House.open()
  await house.stream(STREAM)
  const acks = house.listen('acks')
  for (let i = 0; i < 1000; i++) house.send(`c.${i % 3}`, '', ['Nats-Incr: 1'], 'acks')
  assert.equal(acks.length, 0)
  for (let i = 0; i < 50; i++) await tick()
  assert.equal(acks.length, 1000)
  for (const [i, { body }] of acks.entries()) {
    assert.deepEqual(JSON.parse(body), { stream: 'C', seq: i + 1, val: `${Math.floor(i / 3) + 1}` })
  }
})

test('no increment that was acknowledged is lost in a crash', async () => {
  let house = await House.open()
  await house.stream(STREAM)
  let last = 0
  for (let round = 0; round < 10; round++) {
    const acks = house.listen('acks')
    for (let i = 0; i < 50; i++) house.send('c.a', '', ['Nats-Incr: 1'], 'acks')
    for (let i = 0; i < round; i++) await tick()
    const told = acks.length === 0 ? last : Number(JSON.parse(acks.at(-1)?.body ?? '').val)
    house = await house.crash()
    const { last_seq } = await house.state('C')
    const value = Number((await increment(house, 'c.a', 0)).val)
    assert.ok(value >= told, `${value} ${told}`)
    // Each message but those that only look is one more.
    assert.equal(value, Number(last_seq) - round)
    last = value
  }
})

test('values that are on disk alone are read, in the order of their messages, and others do not wait', async () => {
  const house = await House.open({ limits: SMALL })
  await house.stream(STREAM)
  await house.stream({ name: 'D', subjects: ['d'] })
  const counters = 2000
  const acks = house.listen('acks')
  for (let round = 1; round <= 3; round++) {
    acks.length = 0
    for (let i = 0; i < counters; i++) house.send(`c.${(i * 7) % counters}`, '', ['Nats-Incr: 1'], 'acks')
    if (round === 3) {
      assert.ok((house.js.account('$G')?.streams.get('C')?.ingest.parking.size ?? 0) > 0)
      house.send('d', '', [], 'acks')
    }
    const wanted = round === 3 ? counters + 1 : counters
    for (let i = 0; i < 20_000 && acks.length < wanted; i++) await tick()
    if (round === 3) {
      const other = acks.findIndex(({ body }) => body === '{"stream":"D","seq":1}')
      assert.ok(other >= 0 && other < counters)
      acks.splice(other, 1)
    }
    assert.equal(acks.length, counters)
    for (const [i, { body }] of acks.entries()) {
      assert.deepEqual(JSON.parse(body), {
        stream: 'C',
        seq: (round - 1) * counters + i + 1,
        val: `${round}`,
      })
    }
  }
})

test('a batch of increments waits for what it has to read, and is stored whole', async () => {
  const house = await House.open({ limits: SMALL })
  await house.stream({ ...STREAM, allow_atomic: true })
  for (let i = 0; i < 400; i++) house.send(`c.${i}`, '', ['Nats-Incr: 5'])
  for (let i = 0; i < 200; i++) house.send(`c.more.${i}`, '', ['Nats-Incr: 1'])
  await house.publish('c.last', '', ['Nats-Incr: 1'])
  const acks = house.listen('acks')
  for (let i = 0; i < 300; i++) {
    const commit = i === 299 ? ['Nats-Batch-Commit: 1'] : []
    house.send(
      `c.${i % 150}`,
      '',
      ['Nats-Incr: 1', 'Nats-Batch-Id: x', `Nats-Batch-Sequence: ${i + 1}`, ...commit],
      i === 299 ? 'acks' : '',
    )
  }
  for (let i = 0; i < 5000 && acks.length === 0; i++) await tick()
  assert.deepEqual(JSON.parse(acks[0].body), { stream: 'C', seq: 901, batch: 'x', count: 300 })
  for (let i = 0; i < 150; i++) assert.equal((await increment(house, `c.${i}`, 0)).val, '7')
})

test('a stream of counters takes nothing else', async () => {
  const house = await House.open()
  await house.stream(STREAM)
  assert.deepEqual(errorOf(await house.publish('c.a', 'x')), [10169, 'message counter increment is missing'])
  assert.deepEqual(errorOf(await increment(house, 'c.a', 'x')), [
    10171,
    'message counter increment is invalid',
  ])
  const refused = await house.publish('c.a', 'x', ['Nats-Incr: 1'])
  assert.deepEqual(errorOf(refused), [10170, 'message counter has payload'])
  assert.equal((await house.state('C')).messages, 0)
})

test('an increment whose last value can not be read is refused, and changes nothing', async () => {
  const house = await House.open({ limits: SMALL })
  await house.stream(STREAM)
  for (let i = 0; i < 1000; i++) house.send(`c.${i}`, '', ['Nats-Incr: 5'])
  await increment(house, 'c.last', 1)
  house.files.fault = (name) => (name === 'read' ? Object.assign(new Error('EIO'), { code: 'EIO' }) : null)
  const refused = await increment(house, 'c.3', 1)
  assert.deepEqual(errorOf(refused), [10023, 'insufficient resources'])
  // What is in memory goes on.
  assert.equal((await increment(house, 'c.last', 1)).val, '2')
  house.files.fault = null
  await house.pass(2000)
  assert.equal((await increment(house, 'c.3', 1)).val, '6')
})
