import { Random } from '../../../../src/ports/random.ts'
import { randomMapping } from '../../../subjects/mappings.ts'
import { differential, differentialByChance } from '../harness.ts'
import type { Session } from '../session.ts'

const TRANSFORM = { src: 's.*.*', dest: 't.$2.{{wildcard(1)}}' }

/** All messages of a stream. */
async function show(s: Session, stream: string): Promise<void> {
  await s.api(`STREAM.INFO.${stream}`, { subjects_filter: '>' })
  await s.requestMany(`$JS.API.DIRECT.GET.${stream}`, { seq: 1, batch: 100 }, 100, 400)
}

const REFUSED: object[] = [
  { src: 's.*' },
  { dest: 't.>' },
  { src: '', dest: '' },
  { src: 's.*', dest: '' },
  { src: 's..x', dest: 't' },
  { src: 's. x', dest: 't' },
  { src: 's.>.x', dest: 't' },
  { src: 's.*', dest: 't.*' },
  { src: 's.*', dest: 't' },
  { src: 's.>', dest: 't' },
  { src: 's.a', dest: 't.>' },
  { src: 's.a', dest: 't..x' },
  { src: 's.a', dest: 't. x' },
  { src: 's.>', dest: 't.>.x' },
  { src: 's.*', dest: 't.$2' },
  { src: 's.*', dest: 't.$0' },
  { src: 's.*', dest: 't.$x' },
  { src: 's.a', dest: 't.$1' },
  { src: 's.a', dest: 't.{{partition(3)}}' },
  { src: 's.a', dest: 't.{{partition(3,1)}}' },
  { src: 's.*', dest: 't.{{wildcard(2)}}' },
  { src: 's.*', dest: 't.{{wildcard(x)}}' },
  { src: 's.*', dest: 't.{{wildcard()}}' },
  { src: 's.*', dest: 't.{{wildcard(1,2)}}' },
  { src: 's.*', dest: 't.{{partition()}}' },
  { src: 's.*', dest: 't.{{partition(99999999999)}}' },
  { src: 's.*', dest: 't.{{split(1)}}' },
  { src: 's.*', dest: 't.{{split(1,-,2)}}' },
  { src: 's.*', dest: 't.{{split(1, a b)}}' },
  { src: 's.*', dest: 't.{{left(1,2)}}' },
  { src: 's.*', dest: 't.{{right(1,2)}}' },
  { src: 's.*', dest: 't.{{splitFromLeft(1)}}' },
  { src: 's.*', dest: 't.{{sliceFromRight(1,2,3)}}' },
  { src: 's.*', dest: 't.{{random()}}' },
  { src: 's.*', dest: 't.{{random(1,2)}}' },
  { src: 's.*', dest: 't.{{nothing(1)}}' },
  { src: 's.*', dest: 't.{{nothing}}' },
  { src: 's.*', dest: '$JS.API.$1' },
  { src: '>', dest: '>' },
  { src: 5, dest: 't' },
]

differential('transforms that are taken, and that are refused', async (s) => {
  for (const [i, subject_transform] of REFUSED.entries()) {
    await s.api(`STREAM.CREATE.S${i}`, { name: `S${i}`, subjects: [`s${i}.>`], subject_transform })
  }
  await s.api('STREAM.CREATE.T', { name: 'T', subjects: ['t'], subject_transform: 'x' })
  await s.api('STREAM.CREATE.U', { name: 'U', subjects: ['u'], subject_transform: null })
})

differential('a stream maps what comes in', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    allow_direct: true,
    subject_transform: TRANSFORM,
  })
  for (const subject of ['s.a.b', 's.a', 's.a.b.c', 's.b.a', 's.a.b']) await s.request(subject, subject)
  await s.request('t.b.a', 'nobody takes this subject')
  await s.request('s.a.b', 'with headers', 'A: 1\nB: 2')
  await show(s, 'S')
  await s.api('STREAM.MSG.GET.S', { last_by_subj: 't.b.a' })
  await s.api('STREAM.MSG.GET.S', { last_by_subj: 's.a.b' })
  await s.api('CONSUMER.CREATE.S.c', {
    stream_name: 'S',
    config: { name: 'c', ack_policy: 'none', filter_subject: 't.>' },
  })
  await s.pull('S', 'c', { batch: 5, no_wait: true }, 5)
})

differential('checks and limits hold for the subject a message is mapped to', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    allow_direct: true,
    allow_rollup_hdrs: true,
    max_msgs_per_subject: 2,
    subject_transform: TRANSFORM,
  })
  await s.request('s.a.b', '1', 'Nats-Msg-Id: 1')
  await s.request('s.a.b', 'again', 'Nats-Msg-Id: 1')
  await s.request('s.a.b', '2', 'Nats-Expected-Last-Subject-Sequence: 1')
  await s.request('s.a.b', '2', 'Nats-Expected-Last-Subject-Sequence: 1')
  await s.request(
    's.x.y',
    '3',
    'Nats-Expected-Last-Subject-Sequence: 2\nNats-Expected-Last-Subject-Sequence-Subject: t.b.a',
  )
  await s.request(
    's.x.y',
    '4',
    'Nats-Expected-Last-Subject-Sequence: 2\nNats-Expected-Last-Subject-Sequence-Subject: s.a.b',
  )
  await s.request('s.a.b', '4')
  await s.request('s.x', '5')
  await show(s, 'S')
  await s.request('s.a.b', '6', 'Nats-Rollup: sub')
  await show(s, 'S')
  await s.api('STREAM.CREATE.N', {
    name: 'N',
    subjects: ['n.>'],
    allow_direct: true,
    discard: 'new',
    discard_new_per_subject: true,
    max_msgs_per_subject: 1,
    subject_transform: { src: 'n.*', dest: 'one' },
  })
  await s.request('n.1', '1')
  await s.request('n.2', '2')
  await s.request('n.2.3', '2')
  await show(s, 'N')
})

differential('batches are mapped', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    allow_direct: true,
    allow_atomic: true,
    allow_batched: true,
    subject_transform: TRANSFORM,
  })
  await s.request('s.1.a', '1', 'Nats-Batch-Id: x\nNats-Batch-Sequence: 1')
  await s.request('s.2.a', '2', 'Nats-Batch-Id: x\nNats-Batch-Sequence: 2')
  await s.request('s.3.a', '3', 'Nats-Batch-Id: x\nNats-Batch-Sequence: 3\nNats-Batch-Commit: 1')
  await s.request('s.1.a', '1', 'Nats-Batch-Id: y\nNats-Batch-Sequence: 1')
  await s.request(
    's.1.a',
    '2',
    'Nats-Batch-Id: y\nNats-Batch-Sequence: 2\nNats-Expected-Last-Subject-Sequence: 1\nNats-Batch-Commit: 1',
  )
  await s.request('s.9.a', '1', 'Nats-Batch-Id: z\nNats-Batch-Sequence: 1')
  await s.request(
    's.1.a',
    '2',
    'Nats-Batch-Id: z\nNats-Batch-Sequence: 2\nNats-Expected-Last-Subject-Sequence: 1\nNats-Batch-Commit: 1',
  )
  await show(s, 'S')
})

differential('interest is asked for the subject a message is mapped to', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    retention: 'interest',
    subject_transform: TRANSFORM,
  })
  const config = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 't.b.*' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
  await s.request('s.a.b', 'wanted')
  await s.request('s.b.a', 'not wanted')
  await s.request('s.b', 'not wanted')
  await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  await s.pull('S', 'c', { batch: 5, no_wait: true }, 5)
})

differential('a transform is added, changed and taken away by updates', async (s) => {
  const stream = { name: 'S', subjects: ['s.>'], allow_direct: true }
  await s.api('STREAM.CREATE.S', stream)
  await s.request('s.a.b', '1')
  await s.api('STREAM.UPDATE.S', { ...stream, subject_transform: TRANSFORM })
  await s.request('s.a.b', '2')
  await s.api('STREAM.UPDATE.S', { ...stream, subject_transform: { src: 's.>', dest: 'u.>' } })
  await s.request('s.a.b', '3')
  await s.api('STREAM.UPDATE.S', { ...stream, subject_transform: { src: 's.>', dest: 'u' } })
  await s.api('STREAM.UPDATE.S', { ...stream, subject_transform: { src: 's.*', dest: 'u.{{left(1,1)}}' } })
  await s.request('s.a.b', '4')
  await s.api('STREAM.UPDATE.S', { ...stream, subject_transform: { src: '', dest: 'v.>' } })
  await s.request('s.a.b', '5')
  await s.api('STREAM.UPDATE.S', { ...stream, subject_transform: { src: 's.>', dest: '' } })
  await s.request('s.a.b', '6')
  await s.api('STREAM.UPDATE.S', stream)
  await s.request('s.a.b', '7')
  await show(s, 'S')
})

differential('a transform lasts over a restart', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    allow_direct: true,
    subject_transform: TRANSFORM,
  })
  await s.request('s.a.b', '1')
  await s.server.restart()
  await s.request('s.a.b', '2')
  await show(s, 'S')
})

differential('markers and schedules under a transform', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    allow_direct: true,
    max_age: 1e9,
    subject_delete_marker_ttl: 60e9,
    subject_transform: { src: '*.*', dest: '$1.x.$2' },
  })
  await s.request('s.a', '1')
  await s.wait(1600)
  await show(s, 'S')
  await s.api('STREAM.CREATE.T', {
    name: 'T',
    subjects: ['t.>'],
    allow_direct: true,
    allow_msg_schedules: true,
    subject_transform: { src: 't.*', dest: 't.x.$1' },
  })
  await s.request(
    't.a',
    'mapped',
    `Nats-Schedule: @at ${new Date(Date.now() - 1000).toISOString()}\nNats-Schedule-Target: t.b`,
  )
  await s.request('t.a', 'to itself', 'Nats-Schedule: @at 2099-01-01T00:00:00Z\nNats-Schedule-Target: t.x.a')
  await s.request('t.a', 'once itself', 'Nats-Schedule: @at 2099-01-01T00:00:00Z\nNats-Schedule-Target: t.a')
  await s.wait(1600)
  await show(s, 'T')
})

differentialByChance('mappings of streams', {
  scripts: 40,
  prefix: (seed) => `MAP${seed}_`,
  script: async (seed, s) => {
    const random = new Random(seed)
    for (let round = 0; round < 4; round++) {
      const { source, destination, subjects } = randomMapping(random)
      const own = (subject: string): string => subject.replace(/^in\./, `in${seed}_${round}.`)
      const name = `MAP${seed}_${round}`
      await s.api(`STREAM.CREATE.${name}`, {
        name,
        subjects: [own('in.>')],
        allow_direct: true,
        subject_transform: { src: own(source), dest: destination },
      })
      for (const subject of subjects) await s.quietly(own(subject), subject)
      const found = await s.messagesOf(name)
      s.note(
        `messages of ${name}`,
        found.map(({ headers }) => /Nats-Subject: .*/.exec(headers ?? '')?.[0]),
      )
    }
  },
})
