/** What a stream with sources holds, and what it does as they change. */
import {
  COPIED_HEADERS,
  fill,
  makeOrigin,
  messages,
  until,
  untilFollows,
  untilHas,
  untilLast,
} from '../copying.ts'
import { differential, type Session } from '../harness.ts'

const ORIGIN = { name: 'O', subjects: ['o.*'] }

/** The origin with ten messages less two, and the stream that takes them over. */
async function sourced(
  s: Session,
  source: object = {},
  config: object = {},
  origin: object = {},
): Promise<void> {
  await makeOrigin(s, { ...ORIGIN, ...origin })
  const body = {
    name: 'S',
    subjects: ['own'],
    sources: [{ name: 'O', ...source }],
    allow_direct: true,
    ...config,
  }
  await s.quietly('$JS.API.STREAM.CREATE.S', body)
}

differential('a source is caught up with, and what comes is taken', async (s) => {
  await sourced(s)
  await untilHas(s, 'S', 8)
  await s.request('own', 'in between')
  await fill(s, 11, 14, 'A: b')
  await untilHas(s, 'S', 13)
  await messages(s, 'S')
  await s.api('STREAM.INFO.O')
  await s.api('STREAM.NAMES', { subject: 'o.1' })
})

for (const [what, source] of Object.entries({
  'a sequence': { opt_start_seq: 5 },
  'a sequence that is to come': { opt_start_seq: 20 },
  'a filter': { filter_subject: 'o.2' },
  'a filter and a sequence': { filter_subject: 'o.2', opt_start_seq: 4 },
  'a filter that takes nothing yet': { filter_subject: 'o.9' },
  'a time that has passed': { opt_start_time: '2020-01-01T00:00:00Z' },
  'a transform': { subject_transforms: [{ src: 'o.1', dest: 'one' }] },
  'several transforms': {
    subject_transforms: [
      { src: 'o.1', dest: 'one' },
      { src: 'o.2', dest: '' },
      { src: 'o.9', dest: 'x.{{partition(3)}}' },
    ],
  },
  'a transform of all': { subject_transforms: [{ src: 'o.*', dest: 'x.$1.y' }] },
})) {
  differential(`a source by ${what}`, async (s) => {
    await sourced(s, source)
    await untilFollows(s, 'S')
    await fill(s, 11, 30)
    await s.quietly('o.9', 'last')
    await s.quietly('$JS.API.STREAM.CREATE.END', {
      name: 'END',
      sources: [{ name: 'O', filter_subject: 'o.9' }],
    })
    await untilHas(s, 'END', 1)
    await s.wait(200)
    await s.api('STREAM.INFO.S')
    await messages(s, 'S')
  })
}

differential('refused transforms of origins', async (s) => {
  const each = [
    [{ src: 'o.*', dest: 'x.$2' }],
    [{ src: 'o..1', dest: 'x' }],
    [{ src: 'o.1', dest: 'x..y' }],
    [{ src: 'o.>', dest: 'x' }],
    [{ src: 'o.*', dest: 'x.{{odd(1)}}' }],
    [
      { src: 'o.1', dest: 'x' },
      { src: 'o.*', dest: 'y' },
    ],
    [
      { src: 'o.1', dest: 'x' },
      { src: 'o.1', dest: 'y' },
    ],
    [
      { src: '', dest: 'x.>' },
      { src: 'o.1', dest: 'y' },
    ],
    [null],
    [{}],
  ]
  const shown = ({ sources: _, mirror: __, ...rest }: Record<string, unknown>): unknown => rest
  for (const [i, subject_transforms] of each.entries()) {
    const source = { name: 'O', subject_transforms }
    await s.api(`STREAM.CREATE.S${i}`, { name: `S${i}`, sources: [source] }, '', shown)
    await s.api(`STREAM.CREATE.M${i}`, { name: `M${i}`, mirror: source }, '', shown)
    await s.api(
      `STREAM.CREATE.T${i}`,
      { name: `T${i}`, sources: [{ ...source, filter_subject: 'o.1' }] },
      '',
      shown,
    )
    await s.api(
      `STREAM.CREATE.N${i}`,
      { name: `N${i}`, mirror: { ...source, filter_subject: 'o.1' } },
      '',
      shown,
    )
  }
})

differential('several sources', async (s) => {
  for (const name of ['A', 'B', 'C']) {
    await s.quietly(`$JS.API.STREAM.CREATE.${name}`, { name, subjects: [`${name}.*`] })
    for (let i = 1; i <= 3; i++) await s.quietly(`${name}.${i}`, `${name}${i}`)
  }
  const sources = [
    { name: 'A' },
    { name: 'B', filter_subject: 'B.2' },
    { name: 'C', opt_start_seq: 2 },
    { name: 'A', subject_transforms: [{ src: 'A.1', dest: 'first' }] },
  ]
  await s.quietly('$JS.API.STREAM.CREATE.S', { name: 'S', sources, allow_direct: true })
  await untilHas(s, 'S', 7)
  await s.quietly('A.1', 'again')
  await untilHas(s, 'S', 9)
  await messages(s, 'S', true)
  await s.api(
    'STREAM.UPDATE.S',
    { name: 'S', sources: sources.slice(0, 2), allow_direct: true },
    '',
    () => '',
  )
  await s.quietly('C.1', 'not taken')
  await s.quietly('A.3', 'taken')
  await untilHas(s, 'S', 10)
  await s.api('STREAM.UPDATE.S', { name: 'S', sources, allow_direct: true }, '', () => '')
  await untilFollows(s, 'S')
  await untilHas(s, 'S', 11)
  await messages(s, 'S', true)
})

differential('sources of sources, and of mirrors', async (s) => {
  await sourced(s)
  await s.quietly('$JS.API.STREAM.CREATE.T', { name: 'T', sources: [{ name: 'S' }], allow_direct: true })
  await s.quietly('$JS.API.STREAM.CREATE.M', { name: 'M', mirror: { name: 'S' } })
  await s.quietly('$JS.API.STREAM.CREATE.U', { name: 'U', sources: [{ name: 'M' }], allow_direct: true })
  await untilHas(s, 'T', 8)
  await untilHas(s, 'U', 8)
  await messages(s, 'T')
  await messages(s, 'U')
})

differential('headers of what is sourced', async (s) => {
  await s.quietly('$JS.API.STREAM.CREATE.O', { ...ORIGIN, allow_rollup_hdrs: true, allow_msg_ttl: true })
  for (const [name, config] of Object.entries({
    S: {},
    R: { allow_rollup_hdrs: true, allow_msg_ttl: true },
  })) {
    const body = { name, sources: [{ name: 'O' }], allow_direct: true, ...config }
    await s.quietly(`$JS.API.STREAM.CREATE.${name}`, body)
    await untilFollows(s, name)
  }
  for (const headers of [...COPIED_HEADERS, 'E: f']) {
    await s.request('o.1', headers, headers)
  }
  await untilHas(s, 'S', 8)
  await untilHas(s, 'R', 2)
  await messages(s, 'S')
  await messages(s, 'R')
})

differential('ids are looked at where there is a window', async (s) => {
  await sourced(s, {}, { duplicate_window: 60e9 }, { duplicate_window: 100e6 })
  await untilHas(s, 'S', 8)
  await s.request('own', 'one', 'Nats-Msg-Id: x')
  await s.request('o.1', 'known there', 'Nats-Msg-Id: x')
  await s.request('o.1', 'new', 'Nats-Msg-Id: y')
  await s.request('o.1', 'next')
  await untilHas(s, 'S', 11)
  await messages(s, 'S')
})

differential('limits of a stream with sources are its own', async (s) => {
  await sourced(s, {}, { max_msgs_per_subject: 1 })
  await untilHas(s, 'S', 4)
  await s.wait(100)
  await messages(s, 'S')
})

differential('a full stream with sources waits', async (s) => {
  await sourced(s, {}, { max_msgs: 3, discard: 'new' })
  await untilHas(s, 'S', 3)
  await messages(s, 'S')
  await s.quietly('$JS.API.STREAM.PURGE.S', { seq: 3 })
  await untilHas(s, 'S', 3)
  await messages(s, 'S')
})

differential('what goes from the stream is not sourced again', async (s) => {
  await sourced(s)
  await untilHas(s, 'S', 8)
  await s.api('STREAM.MSG.DELETE.S', { seq: 2 })
  await s.api('STREAM.PURGE.S')
  await fill(s, 11, 12)
  await untilHas(s, 'S', 2)
  await messages(s, 'S')
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['own'], allow_direct: true })
  await fill(s, 13, 13)
  await s.api(
    'STREAM.UPDATE.S',
    { name: 'S', subjects: ['own'], sources: [{ name: 'O' }], allow_direct: true },
    '',
    () => '',
  )
  await untilHas(s, 'S', 3)
  await messages(s, 'S')
})

differential('sourcing into a work queue', async (s) => {
  await sourced(s, {}, { retention: 'workqueue' })
  await untilHas(s, 'S', 8)
  const config = { durable_name: 'c', ack_policy: 'explicit' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config })
  const [first] = await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.ack(first, '+ACK', true)
  await untilHas(s, 'S', 7)
  await fill(s, 11, 11)
  await untilHas(s, 'S', 8)
})

differential('sourcing into a stream that nobody is interested in', async (s) => {
  await sourced(s, {}, { retention: 'interest' })
  await until(s, 'S', ({ state }) => state.last_seq === 8, 'end')
})

for (const retention of ['workqueue', 'interest']) {
  differential(`a source with ${retention} retention`, async (s) => {
    await s.quietly('$JS.API.STREAM.CREATE.O', { ...ORIGIN, retention })
    const sources = [
      { name: 'O', filter_subject: 'o.1' },
      { name: 'O', filter_subject: 'o.2' },
    ]
    await s.quietly('$JS.API.STREAM.CREATE.S', { name: 'S', sources, allow_direct: true })
    await untilFollows(s, 'S')
    await fill(s, 1, 8)
    await untilHas(s, 'S', 4)
    await untilHas(s, 'O', retention === 'interest' ? 0 : 4)
    await messages(s, 'S', true)
    await s.api('CONSUMER.NAMES.O')
    await s.api('STREAM.DELETE.S')
    await s.wait(300)
    await s.api('CONSUMER.NAMES.O')
  })
}

differential('a source of a work queue that has a consumer of its own', async (s) => {
  await s.quietly('$JS.API.STREAM.CREATE.O', { ...ORIGIN, retention: 'workqueue' })
  const config = { durable_name: 'c', ack_policy: 'explicit' }
  await s.quietly('$JS.API.CONSUMER.CREATE.O.c', { stream_name: 'O', config })
  await fill(s, 1, 3)
  await s.quietly('$JS.API.STREAM.CREATE.S', { name: 'S', sources: [{ name: 'O' }], allow_direct: true })
  await untilHas(s, 'S', 3)
  // The acknowledgement of the copy comes within a heartbeat.
  await s.wait(2500)
  await untilHas(s, 'O', 3)
  const taken = await s.pull('O', 'c', { batch: 2, no_wait: true }, 2)
  for (const message of taken) await s.ack(message, '+ACK', true)
  await untilHas(s, 'O', 1)
})

differential('a source by a consumer made beforehand', async (s) => {
  await s.quietly('$JS.API.STREAM.CREATE.O', { ...ORIGIN, retention: 'workqueue' })
  await fill(s, 1, 4)
  const config = {
    durable_name: 'c',
    deliver_subject: 'to.s',
    ack_policy: 'flow_control',
    filter_subject: 'o.1',
  }
  await s.api('CONSUMER.CREATE.O.c', { stream_name: 'O', config })
  const sources = [{ name: 'O', consumer: { name: 'c', deliver_subject: 'to.s' } }]
  await s.quietly('$JS.API.STREAM.CREATE.S', { name: 'S', sources, allow_direct: true })
  await untilHas(s, 'S', 1)
  await fill(s, 5, 9)
  await untilHas(s, 'S', 3)
  await untilHas(s, 'O', 6)
  await messages(s, 'S')
  await s.api('STREAM.DELETE.S')
  await s.api('CONSUMER.NAMES.O')
})

differential('a consumer made beforehand that does not fit', async (s) => {
  await s.quietly('$JS.API.STREAM.CREATE.O', ORIGIN)
  const config = { durable_name: 'c', deliver_subject: 'to.s', ack_policy: 'explicit' }
  await s.api('CONSUMER.CREATE.O.c', { stream_name: 'O', config })
  const consumer = { name: 'c', deliver_subject: 'to.s' }
  await s.quietly('$JS.API.STREAM.CREATE.S', { name: 'S', sources: [{ name: 'O', consumer }] })
  await s.quietly('$JS.API.STREAM.CREATE.M', { name: 'M', mirror: { name: 'O', consumer } })
  await until(s, 'S', ({ sources }) => sources?.[0].error !== undefined, 'error')
  await until(s, 'M', ({ mirror }) => mirror?.error !== undefined, 'error')
})

differential('consumers for copies, asked for by hand', async (s) => {
  const direct = {
    name: 'JS_SRC_x',
    deliver_subject: 'd',
    ack_policy: 'none',
    direct: true,
    sourcing: true,
    flow_control: true,
    idle_heartbeat: 1e9,
    inactive_threshold: 10e9,
    max_deliver: 1,
  }
  for (const retention of ['limits', 'workqueue', 'interest']) {
    const name = `O_${retention}`
    await s.quietly(`$JS.API.STREAM.CREATE.${name}`, { name, subjects: [retention], retention })
    for (const config of [direct, { ...direct, deliver_subject: 'e' }, { ...direct, filter_subject: 'f' }]) {
      const { body, headers } = await s.quietly(`$JS.API.CONSUMER.CREATE.${name}`, {
        stream_name: name,
        config,
      })
      const answer = body as { name?: string; config?: { name?: string } }
      if (answer.name !== undefined) answer.name = answer.name.replace(/-\w+$/, '-<suffix>')
      if (answer.config?.name !== undefined)
        answer.config.name = answer.config.name.replace(/-\w+$/, '-<suffix>')
      s.note(`made on ${name}`, { answer, headers })
    }
    const wrong = 'Nats-Stream-Identity: abcdefgh'
    const { body, headers } = await s.quietly(
      `$JS.API.CONSUMER.CREATE.${name}`,
      { stream_name: name, config: direct },
      wrong,
    )
    const { error } = body as { error?: { code: number; err_code: number } }
    s.note('another stream', { code: error?.code, err_code: error?.err_code, headers })
    await s.api(`CONSUMER.NAMES.${name}`)
    await s.api(`STREAM.INFO.${name}`)
  }
})

differential('an origin that is deleted and made again', async (s) => {
  await sourced(s)
  await s.quietly('$JS.API.STREAM.CREATE.M', { name: 'M', mirror: { name: 'O' }, allow_direct: true })
  await untilHas(s, 'S', 8)
  await untilHas(s, 'M', 8)
  await s.api('STREAM.DELETE.O')
  await s.wait(200)
  await s.quietly('$JS.API.STREAM.CREATE.O', ORIGIN)
  await fill(s, 21, 32)
  await untilHas(s, 'S', 20)
  await messages(s, 'S')
  // A mirror goes by sequences: what comes under those it has is not for it.
  await untilLast(s, 'M', 12)
  await messages(s, 'M')
})
