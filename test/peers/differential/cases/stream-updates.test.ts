/** What an update may change, from a stream of each kind. */
import { differential } from '../harness.ts'

const CHANGES: Record<string, unknown>[] = [
  { subjects: ['other'] },
  { subjects: [] },
  { subjects: ['ok', 'a..b'] },
  { subjects: ['taken'] },
  { description: 'd' },
  { retention: 'limits' },
  { retention: 'interest' },
  { retention: 'workqueue' },
  { max_consumers: 5 },
  { max_msgs: 100 },
  { max_msgs: -5 },
  { max_bytes: 1000 },
  { max_age: 60e9 },
  { max_age: 1 },
  { max_msgs_per_subject: 2 },
  { max_msg_size: 10 },
  { discard: 'new' },
  { discard_new_per_subject: true },
  { storage: 'memory' },
  { num_replicas: 3 },
  { no_ack: true },
  { duplicate_window: 1e9 },
  { duplicate_window: 0 },
  { compression: 's2' },
  { first_seq: 10 },
  { allow_direct: true },
  { sealed: true },
  { deny_delete: true },
  { deny_purge: true },
  { allow_rollup_hdrs: true },
  { consumer_limits: { max_ack_pending: 5, inactive_threshold: 1e9 } },
  { metadata: { a: 'b' } },
  { name: 'T' },
]

const KINDS: Record<string, Record<string, unknown>> = {
  limits: { retention: 'limits' },
  interest: { retention: 'interest' },
  'a work queue': { retention: 'workqueue' },
  memory: { storage: 'memory' },
  'deny delete and purge': { deny_delete: true, deny_purge: true },
  'roll-ups': { allow_rollup_hdrs: true, allow_direct: true },
  'discard new': { discard: 'new', max_msgs: 10, max_msgs_per_subject: 2, discard_new_per_subject: true },
  'an age': { max_age: 3600e9 },
}

for (const [kind, config] of Object.entries(KINDS)) {
  differential(`each update of a stream with ${kind}`, async (s) => {
    await s.api('STREAM.CREATE.OTHER', { name: 'OTHER', subjects: ['taken'] })
    // A stream for each: nats-server may still be removing the files of one that was deleted a moment ago.
    for (const [i, change] of CHANGES.entries()) {
      const stream = { name: `S${i}`, subjects: [`s${i}.*`], ...config }
      await s.quietly(`$JS.API.STREAM.CREATE.S${i}`, stream)
      await s.quietly(`s${i}.a`, 'message')
      await s.api(`STREAM.UPDATE.S${i}`, { ...stream, ...change })
      await s.api(`STREAM.INFO.S${i}`)
    }
  })
}

differential('updates with consumers there', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await s.request('s.a', '1')
  for (const name of ['a', 'b']) {
    const config = {
      durable_name: name,
      ack_policy: 'explicit',
      filter_subject: `s.${name}`,
      max_ack_pending: name === 'a' ? 50 : 5,
    }
    await s.api(`CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config })
  }
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.a', 't'] })
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['t'], max_consumers: 1 })
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['t'], consumer_limits: { max_ack_pending: 5 } })
  await s.api('CONSUMER.INFO.S.a')
  await s.api('CONSUMER.INFO.S.b')
  await s.api('STREAM.INFO.S')
})

differential('creating over one that is there, in each kind of difference', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], max_msgs: 10 })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], max_msgs: 10, max_bytes: -1 })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], max_msgs: 11 })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], max_msgs: 10, description: 'x' })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], max_msgs: 10, metadata: { a: 'b' } })
  await s.api('STREAM.CREATE.s', { name: 's', subjects: ['lower'] })
})

differential('max_consumers and max_streams', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], max_consumers: 2 })
  for (const name of ['a', 'b', 'c']) {
    await s.api(`CONSUMER.CREATE.S.${name}`, {
      stream_name: 'S',
      config: { durable_name: name, ack_policy: 'explicit' },
    })
  }
  await s.api('CONSUMER.DELETE.S.a')
  await s.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { durable_name: 'c', ack_policy: 'explicit' },
  })
})

differential('consumer limits of the stream hold for new consumers', async (s) => {
  const limits = { max_ack_pending: 10, inactive_threshold: 60e9 }
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], consumer_limits: limits })
  for (const config of [
    { name: 'a', ack_policy: 'explicit' },
    { name: 'b', ack_policy: 'explicit', max_ack_pending: 5 },
    { name: 'c', ack_policy: 'explicit', max_ack_pending: 11 },
    { name: 'd', ack_policy: 'explicit', inactive_threshold: 1e9 },
    { name: 'e', ack_policy: 'explicit', inactive_threshold: 61e9 },
    { durable_name: 'f', ack_policy: 'explicit' },
    { durable_name: 'g', ack_policy: 'none' },
  ]) {
    await s.api(`CONSUMER.CREATE.S.${config.name ?? config.durable_name}`, { stream_name: 'S', config })
  }
})
