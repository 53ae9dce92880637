import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DuplicateWindow } from '../../src/jetstream/publish/duplicates.ts'
import { Random } from '../../src/ports/random.ts'
import { House, tick } from './house.ts'

test('a message with an id that was there within the window is acknowledged and not stored', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'], duplicate_window: 1e9 })
  assert.deepEqual(await house.publish('a', '1', ['Nats-Msg-Id: x']), { stream: 'A', seq: 1 })
  const [again] = await house.ask('a', '1', ['Nats-Msg-Id: x'])
  assert.equal(again.body, '{"stream":"A","seq":1,"duplicate": true}')
  assert.deepEqual(await house.publish('a', '1', ['nats-msg-id: x']), { stream: 'A', seq: 2 })
  await house.pass(1001)
  assert.deepEqual(await house.publish('a', '1', ['Nats-Msg-Id: x']), { stream: 'A', seq: 3 })
})

test('the window survives restart and loss of power', async () => {
  let house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'], duplicate_window: 10e9 })
  await house.publish('a', '1', ['Nats-Msg-Id: old'])
  await house.pass(6000)
  await house.publish('a', '1', ['Nats-Msg-Id: new'])
  house = await house.restart()
  assert.equal((await house.publish('a', '1', ['Nats-Msg-Id: old'])).duplicate, true)
  house = await house.crash()
  assert.equal((await house.publish('a', '1', ['Nats-Msg-Id: new'])).duplicate, true)
  assert.equal((await house.publish('a', '2', ['Nats-Expected-Last-Msg-Id: new'])).seq, 3)
  await house.pass(6000)
  house = await house.restart()
  assert.deepEqual(await house.publish('a', '1', ['Nats-Msg-Id: old']), { stream: 'A', seq: 4 })
  assert.equal((await house.publish('a', '1', ['Nats-Msg-Id: new'])).duplicate, true)
})

test('the last id is the one of the last message', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  await house.publish('a', '', ['Nats-Msg-Id: y'])
  assert.equal((await house.publish('a', '', ['Nats-Expected-Last-Msg-Id: y'])).seq, 2)
  assert.equal((await house.publish('a', '', ['Nats-Expected-Last-Msg-Id: y'])).seq, 0)
})

test('the window agrees with a map, whatever comes', () => {
  const random = new Random(11)
  const window = new DuplicateWindow(500)
  const model = new Map<string, { seq: number; timeMs: number }>()
  let nowMs = 1000
  for (let seq = 1; seq <= 40_000; seq++) {
    nowMs += random.below(3)
    const id = `id-${random.below(2000)}${'x'.repeat(random.below(40))}`
    const bytes = Buffer.from(`..${id}`)
    const known = model.get(id)
    const expected = known !== undefined && known.timeMs >= nowMs - 500 ? known.seq : 0
    assert.equal(window.find(bytes, 2, bytes.length, nowMs), expected)
    if (expected > 0) continue
    window.add(bytes, 2, bytes.length, seq, nowMs)
    model.set(id, { seq, timeMs: nowMs })
  }
  window.expire(nowMs + 501)
  assert.equal(window.size, 0)
})

test('a duplicate that comes while its original is being written is acknowledged with it, though nothing else comes', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  const received = house.listen('reply.*')
  house.send('a', '1', ['Nats-Msg-Id: x'], 'reply.1')
  house.store.commit()
  assert.equal(house.store.isIdle, false)
  house.send('a', '1', ['Nats-Msg-Id: x'], 'reply.2')
  for (let i = 0; i < 50; i++) await tick()
  assert.deepEqual(
    received.map(({ subject, body }) => [subject, JSON.parse(body).duplicate ?? false]),
    [
      ['reply.1', false],
      ['reply.2', true],
    ],
  )
})

for (const retention of ['limits', 'workqueue', 'interest']) {
  test(`ids of messages that are gone are known after restart and loss of power (${retention})`, async () => {
    let house = await House.open()
    const limits = retention === 'limits' ? { max_msgs: 2 } : {}
    const config = { name: 'A', subjects: ['a.*'], retention, allow_rollup_hdrs: true, ...limits }
    await house.stream({ ...config, duplicate_window: 60e9 })
    await house.api('CONSUMER.CREATE.A.c', {
      stream_name: 'A',
      config: { durable_name: 'c', ack_policy: 'explicit' },
    })
    const ids = ['limit', 'acked', 'deleted', 'rolled', 'purged', 'last']
    for (const id of ids)
      assert.equal((await house.publish(`a.${id}`, id, [`Nats-Msg-Id: ${id}`])).duplicate, undefined)
    const replies: string[] = []
    house.bus.account('$G').subscribe('in', {
      onMessage: (message) =>
        replies.push(message.reply.toString('utf8', message.replyStart, message.replyEnd)),
    })
    house.send('$JS.API.CONSUMER.MSG.NEXT.A.c', JSON.stringify({ batch: 2 }), [], 'in')
    await house.pass(10)
    for (const reply of replies) if (reply !== '') await house.ask(reply)
    await house.api('STREAM.MSG.DELETE.A', { seq: 3 })
    await house.publish('a.rolled', '', ['Nats-Rollup: sub', 'Nats-Msg-Id: roll'])
    await house.api('STREAM.PURGE.A')
    assert.equal((await house.state('A')).messages, 0)
    const check = async (): Promise<void> => {
      for (const [i, id] of ids.entries()) {
        const ack = await house.publish(`a.${id}`, id, [`Nats-Msg-Id: ${id}`])
        assert.deepEqual([id, ack.seq, ack.duplicate], [id, i + 1, true])
      }
      assert.equal((await house.state('A')).messages, 0)
    }
    await check()
    house = await house.crash()
    await check()
    // With a checkpoint, twice: the journal and the segments have nothing of the messages any more.
    house = await house.restart()
    house = await house.restart()
    await check()
    house = await house.crash()
    await check()
    await house.pass(60_001)
    house = await house.restart()
    assert.equal((await house.publish('a.last', 'x', ['Nats-Msg-Id: last'])).duplicate, undefined)
    await house.pass(10)
    const kept = house.store.logs.get('$G/.msg-ids/A')
    assert.equal(kept?.messages, 1)
  })
}

test('ids that an older version kept in the messages only are taken from there', async () => {
  let house = await House.open()
  await house.stream({ name: 'S', subjects: ['s'] })
  for (const id of ['a', 'b']) await house.publish('s', id, [`Nats-Msg-Id: ${id}`])
  const { logs } = house.store
  const ids = logs.get('$G/.msg-ids/S')
  assert.ok(ids)
  house.store.deleteLog(ids)
  logs.get('$G/S')?.createLedger('.msg-ids', {})
  house = await house.restart()
  await house.publish('s', 'c', ['Nats-Msg-Id: c', 'Nats-Expected-Last-Msg-Id: b'])
  // Again, since the messages are not looked at any more.
  house = await house.crash()
  for (const [i, id] of ['a', 'b', 'c'].entries()) {
    assert.deepEqual(await house.publish('s', id, [`Nats-Msg-Id: ${id}`]), {
      stream: 'S',
      seq: i + 1,
      duplicate: true,
    })
  }
})

test('a stream that is deleted takes its ids along', async () => {
  let house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  await house.publish('a', '', ['Nats-Msg-Id: x'])
  await house.api('STREAM.DELETE.A')
  await house.stream({ name: 'A', subjects: ['a'] })
  house = await house.restart()
  assert.equal(house.store.logs.size, 1)
  assert.equal((await house.publish('a', '', ['Nats-Msg-Id: x'])).seq, 1)
})

test('ids of a turn that are too many for one record are kept in several', async () => {
  let house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'], retention: 'workqueue' })
  const id = (i: number): string => `Nats-Msg-Id: ${i}${'y'.repeat(500)}`
  const [first] = await Promise.all(Array.from({ length: 2000 }, (_, i) => house.publish('a', '', [id(i)])))
  assert.equal(first.seq, 1)
  await house.api('STREAM.PURGE.A')
  house = await house.crash()
  for (const i of [0, 700, 1999]) assert.equal((await house.publish('a', '', [id(i)])).duplicate, true)
})
