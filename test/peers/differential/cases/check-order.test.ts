/** A message with two things wrong with it: which is told. The order of nats-server's checks, for each way in. */
import { differential, type Session } from '../harness.ts'

/** Each is refused, on one of the two streams at least. */
const WRONG = [
  'Nats-Incr: 1',
  'Nats-Incr: x',
  'Nats-Expected-Stream: other',
  'Nats-TTL: x',
  'Nats-TTL: 1s',
  'Nats-Expected-Last-Subject-Sequence: 77',
  'Nats-Expected-Last-Subject-Sequence-Subject: s.b',
  'Nats-Expected-Last-Sequence: 77',
  'Nats-Schedule: nonsense',
  'Nats-Scheduler: s.x',
  'Nats-Stream-Source: other 1',
  'Nats-Msg-Id: first',
  'Nats-Expected-Last-Msg-Id: wrong',
  'Nats-Rollup: sub',
  'Nats-Rollup: some',
  'Nats-Required-Api-Level: 99',
] as const

const ALL_ON = {
  allow_msg_ttl: true,
  allow_rollup_hdrs: true,
  allow_msg_schedules: true,
} as const

const LARGE = 'x'.repeat(2000)

/** Every pair of them, and each with a message that is too large, by its payload or by its headers. */
function* pairs(): Generator<{ headers: string; body: string }> {
  for (const [at, first] of WRONG.entries()) {
    yield { headers: first, body: LARGE }
    yield { headers: `${first}\nX: ${LARGE}`, body: '' }
    for (const second of WRONG.slice(at + 1)) {
      // Of a header that is there twice the first counts.
      if (first.split(':')[0] !== second.split(':')[0]) yield { headers: `${first}\n${second}`, body: '' }
    }
  }
}

async function prepared(s: Session, config: Record<string, unknown>): Promise<void> {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    max_msg_size: 1000,
    allow_atomic: true,
    allow_batched: true,
    ...config,
  })
  await s.quietly('s.a', 'one', 'Nats-Msg-Id: first')
  await s.quietly('s.b', 'two')
}

for (const [name, config] of [
  ['nothing is allowed', {}],
  ['all is allowed', ALL_ON],
] as const) {
  differential(`two mistakes in a message where ${name}`, async (s) => {
    await prepared(s, config)
    for (const { headers, body } of pairs()) await s.request('s.a', body, headers)
    await s.api('STREAM.INFO.S')
  })

  differential(`two mistakes in an atomic batch where ${name}`, async (s) => {
    await prepared(s, config)
    let batch = 0
    for (const { headers, body } of pairs()) {
      const of = `Nats-Batch-Id: b${++batch}\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1`
      await s.request('s.a', body, `${headers}\n${of}`)
    }
    await s.api('STREAM.INFO.S')
  })
}
