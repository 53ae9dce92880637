import { differential } from '../harness.ts'

const REFUSED: object[] = [
  { dest: 'r.>' },
  { src: '', dest: 'r.>' },
  { src: '>', dest: 'r.>' },
  { src: '>', dest: '>' },
  { src: '>' },
  { dest: '' },
  { src: 's.a', dest: 's.b' },
  { src: 's.*', dest: 'r.$1' },
  { src: 's.*', dest: 'r.*' },
  { src: 's.*', dest: 's.x' },
  { src: 's.*', dest: '$1.x' },
  { src: 's.*', dest: '*.x' },
  { src: 's.*', dest: 'r.$2' },
  { src: 's.*', dest: 'r.{{nothing(1)}}' },
  { src: 's.*', dest: 'r.{{left(1,1)}}' },
  { src: 's..a', dest: 'r' },
  { src: 's.a b', dest: 'r' },
  { src: 's.a', dest: 'r x' },
  { src: 's.a', dest: 'r..x' },
  { src: 's.>', dest: 'r' },
  { src: 'elsewhere', dest: 'r', headers_only: true },
  { src: 's.*', dest: '$JS.API.x.$1' },
  { src: 5, dest: 'r' },
  { src: 's.*', dest: 'r.$1', headers_only: 'yes' },
]

differential('republishing that is taken, and that is refused', async (s) => {
  for (const [i, republish] of REFUSED.entries()) {
    await s.api(`STREAM.CREATE.S${i}`, { name: `S${i}`, subjects: [`s${i}.>`], republish })
  }
  for (const pedantic of [false, true]) {
    const name = pedantic ? 'P' : 'Q'
    const subjects = [`${name}.>`]
    await s.api(`STREAM.CREATE.${name}1`, {
      name: `${name}1`,
      subjects,
      republish: { dest: 'r.>' },
      pedantic,
    })
    await s.api(`STREAM.CREATE.${name}2`, {
      name: `${name}2`,
      subjects: [`${name}2.>`],
      republish: { src: '>', dest: '>' },
      subject_transform: { src: `${name}2.>`, dest: `to.${name}2.>` },
      pedantic,
    })
    await s.api(`STREAM.CREATE.${name}3`, {
      name: `${name}3`,
      subjects: [`${name}3.>`, `${name}4.>`],
      republish: { src: '>', dest: '>' },
      subject_transform: { src: `${name}3.>`, dest: `to.${name}2.>` },
      pedantic,
    })
  }
  await s.api('STREAM.CREATE.T', { name: 'T', subjects: ['t'], republish: 'x' })
  await s.api('STREAM.CREATE.U', { name: 'U', subjects: ['u'], republish: {} })
})

for (const storage of ['file', 'memory']) {
  differential(`what is stored in ${storage} is published again, with where it comes from`, async (s) => {
    await s.api('STREAM.CREATE.S', {
      name: 'S',
      subjects: ['s.>'],
      storage,
      max_msgs_per_subject: 1,
      allow_rollup_hdrs: true,
      republish: { src: 's.*', dest: 'r.{{wildcard(1)}}.x' },
    })
    await s.subscribe('r.>')
    await s.request('s.a', 'one')
    await s.request('s.a', 'two', 'A: 1\nB: 2')
    await s.request('s.b', '')
    await s.request('s.b', '', 'Only: headers')
    await s.request('s.a.b', 'not matched')
    await s.request('s.a', 'three', 'Nats-Msg-Id: 1')
    await s.request('s.a', 'a duplicate', 'Nats-Msg-Id: 1')
    await s.request('s.a', 'not expected', 'Nats-Expected-Last-Sequence: 1')
    await s.request('s.b', 'all that is left', 'Nats-Rollup: all')
    await s.request('s.a', 'first again')
    await s.settle('republished', true)
  })
}

differential('only the headers are published again', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    republish: { dest: 'r.>', headers_only: true },
  })
  await s.subscribe('r.>')
  await s.request('s.a', 'payload')
  await s.request('s.a', 'payload', 'A: 1')
  await s.request('s.a', '')
  await s.settle('republished', true)
})

differential('the copy comes before the ack', async (s) => {
  for (const storage of ['file', 'memory']) {
    const name = storage.toUpperCase()
    await s.api(`STREAM.CREATE.${name}`, {
      name,
      subjects: [`${storage}.>`],
      storage,
      republish: { dest: 'r.>' },
    })
    const line = await s.open(storage)
    await line.send()
    await line.take()
    await line.send('SUB r.> 1\r\n', 'SUB acks 2\r\n', `PUB ${storage}.a acks 5\r\nhello\r\n`)
    await line.settle()
  }
})

differential('transforms, markers and schedules are published again', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    max_age: 1e9,
    subject_delete_marker_ttl: 60e9,
    subject_transform: { src: 's.*', dest: 't.$1' },
    republish: { src: '>', dest: 'r.>' },
  })
  await s.subscribe('r.>')
  await s.request('s.a', 'mapped')
  await s.request('s.a.b', 'not mapped')
  await s.request('s.a.b', 'with a short life', 'Nats-TTL: 1s')
  await s.settle('republished', true)
  await s.wait(1600)
  await s.settle('republished later')
  await s.api('STREAM.CREATE.T', {
    name: 'T',
    subjects: ['v.>'],
    allow_msg_schedules: true,
    republish: { src: '>', dest: 'r.>' },
  })
  await s.request('v.a', 'due', 'Nats-Schedule: @at 2020-01-01T00:00:00Z\nNats-Schedule-Target: v.b')
  await s.wait(500)
  await s.settle('of schedules', true)
})

differential('of messages that nobody is interested in nothing is published again', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    retention: 'interest',
    republish: { dest: 'r.>' },
  })
  const config = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.a' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
  await s.subscribe('r.>')
  await s.request('s.a', 'wanted')
  await s.request('s.b', 'not wanted')
  await s.settle('republished', true)
})

differential('batches are published again', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    allow_atomic: true,
    allow_batched: true,
    republish: { dest: 'r.>' },
  })
  await s.subscribe('r.>')
  await s.request('s.1', '1', 'Nats-Batch-Id: x\nNats-Batch-Sequence: 1')
  await s.settle('before the commit', true)
  await s.request('s.1', '2', 'Nats-Batch-Id: x\nNats-Batch-Sequence: 2')
  await s.request('s.2', '3', 'Nats-Batch-Id: x\nNats-Batch-Sequence: 3\nNats-Batch-Commit: 1')
  await s.settle('republished', true)
})

differential('republishing is added, changed and taken away by updates', async (s) => {
  const stream = { name: 'S', subjects: ['s.>'] }
  await s.api('STREAM.CREATE.S', stream)
  await s.subscribe('r.>')
  await s.subscribe('u.>')
  await s.request('s.a', '1')
  await s.api('STREAM.UPDATE.S', { ...stream, republish: { dest: 'r.>' } })
  await s.request('s.a', '2')
  await s.api('STREAM.UPDATE.S', { ...stream, republish: { src: 's.a', dest: 'u.x', headers_only: true } })
  await s.request('s.a', '3')
  await s.request('s.b', '4')
  await s.api('STREAM.UPDATE.S', { ...stream, republish: { src: 's.>', dest: 's.x.>' } })
  await s.api('STREAM.UPDATE.S', { ...stream, republish: { src: 's.*', dest: 'u.$2' } })
  await s.request('s.a', '5')
  await s.api('STREAM.UPDATE.S', stream)
  await s.request('s.a', '6')
  await s.settle('republished', true)
  await s.api('STREAM.INFO.S')
})

differential('republishing lasts over a restart', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], republish: { dest: 'r.>' } })
  await s.request('s.a', '1')
  await s.server.restart()
  await s.subscribe('r.>')
  await s.request('s.a', '2')
  await s.settle('republished', true)
})

differential('a stream stores what another publishes again', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.>'], republish: { src: 's.*', dest: 'r.$1' } })
  await s.api('STREAM.CREATE.R', { name: 'R', subjects: ['r.>'], republish: { src: 'r.*', dest: 'q.$1' } })
  await s.subscribe('q.>')
  for (const body of ['1', '2', '3']) await s.request('s.a', body, body === '2' ? 'Nats-Msg-Id: 2' : '')
  await s.settle('republished', true)
  const headers: string[] = []
  for (let seq = 1; seq <= 3; seq++) {
    const { message } = await s.api('STREAM.MSG.GET.R', { seq }, '', () => null)
    headers.push(Buffer.from((message as { hdrs: string }).hdrs, 'base64').toString())
  }
  s.note('headers', headers[1])
  // A time that ends in zeros is shorter.
  const ofTimes =
    headers
      .join('')
      .match(/(?<=^Nats-Time-Stamp: ).*$/gm)
      ?.join('').length ?? 0
  await s.api('STREAM.INFO.R', { subjects_filter: '>' }, '', (info) => {
    const state = info.state as { bytes: number }
    return { ...info, state: { ...state, bytes: state.bytes - ofTimes } }
  })
})

differential('a mapping to what is no subject is not published', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.>'],
    republish: { src: 's.*', dest: 'r.{{split(1,-)}}' },
  })
  await s.subscribe('r.>')
  for (const subject of ['s.a-b', 's.--a', 's.-', 's.a']) await s.request(subject, subject)
  await s.settle('republished', true)
})
