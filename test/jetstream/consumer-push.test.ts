import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ackInfo, ConsumerBench } from './consumer-bench.ts'

const MS = 1e6

test('a push consumer delivers while somebody listens, and goes on where it stopped', async () => {
  const bench = new ConsumerBench({ subjects: ['a.>'] })
  bench.publish('a.1')
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', deliver_subject: 'out' })
  assert.equal(consumer.info().push_bound, undefined)
  const first = bench.listen('out')
  bench.turn.drain()
  assert.equal(consumer.info().push_bound, true)
  assert.equal(first.length, 1)
  bench.publish('a.2')
  assert.equal(first.length, 2)
  first.stop()
  bench.turn.drain()
  bench.publish('a.3')
  assert.equal(consumer.info().num_pending, 1)
  const second = bench.listen('out')
  bench.turn.drain()
  assert.deepEqual(
    second.map(({ subject }) => subject),
    ['a.3'],
  )
})

test('idle heartbeats tell the last sequences and come only in silence', async () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  bench.create({ durable_name: 'c', ack_policy: 'none', deliver_subject: 'out', idle_heartbeat: 100 * MS })
  const out = bench.listen('out')
  await bench.advance(80)
  bench.publish('a')
  await bench.advance(95)
  assert.equal(out.length, 1)
  await bench.advance(10)
  assert.equal(
    out[1].headers,
    'NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1\r\n\r\n',
  )
})

test('flow control holds back until it is answered', () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  bench.create({
    durable_name: 'c',
    ack_policy: 'none',
    deliver_subject: 'out',
    idle_heartbeat: 5000 * MS,
    flow_control: true,
  })
  const out = bench.listen('out')
  bench.turn.drain()
  const body = 'x'.repeat(300_000)
  for (let i = 0; i < 12; i++) bench.publish('a', body)
  const requests = out.filter(({ headers }) => headers.startsWith('NATS/1.0 100 FlowControl Request'))
  assert.equal(requests.length, 1)
  assert.match(requests[0].reply, /^\$JS\.FC\.S\.c\.\w{4}$/)
  const before = out.length
  assert.ok(before < 12)
  bench.account.publishText(requests[0].reply, '')
  bench.turn.drain()
  assert.ok(out.length > before)
})

test('headers_only leaves the payload out and tells its size', () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  bench.create({ durable_name: 'c', ack_policy: 'none', deliver_subject: 'out', headers_only: true })
  const out = bench.listen('out')
  bench.turn.drain()
  bench.publish('a', 'hello')
  bench.publish('a', 'hello!', 'NATS/1.0\r\nX: 1\r\n\r\n')
  assert.deepEqual(
    out.map(({ headers, body }) => [headers, body]),
    [
      ['NATS/1.0\r\nNats-Msg-Size: 5\r\n\r\n', ''],
      ['NATS/1.0\r\nX: 1\r\nNats-Msg-Size: 6\r\n\r\n', ''],
    ],
  )
})

test('rate_limit_bps spreads messages over time', async () => {
  const bench = new ConsumerBench({ subjects: ['a'], max_msg_size: 1000 })
  bench.create({ durable_name: 'c', ack_policy: 'none', deliver_subject: 'out', rate_limit_bps: 80_000 })
  const out = bench.listen('out')
  bench.turn.drain()
  for (let i = 0; i < 10; i++) bench.publish('a', 'x'.repeat(900))
  const atOnce = out.length
  assert.ok(atOnce <= 2)
  await bench.advance(500)
  assert.ok(out.length > atOnce && out.length <= atOnce + 6)
  await bench.advance(2000)
  assert.equal(out.length, 10)
})

test('replay policy original keeps the distances', async () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  for (let i = 0; i < 3; i++) {
    bench.publish('a')
    await bench.advance(100)
  }
  bench.create({ durable_name: 'c', ack_policy: 'none', deliver_subject: 'out', replay_policy: 'original' })
  const out = bench.listen('out')
  bench.turn.drain()
  assert.equal(out.length, 1)
  await bench.advance(99)
  assert.equal(out.length, 1)
  await bench.advance(2)
  assert.equal(out.length, 2)
  await bench.advance(101)
  assert.equal(out.length, 3)
  bench.publish('a')
  assert.equal(out.length, 4)
})

test('an ephemeral push consumer goes after its listener is gone for the threshold', async () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  const consumer = bench.create({
    ack_policy: 'none',
    deliver_subject: 'out',
    inactive_threshold: 1000 * MS,
    mem_storage: true,
  })
  const out = bench.listen('out')
  bench.turn.drain()
  await bench.advance(5000)
  assert.equal(consumer.isClosed, false)
  out.stop()
  bench.turn.drain()
  await bench.advance(900)
  const again = bench.listen('out')
  bench.turn.drain()
  await bench.advance(5000)
  assert.equal(consumer.isClosed, false)
  again.stop()
  bench.turn.drain()
  await bench.advance(1001)
  assert.equal(consumer.isClosed, true)
})

test('a push consumer is asked for nothing', () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  const consumer = bench.create({ durable_name: 'c', deliver_subject: 'out' })
  const inbox = bench.listen('inbox')
  bench.pull(consumer, 'inbox', '1')
  assert.equal(inbox[0].headers, 'NATS/1.0 409 Consumer is push based\r\n\r\n')
})

test('messages deleted before their ack leave the pending ones', () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', deliver_subject: 'out' })
  const events = bench.listen('$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.c')
  const out = bench.listen('out')
  bench.turn.drain()
  for (let i = 0; i < 3; i++) bench.publish('a')
  bench.remove(2)
  assert.equal(consumer.info().num_ack_pending, 2)
  assert.equal(JSON.parse(events[0].body).reason, 'Unacknowledged message was deleted')
  assert.equal(ackInfo(out[2].reply).seq, 3)
})

test('ack policy flow_control: answers to flow control settle what they name', async () => {
  const bench = new ConsumerBench({ subjects: ['a'] })
  const consumer = bench.create({
    durable_name: 'c',
    ack_policy: 'flow_control',
    deliver_subject: 'out',
    max_ack_pending: 3,
  })
  const out = bench.listen('out')
  bench.turn.drain()
  for (let i = 0; i < 5; i++) bench.publish('a')
  assert.equal(out.length, 4)
  assert.equal(out[3].headers, 'NATS/1.0 100 FlowControl Request\r\n\r\n')
  bench.account.publishText(
    out[3].reply,
    '',
    '',
    'NATS/1.0\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 2\r\n\r\n',
  )
  bench.turn.drain()
  assert.equal(consumer.info().ack_floor.stream_seq, 2)
  assert.deepEqual(
    out.slice(4).map(({ reply }) => reply.startsWith('$JS.FC') || ackInfo(reply).seq),
    [4, 5, true],
  )
})
