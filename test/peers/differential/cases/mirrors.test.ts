/** What a mirror holds, and what it does as its origin changes. */
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

const ORIGIN = { name: 'O', subjects: ['o.*'], allow_direct: true }

async function mirrored(s: Session, config: object = {}, mirror: object = {}): Promise<void> {
  await makeOrigin(s, ORIGIN)
  const body = { name: 'M', mirror: { name: 'O', ...mirror }, allow_direct: true, ...config }
  await s.quietly('$JS.API.STREAM.CREATE.M', body)
}

differential('a mirror catches up and goes on', async (s) => {
  await mirrored(s)
  await untilHas(s, 'M', 8)
  await messages(s, 'M')
  await fill(s, 11, 14, 'A: b')
  await untilLast(s, 'M', 14)
  await messages(s, 'M')
  await s.api('STREAM.INFO.M', { deleted_details: true })
  await s.api('STREAM.INFO.M', { subjects_filter: '>' })
  await s.api('STREAM.NAMES')
  await s.api('STREAM.NAMES', { subject: 'o.1' })
})

for (const storage of ['file', 'memory']) {
  differential(`a mirror in ${storage}`, async (s) => {
    await mirrored(s, { storage })
    await untilHas(s, 'M', 8)
    await messages(s, 'M')
  })
}

for (const [what, mirror] of Object.entries({
  'a sequence': { opt_start_seq: 5 },
  'a sequence that is to come': { opt_start_seq: 20 },
  'a filter': { filter_subject: 'o.2' },
  'a filter and a sequence': { filter_subject: 'o.2', opt_start_seq: 4 },
  'a filter that takes nothing yet': { filter_subject: 'o.9' },
  'a time that has passed': { opt_start_time: '2020-01-01T00:00:00Z' },
  transforms: {
    subject_transforms: [
      { src: 'o.1', dest: 'one' },
      { src: 'o.2', dest: '' },
    ],
  },
  'a transform of all': { subject_transforms: [{ src: 'o.*', dest: 'x.$1.y' }] },
})) {
  differential(`a mirror by ${what}`, async (s) => {
    await mirrored(s, {}, mirror)
    await untilFollows(s, 'M')
    await fill(s, 11, 30)
    await s.quietly('o.9', 'last')
    // The last that matches, of those that come.
    const isLess = ['a filter', 'a filter and a sequence', 'transforms'].includes(what)
    await untilLast(s, 'M', isLess ? 30 : 31)
    await messages(s, 'M')
  })
}

differential('a mirror of a mirror', async (s) => {
  await mirrored(s)
  await s.quietly('$JS.API.STREAM.CREATE.N', { name: 'N', mirror: { name: 'M' }, allow_direct: true })
  await untilHas(s, 'N', 8)
  await fill(s, 11, 12)
  await untilLast(s, 'N', 12)
  await messages(s, 'N')
})

differential('headers in a mirror', async (s) => {
  await s.quietly('$JS.API.STREAM.CREATE.O', { ...ORIGIN, allow_rollup_hdrs: true, allow_msg_ttl: true })
  await s.quietly('$JS.API.STREAM.CREATE.M', { name: 'M', mirror: { name: 'O' }, allow_direct: true })
  await untilFollows(s, 'M')
  for (const headers of COPIED_HEADERS) {
    await s.request('o.1', headers, headers)
  }
  await untilLast(s, 'M', 7)
  await messages(s, 'M')
})

differential('limits of a mirror are its own', async (s) => {
  await mirrored(s, { max_msgs: 3 })
  await until(s, 'M', ({ state }) => state.last_seq >= 9, 'end')
  await messages(s, 'M')
  await s.quietly('$JS.API.STREAM.CREATE.N', {
    name: 'N',
    mirror: { name: 'O' },
    allow_direct: true,
    max_msgs_per_subject: 1,
  })
  await until(s, 'N', ({ state }) => state.last_seq >= 9, 'end')
  await messages(s, 'N')
})

differential('a mirror takes nothing else', async (s) => {
  await mirrored(s)
  await untilHas(s, 'M', 8)
  await s.request('M', 'hello')
  await s.request('o.1', 'to the origin alone')
  await s.api('STREAM.MSG.DELETE.M', { seq: 2 })
  await s.api('STREAM.MSG.DELETE.M', { seq: 2 })
  await s.api('STREAM.PURGE.M', { seq: 5 })
  await untilLast(s, 'M', 11)
  await s.api('STREAM.PURGE.M')
  await fill(s, 12, 13)
  await untilLast(s, 'M', 13)
  await messages(s, 'M')
})

differential('what goes from the origin stays in the mirror', async (s) => {
  await mirrored(s)
  await untilHas(s, 'M', 8)
  await s.quietly('$JS.API.STREAM.PURGE.O', { seq: 8 })
  await fill(s, 11, 12)
  await untilLast(s, 'M', 12)
  await s.quietly('$JS.API.STREAM.PURGE.O')
  await fill(s, 13, 13)
  await untilLast(s, 'M', 13)
  await s.quietly('$JS.API.STREAM.PURGE.O', { seq: 20 })
  await fill(s, 14, 15)
  await untilLast(s, 'M', 21)
  await s.api('STREAM.INFO.M', { deleted_details: true })
  await messages(s, 'M')
})

differential('a mirror becomes a stream of its own', async (s) => {
  await mirrored(s)
  await untilHas(s, 'M', 8)
  const promoted = { name: 'M', subjects: ['own'], allow_direct: true }
  await s.api('STREAM.UPDATE.M', { ...promoted, subjects: ['o.1'] })
  await s.api('STREAM.UPDATE.M', promoted)
  await s.request('own', 'mine')
  await fill(s, 11, 11)
  await s.api('STREAM.INFO.M')
  await messages(s, 'M')
  await s.api('STREAM.UPDATE.M', { name: 'M', mirror: { name: 'O' } })
})

differential('consumers of a mirror', async (s) => {
  await mirrored(s)
  await untilHas(s, 'M', 8)
  const config = { durable_name: 'c', ack_policy: 'explicit' }
  await s.api('CONSUMER.CREATE.M.c', { stream_name: 'M', config })
  const [first] = await s.pull('M', 'c', { batch: 3, no_wait: true }, 3)
  await s.ack(first, '+ACK', true)
  await s.api('CONSUMER.INFO.M.c')
  await fill(s, 11, 12)
  await untilLast(s, 'M', 12)
  await s.pull('M', 'c', { batch: 10, expires: 300e6 }, 7, 1000)
  await s.api('CONSUMER.LIST.O')
  await s.api('CONSUMER.NAMES.O')
})

differential('a mirror answers for its origin', async (s) => {
  await mirrored(s, { allow_direct: false })
  await untilHas(s, 'M', 8)
  await s.request('$JS.API.DIRECT.GET.M', { seq: 1 })
  await s.api('STREAM.DELETE.O')
  await s.request('$JS.API.DIRECT.GET.O', { seq: 2 })
  await s.request('$JS.API.DIRECT.GET.O.o.1')
  await s.request('$JS.API.DIRECT.GET.O', { last_by_subj: 'o.2' })
  await s.request('$JS.API.DIRECT.GET.O', { seq: 3 })
  await s.api('STREAM.MSG.GET.O', { seq: 2 })
  await s.api('STREAM.MSG.GET.M', { seq: 2 })
})

differential('an origin that is not there yet', async (s) => {
  await s.api('STREAM.CREATE.M', { name: 'M', mirror: { name: 'O' }, allow_direct: true })
  await until(s, 'M', (info) => info.mirror?.error !== undefined, 'error')
  await s.quietly('$JS.API.STREAM.CREATE.O', ORIGIN)
  await fill(s, 1, 3)
  await untilHas(s, 'M', 3)
  await messages(s, 'M')
})

for (const retention of ['workqueue', 'interest']) {
  differential(`a mirror of a stream with ${retention} retention`, async (s) => {
    await s.quietly('$JS.API.STREAM.CREATE.O', { ...ORIGIN, retention })
    await s.quietly('$JS.API.STREAM.CREATE.M', { name: 'M', mirror: { name: 'O' }, allow_direct: true })
    await untilFollows(s, 'M')
    await fill(s, 1, 5)
    await untilLast(s, 'M', 5)
    // What is on the mirror's disk is acknowledged with the next heartbeat.
    await untilHas(s, 'O', 0)
    await messages(s, 'M')
    await s.api('CONSUMER.NAMES.O')
    const { body } = await s.quietly('$JS.API.CONSUMER.LIST.O')
    const [consumer] = (body as { consumers: { config: Record<string, unknown> }[] }).consumers
    s.note('consumer of the origin', { ...consumer.config, deliver_subject: '' })
    await s.api('STREAM.DELETE.M')
    await s.wait(300)
    await s.api('CONSUMER.NAMES.O')
  })
}
