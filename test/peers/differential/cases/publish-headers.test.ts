/** Publishing with headers that mean something, in every odd form. */
import { differential, type Session } from '../harness.ts'

async function prepared(s: Session, config: Record<string, unknown> = {}): Promise<void> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], ...config })
  await s.quietly('s.a', 'one', 'Nats-Msg-Id: first')
  await s.quietly('s.b', 'two')
}

const HEADERS = [
  'Nats-Msg-Id: first',
  'Nats-Msg-Id:first',
  'Nats-Msg-Id:  first  ',
  'nats-msg-id: first',
  'Nats-Msg-Id:',
  `Nats-Msg-Id: ${'x'.repeat(1000)}`,
  'Nats-Msg-Id: other\nNats-Msg-Id: first',
  'Nats-Expected-Stream: S',
  'Nats-Expected-Stream: s',
  'Nats-Expected-Stream:',
  'Nats-Expected-Last-Sequence: 2',
  'Nats-Expected-Last-Sequence: 0',
  'Nats-Expected-Last-Sequence: 02',
  'Nats-Expected-Last-Sequence: -1',
  'Nats-Expected-Last-Sequence: 2.0',
  'Nats-Expected-Last-Sequence: 18446744073709551616',
  'Nats-Expected-Last-Sequence:',
  'Nats-Expected-Last-Subject-Sequence: 1',
  'Nats-Expected-Last-Subject-Sequence: 2',
  'Nats-Expected-Last-Subject-Sequence: 0',
  'Nats-Expected-Last-Subject-Sequence: -1',
  'Nats-Expected-Last-Subject-Sequence:',
  'Nats-Expected-Last-Subject-Sequence: 2\nNats-Expected-Last-Subject-Sequence-Subject: s.*',
  'Nats-Expected-Last-Subject-Sequence: 2\nNats-Expected-Last-Subject-Sequence-Subject: s.b',
  'Nats-Expected-Last-Subject-Sequence: 2\nNats-Expected-Last-Subject-Sequence-Subject: other',
  'Nats-Expected-Last-Subject-Sequence: 2\nNats-Expected-Last-Subject-Sequence-Subject: s..b',
  'Nats-Expected-Last-Subject-Sequence-Subject: s.b',
  'Nats-Expected-Last-Msg-Id: first',
  'Nats-Expected-Last-Msg-Id: other',
  'Nats-Expected-Last-Msg-Id:',
  'Nats-Msg-Id: first\nNats-Expected-Last-Sequence: 77',
  'Nats-Msg-Id: new\nNats-Expected-Last-Sequence: 2\nNats-Expected-Stream: S',
  'Nats-Rollup: sub',
  'Nats-Rollup: all',
  'Nats-Rollup: ALL',
  'Nats-Rollup: SUB',
  'Nats-Rollup: some',
  'Nats-Rollup:',
  'Nats-Required-Api-Level: 1',
  'Nats-Required-Api-Level: 999',
  'Nats-Stream: faked\nNats-Sequence: 9',
  'Nats-Marker-Reason: MaxAge',
]

for (const roll of [false, true]) {
  for (const headers of HEADERS) {
    const shown = headers.length > 60 ? `${headers.slice(0, 60)}…` : headers.replaceAll('\n', ', ')
    differential(`publishing${roll ? ' with roll-ups' : ''}: ${shown}`, async (s) => {
      await prepared(s, { allow_rollup_hdrs: roll })
      await s.request('s.a', 'three', headers)
      await s.api('STREAM.INFO.S', { subjects_filter: '>' })
      await s.api('STREAM.MSG.GET.S', { last_by_subj: 's.a' })
    })
  }
}

differential('publishing: requests that carry a required level', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] }, 'Nats-Required-Api-Level: 1')
  await s.api('STREAM.INFO.S', '', 'Nats-Required-Api-Level: 5')
  await s.api('STREAM.INFO.S', '', 'Nats-Required-Api-Level: 6')
  await s.api('STREAM.INFO.S', '', 'Nats-Required-Api-Level: x')
  await s.api('STREAM.INFO.S', '', 'Nats-Required-Api-Level: -1')
})

differential('publishing: payloads and headers come back as they were', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], allow_direct: true })
  const bodies = ['', '\u0000', 'ü', Buffer.from([0xff, 0xfe, 0, 13, 10]), 'x'.repeat(100_000)]
  for (const [i, body] of bodies.entries()) {
    await s.request('s', body, i % 2 === 0 ? '' : 'A: b\nA: c\nX-Empty:\na:  padded  ')
    await s.api('STREAM.MSG.GET.S', { seq: i + 1 })
    await s.request('$JS.API.DIRECT.GET.S', { seq: i + 1 })
  }
  await s.api('STREAM.INFO.S')
})

differential('publishing: to several streams, to none, to wildcards', async (s) => {
  await s.api('STREAM.CREATE.A', { name: 'A', subjects: ['a.*'] })
  await s.api('STREAM.CREATE.B', { name: 'B', subjects: ['b.>'] })
  for (const subject of ['a.x', 'a.x.y', 'b.x.y', 'c', 'a.*', 'b.>', 'b']) await s.request(subject, 'x')
  await s.api('STREAM.LIST')
})

differential('publishing: subscribers of the subject get it too, once', async (s) => {
  await s.api('STREAM.CREATE.A', { name: 'A', subjects: ['a.*'] })
  const sid = await s.subscribe('a.>')
  await s.request('a.x', 'x', 'Nats-Msg-Id: 1')
  await s.request('a.x', 'x', 'Nats-Msg-Id: 1')
  await s.publish('a.y', 'no reply')
  await s.collect(sid, 4, 300)
})

differential('publishing: what is too large is refused before its headers are looked at', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_msg_size: 60 })
  await s.request('s', 'x', 'Nats-Msg-Id: 1')
  const large = 'x'.repeat(70)
  for (const headers of ['', 'Nats-Msg-Id: 1', 'Nats-Expected-Stream: T', 'Nats-Msg-Id: 1\nNats-Incr: 1']) {
    await s.request('s', large, headers)
  }
})

differential('publishing: max_msg_size counts headers', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], max_msg_size: 40 })
  for (const size of [0, 17, 18, 19, 20, 39, 40, 41]) {
    await s.request('s', 'x'.repeat(size))
    await s.request('s', 'x'.repeat(size), 'A: b')
  }
})

differential('publishing: the duplicate window ends', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], duplicate_window: 300e6 })
  await s.request('s', 'x', 'Nats-Msg-Id: 1')
  await s.request('s', 'x', 'Nats-Msg-Id: 1')
  await s.wait(900)
  await s.request('s', 'x', 'Nats-Msg-Id: 1')
  await s.api('STREAM.PURGE.S')
  await s.request('s', 'x', 'Nats-Msg-Id: 1')
})

differential('publishing: a duplicate of a message that was deleted', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'] })
  await s.request('s', 'x', 'Nats-Msg-Id: 1')
  await s.api('STREAM.MSG.DELETE.S', { seq: 1 })
  await s.request('s', 'x', 'Nats-Msg-Id: 1')
  await s.request('s', 'x', 'Nats-Msg-Id: 2')
})

for (const [name, lines] of Object.entries({
  'a whole one': ['1', '2', '3 commit'],
  'of one message': ['1 commit'],
  'that starts late': ['2', '3 commit'],
  'with a gap': ['1', '3', '4 commit'],
  'with a repetition': ['1', '1', '2 commit'],
  'with zero': ['0', '1 commit'],
  'with no number': ['x', '1 commit'],
  'with an odd commit': ['1', '2 never'],
})) {
  differential(`an atomic batch ${name}`, async (s) => {
    await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_atomic: true })
    for (const line of lines) {
      const [sequence, commit] = line.split(' ')
      const more = commit === undefined ? '' : `\nNats-Batch-Commit: ${commit === 'commit' ? '1' : commit}`
      await s.request(`s.${sequence}`, 'x', `Nats-Batch-Id: batch\nNats-Batch-Sequence: ${sequence}${more}`)
    }
    await s.api('STREAM.INFO.S')
  })
}

differential('an atomic batch where it is not allowed, or with what it cannot have', async (s) => {
  await s.api('STREAM.CREATE.N', { name: 'N', subjects: ['n'] })
  await s.request('n', 'x', 'Nats-Batch-Id: b\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1')
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], allow_atomic: true })
  await s.request(
    's.a',
    'x',
    `Nats-Batch-Id: ${'x'.repeat(65)}\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1`,
  )
  await s.request('s.a', 'x', 'Nats-Batch-Id: c\nNats-Batch-Commit: 1')
  await s.request(
    's.a',
    'x',
    'Nats-Batch-Id: d\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1\nNats-Msg-Id: 1',
  )
  await s.request(
    's.a',
    'x',
    'Nats-Batch-Id: d\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1\nNats-Msg-Id: 1',
  )
  await s.request(
    's.a',
    'x',
    'Nats-Batch-Id: e\nNats-Batch-Sequence: 1\nNats-Batch-Commit: 1\nNats-Expected-Last-Sequence: 9',
  )
  await s.api('STREAM.INFO.S')
})

for (const config of [{ max_msgs: 4 }, { max_bytes: 200 }]) {
  for (const storage of ['file', 'memory']) {
    const name = JSON.stringify({ storage, ...config })
    differential(`publishing: a roll-up where the stream is full, ${name}`, async (s) => {
      await s.api('STREAM.CREATE.S', {
        name: 'S',
        subjects: ['s.*'],
        storage,
        allow_rollup_hdrs: true,
        ...config,
      })
      for (const key of ['a', 'a', 'b', 'b']) await s.request(`s.${key}`, 'xxxxxx')
      await s.request('s.b', 'x', 'Nats-Rollup: sub')
      await s.api('STREAM.INFO.S', { subjects_filter: '>' })
    })
  }
}
