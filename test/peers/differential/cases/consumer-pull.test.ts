/** Pull requests: their fields, their statuses, and how several share what there is. */
import { differential, type Session } from '../harness.ts'

async function prepared(s: Session, messages: number, config: Record<string, unknown> = {}): Promise<void> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 1; i <= messages; i++) await s.quietly(`s.${'ab'[i % 2]}`, `message ${i}`)
  const all = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9, ...config }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: all })
}

const REQUESTS: Record<string, [request: unknown, answers: number]> = {
  'an empty body': ['', 2],
  'a number': ['3', 4],
  'a number of zero': ['0', 2],
  'a negative number': ['-1', 2],
  'a text': ['five', 2],
  'an empty object': [{}, 2],
  'a batch of zero': [{ batch: 0 }, 2],
  'a batch of 2': [{ batch: 2 }, 3],
  'expires without no_wait': [{ batch: 9, expires: 200e6 }, 6],
  'expires that is too short': [{ batch: 9, expires: 1e6 }, 6],
  'negative expires': [{ batch: 2, expires: -1 }, 3],
  'expires as text': [{ batch: 2, expires: '1s' }, 2],
  no_wait: [{ batch: 9, no_wait: true }, 6],
  'no_wait and expires': [{ batch: 9, no_wait: true, expires: 200e6 }, 6],
  'a heartbeat longer than half': [{ batch: 9, expires: 300e6, idle_heartbeat: 200e6 }, 2],
  'a heartbeat without expires': [{ batch: 9, idle_heartbeat: 200e6 }, 2],
  'a heartbeat that is short': [{ batch: 9, expires: 500e6, idle_heartbeat: 10e6 }, 1],
  'heartbeats while there is nothing': [{ batch: 9, expires: 900e6, idle_heartbeat: 400e6 }, 7],
  'a negative heartbeat': [{ batch: 2, expires: 500e6, idle_heartbeat: -1 }, 2],
  'max_bytes for two': [{ batch: 9, max_bytes: 150, no_wait: true }, 4],
  'max_bytes for none': [{ batch: 9, max_bytes: 10, no_wait: true }, 2],
  'max_bytes for none, waiting': [{ batch: 9, max_bytes: 10, expires: 300e6 }, 2],
  'negative max_bytes': [{ batch: 2, max_bytes: -1, no_wait: true }, 3],
  'an unknown field': [{ batch: 1, foo: 1, no_wait: true }, 2],
  'a group on a consumer without': [{ batch: 1, group: 'g', no_wait: true }, 2],
  'an id on a consumer without': [{ batch: 1, id: 'x', no_wait: true }, 2],
  'min_pending on a consumer without': [{ batch: 1, min_pending: 2, expires: 200e6 }, 2],
  'a priority on a consumer without': [{ batch: 1, priority: 3, no_wait: true }, 2],
  'a huge batch': [{ batch: 1_000_000, no_wait: true }, 6],
}

for (const [name, [request, answers]] of Object.entries(REQUESTS)) {
  differential(`pull request: ${name}`, async (s) => {
    await prepared(s, 5)
    await s.pull('S', 'c', request, answers, 1200)
    await s.api('CONSUMER.INFO.S.c')
  })
}

differential('a request without a reply subject', async (s) => {
  await prepared(s, 2)
  await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', '{"batch":1}')
  await s.api('CONSUMER.INFO.S.c')
})

differential('waiting requests are served in turn', async (s) => {
  await prepared(s, 0)
  const sids: string[] = []
  for (let i = 0; i < 3; i++) {
    sids.push(await s.subscribe(`waiter.${i}`))
    await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', { batch: 3, expires: 900e6 }, '', `waiter.${i}`)
  }
  await s.api('CONSUMER.INFO.S.c')
  for (let i = 0; i < 6; i++) {
    await s.quietly('s.a', `${i}`)
    // Each is delivered before the next one is there: else what is pending is a matter of luck.
    await s.wait(30)
  }
  await s.api('CONSUMER.INFO.S.c')
  for (const sid of sids) await s.collect(sid, 4, 1200)
  await s.api('CONSUMER.INFO.S.c')
})

differential('a waiting request whose subscriber has gone', async (s) => {
  await prepared(s, 0)
  const sid = await s.subscribe('gone')
  await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', { batch: 3, expires: 5e9 }, '', 'gone')
  await s.unsubscribe(sid)
  await s.quietly('s.a', 'x')
  await s.wait(100)
  await s.pull('S', 'c', { batch: 3, expires: 200e6 }, 2, 500)
  await s.api('CONSUMER.INFO.S.c')
})

differential('max_waiting: which request is refused', async (s) => {
  await prepared(s, 0, { max_waiting: 2 })
  const sids: string[] = []
  for (let i = 0; i < 3; i++) {
    sids.push(await s.subscribe(`waiter.${i}`))
    await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', { batch: 1, expires: 600e6 }, '', `waiter.${i}`)
  }
  for (const sid of sids) await s.collect(sid, 1, 900)
})

differential('max_batch, max_expires and max_bytes of a consumer', async (s) => {
  await prepared(s, 3, { max_batch: 2, max_expires: 1e9, max_bytes: 200 })
  for (const request of [
    { batch: 3 },
    { batch: 2 },
    { batch: 1, expires: 2e9 },
    { batch: 1, max_bytes: 201 },
    { batch: 1 },
  ]) {
    await s.pull('S', 'c', { ...request }, 3, 1300)
  }
})

differential('deleting the stream tells who waits', async (s) => {
  await prepared(s, 0)
  const sid = await s.subscribe('waiter')
  await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', { batch: 3, expires: 5e9 }, '', 'waiter')
  await s.quietly('$JS.API.STREAM.DELETE.S')
  await s.collect(sid, 1, 500)
})

differential('an update tells nobody, and pausing neither', async (s) => {
  await prepared(s, 0)
  const sid = await s.subscribe('waiter')
  await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', { batch: 3, expires: 900e6 }, '', 'waiter')
  const config = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9, description: 'new' }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config, action: 'update' })
  await s.quietly('s.a', 'x')
  await s.collect(sid, 2, 1200)
})

differential("two consumers of one stream don't disturb each other", async (s) => {
  await prepared(s, 4)
  await s.api('CONSUMER.CREATE.S.d', {
    stream_name: 'S',
    config: { durable_name: 'd', ack_policy: 'none', filter_subject: 's.a' },
  })
  await s.pull('S', 'd', { batch: 9, no_wait: true }, 3, 300)
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.api('CONSUMER.LIST.S')
})

differential('pending counts in ack subjects, with filters and deletes', async (s) => {
  await prepared(s, 9, { filter_subject: 's.b' })
  await s.api('STREAM.MSG.DELETE.S', { seq: 5 })
  await s.pull('S', 'c', { batch: 9, no_wait: true }, 5, 300)
  await s.quietly('s.b', 'x')
  await s.quietly('s.a', 'x')
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1, 300)
})

differential('starting points: each policy, each with a filter', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 1; i <= 9; i++) await s.quietly(`s.${'abc'[i % 3]}`, `message ${i}`)
  const policies = [
    { deliver_policy: 'all' },
    { deliver_policy: 'last' },
    { deliver_policy: 'new' },
    { deliver_policy: 'last_per_subject' },
    { deliver_policy: 'by_start_sequence', opt_start_seq: 5 },
    { deliver_policy: 'by_start_sequence', opt_start_seq: 500 },
    { deliver_policy: 'by_start_time', opt_start_time: '2020-01-01T00:00:00Z' },
    { deliver_policy: 'by_start_time', opt_start_time: '2100-01-01T00:00:00Z' },
  ]
  const filters = [
    {},
    { filter_subject: 's.b' },
    { filter_subject: 's.x' },
    { filter_subjects: ['s.a', 's.c'] },
    { filter_subject: 's.c' },
  ]
  let count = 0
  for (const policy of policies) {
    for (const filter of filters) {
      const name = `c${count++}`
      const config = { durable_name: name, ack_policy: 'none', ...policy, ...filter }
      await s.api(`CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config })
      await s.pull('S', name, { batch: 20, no_wait: true }, 10, 120)
      await s.api(`CONSUMER.INFO.S.${name}`)
    }
  }
})

differential('a pause: who does not want to wait, and who waits already', async (s) => {
  await prepared(s, 4, { max_ack_pending: 1 })
  const ask = await asking(s)
  await ask({ batch: 1 })
  await ask({ batch: 1, no_wait: true })
  await s.api('CONSUMER.PAUSE.S.c', { pause_until: '2100-01-01T00:00:00Z' })
  await s.settle('when it begins', true)
  await s.api('CONSUMER.INFO.S.c')
  await s.quietly('s.a', 'x')
  await s.settle('with a message', true)
  for (const request of [
    { batch: 1, no_wait: true },
    { batch: 2, no_wait: true, expires: 60e9 },
  ]) {
    await ask(request)
    await s.api('CONSUMER.INFO.S.c')
  }
})

differential(
  'held up by max_ack_pending, no_wait ends with the next heartbeat or expiry of another',
  async (s) => {
    await prepared(s, 4, { max_ack_pending: 1 })
    const ask = await asking(s)
    await ask({ batch: 1 })
    for (const other of [{ expires: 300e6 }, { expires: 900e6, idle_heartbeat: 400e6 }]) {
      await ask({ batch: 1, no_wait: true })
      await s.api('CONSUMER.INFO.S.c')
      await ask({ batch: 1, ...other })
      await s.wait(1200)
      await s.settle('after the other', true)
    }
  },
)

differential('messages to be redelivered, and requests that are too small', async (s) => {
  await prepared(s, 3)
  const messages = await s.pull('S', 'c', { batch: 3, no_wait: true }, 3)
  for (const i of [2, 0, 1]) await s.ack(messages[i], '-NAK', true)
  for (let i = 0; i < 2; i++) await s.pull('S', 'c', { batch: 1, max_bytes: 10, expires: 300e6 }, 1)
  await s.pull('S', 'c', { batch: 3, no_wait: true }, 3)
})

differential('overflow: a message to be redelivered is one more that is pending', async (s) => {
  await prepared(s, 1, { priority_policy: 'overflow', priority_groups: ['g'] })
  const [message] = await s.pull('S', 'c', { batch: 1, group: 'g', no_wait: true }, 1)
  await s.ack(message, '-NAK', true)
  for (const min_pending of [2, 1]) {
    await s.pull('S', 'c', { batch: 1, group: 'g', min_pending, expires: 300e6 }, 1, 600)
    await s.api('CONSUMER.INFO.S.c')
  }
})

/** Sends requests, each with a reply subject of its own, and notes what came to any of them. */
async function asking(s: Session): Promise<(request: Record<string, unknown>) => Promise<void>> {
  let asked = 0
  return async (request) => {
    const inbox = `waiter.${++asked}`
    await s.subscribe(inbox)
    await s.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', request, '', inbox)
    await s.settle(`request ${asked}`, true)
  }
}

differential(
  'overflow: a request whose time is over changes nothing in the order of the others',
  async (s) => {
    await prepared(s, 1, { priority_policy: 'overflow', priority_groups: ['g'] })
    const ask = await asking(s)
    const patient = { batch: 1, group: 'g', min_pending: 5, expires: 60e9 }
    for (const request of [patient, patient, { ...patient, expires: 300e6 }]) await ask(request)
    await s.wait(500)
    await s.settle('the end of the last')
    await s.api('CONSUMER.DELETE.S.c')
    await s.settle('the end of the others', true)
  },
)
