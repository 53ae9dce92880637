import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorOf, House } from './house.ts'

const MOST = 2 ** 48 - 1

/** A work queue of five messages that one consumer holds; the subjects to acknowledge them. */
async function workQueue(): Promise<{ house: House; acks: string[] }> {
  const house = await House.open()
  await house.stream({ name: 'Q', subjects: ['q'], retention: 'workqueue' })
  for (let i = 0; i < 5; i++) await house.publish('q', String(i))
  const config = { durable_name: 'c', ack_policy: 'explicit' }
  await house.api('CONSUMER.CREATE.Q.c', { stream_name: 'Q', config })
  const replies: string[] = []
  const inbox = house.bus.account('$G')
  inbox.subscribe('in', {
    onMessage: (message) =>
      replies.push(message.reply.toString('utf8', message.replyStart, message.replyEnd)),
  })
  house.send('$JS.API.CONSUMER.MSG.NEXT.Q.c', JSON.stringify({ batch: 5 }), [], 'in')
  await house.pass(10)
  return { house, acks: replies.filter((reply) => reply.startsWith('$JS.ACK')) }
}

for (const delay of [
  '1e30',
  '-1e30',
  '9223372036854775807',
  '-9223372036854775808',
  '1.5',
  '99999999999999999999',
]) {
  test(`a nak with a delay of ${delay} loses nothing over a restart`, async () => {
    let { house, acks } = await workQueue()
    assert.equal(acks.length, 5)
    for (const ack of acks) house.send(ack, `-NAK {"delay":${delay}}`)
    await house.pass(10)
    house = await house.restart()
    await house.pass(10)
    assert.equal((await house.state('Q')).messages, 5)
    house = await house.crash()
    await house.pass(10)
    assert.equal((await house.state('Q')).messages, 5)
    const info = await house.api('CONSUMER.INFO.Q.c')
    assert.equal(info.num_ack_pending, 5)
  })
}

test('a delay that is no duration counts as none', async () => {
  const { house, acks } = await workQueue()
  for (const ack of acks) house.send(ack, '-NAK {"delay":1e30}')
  const received = house.listen('again')
  house.send('$JS.API.CONSUMER.MSG.NEXT.Q.c', JSON.stringify({ batch: 5 }), [], 'again')
  await house.pass(10)
  assert.equal(received.length, 5)
})

test('acks with odd numbers in their subject change nothing', async () => {
  const { house, acks } = await workQueue()
  const [, , stream, consumer] = acks[0].split('.')
  for (const odd of ['-1', 'NaN', '1e3', '18446744073709551616', '9'.repeat(400), '281474976710656', '']) {
    for (const kind of ['', '-NAK', '+WPI', '+TERM'])
      house.send(`$JS.ACK.${stream}.${consumer}.1.${odd}.1.1.0`, kind)
  }
  await house.pass(10)
  assert.equal((await house.state('Q')).messages, 5)
  const again = await house.restart()
  assert.equal((await again.api('CONSUMER.INFO.Q.c')).num_ack_pending, 5)
})

test('a first sequence that no record holds is refused', async () => {
  const house = await House.open()
  for (const first of ['281474976710656', '9007199254740993', '18446744073709551615']) {
    const answer = await house.api('STREAM.CREATE.A', `{"name":"A","subjects":["a"],"first_seq":${first}}`)
    assert.deepEqual(errorOf(answer), [10052, `first sequence can not be above ${MOST}`])
  }
})

test('the highest sequence is stored and kept; a message behind it is refused', async () => {
  let house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'], first_seq: MOST, allow_atomic: true })
  assert.equal((await house.publish('a', 'x')).seq, MOST)
  const refused = await house.publish('a', 'y')
  assert.deepEqual(errorOf(refused), [10077, `sequence can not be above ${MOST}`])
  const batch = ['Nats-Batch-Id: b', 'Nats-Batch-Sequence: 1', 'Nats-Batch-Commit: 1']
  assert.deepEqual(errorOf(await house.publish('a', 'z', batch)), [
    10077,
    `sequence can not be above ${MOST}`,
  ])
  house = await house.restart()
  const state = await house.state('A')
  assert.deepEqual([state.messages, state.first_seq, state.last_seq], [1, MOST, MOST])
  house = await house.crash()
  assert.equal((await house.state('A')).messages, 1)
})

test('a purge up to a sequence that no record holds is refused, up to the highest it is done', async () => {
  let house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  await house.publish('a', 'x')
  const refused = await house.api('STREAM.PURGE.A', '{"seq":281474976710656}')
  assert.deepEqual(errorOf(refused), [10110, `sequence can not be above ${MOST}`])
  assert.equal((await house.state('A')).messages, 1)
  assert.equal((await house.api('STREAM.PURGE.A', `{"seq":${MOST}}`)).purged, 1)
  assert.equal((await house.publish('a', 'x')).seq, MOST)
  house = await house.restart()
  assert.equal((await house.state('A')).messages, 1)
})

test('a consumer that starts or is reset far in the future is read back', async () => {
  let house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  const config = `{"durable_name":"c","ack_policy":"explicit","deliver_policy":"by_start_sequence","opt_start_seq":18446744073709551615}`
  await house.api('CONSUMER.CREATE.A.c', `{"stream_name":"A","config":${config}}`)
  await house.publish('a', 'x')
  const before = await house.api('CONSUMER.INFO.A.c')
  house = await house.restart()
  const after = await house.api('CONSUMER.INFO.A.c')
  assert.deepEqual([after.delivered, after.num_pending], [before.delivered, before.num_pending])
})

test('a stream with a gap of more than can be listed tells how many are missing, and lists the oldest', async () => {
  const house = await House.open()
  await house.stream({ name: 'A', subjects: ['a'] })
  await house.publish('a', 'x')
  const stream = house.js.account('$G')?.streams.get('A')
  stream?.log.skipTo(MOST)
  await house.publish('a', 'y')
  const state = await house.state('A', { deleted_details: true })
  assert.deepEqual([state.num_deleted, (state.deleted as number[]).length], [MOST - 2, 500_000])
})
