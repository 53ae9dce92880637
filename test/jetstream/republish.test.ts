import assert from 'node:assert/strict'
import { test } from 'node:test'
import { House, tick } from './house.ts'

test('a copy is published when the message is durable, and not before', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a.>'], republish: { src: 'a.*', dest: 'r.$1' } })
  const copies = house.listen('r.>')
  house.send('a.b', 'hello')
  assert.equal(copies.length, 0)
  for (let i = 0; i < 20; i++) await tick()
  assert.deepEqual(
    copies.map(({ subject, body }) => [subject, body]),
    [['r.b', 'hello']],
  )
  assert.match(
    copies[0].headers,
    /^NATS\/1\.0\r\nNats-Stream: A\r\nNats-Subject: a\.b\r\nNats-Sequence: 1\r\n/,
  )
  assert.match(copies[0].headers, /\r\nNats-Last-Sequence: 0\r\n\r\n$/)
})

test('whatever copies have been seen at a crash, their messages are stored', async () => {
  for (let ticks = 0; ticks < 8; ticks++) {
    const house = await House.open()
    await house.stream({ name: 'A', subjects: ['a'], republish: { dest: 'r.>' } })
    const copies = house.listen('r.>')
    for (let i = 1; i <= 10; i++) {
      house.send('a', `${i}`)
      if (i % 3 === 0) await tick()
    }
    for (let i = 0; i < ticks; i++) await tick()
    const seen = copies.length
    const after = await house.crash()
    assert.ok(Number((await after.state('A')).messages) >= seen)
    if (ticks === 7) assert.equal(seen, 10)
  }
})

test('a message that is gone when it is durable is published all the same, with the one before it', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'], max_msgs_per_subject: 1, republish: { dest: 'r.>' } })
  const copies = house.listen('r.>')
  const count = 3000
  for (let i = 1; i <= count; i++) house.send('a', `${i}`, i % 2 === 0 ? ['X: y'] : [])
  for (let i = 0; i < 50; i++) await tick()
  assert.equal((await house.state('A')).messages, 1)
  assert.deepEqual(
    copies.map(({ body }) => body),
    Array.from({ length: count }, (_, i) => `${i + 1}`),
  )
  for (const [i, { headers }] of copies.entries()) {
    assert.ok(headers.includes(`Nats-Sequence: ${i + 1}\r\n`))
    assert.ok(headers.includes(`Nats-Last-Sequence: ${i}\r\n`))
    assert.equal(headers.includes('X: y\r\n'), i % 2 === 1)
  }
})

for (const storage of ['file', 'memory']) {
  test(`streams in ${storage} that feed each other go round without holding up others`, async () => {
    const house = await House.open()
    await house.stream({
      name: 'A',
      subjects: ['a'],
      storage,
      max_msgs: 10,
      republish: { src: 'a', dest: 'b' },
    })
    await house.stream({
      name: 'B',
      subjects: ['b'],
      storage,
      max_msgs: 10,
      republish: { src: 'b', dest: 'a' },
    })
    await house.stream({ name: 'C', subjects: ['c'] })
    house.send('a', 'round and round')
    for (let i = 0; i < 20; i++) assert.equal((await house.publish('c', 'x')).seq, i + 1)
    const { last_seq } = await house.state('A')
    assert.ok(Number(last_seq) > 3, `${last_seq}`)
    await house.api('STREAM.DELETE.A')
    await house.api('STREAM.DELETE.B')
  })
}

test('a stream in memory that feeds itself answers whoever publishes', async () => {
  const house = await House.open()
  await house.stream({
    name: 'A',
    subjects: ['a.*'],
    storage: 'memory',
    max_msgs: 10,
    subject_transform: { src: 'a.*', dest: 'stored.$1' },
    republish: { src: 'stored.*', dest: '$1.x' },
  })
  assert.equal((await house.publish('a.a', 'copied to a.x, and then to x.x')).seq, 1)
  assert.equal((await house.publish('a.b', 'copied to b.x')).seq, 3)
  const { subjects } = await house.state('A', { subjects_filter: '>' })
  assert.deepEqual(subjects, { 'stored.a': 1, 'stored.b': 1, 'stored.x': 1 })
})

test('what was stored before an update goes where it was to go', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'], republish: { dest: 'r.>' } })
  const copies = house.listen('*.>')
  house.send('a', '1')
  await house.api('STREAM.UPDATE.A', { name: 'A', subjects: ['a'], republish: { dest: 'u.>' } })
  await house.publish('a', '2')
  await house.api('STREAM.UPDATE.A', { name: 'A', subjects: ['a'] })
  await house.publish('a', '3')
  const subjects = copies.map(({ subject }) => subject).filter((subject) => /^[ru]\./.test(subject))
  assert.deepEqual(subjects, ['r.a', 'u.a'])
})
