/** Each advisory and metric of JetStream that one node tells, by the actions that make it. */
import { differential, type Session, serversWith } from '../harness.ts'

// No other case of this file is served while one listens: what is told is told to all.
serversWith({ flags: ['-js'] })

const LISTENED = ['$JS.EVENT.ADVISORY.STREAM.>', '$JS.EVENT.ADVISORY.CONSUMER.>', '$JS.EVENT.METRIC.>']

async function listen(s: Session): Promise<void> {
  for (const subject of LISTENED) await s.subscribe(subject)
}

differential('streams and consumers made, changed, removed', async (s) => {
  await listen(s)
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await s.settle('made')
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.>'], description: 'x' })
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.>'], description: 'x' })
  await s.settle('changed')
  const config = { durable_name: 'C', ack_policy: 'explicit' }
  await s.api('CONSUMER.CREATE.S.C', { stream_name: 'S', config })
  await s.api('CONSUMER.CREATE.S.C', { stream_name: 'S', config })
  await s.settle('consumer')
  await s.api('CONSUMER.CREATE.S.C', { stream_name: 'S', config: { ...config, description: 'x' } })
  await s.settle('consumer changed')
  await s.api('CONSUMER.DELETE.S.C')
  await s.settle('consumer removed')
  await s.api('CONSUMER.CREATE.S.D', { stream_name: 'S', config: { ...config, durable_name: 'D' } })
  await s.api('STREAM.PURGE.S')
  await s.api('STREAM.DELETE.S')
  await s.settle('removed')
})

differential('consumers that go by themselves', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await listen(s)
  const config = { name: 'E', ack_policy: 'explicit', inactive_threshold: 100_000_000 }
  await s.api('CONSUMER.CREATE.S.E', { stream_name: 'S', config })
  await s.wait(1500)
  await s.settle('inactive')
})

differential('messages naked, terminated, delivered too often, acknowledged', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await listen(s)
  const config = {
    durable_name: 'C',
    ack_policy: 'explicit',
    ack_wait: 200_000_000,
    max_deliver: 2,
    sample_freq: '100',
  }
  await s.api('CONSUMER.CREATE.S.C', { stream_name: 'S', config })
  for (let i = 0; i < 4; i++) await s.request('s.a', `${i}`)
  const messages = await s.pull('S', 'C', { batch: 4 }, 4)
  await s.ack(messages[0], '-NAK', true)
  await s.ack(messages[1], '+TERM', true)
  await s.ack(messages[2], '+TERM because of this', true)
  await s.ack(messages[3], '+ACK', true)
  await s.settle('acks', true)
  const again = await s.pull('S', 'C', { batch: 1 }, 1)
  await s.ack(again[0], '-NAK {"delay": 50000000}', true)
  await s.wait(300)
  await s.pull('S', 'C', { batch: 1, no_wait: true }, 1)
  await s.settle('delivered too often', true)
})

differential('a consumer paused, and going on', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await listen(s)
  await s.api('CONSUMER.CREATE.S.C', {
    stream_name: 'S',
    config: { durable_name: 'C', ack_policy: 'explicit' },
  })
  const later = new Date(Date.now() + 3_600_000).toISOString()
  await s.api('CONSUMER.PAUSE.S.C', { pause_until: later }, '', () => 'paused')
  await s.settle('paused')
  await s.api('CONSUMER.PAUSE.S.C', {})
  await s.settle('resumed')
  const soon = new Date(Date.now() + 300).toISOString()
  await s.api('CONSUMER.PAUSE.S.C', { pause_until: soon }, '', () => 'paused')
  await s.wait(700)
  await s.settle('paused and over')
})

differential('pinned clients', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await listen(s)
  const config = {
    durable_name: 'C',
    ack_policy: 'explicit',
    priority_groups: ['g'],
    priority_policy: 'pinned_client',
    priority_timeout: 300_000_000,
  }
  await s.api('CONSUMER.CREATE.S.C', { stream_name: 'S', config })
  await s.request('s.a', 'x')
  await s.pull('S', 'C', { batch: 1, group: 'g' }, 1)
  await s.settle('pinned')
  await s.api('CONSUMER.UNPIN.S.C', { group: 'g' })
  await s.settle('unpinned')
  await s.request('s.a', 'y')
  await s.pull('S', 'C', { batch: 1, group: 'g' }, 1)
  await s.wait(600)
  await s.settle('pinned too long')
})

differential('an atomic batch given up', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], allow_atomic: true })
  await listen(s)
  await s.request('s.a', 'x', 'Nats-Batch-Id: b\nNats-Batch-Sequence: 1')
  await s.request('s.a', 'y', 'Nats-Batch-Id: b\nNats-Batch-Sequence: 3\nNats-Batch-Commit: 1')
  await s.settle('a gap')
  await s.request('s.a', 'x', 'Nats-Batch-Id: c\nNats-Batch-Sequence: 1')
  await s.api('STREAM.DELETE.S')
  await s.settle('the stream is removed')
})

differential('backup and restore', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await s.request('s.a', 'hello')
  await s.api('CONSUMER.CREATE.S.C', {
    stream_name: 'S',
    config: { durable_name: 'C', ack_policy: 'explicit' },
  })
  await listen(s)
  const folder = `${s.server.directory}/backup`
  await s.natsInAnyOrder('backup stream S', folder, '--no-progress')
  await s.settle('backup')
  await s.api('STREAM.DELETE.S')
  // What it says on either of its outputs is not in one order.
  await s.natsInAnyOrder('backup restore stream', folder, '--no-progress')
  await s.settle('restored')
})

differential('who asked what: the audit of the API', async (s) => {
  await s.subscribe('$JS.EVENT.ADVISORY.API.>')
  await s.subscribe('$JS.EVENT.ADVISORY.API')
  await s.api('INFO', '', '', () => 'asked')
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'] })
  await s.api('STREAM.CREATE.bad name', { name: 'x' })
  await s.api('STREAM.INFO.NONE')
  await s.api('STREAM.INFO.S')
  await s.api('STREAM.LIST')
  await s.api('STREAM.NAMES')
  await s.api('STREAM.UPDATE.S', '{bad')
  await s.api('CONSUMER.CREATE.S.C', {
    stream_name: 'S',
    config: { durable_name: 'C', ack_policy: 'explicit' },
  })
  await s.api('CONSUMER.INFO.S.C')
  await s.api('CONSUMER.PAUSE.S.C', {})
  await s.request('s.a', 'x')
  await s.api('STREAM.MSG.GET.S', { seq: 1 })
  await s.request('$JS.API.DIRECT.GET.S', { seq: 1 })
  await s.pull('S', 'C', { batch: 1 }, 1)
  await s.api('CONSUMER.DELETE.S.C')
  await s.api('STREAM.PURGE.S')
  await s.api('STREAM.DELETE.S')
  await s.api('NOTHING')
  await s.settle('audit')
})
