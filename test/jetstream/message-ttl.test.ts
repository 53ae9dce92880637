import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House, tick } from './house.ts'

test('messages go when their time to live is over, also over a restart', async () => {
  for (const storage of ['file', 'memory']) {
    let house = await House.open()
    await house.stream({ name: 'T', subjects: ['t'], allow_msg_ttl: true, storage })
    await house.publish('t', 'stays')
    await house.publish('t', 'long', ['Nats-TTL: 1m'])
    await house.publish('t', 'short', ['Nats-TTL: 2'])
    await house.publish('t', 'middle', ['Nats-TTL: 5s'])
    await house.pass(1500)
    assert.equal((await house.state('T')).messages, 4)
    await house.pass(600)
    assert.deepEqual((await house.state('T', { deleted_details: true })).deleted, [3])
    if (storage === 'memory') continue
    house = await house.restart()
    assert.equal((await house.state('T')).messages, 3)
    await house.pass(3100)
    assert.equal((await house.state('T')).messages, 2)
    house = await house.restart()
    house.clock.advance(60_000)
    house = await house.restart()
    const { messages, first_seq, last_seq } = await house.state('T')
    assert.deepEqual({ messages, first_seq, last_seq }, { messages: 1, first_seq: 1, last_seq: 4 })
  }
})

test('what never ends stays beyond max_age, the rest goes around it', async () => {
  let house = await House.open()
  await house.stream({ name: 'N', subjects: ['n'], allow_msg_ttl: true, max_age: 3e9 })
  await house.publish('n', 'a')
  await house.publish('n', 'forever', ['Nats-TTL: never'])
  await house.publish('n', 'b', ['Nats-TTL: 1h'])
  await house.pass(3200)
  assert.deepEqual((await house.state('N')).messages, 1)
  await house.publish('n', 'c')
  house = await house.restart()
  await house.pass(3200)
  const { messages, first_seq } = await house.state('N')
  assert.deepEqual({ messages, first_seq }, { messages: 1, first_seq: 2 })
})

test('messages that end one after the other at the front of a stream go as one, and no others with them', async () => {
  let house = await House.open()
  await house.stream({ name: 'T', subjects: ['t'], allow_msg_ttl: true })
  const ends = async (count: number, ttl: string): Promise<void> => {
    for (let i = 0; i < count; i++) await house.publish('t', 'x', ttl === '' ? [] : [`Nats-TTL: ${ttl}`])
  }
  await ends(150, '2')
  await ends(1, '')
  await ends(20, '2')
  await ends(1, '1m')
  await ends(10, '2')
  const written = (): number => house.store.journal?.writtenBytes ?? 0
  const before = written()
  await house.pass(2200)
  const after = await house.state('T')
  assert.deepEqual({ messages: after.messages, first: after.first_seq }, { messages: 2, first: 151 })
  // The 30 behind the first that stays are removed one by one, with 24 bytes of the journal each.
  assert.ok(written() - before < 2000, `${written() - before} bytes`)
  house = await house.crash()
  const again = await house.state('T', { deleted_details: true })
  assert.deepEqual({ messages: again.messages, first: again.first_seq }, { messages: 2, first: 151 })
  assert.equal((again.deleted as number[]).length, 30)
})

test('wrong times to live are refused, and the option can be enabled, not disabled', async () => {
  const house = await House.open()
  const base = { name: 'E', subjects: ['e'] }
  await house.stream(base)
  assert.deepEqual(errorOf(await house.publish('e', '', ['Nats-TTL: 5'])), [
    10166,
    'per-message TTL is disabled',
  ])
  assert.equal(errorOf(await house.api('STREAM.UPDATE.E', { ...base, allow_msg_ttl: true })), null)
  for (const text of ['bogus', '500ms', '-1', '-5s']) {
    const answer = await house.publish('e', '', [`Nats-TTL: ${text}`])
    assert.deepEqual(errorOf(answer), [10165, 'invalid per-message TTL'], text)
  }
  for (const text of ['5', '1h2m', 'NEVER']) {
    assert.equal(errorOf(await house.publish('e', '', [`Nats-TTL: ${text}`])), null, text)
  }
  assert.deepEqual(errorOf(await house.api('STREAM.UPDATE.E', base)), [
    10052,
    'message TTL status can not be disabled',
  ])
})

test('delete markers tell of what got too old, also while the server was away, and end themselves', async () => {
  let house = await House.open()
  const config = { name: 'M', subjects: ['m.*'], max_age: 60e9, subject_delete_marker_ttl: 30e9 }
  await house.stream(config)
  await house.publish('m.a', '1')
  await house.publish('m.a', '2')
  await house.publish('m.b', '3', ['Nats-TTL: 40s'])
  await house.pass(41_000)
  const [b] = await markers(house, 4)
  assert.equal(b.subject, 'm.b')
  house = await house.restart()
  house.clock.advance(20_000)
  house = await house.crash()
  await house.pass(200)
  // Sequences 1 and 2 are gone, and their subject has one marker.
  const { messages, first_seq: first, num_subjects: subjects } = await house.state('M')
  assert.deepEqual({ messages, first, subjects }, { messages: 2, first: 4, subjects: 2 })
  const [, a] = await markers(house, 4, 5)
  assert.deepEqual(a, {
    subject: 'm.a',
    headers: 'NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\nNats-TTL: 30s\r\nNats-Rollup: sub\r\n\r\n',
  })
  await house.pass(31_000)
  assert.equal((await house.state('M')).messages, 0, 'a marker leaves no marker')
  assert.equal((await house.state('M')).last_seq, 5)
})

async function markers(house: House, ...seqs: number[]): Promise<{ subject: string; headers: string }[]> {
  const found = []
  for (const seq of seqs) {
    const { message } = (await house.api('STREAM.MSG.GET.M', { seq })) as {
      message: { subject: string; hdrs: string }
    }
    found.push({ subject: message.subject, headers: Buffer.from(message.hdrs, 'base64').toString() })
  }
  return found
}

test('a checkpoint while messages wait for their commit forgets none of their times to live', async () => {
  let house = await House.open()
  await house.stream({ name: 'C', subjects: ['c'], allow_msg_ttl: true })
  // Opening the store ends with a checkpoint, a while later.
  house = await house.restart()
  for (let i = 0; i < 40; i++) {
    for (let j = 0; j < 5; j++) house.send('c', 'x', ['Nats-TTL: 50s'])
    house.clock.advance(50)
    await tick()
  }
  for (let i = 0; i < 20; i++) await tick()
  assert.equal((await house.state('C')).messages, 200)
  await house.pass(50_100)
  assert.equal((await house.state('C')).messages, 0)
})

test('what comes behind a message that never ends goes at its age all the same', async () => {
  for (const storage of ['file', 'memory']) {
    const house = await House.open()
    await house.stream({ name: 'N', subjects: ['n'], allow_msg_ttl: true, max_age: 3e9, storage })
    await house.publish('n', 'forever', ['Nats-TTL: never'])
    await house.publish('n', 'a')
    await house.pass(3200)
    assert.equal((await house.state('N')).messages, 1, storage)
    await house.publish('n', 'b')
    await house.publish('n', 'c')
    await house.pass(3200)
    assert.equal((await house.state('N')).messages, 1, storage)
  }
})

test('with one message of a subject a time to live may be shorter than that of markers', async () => {
  for (const [most, sequences] of [
    [1, [2, 2]],
    [2, [1, 1]],
  ] as const) {
    const house = await House.open()
    const markers = { allow_msg_ttl: true, allow_rollup_hdrs: true, subject_delete_marker_ttl: 6e9 }
    await house.stream({ name: 'K', subjects: ['k.*'], max_msgs_per_subject: most, ...markers })
    await house.publish('k.a', 'v', ['Nats-TTL: 1s'])
    await house.pass(2000)
    const { first_seq, last_seq } = await house.state('K')
    assert.deepEqual([first_seq, last_seq], sequences, `${most} of a subject`)
  }
})

test('a deleted key is told by a marker when its time is over, a purged one is not', async () => {
  for (const [operation, messages, lastSeq] of [
    ['DEL', 1, 2],
    ['PURGE', 0, 1],
  ] as const) {
    const house = await House.open()
    const markers = { allow_msg_ttl: true, allow_rollup_hdrs: true, subject_delete_marker_ttl: 60e9 }
    await house.stream({ name: 'K', subjects: ['k.*'], max_age: 2e9, duplicate_window: 1e9, ...markers })
    await house.publish('k.a', '', [`KV-Operation: ${operation}`])
    await house.pass(2300)
    await house.pass(100)
    const { messages: left, last_seq } = await house.state('K')
    assert.deepEqual([left, last_seq], [messages, lastSeq], operation)
  }
})

test('a marker is a message whose Nats-Marker-Reason says something', async () => {
  for (const [reason, messages] of [
    ['', 1],
    ['x', 0],
  ] as const) {
    const house = await House.open()
    await house.stream({
      name: 'R',
      subjects: ['r'],
      max_age: 2e9,
      duplicate_window: 1e9,
      subject_delete_marker_ttl: 60e9,
    })
    await house.publish('r', '', [`Nats-Marker-Reason: ${reason}`])
    await house.pass(2300)
    await house.pass(100)
    assert.equal((await house.state('R')).messages, messages, reason)
  }
})

test('what ends by its time to live goes behind what got too old before it, and then leaves the marker', async () => {
  const house = await House.open()
  const markers = { allow_rollup_hdrs: true, subject_delete_marker_ttl: 2e9, duplicate_window: 1e9 }
  await house.stream({ name: 'O', subjects: ['o.*'], storage: 'memory', max_age: 2e9, ...markers })
  await house.publish('o.first', '')
  await house.pass(20)
  await house.publish('o.a', '', ['KV-Operation: PURGE'])
  await house.pass(5)
  await house.publish('o.a', '', ['Nats-TTL: 2'])
  for (let i = 0; i < 45; i++) await house.pass(50)
  const { messages, last_seq } = await house.state('O')
  assert.deepEqual([messages, last_seq], [2, 5])
})

test('a marker counts beside the message whose place it takes: the oldest makes room', async () => {
  const house = await House.open()
  const markers = { allow_rollup_hdrs: true, subject_delete_marker_ttl: 1e9 }
  await house.stream({ name: 'L', subjects: ['l.*'], max_msgs: 2, ...markers })
  await house.publish('l.old')
  await house.publish('l.a', '', ['Nats-TTL: 1s'])
  await house.pass(1200)
  const { messages, first_seq, subjects } = await house.state('L', { subjects_filter: '>' })
  assert.deepEqual([messages, first_seq, subjects], [1, 3, { 'l.a': 1 }])
})

test('where new messages are refused a message whose time is over makes room for its marker', async () => {
  const house = await House.open()
  const markers = { allow_rollup_hdrs: true, subject_delete_marker_ttl: 60e9 }
  await house.stream({ name: 'F', subjects: ['f.*'], max_msgs: 2, discard: 'new', ...markers })
  await house.publish('f.old')
  await house.publish('f.a', '', ['Nats-TTL: 60s'])
  await house.pass(60_200)
  const { messages, first_seq, last_seq } = await house.state('F')
  assert.deepEqual([messages, first_seq, last_seq], [2, 1, 3])
})
