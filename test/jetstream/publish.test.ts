import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House, tick } from './house.ts'

test('a message is acknowledged with its sequence once it is durable', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a.>'] })
  const acks = house.listen('r')
  house.send('a.b', 'hello', [], 'r')
  assert.equal(acks.length, 0)
  for (let i = 0; i < 20; i++) await tick()
  assert.deepEqual(
    acks.map((ack) => ack.body),
    ['{"stream":"A","seq":1}'],
  )
  const after = await house.crash()
  assert.equal((await after.state('A')).messages, 1)
})

test('acks of many turns go out in order, each to its own reply subject', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a.>'] })
  const acks = house.listen('r.>')
  for (let i = 1; i <= 5000; i++) {
    house.send('a.b', `message ${i}`, [], `r.${i}`)
    if (i % 300 === 0) await tick()
  }
  for (let i = 0; i < 50; i++) await tick()
  assert.equal(acks.length, 5000)
  for (const [i, ack] of acks.entries()) {
    assert.equal(ack.subject, `r.${i + 1}`)
    assert.equal(ack.body, `{"stream":"A","seq":${i + 1}}`)
  }
})

test('a stream that acknowledges nothing answers nothing', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'], no_ack: true })
  assert.equal((await house.ask('a')).length, 0)
  assert.equal((await house.state('A')).messages, 1)
})

test('with a domain the ack names it, and the API answers on its prefix', async () => {
  const house = await House.open({ domain: 'hub' })
  await house.stream({ name: 'A', subjects: ['a'] })
  assert.equal((await house.ask('a'))[0].body, '{"stream":"A","domain":"hub","seq":1}')
  const [answer] = await house.ask('$JS.hub.API.STREAM.INFO.A')
  assert.equal(JSON.parse(answer.body).domain, 'hub')
})

test('expectations are checked with the errors of nats-server', async () => {
  const house = await House.open()
  await house.stream({ name: 'D', subjects: ['d.*'], allow_rollup_hdrs: true })
  const publish = (subject: string, ...headers: string[]) => house.publish(subject, 'x', headers)
  assert.deepEqual(await publish('d.1', 'Nats-Expected-Stream: D'), { stream: 'D', seq: 1 })
  const refused: [string[], number, string][] = [
    [['Nats-Expected-Stream: X'], 10060, 'expected stream does not match'],
    [['Nats-Expected-Last-Sequence: 3'], 10071, 'wrong last sequence: 1'],
    [['Nats-Expected-Last-Sequence: x'], 10071, 'wrong last sequence: 1'],
    [['Nats-Expected-Last-Subject-Sequence: 3'], 10071, 'wrong last sequence: 1'],
    [
      ['Nats-Expected-Last-Subject-Sequence: 0', 'Nats-Expected-Last-Subject-Sequence-Subject: d.*'],
      10071,
      'wrong last sequence: 1',
    ],
    [
      ['Nats-Expected-Last-Subject-Sequence-Subject: d.*'],
      10193,
      'missing sequence for expected last sequence per subject',
    ],
    [['Nats-Expected-Last-Msg-Id: x'], 10070, 'wrong last msg ID: '],
    [['Nats-Rollup: bad'], 10111, 'rollup value invalid: "bad"'],
    [['Nats-TTL: 5s'], 10166, 'per-message TTL is disabled'],
    [['Nats-TTL: bogus'], 10165, 'invalid per-message TTL'],
    [['Nats-TTL: 0'], 10165, 'invalid per-message TTL'],
    [['Nats-Incr: 1'], 10168, 'message counters is disabled'],
    [['Nats-Incr: x'], 10171, 'message counter increment is invalid'],
    [['Nats-Schedule: @every 1s'], 10188, 'message schedules is disabled'],
    [['Nats-Scheduler: x'], 10212, 'message schedules invalid scheduler'],
    [['Nats-Stream-Source: x'], 10227, 'message stream source header is not allowed'],
    [['Nats-Batch-Id: x', 'Nats-Batch-Sequence: 1'], 10174, 'atomic publish is disabled'],
  ]
  for (const [headers, code, text] of refused) {
    const answer = await publish('d.1', ...headers)
    assert.deepEqual(errorOf(answer), [code, text], headers.join())
    assert.deepEqual({ stream: answer.stream, seq: answer.seq }, { stream: 'D', seq: 0 })
  }
  assert.deepEqual(await publish('d.1', 'Nats-Expected-Last-Subject-Sequence: 1'), { stream: 'D', seq: 2 })
  assert.deepEqual(await publish('d.2', 'Nats-Expected-Last-Subject-Sequence: 0'), { stream: 'D', seq: 3 })
  assert.deepEqual(await publish('d.2', 'Nats-Expected-Last-Sequence: 3'), { stream: 'D', seq: 4 })
})

test('a rollup replaces the messages of its subject, or all', async () => {
  const house = await House.open()
  await house.stream({ name: 'R', subjects: ['r.*'], allow_rollup_hdrs: true })
  for (const subject of ['r.1', 'r.2', 'r.1', 'r.2']) await house.publish(subject)
  await house.publish('r.1', 'new', ['Nats-Rollup: sub'])
  assert.deepEqual((await house.state('R', { subjects_filter: '>' })).subjects, { 'r.1': 1, 'r.2': 2 })
  await house.publish('r.3', 'only', ['Nats-Rollup: all'])
  const after = await (await house.restart()).state('R', { subjects_filter: '>' })
  assert.deepEqual(after.subjects, { 'r.3': 1 })
  const strict = await House.open()
  await strict.stream({ name: 'S', subjects: ['s'] })
  assert.deepEqual(errorOf(await strict.publish('s', '', ['Nats-Rollup: sub'])), [
    10111,
    'rollup not permitted',
  ])
})

test('a rollup replaces the messages of a subject that is cut inside a letter', async () => {
  const house = await House.open()
  await house.stream({ name: 'R', subjects: ['r.*'], allow_rollup_hdrs: true })
  const [whole, cut] = [Buffer.from('r.\u00e9'), Buffer.from('r.\u00e9').subarray(0, 3)]
  for (const subject of [whole, cut, cut]) house.send(subject)
  house.send(cut, 'new', ['Nats-Rollup: sub'])
  await house.pass(1)
  assert.equal((await house.state('R')).messages, 2)
})

test('the value of a rollup counts in any case', async () => {
  const house = await House.open()
  await house.stream({ name: 'R', subjects: ['r.*'], allow_rollup_hdrs: true })
  for (const subject of ['r.1', 'r.2', 'r.1']) await house.publish(subject)
  await house.publish('r.1', 'new', ['Nats-Rollup: SUB'])
  assert.deepEqual((await house.state('R', { subjects_filter: '>' })).subjects, { 'r.1': 1, 'r.2': 1 })
  await house.publish('r.1', 'only', ['Nats-Rollup: All'])
  assert.deepEqual((await house.state('R', { subjects_filter: '>' })).subjects, { 'r.1': 1 })
})

test('the limits of the stream hold before a rollup takes the place of its subject', async () => {
  for (const limit of [{ max_msgs: 4 }, { max_bytes: 200 }]) {
    const house = await House.open()
    await house.stream({ name: 'R', subjects: ['r.*'], allow_rollup_hdrs: true, ...limit })
    for (const subject of ['r.a', 'r.a', 'r.b', 'r.b']) await house.publish(subject, 'xxxxxx')
    assert.equal((await house.state('R')).messages, 4)
    await house.publish('r.b', 'new', ['Nats-Rollup: sub'])
    assert.deepEqual((await house.state('R', { subjects_filter: '>' })).subjects, { 'r.a': 1, 'r.b': 1 })
  }
})

test('sizes are limited', async () => {
  const house = await House.open()
  await house.stream({ name: 'S', subjects: ['s'], max_msg_size: 100 })
  assert.equal(errorOf(await house.publish('s', 'x'.repeat(100))), null)
  assert.deepEqual(errorOf(await house.publish('s', 'x'.repeat(101))), [
    10054,
    'message size exceeds maximum allowed',
  ])
  assert.deepEqual(errorOf(await house.publish('s', 'x'.repeat(80), ['A: b', 'C: d'])), [
    10054,
    'message size exceeds maximum allowed',
  ])
  await house.stream({ name: 'T', subjects: ['t'] })
  assert.deepEqual(errorOf(await house.publish('t', '', [`A: ${'x'.repeat(70_000)}`])), [
    10097,
    'header size exceeds maximum allowed of 64k',
  ])
})

test('after a failed write publishes are refused', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  house.files.fault = (operation) =>
    operation.startsWith('write') ? Object.assign(new Error('broken'), { code: 'EIO' }) : null
  house.send('a', 'lost')
  for (let i = 0; i < 20; i++) await tick()
  assert.notEqual(house.store.failure, null)
  assert.deepEqual(errorOf(await house.publish('a')), [10023, 'insufficient resources'])
  assert.deepEqual(errorOf(await house.api('STREAM.CREATE.B', { name: 'B' })), [
    10023,
    'insufficient resources',
  ])
})
