import { differential } from '../harness.ts'

differential('publishing with message ids', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  await s.request('s', 'a', 'Nats-Msg-Id: 1')
  await s.request('s', 'a', 'Nats-Msg-Id: 1')
  await s.request('s', 'b', 'Nats-Msg-Id: 2')
  await s.request('s', 'c', 'Nats-Expected-Last-Msg-Id: 2')
  await s.request('s', 'd', 'Nats-Expected-Last-Msg-Id: 2')
  await s.api('STREAM.INFO.S')
})

differential('expectations', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await s.request('s.a', '1', 'Nats-Expected-Stream: S')
  await s.request('s.a', '2', 'Nats-Expected-Stream: T')
  await s.request('s.a', '3', 'Nats-Expected-Last-Sequence: 1')
  await s.request('s.a', '4', 'Nats-Expected-Last-Sequence: 7')
  await s.request('s.b', '5', 'Nats-Expected-Last-Subject-Sequence: 0')
  await s.request('s.b', '6', 'Nats-Expected-Last-Subject-Sequence: 0')
  await s.request('s.b', '7', 'Nats-Expected-Last-Subject-Sequence: 3')
  await s.request(
    's.c',
    '8',
    'Nats-Expected-Last-Subject-Sequence: 4\nNats-Expected-Last-Subject-Sequence-Subject: s.b',
  )
  await s.request('s.c', '9', 'Nats-Expected-Last-Subject-Sequence: x')
  await s.request('s.c', '9', 'Nats-Expected-Last-Sequence: x')
  await s.api('STREAM.INFO.S')
})

differential('limits: the oldest go', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], max_msgs: 3, max_msgs_per_subject: 2 })
  for (let i = 0; i < 5; i++) await s.request('s.a', `${i}`)
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  await s.request('s.b', 'x')
  await s.request('s.c', 'x')
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
})

differential('limits: the new are refused', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    max_msgs: 3,
    max_msgs_per_subject: 2,
    discard: 'new',
    discard_new_per_subject: true,
  })
  for (const subject of ['a', 'a', 'a', 'b', 'b']) await s.request(`s.${subject}`, 'x')
  await s.api('STREAM.INFO.S')
})

differential('limits in bytes, and of a message', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_bytes: 200, max_msg_size: 100 })
  await s.request('s', 'x'.repeat(101))
  for (let i = 0; i < 4; i++) await s.request('s', 'x'.repeat(60))
  await s.api('STREAM.INFO.S')
  await s.api('STREAM.CREATE.N', { name: 'N', subjects: ['n'], max_bytes: 200, discard: 'new' })
  for (let i = 0; i < 4; i++) await s.request('n', 'x'.repeat(60))
  await s.api('STREAM.INFO.N')
})

differential('memory counts bytes in its own way', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], storage: 'memory' })
  await s.request('s', 'hello')
  await s.request('s', 'hello', 'A: b')
  await s.api('STREAM.INFO.S')
})

differential('roll-ups', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_rollup_hdrs: true })
  for (const subject of ['a', 'b', 'a', 'b']) await s.request(`s.${subject}`, 'x')
  await s.request('s.a', 'only', 'Nats-Rollup: sub')
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  await s.request('s.b', 'all', 'Nats-Rollup: all')
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  await s.request('s.b', 'all', 'Nats-Rollup: some')
  await s.api('STREAM.CREATE.T', { name: 'T', subjects: ['t'] })
  await s.request('t', 'x', 'Nats-Rollup: sub')
})

differential('a sealed stream', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  await s.request('s', 'x')
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'], sealed: true })
  await s.request('s', 'y')
  await s.api('STREAM.MSG.DELETE.S', { seq: 1 })
  await s.api('STREAM.PURGE.S')
})

differential('no acks', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], no_ack: true })
  const sid = await s.subscribe('r')
  await s.publish('s', 'x', '', 'r')
  await s.collect(sid, 1, 300)
  await s.api('STREAM.INFO.S')
})

differential('messages grow old', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_age: 300e6, duplicate_window: 100e6 })
  await s.request('s', 'x')
  await s.wait(900)
  await s.api('STREAM.INFO.S')
})

differential('interest retention without and with a consumer', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'interest' })
  await s.request('s.a', 'nobody')
  await s.api('STREAM.INFO.S')
  await s.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { name: 'c', durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.a' },
  })
  await s.request('s.a', 'wanted')
  await s.request('s.b', 'not wanted')
  await s.api('STREAM.INFO.S')
  const [message] = await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  await s.ack(message, '+ACK', true)
  await s.api('STREAM.INFO.S')
})

differential('a work queue', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'workqueue' })
  for (const subject of ['a', 'b', 'a']) await s.request(`s.${subject}`, 'x')
  await s.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { name: 'c', durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.a' },
  })
  await s.api('CONSUMER.CREATE.S.d', {
    stream_name: 'S',
    config: { name: 'd', durable_name: 'd', ack_policy: 'explicit', filter_subject: 's.a' },
  })
  await s.api('CONSUMER.CREATE.S.e', {
    stream_name: 'S',
    config: { name: 'e', durable_name: 'e', ack_policy: 'none', filter_subject: 's.b' },
  })
  await s.api('CONSUMER.CREATE.S.f', {
    stream_name: 'S',
    config: {
      name: 'f',
      durable_name: 'f',
      ack_policy: 'explicit',
      deliver_policy: 'new',
      filter_subject: 's.b',
    },
  })
  const messages = await s.pull('S', 'c', { batch: 5, no_wait: true }, 3)
  await s.ack(messages[1], '+ACK', true)
  await s.api('STREAM.INFO.S')
  await s.ack(messages[0], '+ACK', true)
  await s.api('STREAM.INFO.S')
  await s.api('CONSUMER.INFO.S.c')
})
