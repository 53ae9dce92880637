/** Consumers made again, and updated: what may change. */
import { type Delivery, differential } from '../harness.ts'

const CHANGES: Record<string, unknown>[] = [
  {},
  { description: 'd' },
  { deliver_policy: 'new' },
  { deliver_policy: 'by_start_sequence', opt_start_seq: 1 },
  { ack_policy: 'all' },
  { ack_policy: 'none' },
  { ack_wait: 5e9 },
  { max_deliver: 3 },
  { backoff: [1e9] },
  { max_deliver: 3, backoff: [1e9, 2e9] },
  { filter_subject: 's.a' },
  { filter_subjects: ['s.a', 's.b'] },
  { filter_subject: 'other' },
  { replay_policy: 'original' },
  { rate_limit_bps: 1000 },
  { sample_freq: '50%' },
  { max_waiting: 10 },
  { max_ack_pending: 10 },
  { max_ack_pending: -1 },
  { flow_control: true, idle_heartbeat: 1e9 },
  { headers_only: true },
  { max_batch: 5 },
  { max_expires: 1e9 },
  { max_bytes: 100 },
  { deliver_subject: 'd' },
  { deliver_subject: 'e' },
  { deliver_group: 'g' },
  { inactive_threshold: 60e9 },
  { num_replicas: 1 },
  { num_replicas: 3 },
  { mem_storage: true },
  { metadata: { a: 'b' } },
  { pause_until: '2100-01-01T00:00:00Z' },
]

const KINDS: Record<string, Record<string, unknown>> = {
  pull: { ack_policy: 'explicit' },
  push: { ack_policy: 'explicit', deliver_subject: 'd' },
  'ack none': { ack_policy: 'none' },
}

for (const [kind, config] of Object.entries(KINDS)) {
  for (const action of ['update', 'create', '']) {
    differential(`each change of a durable, ${kind}, with the action ${action || 'not given'}`, async (s) => {
      await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
      for (let i = 0; i < 3; i++) await s.quietly(`s.${'ab'[i % 2]}`, 'x')
      for (const [i, change] of CHANGES.entries()) {
        const durable_name = `c${i}`
        const first = { stream_name: 'S', config: { durable_name, ...config } }
        await s.quietly(`$JS.API.CONSUMER.CREATE.S.${durable_name}`, first)
        const changed = { stream_name: 'S', config: { durable_name, ...config, ...change }, action }
        await s.api(`CONSUMER.CREATE.S.${durable_name}`, changed)
        await s.api(`CONSUMER.INFO.S.${durable_name}`)
      }
    })
  }
}

differential('requests in each form of the subject', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  const ask = (subject: string, config: Record<string, unknown>) =>
    s.api(subject, { stream_name: 'S', config })
  await ask('CONSUMER.CREATE.S.a', { name: 'a', ack_policy: 'explicit' })
  await ask('CONSUMER.CREATE.S.b', { ack_policy: 'explicit' })
  await ask('CONSUMER.CREATE.S.c.s.a', { name: 'c', ack_policy: 'explicit', filter_subject: 's.a' })
  await ask('CONSUMER.CREATE.S.d.s.a', { name: 'd', ack_policy: 'explicit' })
  await ask('CONSUMER.CREATE.S.e.s.*', { name: 'e', ack_policy: 'explicit', filter_subject: 's.*' })
  await ask('CONSUMER.CREATE.S.f.s.a', { name: 'f', ack_policy: 'explicit', filter_subjects: ['s.a'] })
  await ask('CONSUMER.DURABLE.CREATE.S.g', { durable_name: 'g', ack_policy: 'explicit' })
  await ask('CONSUMER.DURABLE.CREATE.S.h', { durable_name: 'x', ack_policy: 'explicit' })
  await ask('CONSUMER.DURABLE.CREATE.S.i', { name: 'i', ack_policy: 'explicit' })
  await ask('CONSUMER.CREATE.S.j', { name: 'j', durable_name: 'j', ack_policy: 'explicit' })
  await ask('CONSUMER.CREATE.S.k', { name: 'k', durable_name: 'l', ack_policy: 'explicit' })
  await ask('CONSUMER.CREATE.S', { name: 'm', ack_policy: 'explicit' })
  await ask('CONSUMER.CREATE.S', { ack_policy: 'explicit', durable_name: 'n' })
  await s.api('CONSUMER.CREATE.S.o', { config: { name: 'o' } })
  await s.api('CONSUMER.CREATE.S.p', { stream_name: 'S' })
  await s.api('CONSUMER.CREATE.S.q', { stream_name: 'S', config: {} })
  await s.api('CONSUMER.CREATE.S.r', { stream_name: 'S', config: { name: 'r' }, action: 'destroy' })
  await s.api('CONSUMER.CREATE.S.t', { stream_name: 'S', config: { name: 't' }, pedantic: true })
  await s.api('CONSUMER.NAMES.S')
})

differential('consumer names that are not allowed', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (const name of [
    'a b',
    'a*',
    'a>',
    'a/b',
    'a\\b',
    'ü',
    'a'.repeat(256),
    '',
    'a\u0001',
    '..',
    'a.b',
    '$a',
    '@',
  ]) {
    await s.api('CONSUMER.CREATE.S', { stream_name: 'S', config: { name, ack_policy: 'explicit' } })
    await s.api('CONSUMER.CREATE.S', {
      stream_name: 'S',
      config: { durable_name: name, ack_policy: 'explicit' },
    })
    if (!/[ .]|^$/.test(name)) {
      await s.api(`CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config: { name, ack_policy: 'explicit' } })
    }
  }
})

differential('pausing: moments of every kind, and what the info says', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await s.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { durable_name: 'c', ack_policy: 'explicit' },
  })
  for (const body of [
    { pause_until: '2100-01-01T00:00:00Z' },
    { pause_until: '2000-01-01T00:00:00Z' },
    { pause_until: '0001-01-01T00:00:00Z' },
    { pause_until: 'tomorrow' },
    { pause_until: '' },
    { pause_until: null },
    {},
  ]) {
    await s.api('CONSUMER.PAUSE.S.c', body)
    await s.api('CONSUMER.INFO.S.c')
  }
  await s.api('CONSUMER.PAUSE.S.none', { pause_until: '2100-01-01T00:00:00Z' })
  const config = { durable_name: 'p', ack_policy: 'explicit', pause_until: '2100-01-01T00:00:00Z' }
  await s.api('CONSUMER.CREATE.S.p', { stream_name: 'S', config })
  await s.api('CONSUMER.LIST.S')
})

differential('a pause that is over already wakes nobody, and is told once', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  const told = await s.subscribe('$JS.EVENT.ADVISORY.CONSUMER.PAUSE.>')
  const listener = await s.subscribe('d')
  const config = { durable_name: 'c', ack_policy: 'explicit', deliver_subject: 'd', filter_subject: 's.c' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
  for (const subject of ['s.b', 's.a']) await s.quietly(subject, 'x')
  await s.api('CONSUMER.PAUSE.S.c', { pause_until: '2020-01-01T00:00:00Z' })
  for (const subject of ['s.b', 's.a']) await s.quietly(subject, 'x')
  s.note('advisories', (await s.take(told, 500, 9)).length)
  const other = { ...config, filter_subject: 's.b', pause_until: '2020-01-01T00:00:00Z' }
  const request = { stream_name: 'S', config: other, action: 'update' }
  // What has passed by without a look at it counts. Nobody listens: here whoever does is served at once.
  await s.unsubscribe(listener)
  await s.api('CONSUMER.CREATE.S.c', request, '', ({ num_pending }) => num_pending)
  s.note('advisories', (await s.take(told, 500, 9)).length)
})

differential('who does not want to wait, in a pause: told with what wakes the consumer', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  const config = { durable_name: 'c', ack_policy: 'explicit', max_ack_pending: 3, filter_subject: 's.a' }
  const update = (change: object) =>
    s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { ...config, ...change }, action: 'update' })
  const acts: [string, (message: Delivery) => Promise<unknown>][] = [
    ['+WPI', (message) => s.ack(message, '+WPI', true)],
    ['-NAK later', (message) => s.ack(message, '-NAK {"delay": 60000000000}', true)],
    ['-NAK', (message) => s.ack(message, '-NAK', true)],
    ['+ACK', (message) => s.ack(message, '+ACK', true)],
    ['+TERM', (message) => s.ack(message, '+TERM', true)],
    ['another subject', () => s.quietly('s.b', 'x')],
    ['a message', () => s.quietly('s.a', 'x')],
    ['max_ack_pending', () => update({ max_ack_pending: 5, pause_until: '2100-01-01T00:00:00Z' })],
    ['a description', () => update({ description: 'other', pause_until: '2100-01-01T00:00:00Z' })],
  ]
  for (const [what, act] of acts) {
    await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
    for (let i = 0; i < 5; i++) await s.quietly('s.a', `${i}`)
    const messages = await s.pull('S', 'c', { batch: 3, no_wait: true }, 3)
    const inbox = await s.subscribe('in')
    await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', { batch: 2, no_wait: true }, '', 'in')
    await s.settle('held up')
    await s.api('CONSUMER.PAUSE.S.c', { pause_until: '2100-01-01T00:00:00Z' })
    await s.settle('paused')
    await act(messages[1])
    await s.settle(what)
    await act(messages[2])
    await s.settle(`${what} once more`)
    await s.unsubscribe(inbox)
    await s.api('CONSUMER.DELETE.S.c')
    await s.api('STREAM.PURGE.S')
  }
})

differential('resetting a consumer', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 0; i < 5; i++) await s.quietly('s.a', `${i}`)
  await s.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { durable_name: 'c', ack_policy: 'explicit' },
  })
  const messages = await s.pull('S', 'c', { batch: 4, no_wait: true }, 4)
  for (const message of messages.slice(0, 3)) await s.ack(message, '+ACK', true)
  for (const body of ['', {}, { seq: 2 }, { seq: 100 }, { seq: -1 }, { seq: 'x' }, '{']) {
    await s.api('CONSUMER.RESET.S.c', body)
    await s.api('CONSUMER.INFO.S.c')
  }
  await s.pull('S', 'c', { batch: 9, no_wait: true }, 6, 300)
  await s.api('CONSUMER.RESET.S.none')
  await s.api('CONSUMER.UNPIN.S.c', { group: 'g' })
})

differential('many consumers: pages of names and lists', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 0; i < 300; i++) {
    const config = { durable_name: `c${String(i).padStart(3, '0')}`, ack_policy: 'explicit' }
    await s.quietly(`$JS.API.CONSUMER.CREATE.S.${config.durable_name}`, { stream_name: 'S', config })
  }
  for (const offset of [0, 100, 256, 299, 300, 1000]) {
    await s.api('CONSUMER.NAMES.S', { offset })
    await s.api('CONSUMER.LIST.S', { offset })
  }
})

differential('other filters: what passed by before is delivered', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  const config = { durable_name: 'c', ack_policy: 'explicit', deliver_subject: 'd', filter_subject: 's.b' }
  const update = (filter_subject: string) =>
    s.api('CONSUMER.CREATE.S.c', {
      stream_name: 'S',
      config: { ...config, filter_subject },
      action: 'update',
    })
  const sid = await s.subscribe('d')
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
  for (const subject of ['s.a', 's.a']) await s.quietly(subject, 'x')
  await s.settle('of the first filter')
  // Who begins to listen wakes nats-server's consumer, the update does not.
  await s.unsubscribe(sid)
  await update('s.a')
  await s.subscribe('d')
  await s.settle('of the second filter')
  for (const subject of ['s.b', 's.a']) await s.quietly(subject, 'x')
  await s.settle('of the second filter')
})

differential(
  'other filters after a request that was too small: what was looked at stays behind',
  async (s) => {
    await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
    for (const subject of ['s.a', 's.b', 's.a']) await s.quietly(subject, 'x')
    const config = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.b' }
    await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
    await s.pull('S', 'c', { batch: 1, max_bytes: 10, expires: 300e6 }, 1)
    const other = { ...config, filter_subject: 's.a' }
    await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: other, action: 'update' })
    await s.pull('S', 'c', { batch: 3, no_wait: true }, 2)
  },
)

differential('another deliver subject: what is pending is delivered there again', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  const config = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9, deliver_subject: 'd' }
  const sid = await s.subscribe('d')
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
  for (let i = 0; i < 2; i++) await s.quietly('s.a', 'x')
  await s.settle('at the first')
  await s.unsubscribe(sid)
  const other = { ...config, deliver_subject: 'e' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: other, action: 'update' })
  await s.subscribe('e')
  await s.settle('at the other')
  await s.api('CONSUMER.INFO.S.c')
})

differential('another ack wait, and nothing pending: what passes by is not looked at', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (const subject of ['s.a', 's.b']) await s.quietly(subject, 'x')
  const sid = await s.subscribe('d')
  const config = {
    durable_name: 'c',
    ack_policy: 'explicit',
    deliver_subject: 'd',
    filter_subject: 'elsewhere',
  }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { ...config, ack_wait: 60e9 } })
  await s.wait(50)
  await s.quietly('s.b', 'x')
  const patient = { ...config, ack_wait: 120e9 }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: patient, action: 'update' })
  await s.quietly('s.a', 'x')
  await s.wait(300)
  // Who begins to listen wakes nats-server's consumer, the update does not.
  await s.unsubscribe(sid)
  await s.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { ...patient, filter_subject: 's.*' },
    action: 'update',
  })
  await s.subscribe('d')
  await s.settle('of the other filter')
})

differential('a nak with a delay, and work in progress: what passes by is not looked at', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  const sid = await s.subscribe('d')
  const config = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9, deliver_subject: 'd' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { ...config, filter_subject: 's.a' } })
  for (let i = 0; i < 3; i++) await s.quietly('s.a', 'x')
  const [first, second, third] = await s.settle('of the first filter')
  await s.quietly('s.b', 'x')
  await s.ack(first, '-NAK {"delay": 60000000000}', true)
  await s.ack(second, '+WPI', true)
  await s.ack(third, '+ACK', true)
  // The look at what is pending that follows a nak finds nothing.
  await s.wait(100)
  await s.unsubscribe(sid)
  const other = { ...config, filter_subject: 's.b' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: other, action: 'update' })
})
