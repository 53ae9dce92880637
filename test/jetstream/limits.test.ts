import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House, type Json } from './house.ts'

test('max_msgs keeps the newest, also for who looks within the same turn', async () => {
  for (const storage of ['file', 'memory']) {
    const house = await House.open()
    await house.stream({ name: 'L', subjects: ['l'], max_msgs: 10, storage })
    for (let i = 0; i < 100; i++) house.send('l', `${i}`)
    const { messages, first_seq, last_seq } = await house.state('L')
    assert.deepEqual({ messages, first_seq, last_seq }, { messages: 10, first_seq: 91, last_seq: 100 })
  }
})

test('max_msgs holds when messages in between are gone', async () => {
  const house = await House.open()
  await house.stream({ name: 'L', subjects: ['l'], max_msgs: 10 })
  for (let i = 0; i < 10; i++) await house.publish('l')
  for (const seq of [3, 4, 7]) await house.api('STREAM.MSG.DELETE.L', { seq })
  for (let i = 0; i < 8; i++) house.send('l')
  const state = await house.state('L', { deleted_details: true })
  assert.equal(state.messages, 10)
  assert.equal(state.first_seq, 9)
})

test('max_bytes keeps what fits, counted as nats-server counts', async () => {
  const house = await House.open()
  await house.stream({ name: 'B', subjects: ['b'], max_bytes: 100 })
  for (let i = 0; i < 10; i++) await house.publish('b', 'x'.repeat(9))
  const { messages, bytes } = await house.state('B')
  assert.deepEqual({ messages, bytes }, { messages: 2, bytes: 80 })
})

test('max_msgs_per_subject keeps the newest of each subject', async () => {
  const house = await House.open()
  await house.stream({ name: 'K', subjects: ['k.*'], max_msgs_per_subject: 2 })
  for (const key of ['a', 'a', 'b', 'a', 'c', 'b', 'b']) await house.publish(`k.${key}`)
  const state = await house.state('K', { subjects_filter: '>', deleted_details: true })
  assert.deepEqual(state.subjects, { 'k.a': 2, 'k.b': 2, 'k.c': 1 })
  assert.deepEqual(state.deleted, [3])
  const narrower = { name: 'K', subjects: ['k.*'], max_msgs_per_subject: 1 }
  const updated = await house.api('STREAM.UPDATE.K', narrower)
  assert.equal((updated.state as Json).messages, 3)
})

test('discard new refuses what does not fit', async () => {
  const house = await House.open()
  await house.stream({ name: 'N', subjects: ['n.*'], discard: 'new', max_msgs: 3, max_bytes: 500 })
  for (let i = 0; i < 3; i++) await house.publish('n.1', 'x')
  assert.deepEqual(errorOf(await house.publish('n.1')), [10077, 'maximum messages exceeded'])
  await house.api('STREAM.PURGE.N', { keep: 1 })
  assert.deepEqual(errorOf(await house.publish('n.1', 'x'.repeat(500))), [10077, 'maximum bytes exceeded'])
  assert.equal((await house.state('N')).messages, 1)
})

test('discard new per subject refuses, without it the oldest of the subject goes', async () => {
  const house = await House.open()
  const base = { subjects: ['p.*'], discard: 'new', max_msgs_per_subject: 2, max_msgs: 4 }
  await house.stream({ ...base, name: 'P', discard_new_per_subject: true, allow_rollup_hdrs: true })
  for (const subject of ['p.1', 'p.1']) await house.publish(subject)
  assert.deepEqual(errorOf(await house.publish('p.1')), [10077, 'maximum messages per subject exceeded'])
  assert.equal(errorOf(await house.publish('p.1', '', ['Nats-Rollup: sub'])), null)
  await house.stream({ ...base, name: 'Q', subjects: ['q.*'] })
  for (const subject of ['q.1', 'q.1', 'q.2', 'q.2']) await house.publish(subject)
  assert.equal(errorOf(await house.publish('q.1')), null)
  assert.deepEqual(errorOf(await house.publish('q.3')), [10077, 'maximum messages exceeded'])
})

test('messages older than max_age go, also those that got old while the server was down', async () => {
  let house = await House.open()
  await house.stream({ name: 'T', subjects: ['t'], max_age: 2e9 })
  await house.publish('t', 'first')
  await house.pass(1500)
  await house.publish('t', 'second')
  await house.pass(600)
  assert.deepEqual((await house.state('T')).first_seq, 2)
  await house.pass(1500)
  assert.equal((await house.state('T')).messages, 0)
  await house.publish('t', 'third')
  house = await house.restart()
  house.clock.advance(5000)
  house = await house.restart()
  const { messages, first_seq, last_seq } = await house.state('T')
  assert.deepEqual({ messages, first_seq, last_seq }, { messages: 0, first_seq: 4, last_seq: 3 })
})

test('publishers are paused while the store is behind, and go on when it has caught up', async () => {
  const house = await House.open()
  let pauses = 0
  let floods = 0
  let resumes = 0
  house.bus.pauseSender = () => pauses++
  house.bus.pauseReading = () => floods++
  house.bus.resumeReading = () => resumes++
  await house.stream({ name: 'A', subjects: ['a'] })
  const body = 'x'.repeat(1_000_000)
  for (let i = 0; i < 20; i++) house.send('a', body)
  assert.ok(pauses > 0)
  assert.equal(floods, 0)
  for (let i = 0; i < 20; i++) house.send('a', body)
  assert.ok(floods > 0, 'twice as much is too much, wherever it comes from')
  assert.equal(resumes, 0)
  await house.state('A')
  assert.ok(resumes > 0)
})

test('with discard new what takes the place of a smaller message has to fit too', async () => {
  for (const storage of ['file', 'memory']) {
    const house = await House.open()
    await house.stream({
      name: 'B',
      subjects: ['b'],
      storage,
      max_msgs_per_subject: 1,
      discard: 'new',
      max_bytes: 2000,
    })
    assert.equal((await house.publish('b', 'x'.repeat(100))).seq, 1)
    assert.equal(errorOf(await house.publish('b', 'x'.repeat(9000)))?.[0], 10077)
    assert.equal((await house.publish('b', 'x'.repeat(100))).seq, 2)
    assert.equal((await house.state('B')).messages, 1)
  }
})

test('what was left above the limits when the server ended goes at the next start', async () => {
  let house = await House.open()
  await house.stream({ name: 'S', subjects: ['s.*'] })
  for (let i = 0; i < 12; i++) await house.publish(`s.${i % 3}`, String(i))
  // As if their removal had failed, and the server ended before it was tried again.
  const log = house.js.account('$G')?.streams.get('S')?.log
  const meta = log?.meta as { config: Json }
  log?.setMeta({ ...meta, config: { ...meta.config, max_msgs_per_subject: 1 } })
  house = await house.restart()
  await house.pass(10)
  assert.deepEqual((await house.state('S', { subjects_filter: '>' })).subjects, {
    's.0': 1,
    's.1': 1,
    's.2': 1,
  })
})
