import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turn } from '../../src/core/index.ts'
import { Chore } from '../../src/jetstream/stream/chore.ts'
import { House, type Json, tick } from './house.ts'

const MANY = 20_000

/** Turns until a condition holds; fails when it takes too many. */
async function turnsUntil(isSo: () => boolean): Promise<number> {
  for (let turns = 0; turns < 20_000; turns++) {
    if (isSo()) return turns
    await tick()
  }
  return assert.fail('it does not come to an end')
}

async function filled(config: Json, headers: string[] = []): Promise<House> {
  const house = await House.open()
  await house.stream({ name: 'S', subjects: ['s.*', 't'], ...config })
  for (let i = 0; i < MANY; i++) {
    house.send(`s.${i % 1000}`, 'x', headers)
    if (i % 1000 === 0) await tick()
  }
  await house.state('S')
  return house
}

function logOf(house: House) {
  return house.js.account('$G')?.streams.get('S')?.log ?? assert.fail()
}

test('a chore is done at once where it is short, else turn by turn with others in between', async () => {
  const turn = new Turn()
  let left = 10
  const short = new Chore(turn, () => --left > 0)
  short.start()
  assert.deepEqual([left, short.isWaiting], [0, false])
  let steps = 0
  const long = new Chore(turn, () => {
    const endMs = performance.now() + 1
    while (performance.now() < endMs);
    return ++steps < 5
  })
  long.start()
  assert.deepEqual([steps, long.isWaiting], [1, true])
  let isDone = false
  const done = long.done().then(() => {
    isDone = true
  })
  await tick()
  await tick()
  assert.ok(steps < 5 && !isDone)
  await done
  assert.equal(steps, 5)
})

test('publishers are served while many messages come to the end of their time to live', async () => {
  const house = await filled({ allow_msg_ttl: true }, ['Nats-TTL: 10s'])
  const log = logOf(house)
  house.clock.advance(10_100)
  const leftThen = log.messages
  assert.ok(leftThen > MANY / 2, `${leftThen} are left when the timer has fired`)
  assert.equal((await house.publish('t')).seq, MANY + 1)
  assert.ok(log.messages > 1, 'the ack did not wait for all of it')
  await turnsUntil(() => log.messages === 1)
})

test('publishers are served while many messages reach max_age, and the next ones get their timer', async () => {
  for (const forever of [false, true]) {
    const house = await filled({ max_age: 10e9, allow_msg_ttl: true })
    const log = logOf(house)
    if (forever) await house.publish('t', 'forever', ['Nats-TTL: never'])
    const kept = forever ? 1 : 0
    await house.pass(5000)
    await house.publish('t', 'later')
    house.clock.advance(5500)
    assert.ok(log.messages > MANY / 2)
    await house.publish('t')
    assert.ok(log.messages > kept + 2)
    await turnsUntil(() => log.messages === kept + 2)
    // The timer is set behind the last of it.
    for (let i = 0; i < 5; i++) await tick()
    await house.pass(5000)
    assert.equal(log.messages, kept + 1)
  }
})

test('markers are left while publishers are served', async () => {
  const house = await filled({ max_age: 10e9, subject_delete_marker_ttl: 60e9 })
  const log = logOf(house)
  house.clock.advance(10_500)
  await tick()
  house.clock.advance(100)
  await house.publish('t')
  assert.ok(log.messages > 2000)
  await turnsUntil(() => log.messages === 1001)
  assert.equal(log.subjectCount, 1001)
})

test('an update with smaller limits is answered when the stream is within them, and what comes meanwhile counts', async () => {
  for (const [limits, messages] of [
    [{ max_msgs: 100 }, 100],
    [{ max_msgs_per_subject: 2 }, 2000],
    [{ max_bytes: 1000 }, 27],
    [{ max_age: 1e9 }, 0],
  ] as const) {
    const house = await filled({})
    const log = logOf(house)
    await house.pass(2000)
    const answered = house.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*', 't'], ...limits })
    assert.ok(log.messages > MANY / 4, `${JSON.stringify(limits)} in one go`)
    let most = log.messages
    for (let i = 0; i < 3 && 'max_msgs' in limits; i++) {
      for (let j = 0; j < 3000; j++) house.send('t', 'x')
      await tick()
      assert.ok(log.messages <= most, 'it grows while it is trimmed')
      most = log.messages
    }
    const answer = await answered
    assert.equal(answer.error, undefined)
    const { state } = answer as { state: { messages: number } }
    assert.ok(
      state.messages <= messages && state.messages >= messages * 0.9,
      `${state.messages} of ${messages}`,
    )
  }
})

test('what nobody wants any more goes by and by', async () => {
  const house = await House.open()
  await house.stream({ name: 'S', subjects: ['s.*'], retention: 'interest' })
  const make = (name: string, filter: string) =>
    house.api(`CONSUMER.CREATE.S.${name}`, {
      stream_name: 'S',
      config: { name, durable_name: name, ack_policy: 'explicit', filter_subject: filter },
    })
  await make('a', 's.1')
  await make('all', 's.*')
  for (let i = 0; i < MANY; i++) {
    house.send(`s.${i % 2}`)
    if (i % 1000 === 0) await tick()
  }
  await house.api('CONSUMER.DELETE.S.all')
  const log = logOf(house)
  assert.ok(log.messages > MANY / 2)
  await turnsUntil(() => log.messages === MANY / 2)
  await house.api('CONSUMER.DELETE.S.a')
  assert.ok(log.messages > 0)
  await turnsUntil(() => log.messages === 0)
})

test('a consumer of very many filters is made in several turns, with others served in between, and is as others are', async () => {
  const house = await filled({})
  const filter_subjects = Array.from({ length: 6000 }, (_, i) => `s.${i}`)
  const request = { stream_name: 'S', config: { name: 'c', filter_subjects } }
  const order: string[] = []
  const making = house.api('CONSUMER.CREATE.S.c', request).then((answer) => {
    order.push('made')
    return answer
  })
  const other = house.publish('t').then(() => order.push('other'))
  const [answer] = await Promise.all([making, other])
  assert.deepEqual(order, ['other', 'made'])
  assert.equal(answer.num_pending, MANY)
  assert.deepEqual((answer.config as Json).filter_subjects, filter_subjects)
  assert.equal((await house.api('CONSUMER.CREATE.S.c', { ...request, action: 'update' })).error, undefined)
  const none = await house.api('CONSUMER.CREATE.NONE.c', { ...request, stream_name: 'NONE' })
  assert.equal((none.error as Json).err_code, 10059)
  const twice = { name: 'd', filter_subjects: [...filter_subjects, 's.1'] }
  const refused = await house.api('CONSUMER.CREATE.S.d', { stream_name: 'S', config: twice })
  assert.equal((refused.error as Json).err_code, 10138)
})

test('what is delivered first by last_per_subject is counted as it is read', async () => {
  const house = await filled({ max_msgs_per_subject: 3 })
  for (const seq of [MANY, MANY - 1, MANY - 5]) await house.api('STREAM.MSG.DELETE.S', { seq })
  const config = { name: 'c', deliver_policy: 'last_per_subject', filter_subject: 's.*' }
  const answer = await house.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
  assert.equal(answer.num_pending, 1000)
  await house.publish('s.1')
  await house.api('STREAM.PURGE.S', { filter: 's.2' })
  assert.equal((await house.api('CONSUMER.INFO.S.c')).num_pending, 1000)
  const got = house.listen('in')
  house.send('$JS.API.CONSUMER.MSG.NEXT.S.c', JSON.stringify({ batch: 1100, no_wait: true }), [], 'in')
  await turnsUntil(() => got.length >= 1001)
  assert.equal(new Set(got.slice(0, 1000).map(({ subject }) => subject)).size, 999)
  assert.match(got[1000].headers, /404 No Messages|408/)
})

test('deleted sequences are told in the order of the stream, however many there are', async () => {
  const house = await filled({})
  await house.api('STREAM.PURGE.S', { filter: 's.7' })
  const { deleted, num_deleted } = (await house.state('S', { deleted_details: true })) as {
    deleted: number[]
    num_deleted: number
  }
  assert.deepEqual(
    deleted,
    Array.from({ length: MANY / 1000 }, (_, i) => 8 + i * 1000),
  )
  assert.equal(num_deleted, deleted.length)
})
