import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SMALL_LIMITS } from '../storage/small-limits.ts'
import { errorOf, House, type Json, tick } from './house.ts'

async function consumer(house: House, stream: string, name: string, config: Json = {}): Promise<void> {
  const request = {
    stream_name: stream,
    config: { durable_name: name, ack_policy: 'explicit', ...config },
  }
  const answer = await house.api(`CONSUMER.DURABLE.CREATE.${stream}.${name}`, request)
  assert.equal(answer.error, undefined, JSON.stringify(answer.error))
}

/** Fetches one message; returns the subject that acknowledges it. */
async function fetchOne(house: House, stream: string, name: string): Promise<string> {
  const before = house.listen('_ack.>')
  const replies: string[] = []
  house.bus.account('$G').subscribe(`f.${name}`, {
    onMessage: (message) =>
      replies.push(message.reply.toString('utf8', message.replyStart, message.replyEnd)),
  })
  house.send(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, '', [], `f.${name}`)
  for (let i = 0; i < 50 && replies.length === 0; i++) await tick()
  assert.equal(before.length, 0)
  return replies[0]
}

async function acknowledge(house: House, subject: string): Promise<void> {
  const [confirmed] = await house.ask(subject, '+ACK')
  assert.equal(confirmed.body, '')
}

test('a work queue drops a message with its ack, in the same batch', async () => {
  let house = await House.open()
  await house.stream({ name: 'W', subjects: ['w.*'], retention: 'workqueue' })
  await consumer(house, 'W', 'worker')
  await house.publish('w.1', 'one')
  await house.publish('w.2', 'two')
  await acknowledge(house, await fetchOne(house, 'W', 'worker'))
  assert.equal((await house.state('W')).messages, 1)
  house = await house.crash()
  const state = await house.state('W')
  assert.deepEqual([state.messages, state.first_seq, state.last_seq], [1, 2, 2])
})

test('with interest retention a message nobody wants takes a sequence and is not kept', async () => {
  let house = await House.open()
  await house.stream({ name: 'I', subjects: ['i.*'], retention: 'interest' })
  assert.deepEqual(await house.publish('i.1'), { stream: 'I', seq: 1 })
  await consumer(house, 'I', 'a', { filter_subject: 'i.1' })
  assert.deepEqual(await house.publish('i.2'), { stream: 'I', seq: 2 })
  assert.deepEqual(await house.publish('i.1'), { stream: 'I', seq: 3 })
  assert.deepEqual(await house.publish('i.2'), { stream: 'I', seq: 4 })
  house = await house.crash()
  const state = await house.state('I')
  assert.deepEqual([state.messages, state.first_seq, state.last_seq], [1, 3, 4])
})

test('with interest retention a message goes when all who want it have acknowledged it', async () => {
  const house = await House.open()
  await house.stream({ name: 'I', subjects: ['i.*'], retention: 'interest' })
  await consumer(house, 'I', 'a', { filter_subject: 'i.1' })
  await consumer(house, 'I', 'b')
  await house.publish('i.1')
  await acknowledge(house, await fetchOne(house, 'I', 'b'))
  assert.equal((await house.state('I')).messages, 1)
  await acknowledge(house, await fetchOne(house, 'I', 'a'))
  assert.equal((await house.state('I')).messages, 0)
})

test('with interest retention messages go when the last consumer that wants them is deleted', async () => {
  const house = await House.open()
  await house.stream({ name: 'I', subjects: ['i.*'], retention: 'interest' })
  await consumer(house, 'I', 'a', { filter_subject: 'i.1' })
  await consumer(house, 'I', 'b')
  for (const subject of ['i.1', 'i.2', 'i.1']) await house.publish(subject)
  await house.api('CONSUMER.DELETE.I.b')
  assert.deepEqual((await house.state('I', { subjects_filter: '>' })).subjects, { 'i.1': 2 })
  await house.api('CONSUMER.DELETE.I.a')
  assert.equal((await house.state('I')).messages, 0)
})

test('what nobody wants any more goes when a consumer of an interest stream changes its filter', async () => {
  let house = await House.open()
  await house.stream({ name: 'I', subjects: ['i.*'], retention: 'interest' })
  const config = (filter_subjects: string[]) => ({
    name: 'c',
    durable_name: 'c',
    ack_policy: 'explicit',
    filter_subjects,
  })
  await house.api('CONSUMER.CREATE.I.c', { stream_name: 'I', config: config(['i.a', 'i.x']) })
  const other = { name: 'd', durable_name: 'd', ack_policy: 'explicit', filter_subject: 'i.x' }
  await house.api('CONSUMER.CREATE.I.d', { stream_name: 'I', config: other })
  for (const subject of ['i.a', 'i.x', 'i.a', 'i.x']) await house.publish(subject)
  await house.api('CONSUMER.CREATE.I.c', { stream_name: 'I', action: 'update', config: config(['i.b']) })
  assert.equal((await house.state('I')).messages, 2)
  house = await house.restart()
  assert.equal((await house.state('I')).messages, 2)
})

test('with interest retention what nobody wants is taken also by a full stream that refuses new messages', async () => {
  const house = await House.open()
  await house.stream({ name: 'F', subjects: ['f.*'], retention: 'interest', discard: 'new', max_msgs: 1 })
  await consumer(house, 'F', 'c', { filter_subject: 'f.a' })
  assert.equal((await house.publish('f.a')).seq, 1)
  assert.equal(errorOf(await house.publish('f.a'))?.[1], 'maximum messages exceeded')
  assert.equal((await house.publish('f.b')).seq, 2)
  assert.equal((await house.state('F')).messages, 1)
})

test('what a consumer has passed over stays in the queue over a restart, and over a power failure', async () => {
  let house = await House.open()
  await house.stream({ name: 'Q', subjects: ['q.*'], retention: 'workqueue' })
  for (let i = 0; i < 6; i++) await house.publish(i % 2 === 0 ? 'q.a' : 'q.b', String(i))
  const config = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 'q.a' }
  await house.api('CONSUMER.CREATE.Q.c', { stream_name: 'Q', config })
  const replies: string[] = []
  house.bus.account('$G').subscribe('in', {
    onMessage: ({ reply, replyStart, replyEnd }) =>
      replies.push(reply.toString('utf8', replyStart, replyEnd)),
  })
  house.send('$JS.API.CONSUMER.MSG.NEXT.Q.c', JSON.stringify({ batch: 3 }), [], 'in')
  await house.pass(10)
  for (const reply of replies) house.send(reply, '+ACK')
  await house.pass(10)
  // From here on it wants the others, which lie behind it, and then begins far in front of them.
  const other = { ...config, filter_subject: 'q.b' }
  await house.api('CONSUMER.CREATE.Q.c', { stream_name: 'Q', config: other })
  for (const seq of [0, 5, 1000]) {
    if (seq > 0) await house.api('CONSUMER.RESET.Q.c', { seq })
    assert.equal((await house.state('Q')).messages, 3)
    house = await house.restart()
    await house.pass(10)
    assert.equal((await house.state('Q')).messages, 3)
    house = await house.crash()
    await house.pass(10)
    assert.equal((await house.state('Q')).messages, 3)
  }
  await house.api('CONSUMER.RESET.Q.c', { seq: 1 })
  assert.equal((await house.api('CONSUMER.INFO.Q.c')).num_pending, 3)
})

for (const end of ['restart', 'crash'] as const) {
  for (const retention of ['workqueue', 'interest']) {
    test(`${retention}: what was acknowledged while the disk could not be read goes after a ${end}`, async () => {
      let house = await House.open({ limits: SMALL_LIMITS })
      await house.stream({ name: 'Q', subjects: ['q.*'], retention })
      await consumer(house, 'Q', 'c')
      if (retention === 'interest') await consumer(house, 'Q', 'other', { filter_subject: 'q.3' })
      const count = 200
      for (let i = 0; i < count; i++) await house.publish(`q.${i % 4}`, 'x'.repeat(50))
      const replies: string[] = []
      house.bus.account('$G').subscribe('in', {
        onMessage: ({ reply, replyStart, replyEnd }) =>
          replies.push(reply.toString('utf8', replyStart, replyEnd)),
      })
      house.send('$JS.API.CONSUMER.MSG.NEXT.Q.c', JSON.stringify({ batch: count }), [], 'in')
      for (let i = 0; i < 50 && replies.length < count; i++) await house.pass(10)
      assert.equal(replies.length, count)
      const broken = (operation: string, path: string) =>
        operation === 'readSync' && path.endsWith('.index')
          ? Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
          : null
      house.files.fault = broken
      // Not the first of a subject: those need no index.
      const acked = replies.slice(20, 60)
      for (const reply of acked) await acknowledge(house, reply)
      const before = house.js.account('$G')?.streams.get('Q')?.log.messages ?? 0
      const kept = retention === 'interest' ? acked.length / 4 : 0
      assert.ok(before > count - acked.length + kept, `${before} are left`)
      house = await house[end]()
      house.files.fault = broken
      await house.pass(1100)
      house = await house[end]()
      house.files.fault = null
      await house.pass(2100)
      assert.equal((await house.state('Q')).messages, count - acked.length + kept)
      house = await house.restart()
      assert.equal((await house.state('Q')).messages, count - acked.length + kept)
    })
  }
}
