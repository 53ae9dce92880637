import { differential, type Session } from '../harness.ts'

async function filled(s: Session, messages = 5): Promise<void> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 0; i < messages; i++) await s.request(`s.${'abc'[i % 3]}`, `message ${i + 1}`)
}

function create(
  s: Session,
  config: Record<string, unknown>,
  action?: string,
): Promise<Record<string, unknown>> {
  return s.api(`CONSUMER.CREATE.S.${config.name ?? config.durable_name}`, {
    stream_name: 'S',
    config,
    ...(action === undefined ? {} : { action }),
  })
}

/** Consumer configurations that are accepted or refused. */
const CONFIGURATIONS: Record<string, Record<string, unknown>> = {
  'durable, explicit': { durable_name: 'c', ack_policy: 'explicit' },
  'durable with another name': { durable_name: 'c', name: 'd', ack_policy: 'explicit' },
  'named ephemeral': { name: 'c', ack_policy: 'explicit' },
  'ack none': { name: 'c', ack_policy: 'none' },
  'ack all': { durable_name: 'c', ack_policy: 'all' },
  'deliver last': { name: 'c', deliver_policy: 'last', ack_policy: 'explicit' },
  'deliver new': { name: 'c', deliver_policy: 'new', ack_policy: 'explicit' },
  'by start sequence': {
    name: 'c',
    deliver_policy: 'by_start_sequence',
    opt_start_seq: 3,
    ack_policy: 'explicit',
  },
  'by start sequence without one': { name: 'c', deliver_policy: 'by_start_sequence', ack_policy: 'explicit' },
  'a start sequence without the policy': { name: 'c', opt_start_seq: 3, ack_policy: 'explicit' },
  'by start time': {
    name: 'c',
    deliver_policy: 'by_start_time',
    opt_start_time: '2020-01-01T00:00:00Z',
    ack_policy: 'explicit',
  },
  'by start time without one': { name: 'c', deliver_policy: 'by_start_time', ack_policy: 'explicit' },
  'last per subject': {
    name: 'c',
    deliver_policy: 'last_per_subject',
    filter_subject: 's.*',
    ack_policy: 'explicit',
  },
  'last per subject without a filter': {
    name: 'c',
    deliver_policy: 'last_per_subject',
    ack_policy: 'explicit',
  },
  'a filter': { name: 'c', filter_subject: 's.a', ack_policy: 'explicit' },
  'a filter outside the stream': { name: 'c', filter_subject: 'x', ack_policy: 'explicit' },
  'an invalid filter': { name: 'c', filter_subject: 's..a', ack_policy: 'explicit' },
  'several filters': { name: 'c', filter_subjects: ['s.a', 's.b'], ack_policy: 'explicit' },
  'overlapping filters': { name: 'c', filter_subjects: ['s.*', 's.b'], ack_policy: 'explicit' },
  'both kinds of filter': {
    name: 'c',
    filter_subject: 's.a',
    filter_subjects: ['s.b'],
    ack_policy: 'explicit',
  },
  'an empty filter among several': { name: 'c', filter_subjects: ['s.a', ''], ack_policy: 'explicit' },
  'an unknown ack policy': { name: 'c', ack_policy: 'maybe' },
  'an unknown deliver policy': { name: 'c', deliver_policy: 'some' },
  'a negative max deliver': { name: 'c', max_deliver: -5, ack_policy: 'explicit' },
  'backoff longer than max deliver': {
    name: 'c',
    max_deliver: 1,
    backoff: [1e9, 2e9],
    ack_policy: 'explicit',
  },
  backoff: { name: 'c', max_deliver: 5, backoff: [1e9, 2e9], ack_policy: 'explicit' },
  'a negative ack wait': { name: 'c', ack_wait: -1, ack_policy: 'explicit' },
  'max waiting of a push consumer': {
    name: 'c',
    deliver_subject: 'd',
    max_waiting: 5,
    ack_policy: 'explicit',
  },
  push: { name: 'c', deliver_subject: 'd', ack_policy: 'explicit' },
  'push to a wildcard': { name: 'c', deliver_subject: 'd.*', ack_policy: 'explicit' },
  'push into the stream itself': { name: 'c', deliver_subject: 's.a', ack_policy: 'explicit' },
  'flow control without heartbeats': {
    name: 'c',
    deliver_subject: 'd',
    flow_control: true,
    ack_policy: 'explicit',
  },
  'flow control on pull': { name: 'c', flow_control: true, ack_policy: 'explicit' },
  'heartbeats on pull': { name: 'c', idle_heartbeat: 1e9, ack_policy: 'explicit' },
  'a short heartbeat': { name: 'c', deliver_subject: 'd', idle_heartbeat: 1e6, ack_policy: 'explicit' },
  'a deliver group': { name: 'c', deliver_subject: 'd', deliver_group: 'g', ack_policy: 'explicit' },
  'rate limit on pull': { name: 'c', rate_limit_bps: 1000, ack_policy: 'explicit' },
  'a name with a dot': { name: 'c.d', ack_policy: 'explicit' },
  'max batch, expires, bytes': {
    name: 'c',
    max_batch: 10,
    max_expires: 1e9,
    max_bytes: 1000,
    ack_policy: 'explicit',
  },
  'three replicas': { name: 'c', num_replicas: 3, ack_policy: 'explicit' },
  'in memory, with a threshold': {
    name: 'c',
    mem_storage: true,
    inactive_threshold: 5e9,
    ack_policy: 'none',
  },
  'headers only': { name: 'c', headers_only: true, ack_policy: 'none' },
  'a sample frequency': { name: 'c', sample_freq: '30%', ack_policy: 'explicit' },
  'a bad sample frequency': { name: 'c', sample_freq: 'often', ack_policy: 'explicit' },
  metadata: { name: 'c', metadata: { a: 'b' }, description: 'x', ack_policy: 'explicit' },
}

for (const [name, config] of Object.entries(CONFIGURATIONS)) {
  differential(`consumer configuration: ${name}`, async (s) => {
    await filled(s)
    await create(s, config)
    await s.api('CONSUMER.INFO.S.c')
  })
}

differential('consumer requests that are wrong', async (s) => {
  await s.api('CONSUMER.CREATE.NONE.c', { stream_name: 'NONE', config: { name: 'c' } })
  await filled(s)
  await s.api('CONSUMER.CREATE.S.c', '{')
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'T', config: { name: 'c' } })
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { name: 'd' } })
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { name: 'c', foo: 1 } })
  await s.api('CONSUMER.CREATE.S.c.s.a', { stream_name: 'S', config: { name: 'c', filter_subject: 's.b' } })
  await s.api('CONSUMER.DURABLE.CREATE.S.c', { stream_name: 'S', config: { ack_policy: 'explicit' } })
  await s.api('CONSUMER.INFO.S.none')
  await s.api('CONSUMER.DELETE.S.none')
  await s.api('CONSUMER.NAMES.S')
  await s.api('CONSUMER.LIST.S')
  await s.api('CONSUMER.NAMES.NONE')
})

differential('consumers: create, update, list, delete', async (s) => {
  await filled(s)
  await create(s, { durable_name: 'c', ack_policy: 'explicit' }, 'update')
  await create(s, { durable_name: 'c', ack_policy: 'explicit' }, 'create')
  await create(s, { durable_name: 'c', ack_policy: 'explicit' }, 'create')
  await create(s, { durable_name: 'c', ack_policy: 'explicit', max_deliver: 7 }, 'create')
  await create(s, { durable_name: 'c', ack_policy: 'explicit', max_deliver: 7, description: 'd' }, 'update')
  await create(s, { durable_name: 'c', ack_policy: 'none' }, 'update')
  await create(s, { durable_name: 'c', ack_policy: 'explicit', deliver_policy: 'new' })
  await create(s, { durable_name: 'b', ack_policy: 'explicit' })
  await s.api('CONSUMER.NAMES.S')
  await s.api('CONSUMER.LIST.S')
  await s.api('CONSUMER.LIST.S', { offset: 1 })
  await s.api('CONSUMER.DELETE.S.c')
  await s.api('CONSUMER.NAMES.S')
})

differential('an ephemeral gets a name', async (s) => {
  await filled(s)
  await s.api('CONSUMER.CREATE.S', { stream_name: 'S', config: { ack_policy: 'explicit' } })
  await s.api('CONSUMER.CREATE.S', {
    stream_name: 'S',
    config: { durable_name: 'c', ack_policy: 'explicit' },
  })
})

for (const policy of ['all', 'last', 'new', 'last_per_subject'] as const) {
  differential(`pulling from a consumer that delivers ${policy}`, async (s) => {
    await filled(s, 7)
    await create(s, {
      durable_name: 'c',
      ack_policy: 'explicit',
      deliver_policy: policy,
      filter_subject: 's.*',
    })
    await s.request('s.a', 'after')
    await s.pull('S', 'c', { batch: 20, no_wait: true }, 20, 500)
    await s.api('CONSUMER.INFO.S.c')
  })
}

differential('acknowledging: each kind', async (s) => {
  await filled(s, 8)
  await create(s, { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9 })
  const messages = await s.pull('S', 'c', { batch: 8, no_wait: true }, 8)
  await s.ack(messages[0], '+ACK', true)
  await s.ack(messages[1], '', true)
  await s.api('CONSUMER.INFO.S.c')
  await s.ack(messages[4], '+TERM no use', true)
  await s.ack(messages[3], '+WPI', true)
  await s.api('CONSUMER.INFO.S.c')
  await s.ack(messages[2], '-NAK', true)
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  await s.ack(messages[5], '-NAK {"delay": 300000000}', true)
  await s.pull('S', 'c', { batch: 1, expires: 1e9 }, 1)
  await s.ack(messages[0], '+ACK', true)
  await s.api('CONSUMER.INFO.S.c')
})

differential('ack all', async (s) => {
  await filled(s, 6)
  await create(s, { durable_name: 'c', ack_policy: 'all' })
  const messages = await s.pull('S', 'c', { batch: 6, no_wait: true }, 6)
  await s.ack(messages[3], '+ACK', true)
  await s.api('CONSUMER.INFO.S.c')
})

differential('+NXT brings the next', async (s) => {
  await filled(s, 3)
  await create(s, { durable_name: 'c', ack_policy: 'explicit' })
  const [message] = await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  await s.ack(message, '+NXT', true)
  await s.api('CONSUMER.INFO.S.c')
})

differential('ack wait, max deliver and redelivery', async (s) => {
  await filled(s, 2)
  await create(s, { durable_name: 'c', ack_policy: 'explicit', ack_wait: 300e6, max_deliver: 2 })
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.pull('S', 'c', { batch: 2, expires: 1e9 }, 2)
  await s.pull('S', 'c', { batch: 2, expires: 700e6 }, 1, 1200)
  await s.api('CONSUMER.INFO.S.c')
})

differential('max ack pending', async (s) => {
  await filled(s, 5)
  await create(s, { durable_name: 'c', ack_policy: 'explicit', max_ack_pending: 2 })
  const messages = await s.pull('S', 'c', { batch: 5, expires: 300e6 }, 3, 800)
  await s.ack(messages[0], '+ACK', true)
  await s.pull('S', 'c', { batch: 5, expires: 300e6 }, 2, 800)
  await s.api('CONSUMER.INFO.S.c')
})

differential('pull statuses', async (s) => {
  await filled(s, 2)
  await create(s, {
    durable_name: 'c',
    ack_policy: 'explicit',
    max_batch: 10,
    max_expires: 5e9,
    max_bytes: 1000,
    max_waiting: 1,
  })
  await s.pull('S', 'c', { batch: 5, no_wait: true }, 4, 400)
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  await s.pull('S', 'c', { batch: 1, expires: 200e6 }, 1)
  await s.pull('S', 'c', { batch: 1, expires: 900e6, idle_heartbeat: 300e6 }, 3)
  await s.pull('S', 'c', { batch: 1, expires: 300e6, idle_heartbeat: 300e6 }, 1)
  await s.pull('S', 'c', { batch: 11, expires: 1e9 }, 1)
  await s.pull('S', 'c', { batch: 1, expires: 50e9 }, 1)
  await s.pull('S', 'c', { batch: 1, max_bytes: 2000, expires: 1e9 }, 1)
  await s.pull('S', 'c', { batch: -1 }, 1, 300)
  await s.pull('S', 'c', '{', 1, 300)
  await s.pull('S', 'c', { batch: 1, no_wait: true, max_bytes: 5 }, 1, 400)
})

differential('max bytes of a request', async (s) => {
  await filled(s, 5)
  await create(s, { durable_name: 'c', ack_policy: 'explicit' })
  await s.pull('S', 'c', { batch: 5, max_bytes: 130, expires: 300e6 }, 5, 600)
  await s.pull('S', 'c', { batch: 5, max_bytes: 10, expires: 300e6 }, 2, 600)
})

differential('a pull request waits for messages', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await create(s, { durable_name: 'c', ack_policy: 'explicit' })
  const waiting = s.pull('S', 'c', { batch: 2, expires: 1500e6 }, 3, 2000)
  await s.wait(200)
  await s.publish('s.a', 'hello')
  await waiting
  await s.api('CONSUMER.INFO.S.c')
})

differential('a deleted consumer tells who waits', async (s) => {
  await filled(s, 0)
  await create(s, { durable_name: 'c', ack_policy: 'explicit' })
  const waiting = s.pull('S', 'c', { batch: 2, expires: 3e9 }, 1, 2000)
  await s.wait(200)
  await s.publish('$JS.API.CONSUMER.DELETE.S.c')
  await waiting
})

differential('pulling from a push consumer, and from none', async (s) => {
  await filled(s, 1)
  await create(s, { durable_name: 'c', ack_policy: 'explicit', deliver_subject: 'd' })
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1, 500)
  await s.pull('S', 'none', { batch: 1, no_wait: true }, 1, 500)
})

differential('push: everything there, and what comes', async (s) => {
  await filled(s, 4)
  const sid = await s.subscribe('d')
  await create(s, { durable_name: 'c', ack_policy: 'none', deliver_subject: 'd', filter_subject: 's.a' })
  await s.collect(sid, 2)
  await s.request('s.a', 'news')
  await s.collect(sid, 1)
  await s.api('CONSUMER.INFO.S.c')
})

differential('push with heartbeats and flow control', async (s) => {
  await filled(s, 3)
  const sid = await s.subscribe('d')
  await create(s, {
    name: 'c',
    ack_policy: 'none',
    deliver_subject: 'd',
    flow_control: true,
    idle_heartbeat: 500e6,
    mem_storage: true,
  })
  await s.collect(sid, 4, 1500)
})

differential('headers only', async (s) => {
  await filled(s, 1)
  await s.request('s.a', 'payload', 'A: b')
  await create(s, { durable_name: 'c', ack_policy: 'none', headers_only: true })
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
})

differential('filters count what is pending', async (s) => {
  await filled(s, 9)
  await create(s, { durable_name: 'c', ack_policy: 'explicit', filter_subjects: ['s.a', 's.c'] })
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.api('STREAM.MSG.DELETE.S', { seq: 7 })
  await s.api('CONSUMER.INFO.S.c')
  await s.api('STREAM.PURGE.S', { filter: 's.c' })
  await s.api('CONSUMER.INFO.S.c')
  await s.pull('S', 'c', { batch: 9, no_wait: true }, 3, 400)
})

differential('pausing a consumer', async (s) => {
  await filled(s, 1)
  await create(s, { durable_name: 'c', ack_policy: 'explicit' })
  await s.api('CONSUMER.PAUSE.S.c', { pause_until: '2100-01-01T00:00:00Z' })
  await s.pull('S', 'c', { batch: 1, expires: 300e6 }, 1, 600)
  await s.api('CONSUMER.PAUSE.S.c', '')
  await s.pull('S', 'c', { batch: 1, expires: 300e6 }, 1, 600)
})
