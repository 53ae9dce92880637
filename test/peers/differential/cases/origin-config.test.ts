/** Mirrors and sources in a stream's configuration: what is taken, what is refused, what an update may change. */
import { differential, type Session } from '../harness.ts'

/** Everything that is odd about a mirror, beside the plain one. */
const MIRRORS: Record<string, unknown>[] = [
  {},
  { subjects: ['m'] },
  { sources: [{ name: 'O' }] },
  { first_seq: 5 },
  { allow_msg_counter: true },
  { allow_atomic: true },
  { allow_batched: true },
  { allow_msg_schedules: true },
  { subject_delete_marker_ttl: 5e9 },
  { duplicate_window: 1e9 },
  { allow_direct: true },
  { mirror_direct: true },
  { max_msg_size: 10 },
  { max_msg_size: 1000 },
  { retention: 'workqueue' },
  { retention: 'interest', mirror: { name: 'NONE' } },
  { deny_delete: true, deny_purge: true },
  { mirror: {} },
  { mirror: null },
  { mirror: { name: '' } },
  { mirror: { name: 'a.b' } },
  { mirror: { name: 'a b' } },
  { mirror: { name: 'SELF' } },
  { mirror: { name: 'NONE' } },
  { mirror: { name: 5 } },
  { mirror: { name: 'O', odd: 1 } },
  { mirror: { name: 'O', opt_start_seq: 3 } },
  { mirror: { name: 'O', opt_start_seq: -3 } },
  { mirror: { name: 'O', opt_start_time: '2026-01-02T03:04:05Z' } },
  { mirror: { name: 'O', opt_start_time: 'soon' } },
  { mirror: { name: 'O', opt_start_seq: 3, opt_start_time: '2026-01-02T03:04:05Z' } },
  { mirror: { name: 'O', filter_subject: 'o.1' } },
  { mirror: { name: 'O', filter_subject: 'o..1' } },
  { mirror: { name: 'O', filter_subject: '' } },
  { mirror: { name: 'O', external: {} } },
  { mirror: { name: 'O', external: { api: '$JS.other.API', deliver: '' } } },
  { mirror: { name: 'O', external: { api: '$JS.*.API' } } },
  { mirror: { name: 'O', external: { api: '$JS.API' } } },
  { mirror: { name: 'O', external: { deliver: 'd.*' } } },
  { mirror: { name: 'O', external: { deliver: 'd' } } },
  { mirror: { name: 'O', consumer: {} } },
  { mirror: { name: 'O', consumer: { name: 'c' } } },
  { mirror: { name: 'O', consumer: { name: 'c', deliver_subject: 'd' } } },
  { mirror: { name: 'O', consumer: { name: 'c.d', deliver_subject: 'd' } } },
  { mirror: { name: 'O', consumer: { name: 'c', deliver_subject: 'd.*' } } },
  { mirror: { name: 'O', opt_start_seq: 1, consumer: { name: 'c', deliver_subject: 'd' } } },
  { mirror: { name: 'O', filter_subject: 'o.1', consumer: { name: 'c', deliver_subject: 'd' } } },
]

const SOURCES: unknown[] = [
  [],
  null,
  [null],
  [{}],
  [{ name: '' }],
  [{ name: 'a.b' }],
  [{ name: 'NONE' }],
  [{ name: 'SELF' }],
  [{ name: 'SELF', filter_subject: 'other' }],
  [{ name: 'O' }, { name: 'O' }],
  [{ name: 'O' }, { name: 'O', filter_subject: '>' }],
  [{ name: 'O' }, { name: 'O', filter_subject: 'o.1' }],
  [
    { name: 'O', opt_start_seq: 1 },
    { name: 'O', opt_start_seq: 2 },
  ],
  [{ name: 'O' }, { name: 'P' }],
  [{ name: 'O', filter_subject: 'o..1' }],
  [{ name: 'O', opt_start_seq: 3, opt_start_time: '2026-01-02T03:04:05Z' }],
  [{ name: 'O' }, { name: 'O', external: { api: '$JS.other.API', deliver: '' } }],
  [{ name: 'O', external: { api: '$JS.API', deliver: '' } }],
  [{ name: 'O', external: { api: '$JS.other.API', deliver: 'd.>' } }],
  [{ name: 'O', consumer: { name: 'c' } }],
  [{ name: 'O', consumer: { name: 'c', deliver_subject: 'd' } }],
  [{ name: 'O', filter_subject: 'o.1', consumer: { name: 'c', deliver_subject: 'd' } }],
  [
    { name: 'O', consumer: { name: 'c', deliver_subject: 'd' } },
    { name: 'O', consumer: { name: 'c', deliver_subject: 'e' } },
  ],
]

/** How far the copying has come is another matter. */
function settled(answer: Record<string, unknown>): unknown {
  const { mirror: _, sources: __, state: ___, ...rest } = answer
  return rest
}

async function origins(s: Session): Promise<void> {
  await s.api('STREAM.CREATE.O', { name: 'O', subjects: ['o.*'], max_msg_size: 100, allow_direct: true })
  await s.api('STREAM.CREATE.P', { name: 'P', subjects: ['p.*'] })
}

differential('each way to configure a mirror', async (s) => {
  await origins(s)
  for (const [i, change] of MIRRORS.entries()) {
    const body = JSON.stringify({ name: `M${i}`, mirror: { name: 'O' }, ...change }).replace('SELF', `M${i}`)
    const answer = await s.api(`STREAM.CREATE.M${i}`, body, '', settled)
    if (answer.error === undefined) await s.quietly(`$JS.API.STREAM.DELETE.M${i}`)
  }
})

differential('pedantic mirrors', async (s) => {
  await origins(s)
  const mirror = { name: 'O' }
  await s.api('STREAM.CREATE.M', { name: 'M', mirror, pedantic: true })
  await s.api('STREAM.CREATE.N', { name: 'N', mirror, mirror_direct: true, pedantic: true })
  await s.api('STREAM.CREATE.R', { name: 'R', mirror: { name: 'P' }, mirror_direct: true, pedantic: true })
})

differential('each way to configure sources', async (s) => {
  await origins(s)
  for (const subjects of [[], ['own']]) {
    for (const [i, sources] of SOURCES.entries()) {
      const name = `S${subjects.length}${i}`
      const body = JSON.stringify({ name, subjects, sources }).replaceAll('SELF', name)
      const answer = await s.api(`STREAM.CREATE.${name}`, body, '', settled)
      if (answer.error === undefined) await s.quietly(`$JS.API.STREAM.DELETE.${name}`)
    }
  }
  for (const change of [{ allow_msg_schedules: true }, { max_msg_size: 10 }, { first_seq: 7 }]) {
    await s.api('STREAM.CREATE.T', { name: 'T', sources: [{ name: 'O' }], ...change })
    await s.quietly('$JS.API.STREAM.DELETE.T')
  }
})

differential('cycles of mirrors and sources', async (s) => {
  await s.api('STREAM.CREATE.A', { name: 'A', subjects: ['a.*'], sources: [{ name: 'B' }] })
  await s.api('STREAM.CREATE.B', { name: 'B', subjects: ['b.*'], sources: [{ name: 'A' }] })
  await s.api('STREAM.CREATE.B', {
    name: 'B',
    subjects: ['b.*'],
    sources: [{ name: 'A', filter_subject: 'c' }],
  })
  await s.api('STREAM.CREATE.C', { name: 'C', mirror: { name: 'D' } })
  await s.api('STREAM.CREATE.D', { name: 'D', mirror: { name: 'C' } })
  await s.api('STREAM.CREATE.D', { name: 'D', sources: [{ name: 'C' }] })
  await s.api('STREAM.CREATE.D', { name: 'D', sources: [{ name: 'A' }] })
  await s.api('STREAM.UPDATE.A', { name: 'A', subjects: ['a.*'], sources: [{ name: 'D' }] })
  await s.api('STREAM.UPDATE.A', { name: 'A', subjects: ['a.*'], sources: [{ name: 'A' }] })
})

differential('updates of mirrors and sources', async (s) => {
  await origins(s)
  const mirror = { name: 'O', filter_subject: 'o.1' }
  await s.api('STREAM.CREATE.M', { name: 'M', mirror }, '', settled)
  const ask = (change: object): Promise<unknown> =>
    s.api('STREAM.UPDATE.M', { name: 'M', mirror, ...change }, '', settled)
  await ask({ description: 'still a mirror' })
  await ask({ mirror: { name: 'P' } })
  await ask({ mirror: { name: 'O' } })
  await ask({ subjects: ['m'] })
  await ask({ max_msgs: 5 })
  await ask({ mirror_direct: false })
  await ask({ allow_direct: true })
  await ask({ mirror: undefined, subjects: ['m'] })
  await ask({ subjects: [] })
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s'], sources: [{ name: 'O' }] })
  for (const sources of [
    [{ name: 'P' }],
    [{ name: 'P' }, { name: 'O' }],
    [{ name: 'P' }, { name: 'P' }],
    [],
  ]) {
    await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'], sources }, '', settled)
  }
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s'], mirror: { name: 'O' } })
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: [], sources: [{ name: 'O' }] }, '', settled)
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: [] }, '', settled)
})
