import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House } from './house.ts'

const at = (house: House, ms: number) => `@at ${new Date(house.clock.now() + ms).toISOString()}`

async function subjects(house: House): Promise<Record<string, number>> {
  const { subjects = {} } = await house.state('S', { subjects_filter: '>' })
  return subjects as Record<string, number>
}

const config = { name: 'S', subjects: ['s.>', 'out.>'], allow_msg_schedules: true, allow_msg_ttl: true }

test('a message is published at its time, once, and its schedule ends with it', async () => {
  for (const storage of ['file', 'memory']) {
    const house = await House.open()
    await house.stream({ ...config, storage })
    await house.publish('s.one', 'later', [
      `Nats-Schedule: ${at(house, 5000)}`,
      'Nats-Schedule-Target: out.a',
    ])
    await house.pass(4500)
    assert.deepEqual(await subjects(house), { 's.one': 1 })
    await house.pass(600)
    assert.deepEqual(await subjects(house), { 'out.a': 1 })
    await house.pass(60_000)
    assert.deepEqual(await subjects(house), { 'out.a': 1 })
  }
})

test('a schedule that is due before it is on disk has its turn all the same', async () => {
  const house = await House.open()
  await house.stream(config)
  const acks = house.listen('acks')
  const source = 'Nats-Schedule-Source: s.last'
  house.send('s.last', 'copied')
  house.send('s.one', 'late', [`Nats-Schedule: ${at(house, 10)}`, 'Nats-Schedule-Target: out.a'], 'acks')
  house.send('s.two', '', [`Nats-Schedule: ${at(house, 10)}`, 'Nats-Schedule-Target: out.b', source], 'acks')
  house.clock.advance(60)
  assert.equal(acks.length, 0)
  await house.pass(100)
  assert.deepEqual([acks.length, await subjects(house)], [2, { 's.last': 1, 'out.a': 1, 'out.b': 1 }])
})

test('what was due while the server was away is published once when it is back', async () => {
  let house = await House.open()
  await house.stream(config)
  await house.publish('s.one', 'later', [`Nats-Schedule: ${at(house, 5000)}`, 'Nats-Schedule-Target: out.a'])
  await house.publish('s.two', 'often', ['Nats-Schedule: @every 10s', 'Nats-Schedule-Target: out.b'])
  await house.pass(10_600)
  assert.deepEqual(await subjects(house), { 's.two': 1, 'out.a': 1, 'out.b': 1 })
  house = await house.restart()
  house.clock.advance(3_600_000)
  house = await house.restart()
  await house.pass(1000)
  assert.deepEqual(await subjects(house), { 's.two': 1, 'out.a': 1, 'out.b': 2 })
  await house.pass(11_000)
  assert.deepEqual(await subjects(house), { 's.two': 1, 'out.a': 1, 'out.b': 3 })
})

test('a schedule takes the place of the one before it on its subject', async () => {
  const house = await House.open()
  await house.stream(config)
  await house.publish('s.one', 'a', ['Nats-Schedule: @every 10s', 'Nats-Schedule-Target: out.a'])
  await house.publish('s.one', 'b', ['Nats-Schedule: @every 30s', 'Nats-Schedule-Target: out.b'])
  await house.pass(31_000)
  assert.deepEqual(await subjects(house), { 's.one': 1, 'out.b': 1 })
})

test('a schedule ends when its message is removed, or when a message says so', async () => {
  const house = await House.open()
  await house.stream(config)
  const headers = ['Nats-Schedule: @every 10s', 'Nats-Schedule-Target: out.a']
  await house.publish('s.one', '', headers)
  await house.publish('s.two', '', headers)
  await house.api('STREAM.PURGE.S', { filter: 's.one' })
  const ended = await house.publish('out.end', '', ['Nats-Schedule-Next: purge', 'Nats-Scheduler: s.two'])
  assert.equal(errorOf(ended), null)
  await house.pass(60_000)
  assert.deepEqual(await subjects(house), { 'out.end': 1 })
})

test('what a schedule publishes may have a time to live', async () => {
  const house = await House.open()
  await house.stream(config)
  await house.publish('s.one', '', [
    'Nats-Schedule: @every 10s',
    'Nats-Schedule-Target: out.a',
    'Nats-Schedule-TTL: 5s',
  ])
  await house.pass(12_000)
  assert.deepEqual(await subjects(house), { 's.one': 1, 'out.a': 1 })
  await house.pass(5000)
  assert.deepEqual(await subjects(house), { 's.one': 1 })
})

test('many schedules of one time are all had', async () => {
  const house = await House.open()
  await house.stream(config)
  const when = at(house, 2000)
  for (let i = 0; i < 200; i++) {
    await house.publish(`s.${i}`, `${i}`, [`Nats-Schedule: ${when}`, `Nats-Schedule-Target: out.${i}`])
  }
  await house.pass(3000)
  const found = Object.keys(await subjects(house))
  assert.equal(found.length, 200)
  assert.ok(found.every((subject) => subject.startsWith('out.')))
})
