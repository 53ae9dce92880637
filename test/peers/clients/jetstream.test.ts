/** `@nats-io/transport-node` and `@nats-io/jetstream` against Contrail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
} from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { PeerServer } from '../servers.ts'

let server: PeerServer
let nc: NatsConnection
let js: JetStreamClient
let jsm: JetStreamManager

before(async () => {
  server = await new PeerServer('contrail').start()
  nc = await connect({ servers: server.url })
  js = jetstream(nc)
  jsm = await jetstreamManager(nc)
})

after(async () => {
  await nc?.close()
  await server?.dispose()
})

/** A stream with `count` messages `message 1`… on `name.a`, `name.b`, `name.c` in turn. */
async function filled(name: string, count: number): Promise<void> {
  await jsm.streams.add({ name, subjects: [`${name}.*`] })
  for (let i = 1; i <= count; i++) await js.publish(`${name}.${'abc'[(i - 1) % 3]}`, `message ${i}`)
}

test('core: publish, subscribe, queue groups, requests, headers, no responders, drain', async () => {
  const other = await connect({ servers: server.url })
  const got: string[] = []
  other.subscribe('core.>', {
    callback: (_, message) => void got.push(`${message.subject} ${message.string()}`),
  })
  other.subscribe('service', {
    callback: (_, message) => {
      const head = headers()
      head.set('Echo', message.headers?.get('Ask') ?? '')
      message.respond(message.data, { headers: head })
    },
  })
  await other.flush()
  nc.publish('core.a', 'one')
  nc.publish('core.b.c', 'two')
  await nc.flush()
  const ask = headers()
  ask.append('Ask', 'what')
  const answer = await nc.request('service', 'body', { headers: ask, timeout: 2000 })
  assert.equal(answer.string(), 'body')
  assert.equal(answer.headers?.get('Echo'), 'what')
  assert.deepEqual(got, ['core.a one', 'core.b.c two'])
  await assert.rejects(nc.request('nobody', '', { timeout: 2000 }), /no responders/i)
  const counts = [0, 0, 0]
  counts.forEach((_, i) => {
    other.subscribe('queue', { queue: 'q', callback: () => void counts[i]++ })
  })
  await other.flush()
  for (let i = 0; i < 300; i++) nc.publish('queue')
  await nc.flush()
  await other.drain()
  assert.equal(
    counts.reduce((a, b) => a + b),
    300,
  )
  assert.ok(
    counts.every((count) => count > 50),
    `shared ${counts}`,
  )
})

test('a subscription with a maximum ends by itself, and large payloads come whole', async () => {
  const subscription = nc.subscribe('max', { max: 2 })
  const big = new Uint8Array(900_000).fill(7)
  for (let i = 0; i < 3; i++) nc.publish('max', big)
  let seen = 0
  for await (const message of subscription) {
    assert.deepEqual(message.data, big)
    seen++
  }
  assert.equal(seen, 2)
})

test('streams: add, update, info with subjects, list, names, find, messages, delete, purge', async () => {
  await filled('manage', 9)
  let info = await jsm.streams.info('manage', { subjects_filter: '>' })
  assert.deepEqual(info.state.subjects, { 'manage.a': 3, 'manage.b': 3, 'manage.c': 3 })
  info = await jsm.streams.update('manage', { max_msgs: 8 })
  assert.equal(info.config.max_msgs, 8)
  assert.equal((await jsm.streams.info('manage')).state.messages, 8)
  assert.equal(await jsm.streams.find('manage.b'), 'manage')
  const names: string[] = []
  for await (const name of await jsm.streams.names()) names.push(name)
  assert.ok(names.includes('manage'))
  const listed = []
  for await (const each of await jsm.streams.list()) listed.push(each.config.name)
  assert.ok(listed.includes('manage'))
  assert.equal((await jsm.streams.getMessage('manage', { seq: 4 }))?.string(), 'message 4')
  assert.equal((await jsm.streams.getMessage('manage', { last_by_subj: 'manage.c' }))?.string(), 'message 9')
  assert.equal(await jsm.streams.getMessage('manage', { seq: 1 }), null)
  assert.equal(await jsm.streams.deleteMessage('manage', 4), true)
  assert.equal((await jsm.streams.purge('manage', { filter: 'manage.a' })).purged, 1)
  assert.equal((await jsm.streams.purge('manage', { keep: 1 })).purged, 5)
  await assert.rejects(jsm.streams.info('missing'), (error: JetStreamApiError) => error.code === 10059)
  assert.equal(await jsm.streams.delete('manage'), true)
})

test('publishing: duplicates, expectations, 2,000 at once in order', async () => {
  await jsm.streams.add({ name: 'pub', subjects: ['pub'] })
  const first = await js.publish('pub', 'x', { msgID: 'a' })
  const second = await js.publish('pub', 'x', { msgID: 'a' })
  assert.deepEqual([first.seq, first.duplicate, second.seq, second.duplicate], [1, false, 1, true])
  await assert.rejects(js.publish('pub', 'x', { expect: { lastSequence: 9 } }), /wrong last sequence/)
  await js.publish('pub', 'x', { expect: { lastSequence: 1, streamName: 'pub', lastMsgID: 'a' } })
  const acks = await Promise.all(Array.from({ length: 2000 }, (_, i) => js.publish('pub', `${i}`)))
  assert.deepEqual(
    acks.map((ack) => ack.seq),
    Array.from({ length: 2000 }, (_, i) => i + 3),
  )
  await assert.rejects(js.publish('no.stream', 'x'))
})

test('consume: a durable, each message acknowledged, to the end', async () => {
  await filled('consume', 30)
  await jsm.consumers.add('consume', { durable_name: 'c', ack_policy: AckPolicy.Explicit })
  const consumer = await js.consumers.get('consume', 'c')
  const messages = await consumer.consume({ max_messages: 7 })
  const got: string[] = []
  for await (const message of messages) {
    got.push(message.string())
    assert.equal(await message.ackAck(), true)
    if (message.info.pending === 0) break
  }
  assert.equal(got.length, 30)
  assert.equal(got[29], 'message 30')
  const info = await consumer.info()
  assert.deepEqual([info.num_ack_pending, info.num_pending, info.ack_floor.stream_seq], [0, 0, 30])
})

test('fetch: batches, an empty one that expires, nak, term and redelivery', async () => {
  await filled('fetch', 6)
  await jsm.consumers.add('fetch', { durable_name: 'c', ack_policy: AckPolicy.Explicit, max_deliver: 3 })
  const consumer = await js.consumers.get('fetch', 'c')
  const seen: string[] = []
  for await (const message of await consumer.fetch({ max_messages: 3, expires: 2000 })) {
    seen.push(`${message.seq}/${message.info.deliveryCount}`)
    if (message.seq === 1) message.nak()
    else if (message.seq === 2) message.term('no use')
    else message.ack()
  }
  for await (const message of await consumer.fetch({ max_messages: 4, expires: 2000 })) {
    seen.push(`${message.seq}/${message.info.deliveryCount}`)
    message.ack()
  }
  assert.deepEqual(seen, ['1/1', '2/1', '3/1', '1/2', '4/1', '5/1', '6/1'])
  let count = 0
  for await (const _ of await consumer.fetch({ max_messages: 1, expires: 1000 })) count++
  assert.equal(count, 0)
  const next = consumer.next({ expires: 3000 })
  await js.publish('fetch.a', 'late')
  assert.equal((await next)?.string(), 'late')
  const bytes = await consumer.fetch({ max_bytes: 1024, expires: 1000 })
  for await (const _ of bytes) count++
})

test('ordered consumers: from the start, from a sequence, filtered, last per subject', async () => {
  await filled('ordered', 12)
  const read = async (options: Parameters<typeof js.consumers.get>[1], count: number): Promise<number[]> => {
    const consumer = await js.consumers.get('ordered', options)
    const found: number[] = []
    for await (const message of await consumer.consume()) {
      found.push(message.seq)
      if (found.length === count) break
    }
    return found
  }
  assert.deepEqual(
    await read({}, 12),
    Array.from({ length: 12 }, (_, i) => i + 1),
  )
  assert.deepEqual(
    await read({ deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: 10 }, 3),
    [10, 11, 12],
  )
  assert.deepEqual(await read({ filter_subjects: 'ordered.b' }, 4), [2, 5, 8, 11])
  assert.deepEqual(await read({ deliver_policy: DeliverPolicy.LastPerSubject }, 3), [10, 11, 12])
})

test('an ordered consumer goes on when its consumer is deleted under it', async () => {
  await filled('reset', 5)
  const consumer = await js.consumers.get('reset')
  const messages = await consumer.consume({ idle_heartbeat: 1000 })
  const seen: number[] = []
  for await (const message of messages) {
    seen.push(message.seq)
    if (message.seq === 5) {
      for await (const each of jsm.consumers.list('reset')) await jsm.consumers.delete('reset', each.name)
      await js.publish('reset.a', 'six')
    }
    if (message.seq === 6) break
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6])
})

test('push consumers: bound by name, with heartbeats and flow control', async () => {
  await filled('push', 50)
  await jsm.consumers.add('push', {
    durable_name: 'p',
    deliver_subject: 'push-to',
    ack_policy: AckPolicy.Explicit,
    flow_control: true,
    idle_heartbeat: 1_000_000_000,
  })
  const consumer = await js.consumers.getPushConsumer('push', 'p')
  const messages = await consumer.consume()
  let seen = 0
  for await (const message of messages) {
    message.ack()
    if (++seen === 50) break
  }
  await nc.flush()
  const info = await jsm.consumers.info('push', 'p')
  assert.equal(info.delivered.stream_seq, 50)
})

test('a work queue empties as two workers acknowledge', async () => {
  await jsm.streams.add({ name: 'queue', subjects: ['jobs'], retention: RetentionPolicy.Workqueue })
  await Promise.all(Array.from({ length: 100 }, (_, i) => js.publish('jobs', `${i}`)))
  await jsm.consumers.add('queue', { durable_name: 'w', ack_policy: AckPolicy.Explicit })
  const done = new Set<string>()
  const work = async (): Promise<void> => {
    const consumer = await js.consumers.get('queue', 'w')
    for (;;) {
      let seen = 0
      for await (const message of await consumer.fetch({ max_messages: 10, expires: 1000 })) {
        assert.ok(!done.has(message.string()), `${message.string()} came twice`)
        done.add(message.string())
        await message.ackAck()
        seen++
      }
      if (seen === 0) return
    }
  }
  await Promise.all([work(), work()])
  assert.equal(done.size, 100)
  assert.equal((await jsm.streams.info('queue')).state.messages, 0)
})

test('direct gets: by sequence, last by subject, batches, last for several subjects', async () => {
  await jsm.streams.add({ name: 'direct', subjects: ['direct.*'], allow_direct: true })
  for (const subject of ['a', 'b', 'a', 'c']) await js.publish(`direct.${subject}`, `to ${subject}`)
  assert.equal((await jsm.direct.getMessage('direct', { seq: 2 }))?.string(), 'to b')
  assert.equal((await jsm.direct.getMessage('direct', { last_by_subj: 'direct.a' }))?.seq, 3)
  const batch = await jsm.direct.getBatch('direct', { seq: 1, batch: 3 })
  const found: number[] = []
  for await (const message of batch) found.push(message.seq)
  assert.deepEqual(found, [1, 2, 3])
  const last: string[] = []
  for await (const message of await jsm.direct.getLastMessagesFor('direct', { multi_last: ['direct.*'] })) {
    last.push(`${message.subject} ${message.seq}`)
  }
  assert.deepEqual(last.sort(), ['direct.a 3', 'direct.b 2', 'direct.c 4'])
})

test('pausing, updating and listing consumers; account info', async () => {
  await filled('admin', 3)
  await jsm.consumers.add('admin', { durable_name: 'a', ack_policy: AckPolicy.Explicit })
  await jsm.consumers.update('admin', 'a', { description: 'new', ack_wait: 5_000_000_000 })
  assert.equal((await jsm.consumers.info('admin', 'a')).config.description, 'new')
  assert.equal((await jsm.consumers.pause('admin', 'a', new Date(Date.now() + 60_000))).paused, true)
  const consumer = await js.consumers.get('admin', 'a')
  assert.equal(await consumer.next({ expires: 1000 }), null)
  assert.equal((await jsm.consumers.resume('admin', 'a')).paused, false)
  assert.equal((await consumer.next({ expires: 1000 }))?.seq, 1)
  const account = await jsm.getAccountInfo()
  assert.ok(account.streams >= 1 && account.consumers >= 1)
  await assert.rejects(
    jsm.consumers.info('admin', 'none'),
    (error: JetStreamApiError) => error.code === 10014,
  )
})
