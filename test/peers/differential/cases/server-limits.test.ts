/** What a server allows its streams and consumers by `jetstream { limits { … } }`. */
import { differential, type Session, serversWith } from '../harness.ts'

serversWith({
  flags: [],
  config: `jetstream {
    limits {
      default_max_consumers: 3
      max_ack_pending: 10
      max_request_batch: 50
      duplicate_window: "30s"
      batch { max_inflight_per_stream: 1, max_msgs: 3 }
    }
  }`,
})

function consume(
  s: Session,
  name: string,
  config: Record<string, unknown> = {},
  pedantic = false,
): Promise<unknown> {
  return s.api(`CONSUMER.CREATE.S.${name}`, {
    stream_name: 'S',
    pedantic,
    config: { name, durable_name: name, ack_policy: 'explicit', ...config },
  })
}

for (const most of [undefined, -1, 2, 5]) {
  differential(`consumers of a stream with max_consumers ${most}`, async (s) => {
    await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_consumers: most })
    for (let i = 0; i < 6; i++) await consume(s, `c${i}`)
    await consume(s, 'c0', { description: 'changed' })
  })
}

const CONSUMERS: Record<string, unknown>[] = [
  {},
  { max_ack_pending: 10 },
  { max_ack_pending: 11 },
  { max_ack_pending: -1 },
  { max_ack_pending: -3 },
  { ack_policy: 'none' },
  { ack_policy: 'none', max_ack_pending: 11 },
  { max_batch: 50 },
  { max_batch: 51 },
  { max_batch: -5 },
  { max_batch: 50, max_ack_pending: 10 },
  { max_batch: 51, max_ack_pending: 11 },
  { deliver_subject: 'd' },
  { deliver_subject: 'd', max_batch: 51 },
]

for (const pedantic of [false, true]) {
  for (const limits of [undefined, { max_ack_pending: 5 }, { max_ack_pending: 50 }]) {
    const of = `${pedantic ? 'pedantic ' : ''}consumers where the stream says ${JSON.stringify(limits)}`
    differential(of, async (s) => {
      await s.api('STREAM.CREATE.S', {
        name: 'S',
        subjects: ['s'],
        max_consumers: 100,
        consumer_limits: limits,
      })
      for (const [at, config] of CONSUMERS.entries()) {
        await consume(s, `c${at}`, { ack_wait: 30e9, max_deliver: -1, ...config }, pedantic)
      }
    })
  }

  differential(`${pedantic ? 'pedantic ' : ''}duplicate windows beyond what the server allows`, async (s) => {
    const create = (fields: Record<string, unknown>) =>
      s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], pedantic, ...fields })
    for (const fields of [
      {},
      { duplicate_window: 60e9 },
      { duplicate_window: 30e9 },
      { max_age: 10e9 },
      { max_age: 10e9, duplicate_window: 60e9 },
      { duplicate_window: 50e6 },
    ]) {
      await create(fields)
      await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'], pedantic, duplicate_window: 60e9 })
      await s.api('STREAM.DELETE.S')
    }
  })
}

differential('atomic batches beyond what the server allows', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], allow_atomic: true })
  const batch = (id: string, seq: number, commit = '') =>
    s.request('s', '', `Nats-Batch-Id: ${id}\nNats-Batch-Sequence: ${seq}${commit}`)
  await batch('a', 1)
  await batch('b', 1)
  for (let seq = 2; seq < 5; seq++) await batch('a', seq)
  await batch('b', 1)
  await batch('b', 2, '\nNats-Batch-Commit: 1')
})
