import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consumerUnpinRequest } from '../../src/jetstream/api/consumer-manage.ts'
import { ConsumerBench } from './consumer-bench.ts'

const MS = 1e6
const GROUP = { durable_name: 'c', ack_policy: 'explicit', priority_groups: ['A'] }

test('overflow: a client with min_pending is served once so many wait', () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ ...GROUP, priority_policy: 'overflow' })
  const inbox = bench.listen('inbox')
  bench.pull(consumer, 'inbox', { batch: 5, group: 'A', min_pending: 3 })
  bench.publish('a')
  bench.publish('a')
  assert.equal(inbox.length, 0)
  bench.publish('a')
  assert.equal(inbox.length, 1)
})

test('prioritized: the lowest number is served first, equals in turn', () => {
  const bench = new ConsumerBench()
  const consumer = bench.create({ ...GROUP, priority_policy: 'prioritized' })
  const order: string[] = []
  const inboxes = ['late', 'one', 'two'].map((name) => ({ name, got: bench.listen(name) }))
  bench.pull(consumer, 'late', { batch: 2, group: 'A', priority: 5 })
  bench.pull(consumer, 'one', { batch: 2, group: 'A', priority: 1 })
  bench.pull(consumer, 'two', { batch: 1, group: 'A', priority: 1 })
  for (let i = 0; i < 5; i++) {
    const before = inboxes.map(({ got }) => got.length)
    bench.publish('a')
    order.push(...inboxes.filter(({ got }, at) => got.length > before[at]).map(({ name }) => name))
  }
  assert.deepEqual(order, ['one', 'two', 'one', 'late', 'late'])
})

test('pinned_client: one client is served alone until it is silent or unpinned', async () => {
  const bench = new ConsumerBench()
  const account = { streams: new Map([['S', bench.stream]]) } as never
  const consumer = bench.create({ ...GROUP, priority_policy: 'pinned_client', priority_timeout: 300 * MS })
  const one = bench.listen('one')
  const two = bench.listen('two')
  const events = bench.listen('$JS.EVENT.ADVISORY.CONSUMER.*.S.c')
  bench.pull(consumer, 'one', { batch: 9, group: 'A' })
  bench.pull(consumer, 'two', { batch: 9, group: 'A' })
  bench.publish('a', 'x')
  bench.publish('a', 'x')
  assert.equal(one.length, 2)
  assert.equal(two.length, 0)
  assert.match(one[0].headers, /^NATS\/1.0\r\nNats-Pin-Id: \w{22}\r\n\r\n$/)
  assert.equal(one[0].body, 'x')
  assert.equal(consumer.info().priority_groups?.[0].group, 'A')
  await bench.advance(301)
  bench.publish('a')
  bench.publish('a')
  assert.equal(two.length, 2)
  assert.match(one[2].headers, /^NATS\/1.0 423 Nats-Wrong-Pin-Id\r\n/)
  const request = { account, subject: '', tokens: ['S', 'c'], headers: '', answerHeaders: '' }
  consumerUnpinRequest({ ...request, body: '{"group":"A"}' })
  assert.deepEqual(
    events.map(({ subject, body }) => `${subject.split('.')[4]} ${JSON.parse(body).reason ?? ''}`.trim()),
    ['PINNED', 'UNPINNED timeout', 'PINNED', 'UNPINNED admin'],
  )
})
