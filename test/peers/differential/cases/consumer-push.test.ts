/** Push consumers: interest, groups, heartbeats, flow control, replay. */
import { differential, type Session } from '../harness.ts'

async function stream(s: Session, messages: number): Promise<void> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 1; i <= messages; i++) await s.quietly(`s.${'ab'[i % 2]}`, `message ${i}`)
}

function push(s: Session, config: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  const all = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9, deliver_subject: 'd', ...config }
  return s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: all })
}

differential('push: waits for interest, stops without, goes on', async (s) => {
  await stream(s, 2)
  await push(s)
  await s.api('CONSUMER.INFO.S.c')
  const first = await s.subscribe('d')
  await s.collect(first, 2)
  await s.api('CONSUMER.INFO.S.c')
  await s.unsubscribe(first)
  await s.quietly('s.a', 'while nobody listens')
  await s.wait(200)
  await s.api('CONSUMER.INFO.S.c')
  const second = await s.subscribe('d')
  await s.collect(second, 1)
})

differential('push: max ack pending holds back', async (s) => {
  await stream(s, 6)
  const sid = await s.subscribe('d')
  await push(s, { max_ack_pending: 2 })
  const messages = await s.collect(sid, 3, 400)
  await s.ack(messages[1], '+ACK')
  await s.collect(sid, 2, 400)
  await s.api('CONSUMER.INFO.S.c')
})

differential('push: a group needs a member of the group', async (s) => {
  await stream(s, 2)
  const plain = await s.subscribe('d')
  await push(s, { deliver_group: 'g' })
  await s.collect(plain, 1, 300)
  await s.api('CONSUMER.INFO.S.c')
  const member = await s.subscribe('d', 'g')
  await s.collect(member, 2, 500)
  await s.collect(plain, 2, 300)
  await s.api('CONSUMER.INFO.S.c')
})

differential('push: redelivery after the ack wait', async (s) => {
  await stream(s, 2)
  const sid = await s.subscribe('d')
  await push(s, { ack_wait: 250e6, max_deliver: 2 })
  const messages = await s.collect(sid, 2)
  await s.ack(messages[1], '+ACK')
  await s.collect(sid, 2, 900)
  await s.api('CONSUMER.INFO.S.c')
})

differential('push: naks come at once', async (s) => {
  await stream(s, 2)
  const sid = await s.subscribe('d')
  await push(s)
  const messages = await s.collect(sid, 2)
  await s.ack(messages[0], '-NAK')
  await s.ack(messages[1], '-NAK {"delay": 200000000}')
  await s.collect(sid, 2, 900)
})

differential('push: heartbeats when there is nothing', async (s) => {
  await stream(s, 1)
  const sid = await s.subscribe('d')
  await push(s, { idle_heartbeat: 300e6 })
  await s.collect(sid, 3, 1500)
})

differential('push: flow control asks and goes on when answered', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 0; i < 60; i++) await s.quietly('s.a', 'x'.repeat(1000))
  const sid = await s.subscribe('d')
  await push(s, { ack_policy: 'none', flow_control: true, idle_heartbeat: 5e9, ack_wait: undefined })
  let messages = 0
  let requests = 0
  while (messages < 60) {
    const [frame] = await s.take(sid, 1000)
    if (frame === undefined) break
    if (frame.headers?.includes('FlowControl') === true) {
      requests++
      await s.publish(frame.reply ?? '', '')
    } else messages++
  }
  s.note('messages', messages)
  s.note('asked', requests > 0)
})

differential('push: a stalled consumer says so in its heartbeat', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 0; i < 60; i++) await s.quietly('s.a', 'x'.repeat(1000))
  const sid = await s.subscribe('d')
  await push(s, { ack_policy: 'none', flow_control: true, idle_heartbeat: 400e6, ack_wait: undefined })
  const frames = await s.take(sid, 1500, 100)
  const stalled = frames.find((frame) => frame.headers?.includes('Nats-Consumer-Stalled') === true)
  s.note('stalled', stalled?.headers?.replace(/Nats-(Last-\w+: \d+|Consumer-Stalled: \S+)/g, 'Nats-…'))
  s.note('status', stalled !== undefined)
})

differential('push: replay in original time', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await s.quietly('s.a', '1')
  await s.wait(300)
  await s.quietly('s.a', '2')
  const sid = await s.subscribe('d')
  await push(s, { replay_policy: 'original' })
  await s.collect(sid, 1, 200)
  await s.collect(sid, 1, 100)
  await s.collect(sid, 1, 500)
})

differential('push: another deliver subject by an update', async (s) => {
  await stream(s, 1)
  const first = await s.subscribe('d')
  const second = await s.subscribe('e')
  await push(s)
  await s.collect(first, 1)
  await push(s, { deliver_subject: 'e' })
  await s.quietly('s.a', 'new')
  await s.collect(second, 1, 600)
  await s.collect(first, 1, 200)
  await s.api('CONSUMER.INFO.S.c')
})

differential('push: an ephemeral goes when nobody listens', async (s) => {
  await stream(s, 1)
  const sid = await s.subscribe('d')
  await push(s, { durable_name: undefined, name: 'c', inactive_threshold: 300e6 })
  await s.collect(sid, 1)
  await s.wait(600)
  await s.api('CONSUMER.INFO.S.c')
  await s.unsubscribe(sid)
  await s.wait(1000)
  await s.api('CONSUMER.INFO.S.c')
})

differential('pull: an ephemeral goes when nobody asks', async (s) => {
  await stream(s, 1)
  await push(s, { durable_name: undefined, name: 'c', deliver_subject: undefined, inactive_threshold: 400e6 })
  await s.wait(200)
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  await s.wait(300)
  await s.api('CONSUMER.INFO.S.c')
  await s.wait(900)
  await s.api('CONSUMER.INFO.S.c')
})

differential('a durable with an inactive threshold goes too', async (s) => {
  await stream(s, 1)
  await push(s, { deliver_subject: undefined, inactive_threshold: 300e6 })
  await s.wait(3000)
  await s.api('CONSUMER.INFO.S.c')
})

differential('push: as an ordered consumer is made', async (s) => {
  await stream(s, 5)
  const sid = await s.subscribe('d')
  await push(s, {
    durable_name: undefined,
    name: 'c',
    ack_policy: 'none',
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: 5e9,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: 300e9,
    ack_wait: 22 * 3600e9,
  })
  await s.collect(sid, 6, 700)
  await s.api('CONSUMER.INFO.S.c')
})

differential('push: headers only, with a filter', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await s.quietly('s.a', 'body', 'A: b\nNats-Msg-Id: 1')
  await s.quietly('s.b', 'other')
  await s.quietly('s.a', '')
  const sid = await s.subscribe('d')
  await push(s, { headers_only: true, filter_subject: 's.a' })
  await s.collect(sid, 3, 400)
})

differential('push: a wildcard subscriber hears it, a queue subscriber without group too', async (s) => {
  await stream(s, 2)
  const sid = await s.subscribe('deliver.*')
  await push(s, { deliver_subject: 'deliver.here' })
  await s.collect(sid, 2, 500)
  await s.api('CONSUMER.DELETE.S.c')
  await s.unsubscribe(sid)
  const queue = await s.subscribe('deliver.here', 'workers')
  await push(s, { deliver_subject: 'deliver.here' })
  await s.collect(queue, 2, 500)
})
