import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backup, restore } from './backups.ts'
import { House, type Json } from './house.ts'

const CONFIG: Json = {
  name: 'S',
  subjects: ['s.>'],
  allow_msg_ttl: true,
  allow_atomic: true,
  allow_batched: true,
  allow_msg_schedules: true,
  allow_rollup_hdrs: true,
}

interface Sent {
  subject: string
  body?: string
  headers?: string[]
}

/** A house in which stream S, with these limits, has these messages, come in one of the ways. */
type Way = (limits: Json, messages: Sent[]) => Promise<House>

async function houseWith(limits: Json): Promise<House> {
  const house = await House.open()
  await house.stream({ ...CONFIG, ...limits })
  return house
}

const published: Way = async (limits, messages) => {
  const house = await houseWith(limits)
  for (const { subject, body = '', headers = [] } of messages) await house.publish(subject, body, headers)
  return house
}

const inAtomicBatch: Way = async (limits, messages) => {
  const house = await houseWith(limits)
  for (const [at, { subject, body = '', headers = [] }] of messages.entries()) {
    const batch = ['Nats-Batch-Id: b', `Nats-Batch-Sequence: ${at + 1}`]
    if (at === messages.length - 1) batch.push('Nats-Batch-Commit: 1')
    await house.ask(subject, body, [...headers, ...batch])
  }
  return house
}

const inFastBatch: Way = async (limits, messages) => {
  const house = await houseWith(limits)
  const answers = house.listen('fast.>')
  for (const [at, { subject, body = '', headers = [] }] of messages.entries()) {
    const operation = at === messages.length - 1 ? 2 : at === 0 ? 0 : 1
    house.send(subject, body, headers, `fast.id.10.ok.${at + 1}.${operation}.$FI`)
  }
  await house.pass(1)
  assert.match(answers[answers.length - 1].body, /"batch":"id"/)
  return house
}

const bySchedules: Way = async (limits, messages) => {
  const house = await houseWith(limits)
  const dueMs = house.clock.now() + 1000
  for (const [at, { subject, body = '', headers = [] }] of messages.entries()) {
    const ttl = headers
      .filter((line) => line.startsWith('Nats-TTL'))
      .map((line) => line.replace('TTL', 'Schedule-TTL'))
    const due = new Date(dueMs + at * 100).toISOString()
    const schedule = [`Nats-Schedule: @at ${due}`, `Nats-Schedule-Target: ${subject}`]
    assert.equal((await house.publish(`s.schedule.${at}`, body, [...schedule, ...ttl])).error, undefined)
  }
  await house.pass(1000)
  for (let left = messages.length + 1; left > 0; left--) await house.pass(100)
  return house
}

const restored: Way = async (limits, messages) => {
  const before = await published({}, messages)
  const { answer, chunks } = await backup(before, 'S')
  const house = await House.open({ time: before.clock })
  const made = await restore(house, answer, chunks, { ...(answer.config as Json), ...limits })
  assert.equal(made.error, undefined, JSON.stringify(made.error))
  return house
}

const WAYS: [string, Way][] = [
  ['published', published],
  ['in an atomic batch', inAtomicBatch],
  ['in a fast batch', inFastBatch],
  ['by schedules', bySchedules],
  ['from a backup', restored],
]

for (const [name, way] of WAYS) {
  test(`${name}, messages of a subject are as many as may be`, async () => {
    const messages = ['1', '2', '3', '4'].map((body) => ({ subject: 's.a', body }))
    const house = await way({ max_msgs_per_subject: 2 }, messages)
    await house.pass(1)
    const { subjects } = await house.state('S', { subjects_filter: 's.a' })
    assert.deepEqual(subjects, { 's.a': 2 })
    const last = await house.api('STREAM.MSG.GET.S', { last_by_subj: 's.a' })
    assert.equal(Buffer.from((last.message as Json).data as string, 'base64').toString(), '4')
  })

  test(`${name}, a stream holds as much as it may`, async () => {
    const messages = ['a', 'b', 'c', 'd', 'e'].map((token) => ({ subject: `s.${token}` }))
    const house = await way({ max_msgs: 3 }, messages)
    await house.pass(1)
    const { subjects } = await house.state('S', { subjects_filter: 's.*' })
    assert.deepEqual(subjects, { 's.c': 1, 's.d': 1, 's.e': 1 })
  })

  test(`${name}, a message ends with its time to live, also after a restart`, async () => {
    const house = await way({}, [
      { subject: 's.short', headers: ['Nats-TTL: 5s'] },
      { subject: 's.long', headers: ['Nats-TTL: 1h'] },
      { subject: 's.plain' },
    ])
    const all = { 's.short': 1, 's.long': 1, 's.plain': 1 }
    assert.deepEqual((await house.state('S', { subjects_filter: 's.*' })).subjects, all)
    const again = await house.restart()
    await again.pass(6000)
    assert.deepEqual((await again.state('S', { subjects_filter: 's.*' })).subjects, {
      's.long': 1,
      's.plain': 1,
    })
  })

  // A schedule does not pass on the id of its message.
  if (way === bySchedules) continue
  test(`${name}, an id is known within the window, also after a restart`, async () => {
    const house = await way({ duplicate_window: 60e9 }, [
      { subject: 's.a', headers: ['Nats-Msg-Id: one'] },
      { subject: 's.a', headers: ['Nats-Msg-Id: two'] },
    ])
    for (const isRestarted of [false, true]) {
      const each = isRestarted ? await house.restart() : house
      assert.equal((await each.publish('s.a', '', ['Nats-Msg-Id: one'])).seq, 1)
      const wrong = await each.publish('s.a', '', ['Nats-Expected-Last-Msg-Id: one'])
      assert.match(JSON.stringify(wrong.error), /wrong last msg ID: two/)
    }
  })
}
