import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ackInfo, ConsumerBench } from './consumer-bench.ts'

const MS = 1e6

test('a pull consumer delivers, redelivers what is not acknowledged, and confirms acks', async () => {
  const bench = new ConsumerBench()
  for (let i = 1; i <= 3; i++) bench.publish(`s.${i}`, `m${i}`)
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', ack_wait: 1000 * MS })
  const inbox = bench.listen('inbox')
  const confirmed = bench.listen('confirmed')
  bench.pull(consumer, 'inbox', { batch: 2, expires: 5000 * MS })
  assert.deepEqual(
    inbox.map(({ subject, body, reply }) => [subject, body, reply]),
    [
      ['s.1', 'm1', '$JS.ACK.S.c.1.1.1.1700000000000000000.2'],
      ['s.2', 'm2', '$JS.ACK.S.c.1.2.2.1700000000000000000.1'],
    ],
  )
  bench.ack(consumer, inbox[1].reply, '+ACK', 'confirmed')
  assert.equal(confirmed.length, 1)
  assert.equal(confirmed[0].body, '')
  let info = consumer.info()
  assert.deepEqual(info.ack_floor, {
    consumer_seq: 0,
    stream_seq: 0,
    last_active: info.ack_floor.last_active,
  })
  assert.equal(info.num_ack_pending, 1)
  await bench.advance(1100)
  bench.pull(consumer, 'inbox', { batch: 10, no_wait: true })
  assert.deepEqual(
    inbox.slice(2).map(({ reply }) => reply && ackInfo(reply)),
    [
      { deliveries: 2, seq: 1, consumerSeq: 3, pending: 1 },
      { deliveries: 1, seq: 3, consumerSeq: 4, pending: 0 },
      '',
    ],
  )
  assert.equal(inbox[4].headers, 'NATS/1.0 404 No Messages\r\n\r\n')
  bench.ack(consumer, inbox[2].reply)
  bench.ack(consumer, inbox[3].reply, '+ACK')
  info = consumer.info()
  assert.equal(info.num_ack_pending, 0)
  assert.equal(info.num_redelivered, 0)
  assert.equal(info.ack_floor.stream_seq, 3)
  assert.equal(info.ack_floor.consumer_seq, 4)
})

test('a request ends with 408 and what it still wanted, measured from its arrival', async () => {
  const bench = new ConsumerBench()
  bench.publish('a')
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit' })
  const inbox = bench.listen('inbox')
  bench.pull(consumer, 'inbox', { batch: 3, expires: 200 * MS, max_bytes: 1000 })
  assert.equal(inbox.length, 1)
  assert.equal(consumer.info().num_waiting, 1)
  await bench.advance(199)
  assert.equal(inbox.length, 1)
  await bench.advance(2)
  const left = 1000 - 'a'.length - inbox[0].reply.length
  assert.equal(
    inbox[1].headers,
    `NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 2\r\nNats-Pending-Bytes: ${left}\r\n\r\n`,
  )
  assert.equal(consumer.info().num_waiting, 0)
})

test('idle heartbeats come between messages', async () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit' })
  const inbox = bench.listen('inbox')
  bench.pull(consumer, 'inbox', { batch: 3, expires: 1000 * MS, idle_heartbeat: 100 * MS })
  await bench.advance(50)
  bench.publish('a')
  await bench.advance(99)
  assert.equal(inbox.length, 1)
  await bench.advance(120)
  assert.deepEqual(
    inbox.slice(1).map(({ headers }) => headers.split('\r\n')),
    [
      ['NATS/1.0 100 Idle Heartbeat', 'Nats-Last-Consumer: 1', 'Nats-Last-Stream: 1', '', ''],
      ['NATS/1.0 100 Idle Heartbeat', 'Nats-Last-Consumer: 1', 'Nats-Last-Stream: 1', '', ''],
    ],
  )
})

test('requests are refused with the status of the limit they exceed', () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({
    durable_name: 'c',
    ack_policy: 'explicit',
    max_waiting: 1,
    max_batch: 5,
    max_expires: 2000 * MS,
    max_bytes: 100,
  })
  const inbox = bench.listen('inbox')
  const other = bench.listen('other')
  const ask = (request: object | string) => {
    bench.pull(consumer, 'inbox', request)
    return inbox.at(-1)?.headers.split('\r\n')[0]
  }
  assert.equal(ask({ batch: 6 }), 'NATS/1.0 409 Exceeded MaxRequestBatch of 5')
  assert.equal(ask({ batch: 1, expires: 3000 * MS }), 'NATS/1.0 409 Exceeded MaxRequestExpires of 2s')
  assert.equal(ask({ batch: 1, max_bytes: 101 }), 'NATS/1.0 409 Exceeded MaxRequestMaxBytes of 100')
  assert.equal(
    ask({ batch: 'x' }),
    'NATS/1.0 400 Bad Request - json: cannot unmarshal string into Go struct field JSApiConsumerGetNextRequest.batch of type int',
  )
  assert.equal(
    ask({ batch: 1, expires: 1000 * MS, idle_heartbeat: 600 * MS }),
    'NATS/1.0 400 Bad Request - heartbeat value too large',
  )
  assert.equal(ask({ batch: 1, no_wait: true }), 'NATS/1.0 404 No Messages')
  assert.equal(
    ask({ batch: 1, min_pending: 3 }),
    'NATS/1.0 400 Bad Request - Not a Overflow Priority consumer',
  )
  bench.pull(consumer, 'other', '1')
  assert.equal(ask('1'), 'NATS/1.0 409 Exceeded MaxWaiting')
  assert.equal(other.length, 0)
  consumer.delete()
  assert.equal(other[0].headers, 'NATS/1.0 409 Consumer Deleted\r\n\r\n')
})

test('max_bytes ends a request with 409', () => {
  const bench = new ConsumerBench()
  for (let i = 0; i < 3; i++) bench.publish('a', 'x'.repeat(50))
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit' })
  const inbox = bench.listen('inbox')
  bench.pull(consumer, 'inbox', { batch: 10, max_bytes: 150 })
  assert.equal(inbox.length, 2)
  assert.match(
    inbox[1].headers,
    /^NATS\/1.0 409 Message Size Exceeds MaxBytes\r\nNats-Pending-Messages: 9\r\n/,
  )
  bench.pull(consumer, 'inbox', { batch: 1, max_bytes: 500 })
  assert.match(inbox[3].headers, /^NATS\/1.0 409 Batch Completed\r\nNats-Pending-Messages: 0\r\n/)
})

test('several clients are served in turn', () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit' })
  const one = bench.listen('one')
  const two = bench.listen('two')
  bench.pull(consumer, 'one', { batch: 10 })
  bench.pull(consumer, 'two', { batch: 2 })
  for (let i = 0; i < 6; i++) bench.publish('a', String(i))
  assert.deepEqual(
    one.map(({ body }) => body),
    ['0', '2', '4', '5'],
  )
  assert.deepEqual(
    two.map(({ body }) => body),
    ['1', '3'],
  )
})

test('a client that went away gets nothing, and nothing is lost', () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit' })
  const gone = bench.listen('gone')
  const here = bench.listen('here')
  bench.pull(consumer, 'gone', { batch: 10 })
  gone.stop()
  bench.pull(consumer, 'here', { batch: 10 })
  bench.publish('a')
  assert.equal(gone.length, 0)
  assert.equal(here.length, 1)
  assert.equal(ackInfo(here[0].reply).consumerSeq, 1)
})

test('max_ack_pending holds back, and an ack lets the next one through', () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', max_ack_pending: 2 })
  const inbox = bench.listen('inbox')
  for (let i = 0; i < 5; i++) bench.publish('a')
  bench.pull(consumer, 'inbox', { batch: 10 })
  assert.equal(inbox.length, 2)
  bench.ack(consumer, inbox[0].reply)
  assert.equal(inbox.length, 3)
})

test('-NAK brings a message back at once, with a delay later; +TERM and +NXT', async () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', ack_wait: 1000 * MS })
  const inbox = bench.listen('inbox')
  const naked = bench.listen('$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.S.c')
  const terminated = bench.listen('$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.c')
  for (let i = 1; i <= 3; i++) bench.publish(`a.${i}`)
  bench.pull(consumer, 'inbox', { batch: 3 })
  bench.pull(consumer, 'inbox', { batch: 3 })
  bench.ack(consumer, inbox[1].reply, '-NAK')
  assert.deepEqual(ackInfo(inbox[3].reply), { deliveries: 2, seq: 2, consumerSeq: 4, pending: 0 })
  assert.equal(JSON.parse(naked[0].body).stream_seq, 2)
  bench.ack(consumer, inbox[0].reply, '-NAK {"delay": 300000000}')
  await bench.advance(290)
  assert.equal(inbox.length, 4)
  await bench.advance(20)
  assert.deepEqual(ackInfo(inbox[4].reply), { deliveries: 2, seq: 1, consumerSeq: 5, pending: 0 })
  bench.ack(consumer, inbox[2].reply, '+TERM because')
  const event = JSON.parse(terminated[0].body)
  assert.equal(event.reason, 'because')
  assert.equal(event.type, 'io.nats.jetstream.advisory.v1.terminated')
  bench.publish('a.4')
  const next = bench.listen('next')
  bench.ack(consumer, inbox[4].reply, '+NXT {"batch": 2}', 'next')
  bench.publish('a.5')
  assert.equal(consumer.info().num_ack_pending, 3)
  assert.deepEqual(
    [...inbox.slice(5), ...next].map(({ subject }) => subject),
    ['a.4', 'a.5'],
  )
})

test('work in progress puts redelivery off', async () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', ack_wait: 100 * MS })
  const inbox = bench.listen('inbox')
  bench.publish('a')
  bench.pull(consumer, 'inbox', { batch: 3 })
  await bench.advance(80)
  bench.ack(consumer, inbox[0].reply, '+WPI')
  await bench.advance(80)
  assert.equal(inbox.length, 1)
  await bench.advance(30)
  assert.equal(inbox.length, 2)
})

test('backoff spaces redeliveries by their number', async () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({
    durable_name: 'c',
    ack_policy: 'explicit',
    max_deliver: 4,
    backoff: [100 * MS, 200 * MS, 400 * MS],
  })
  const inbox = bench.listen('inbox')
  bench.publish('a')
  bench.pull(consumer, 'inbox', { batch: 9 })
  const times: number[] = []
  for (let ms = 0; ms < 1500; ms += 5) {
    if (inbox.length > times.length) times.push(ms)
    await bench.advance(5)
  }
  assert.equal(times.length, 4)
  for (const [i, expected] of [0, 100, 300, 700].entries()) {
    assert.ok(Math.abs(times[i] - expected) <= 15, `delivery ${i + 1} after ${times[i]} ms`)
  }
})

test('the last delivery unacknowledged: an advisory, and the message stays out', async () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({
    durable_name: 'c',
    ack_policy: 'explicit',
    ack_wait: 50 * MS,
    max_deliver: 2,
  })
  const inbox = bench.listen('inbox')
  const events = bench.listen('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.c')
  bench.publish('a')
  bench.pull(consumer, 'inbox', { batch: 9 })
  await bench.advance(500)
  assert.deepEqual(
    inbox.map(({ reply }) => ackInfo(reply).deliveries),
    [1, 2],
  )
  assert.equal(events.length, 1)
  assert.equal(JSON.parse(events[0].body).deliveries, 2)
  const info = consumer.info()
  assert.equal(info.num_ack_pending, 0)
  assert.equal(info.num_redelivered, 1)
  bench.publish('b')
  assert.equal(inbox.length, 3)
})

test('filters: the pending count is exact while messages come and go', () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', filter_subjects: ['a.*', 'b'] })
  const inbox = bench.listen('inbox')
  for (const subject of ['a.1', 'x', 'b', 'a.2', 'a.2.3', 'b']) bench.publish(subject)
  assert.equal(consumer.info().num_pending, 4)
  bench.remove(4)
  bench.remove(5)
  assert.equal(consumer.info().num_pending, 3)
  bench.pull(consumer, 'inbox', { batch: 9 })
  assert.deepEqual(
    inbox.map(({ reply }) => ackInfo(reply).pending),
    [2, 1, 0],
  )
  assert.deepEqual(
    inbox.map(({ subject }) => subject),
    ['a.1', 'b', 'b'],
  )
})

test('ack policy all settles everything below', () => {
  const bench = new ConsumerBench({ retention: 'interest' })
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'all' })
  const inbox = bench.listen('inbox')
  for (let i = 0; i < 5; i++) bench.publish('a')
  bench.pull(consumer, 'inbox', { batch: 9 })
  bench.ack(consumer, inbox[2].reply)
  const info = consumer.info()
  assert.equal(info.num_ack_pending, 2)
  assert.equal(info.ack_floor.stream_seq, 3)
  assert.deepEqual(bench.settled, [1, 2, 3])
})

test('a work queue is told what is settled', () => {
  const bench = new ConsumerBench({ retention: 'workqueue' })
  bench.onSettled = (seq) => bench.remove(seq)
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit' })
  const inbox = bench.listen('inbox')
  for (let i = 0; i < 3; i++) bench.publish('a')
  bench.pull(consumer, 'inbox', { batch: 9 })
  bench.ack(consumer, inbox[1].reply)
  assert.deepEqual(bench.settled, [2])
  assert.equal(consumer.info().num_ack_pending, 2)
})

test('last_per_subject begins with the newest of each subject', () => {
  const bench = new ConsumerBench()
  for (const subject of ['k.a', 'k.b', 'k.a', 'x', 'k.c', 'k.b']) bench.publish(subject)
  const consumer = bench.create({
    durable_name: 'c',
    ack_policy: 'none',
    deliver_policy: 'last_per_subject',
    filter_subject: 'k.*',
  })
  const inbox = bench.listen('inbox')
  assert.equal(consumer.info().num_pending, 3)
  bench.publish('k.a')
  bench.pull(consumer, 'inbox', { batch: 9 })
  assert.deepEqual(
    inbox.map(({ reply }) => [ackInfo(reply).seq, ackInfo(reply).pending]),
    [
      [3, 3],
      [5, 2],
      [6, 1],
      [7, 0],
    ],
  )
})

test('a paused consumer waits until its time', async () => {
  const bench = new ConsumerBench()
  const until = new Date(bench.clock.now() + 500).toISOString()
  const consumer = bench.create({ durable_name: 'c', ack_policy: 'explicit', pause_until: until })
  const inbox = bench.listen('inbox')
  bench.publish('a')
  bench.pull(consumer, 'inbox', { batch: 1, expires: 5000 * MS })
  assert.equal(inbox.length, 0)
  assert.equal(consumer.info().paused, true)
  await bench.advance(501)
  assert.equal(inbox.length, 1)
  assert.equal(consumer.info().paused, undefined)
})

test('through a pause who does not want to wait hears of what is due again', async () => {
  const bench = new ConsumerBench()
  for (const subject of ['a', 'b']) bench.publish(subject)
  const config = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60_000 * MS, max_ack_pending: 1 }
  const consumer = bench.create(config)
  const first = bench.listen('first')
  bench.pull(consumer, 'first', { batch: 1 })
  const waiting = bench.listen('waiting')
  bench.pull(consumer, 'waiting', { batch: 1, no_wait: true })
  consumer.update({ ...consumer.config, pause_until: new Date(bench.clock.now() + 60_000).toISOString() })
  bench.turn.drain()
  await bench.advance(100)
  assert.equal(waiting.length, 0)
  bench.ack(consumer, first[0].reply, `-NAK {"delay":${200 * MS}}`)
  await bench.advance(199)
  assert.equal(waiting.length, 0)
  await bench.advance(2)
  assert.deepEqual(
    waiting.map(({ headers }) => headers),
    ['NATS/1.0 404 No Messages\r\n\r\n'],
  )
})

test('when the time of a request that was served is over, others hear nothing of it', async () => {
  const bench = new ConsumerBench()
  for (const subject of ['a', 'b', 'c']) bench.publish(subject)
  const consumer = bench.create({
    durable_name: 'c',
    ack_policy: 'explicit',
    ack_wait: 60_000 * MS,
    max_ack_pending: 3,
    priority_policy: 'overflow',
    priority_groups: ['g'],
  })
  const behind = bench.listen('behind')
  const inFront = bench.listen('in-front')
  const request = { group: 'g', min_ack_pending: 2, no_wait: true, expires: 60_000 * MS }
  bench.pull(consumer, 'behind', { ...request, batch: 3 })
  assert.equal(behind.length, 0)
  bench.pull(consumer, 'in-front', { group: 'g', batch: 2, expires: 300 * MS })
  assert.equal(inFront.length, 2)
  assert.equal(behind.length, 1)
  await bench.advance(400)
  assert.equal(inFront.length, 2)
  assert.equal(behind.length, 1)
  assert.equal(consumer.info().num_waiting, 1)
})

test('an ephemeral consumer goes when nobody uses it', async () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ ack_policy: 'explicit', ack_wait: 1000 * MS })
  assert.match(consumer.name, /^\w{8}$/)
  const inbox = bench.listen('inbox')
  bench.pull(consumer, 'inbox', { batch: 1, expires: 3000 * MS })
  await bench.advance(5000)
  assert.equal(bench.stream.consumers.size, 1)
  await bench.advance(4500)
  assert.equal(bench.stream.consumers.size, 0)
  assert.match(inbox[0].headers, /408/)
})
