import { differential } from '../harness.ts'
import type { Session } from '../session.ts'

const STREAM = { name: 'C', subjects: ['c.>'], allow_msg_counter: true, allow_direct: true }

async function show(s: Session, stream = 'C'): Promise<void> {
  await s.api(`STREAM.INFO.${stream}`, { subjects_filter: '>' })
  await s.requestMany(`$JS.API.DIRECT.GET.${stream}`, { seq: 1, batch: 100 }, 100, 400)
}

differential('the configuration of counters', async (s) => {
  for (const [i, change] of [
    {},
    { discard: 'new' },
    { allow_msg_ttl: true },
    { allow_msg_schedules: true },
    { retention: 'interest' },
    { retention: 'workqueue' },
    { subject_delete_marker_ttl: 1e9 },
    { allow_rollup_hdrs: true },
    { storage: 'memory' },
    { max_msgs_per_subject: 1 },
    { allow_atomic: true, allow_batched: true },
    { deny_delete: true, deny_purge: true },
  ].entries()) {
    await s.api(`STREAM.CREATE.C${i}`, { ...STREAM, name: `C${i}`, subjects: [`c${i}`], ...change })
  }
  await s.api('STREAM.UPDATE.C0', { ...STREAM, name: 'C0', subjects: ['c0'], allow_msg_counter: false })
  await s.api('STREAM.UPDATE.C0', { ...STREAM, name: 'C0', subjects: ['c0'], discard: 'new' })
  await s.api('STREAM.CREATE.D', { name: 'D', subjects: ['d'] })
  await s.api('STREAM.UPDATE.D', { name: 'D', subjects: ['d'], allow_msg_counter: true })
  await s.request('d', '', 'Nats-Incr: 1')
})

for (const storage of ['file', 'memory']) {
  differential(`a counter in ${storage} goes up and down`, async (s) => {
    await s.api('STREAM.CREATE.C', { ...STREAM, storage })
    for (const increment of ['1', '+2', '-5', '0', '-0', '+0', '007', '-12', '9007199254740993', '1']) {
      await s.request('c.a', '', `Nats-Incr: ${increment}`)
    }
    await s.request('c.b', '', 'Nats-Incr: 123456789012345678901234567890')
    await s.request('c.b', '', 'A: 1\nNats-Incr: -123456789012345678901234567891\nB: 2')
    await s.request('c.b', '', 'Nats-Incr:5')
    await show(s)
  })
}

differential('what is no increment is refused', async (s) => {
  await s.api('STREAM.CREATE.C', { ...STREAM, allow_rollup_hdrs: true, max_msg_size: 60 })
  await s.request('c.a', 'payload')
  await s.request('c.a', '')
  await s.request('c.a', '', 'A: 1')
  for (const value of [
    '',
    'x',
    '1x',
    '1.5',
    '+',
    '-',
    '--1',
    '+-1',
    '1 ',
    ' 1',
    '0x10',
    '1_000',
    '١',
    '1e3',
  ]) {
    await s.request('c.a', '', `Nats-Incr: ${value}`)
  }
  await s.request('c.a', 'payload', 'Nats-Incr: 1')
  await s.request('c.a', '{"val":"5"}', 'Nats-Incr: 1')
  for (const header of [
    'Nats-Rollup: sub',
    'Nats-Rollup: all',
    'Nats-Expected-Stream: C',
    'Nats-Expected-Stream: D',
    'Nats-Expected-Last-Sequence: 0',
    'Nats-Expected-Last-Sequence: x',
    'Nats-Expected-Last-Subject-Sequence: 0',
    'Nats-Expected-Last-Subject-Sequence-Subject: c.a',
    'Nats-Expected-Last-Msg-Id: x',
    'Nats-TTL: 5s',
    'Nats-Stream-Source: x',
    'Nats-Schedule: @every 5s',
    'Nats-Incr: 5',
  ]) {
    await s.request('c.a', '', `Nats-Incr: 1\n${header}`)
  }
  await s.request('c.a', '', 'Nats-Rollup: sub')
  await s.request('c.a', '', 'Nats-Expected-Stream: D')
  await s.request('c.a', '', 'Nats-TTL: 5s')
  await s.request('c.a', '', 'Nats-Incr: 10000000000000000')
  await s.request('c.a', '', 'Nats-Incr: 1000000000000000000000000')
  await show(s)
})

differential('increments with an id count once', async (s) => {
  await s.api('STREAM.CREATE.C', STREAM)
  await s.request('c.a', '', 'Nats-Incr: 1\nNats-Msg-Id: 1')
  await s.request('c.a', '', 'Nats-Incr: 1\nNats-Msg-Id: 1')
  await s.request('c.a', '', 'Nats-Incr: 1\nNats-Msg-Id: 2')
  await s.request('c.a', '', 'Nats-Msg-Id: 1')
  await show(s)
})

differential('a counter begins anew where its messages were removed', async (s) => {
  await s.api('STREAM.CREATE.C', { ...STREAM, max_msgs_per_subject: 2 })
  for (let i = 0; i < 4; i++) await s.request('c.a', '', 'Nats-Incr: 1')
  await s.request('c.b', '', 'Nats-Incr: 10')
  await s.api('STREAM.MSG.DELETE.C', { seq: 4 })
  await s.request('c.a', '', 'Nats-Incr: 1')
  await s.api('STREAM.PURGE.C', { filter: 'c.a' })
  await s.request('c.a', '', 'Nats-Incr: 1')
  await s.api('STREAM.PURGE.C', { keep: 1 })
  await s.request('c.b', '', 'Nats-Incr: 1')
  await show(s)
})

differential('a counter goes on after a restart, and under another subject', async (s) => {
  await s.api('STREAM.CREATE.C', { ...STREAM, subject_transform: { src: 'c.*.*', dest: 'total.$1' } })
  await s.request('c.a.x', '', 'Nats-Incr: 1')
  await s.request('c.a.y', '', 'Nats-Incr: 2')
  await s.server.restart()
  await s.request('c.a.z', '', 'Nats-Incr: 3')
  await s.request('c.b', '', 'Nats-Incr: 4')
  await show(s)
})

differential('what clients write into the header of sources', async (s) => {
  await s.api('STREAM.CREATE.C', STREAM)
  await s.request('c.a', '', 'Nats-Incr: 1\nNats-Counter-Sources: {"b":{"x":"1"},"a":{"z":"<2>","y":"3"}}')
  await s.request('c.a', '', 'Nats-Incr: 1')
  await s.request('c.a', '', 'A: 1\nNats-Counter-Sources: mine\nNats-Incr: 1\nB: 2')
  await s.request('c.b', '', 'Nats-Incr: 1\nNats-Counter-Sources: {}')
  await s.request('c.b', '', 'Nats-Incr: 1')
  await s.request('c.c', '', 'Nats-Incr: 1\nNats-Counter-Sources: {"10":{},"9":null}')
  await s.request('c.c', '', 'Nats-Incr: 1')
  await s.request('c.d', '', 'Nats-Incr: 1\nNats-Counter-Sources: no JSON')
  await s.request('c.d', '', 'Nats-Incr: 1')
  await s.request('c.e', '', 'Nats-Incr: 1\nNats-Counter-Sources: {"a":{"b":1}}')
  await s.request('c.e', '', 'Nats-Incr: 1')
  await show(s)
})

differential('batches of increments', async (s) => {
  await s.api('STREAM.CREATE.C', { ...STREAM, allow_atomic: true, allow_batched: true })
  await s.request('c.a', '', 'Nats-Incr: 10')
  const batch = async (id: string, ...messages: [subject: string, body: string, headers: string][]) => {
    for (const [i, [subject, body, headers]] of messages.entries()) {
      const commit = i === messages.length - 1 ? '\nNats-Batch-Commit: 1' : ''
      await s.request(
        subject,
        body,
        `Nats-Batch-Id: ${id}\nNats-Batch-Sequence: ${i + 1}${commit}\n${headers}`,
      )
    }
  }
  await batch('one', ['c.a', '', 'Nats-Incr: 1'], ['c.b', '', 'Nats-Incr: 5'], ['c.a', '', 'Nats-Incr: -20'])
  await batch('two', ['c.a', '', 'Nats-Incr: 1'], ['c.b', '', ''])
  await batch('three', ['c.a', '', 'Nats-Incr: 1'], ['c.b', 'x', 'Nats-Incr: 1'])
  await batch('four', ['c.a', '', 'Nats-Incr: 1'], ['c.b', '', 'Nats-Incr: x'])
  await batch(
    'five',
    ['c.a', '', 'Nats-Incr: 1'],
    ['c.b', '', 'Nats-Incr: 1\nNats-Expected-Last-Sequence: 5'],
  )
  await batch('six', ['c.x', '', 'Nats-Incr: 1'])
  await show(s)
  const fast = (seq: number, operation: number) => `fast.fb1.10.ok.${seq}.${operation}.$FI`
  await s.subscribe('fast.>')
  await s.publish('c.a', '', 'Nats-Incr: 1', fast(1, 0))
  await s.publish('c.a', '', 'Nats-Incr: 1', fast(2, 1))
  await s.publish('c.a', '', 'Nats-Incr: 1', fast(3, 2))
  await s.settle('fast batch', true)
  await show(s)
})

differential('counters are published again with their value', async (s) => {
  await s.api('STREAM.CREATE.C', { ...STREAM, republish: { dest: 'r.>' } })
  await s.subscribe('r.>')
  await s.request('c.a', '', 'Nats-Incr: 1')
  await s.request('c.a', '', 'Nats-Incr: 2')
  await s.settle('republished', true)
})

differential('counters of several streams add up where they are sourced', async (s) => {
  for (const place of ['es', 'de']) {
    const name = place.toUpperCase()
    await s.api(`STREAM.CREATE.${name}`, { ...STREAM, name, subjects: [`count.${place}.*`] })
    await s.request(`count.${place}.hits`, '', 'Nats-Incr: 5')
  }
  const source = (place: string): object => ({
    name: place.toUpperCase(),
    subject_transforms: [{ src: `count.${place}.*`, dest: 'count.all.$1' }],
  })
  const total = { ...STREAM, name: 'TOTAL', subjects: ['count.all.*'] }
  await s.api('STREAM.CREATE.TOTAL', { ...total, sources: [source('es')] })
  await s.wait(700)
  await s.request('count.es.hits', '', 'Nats-Incr: 2')
  await s.wait(300)
  await s.request('count.all.hits', '', 'Nats-Incr: 100')
  await s.api('STREAM.UPDATE.TOTAL', { ...total, sources: [source('es'), source('de')] })
  await s.wait(700)
  await s.request('count.de.hits', '', 'Nats-Incr: -30')
  await s.wait(300)
  await s.request('count.es.misses', '', 'Nats-Incr: 123456789012345678901234567890')
  await s.wait(300)
  await s.request('count.all.hits', '', 'Nats-Incr: 1')
  await s.api('STREAM.INFO.TOTAL', { subjects_filter: '>' }, '', ({ state }) => state)
  const found = await s.messagesOf('TOTAL')
  s.note(
    'all of them',
    found.map(({ headers, payload }) => ({ headers: withoutIdentity(headers ?? ''), payload })),
  )
})

/** A source's header ends with an identity that differs. */
function withoutIdentity(headers: string): string {
  return headers.replace(/(Nats-Stream-Source: (?:\S+ ){4}\S+)( \S+)?/, '$1')
}
