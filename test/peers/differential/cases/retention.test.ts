/** What stays in a stream: retention by interest and in work queues, discarding, and what deletes do to consumers. */
import { differential, type Session } from '../harness.ts'

function consumer(s: Session, name: string, config: Record<string, unknown> = {}): Promise<unknown> {
  const all = { durable_name: name, ack_policy: 'explicit', ...config }
  return s.api(`CONSUMER.CREATE.S.${name}`, { stream_name: 'S', config: all })
}

async function fill(s: Session, count: number, subjects = 'abc'): Promise<void> {
  for (let i = 1; i <= count; i++) await s.request(`s.${subjects[(i - 1) % subjects.length]}`, `message ${i}`)
}

async function look(s: Session, ...consumers: string[]): Promise<void> {
  await s.api('STREAM.INFO.S', { deleted_details: true })
  for (const name of consumers) await s.api(`CONSUMER.INFO.S.${name}`)
}

differential('interest: a message goes when the last consumer acknowledged it', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'interest' })
  await consumer(s, 'one')
  await consumer(s, 'two', { filter_subject: 's.a' })
  await fill(s, 6)
  await look(s)
  const one = await s.pull('S', 'one', { batch: 6, no_wait: true }, 6)
  for (const message of one) await s.ack(message, '+ACK', true)
  await look(s, 'one', 'two')
  const two = await s.pull('S', 'two', { batch: 6, no_wait: true }, 3, 400)
  await s.ack(two[0], '+ACK', true)
  await s.ack(two[1], '+TERM', true)
  await look(s, 'one', 'two')
})

differential('interest: deleting a consumer frees what it alone had kept', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'interest' })
  await consumer(s, 'one')
  await consumer(s, 'two')
  await fill(s, 4)
  for (const message of await s.pull('S', 'one', { batch: 3, no_wait: true }, 3))
    await s.ack(message, '+ACK', true)
  await s.api('CONSUMER.DELETE.S.two')
  await s.wait(100)
  await look(s, 'one')
  await s.api('CONSUMER.DELETE.S.one')
  await s.wait(100)
  await look(s)
  await fill(s, 1)
  await look(s)
})

differential('interest: with ack none a delivery is enough', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'interest' })
  await consumer(s, 'one', { ack_policy: 'none' })
  await fill(s, 3)
  await s.pull('S', 'one', { batch: 2, no_wait: true }, 2)
  await s.wait(100)
  await look(s, 'one')
})

differential('interest: ack all frees everything below', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'interest' })
  await consumer(s, 'one', { ack_policy: 'all' })
  await fill(s, 5)
  const messages = await s.pull('S', 'one', { batch: 5, no_wait: true }, 5)
  await s.ack(messages[3], '+ACK', true)
  await look(s, 'one')
})

differential('a work queue: consumers of disjoint filters, and what overlaps is refused', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'workqueue' })
  await consumer(s, 'a', { filter_subject: 's.a' })
  await consumer(s, 'all')
  await consumer(s, 'wild', { filter_subject: 's.*' })
  await consumer(s, 'bc', { filter_subjects: ['s.b', 's.c'] })
  await consumer(s, 'c', { filter_subject: 's.c' })
  await consumer(s, 'last', { filter_subject: 's.d', deliver_policy: 'last' })
  await consumer(s, 'start', { filter_subject: 's.d', deliver_policy: 'by_start_sequence', opt_start_seq: 2 })
  await consumer(s, 'ackall', { filter_subject: 's.d', ack_policy: 'all' })
  await consumer(s, 'push', { filter_subject: 's.e', deliver_subject: 'd' })
  await fill(s, 6)
  await s.api('CONSUMER.DELETE.S.a')
  await consumer(s, 'again', { filter_subject: 's.a' })
  const messages = await s.pull('S', 'again', { batch: 6, no_wait: true }, 3, 400)
  for (const message of messages) await s.ack(message, '+ACK', true)
  await look(s, 'again', 'bc')
})

differential('a work queue: discard new frees its place by acks', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    retention: 'workqueue',
    max_msgs: 2,
    discard: 'new',
  })
  await consumer(s, 'c')
  await fill(s, 3)
  const [first] = await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  await s.ack(first, '+ACK', true)
  await fill(s, 2)
  await look(s, 'c')
})

differential('a work queue: old ones go by limits, and the consumer goes on', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'workqueue', max_msgs: 3 })
  await consumer(s, 'c')
  await fill(s, 3)
  const messages = await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await fill(s, 2)
  await look(s, 'c')
  await s.ack(messages[0], '+ACK', true)
  await look(s, 'c')
  await s.pull('S', 'c', { batch: 5, no_wait: true }, 4, 400)
  await look(s, 'c')
})

differential('max deliver in a work queue leaves the message', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], retention: 'workqueue' })
  await consumer(s, 'c', { max_deliver: 1, ack_wait: 200e6 })
  await fill(s, 2)
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.wait(500)
  await s.pull('S', 'c', { batch: 2, expires: 300e6 }, 1, 600)
  await look(s, 'c')
})

differential('purging under a consumer', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await consumer(s, 'c')
  await fill(s, 6)
  const messages = await s.pull('S', 'c', { batch: 3, no_wait: true }, 3)
  await s.ack(messages[0], '+ACK', true)
  await s.api('STREAM.PURGE.S')
  await s.wait(50)
  await look(s, 'c')
  await s.ack(messages[1], '+ACK', true)
  await fill(s, 2)
  await s.pull('S', 'c', { batch: 5, no_wait: true }, 3, 400)
  await look(s, 'c')
})

/** Two of `count` messages wait for their acks when the stream is purged. */
async function purgeUnderConsumer(s: Session, count: number, request?: object): Promise<void> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await consumer(s, 'c')
  await fill(s, count)
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.api('STREAM.PURGE.S', request)
  await s.wait(50)
  await look(s, 'c')
}

differential('purging up to a sequence under a consumer', async (s) => {
  await purgeUnderConsumer(s, 8, { seq: 5 })
  await s.pull('S', 'c', { batch: 9, no_wait: true }, 5, 400)
})

differential('purging everything that waits for its ack', (s) => purgeUnderConsumer(s, 4))

differential('purging a subject under a consumer', (s) => purgeUnderConsumer(s, 4, { filter: 's.a' }))

differential('deleting messages that wait for their ack, or for delivery', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await consumer(s, 'c', { ack_wait: 300e6 })
  await fill(s, 5)
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.api('STREAM.MSG.DELETE.S', { seq: 1 })
  await s.api('STREAM.MSG.DELETE.S', { seq: 4 })
  await s.wait(50)
  await look(s, 'c')
  await s.wait(500)
  await s.pull('S', 'c', { batch: 9, no_wait: true }, 4, 400)
  await look(s, 'c')
})

differential('deleting the last and the first moves the ends', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await fill(s, 5)
  for (const seq of [5, 1, 3, 2, 4]) {
    await s.api('STREAM.MSG.DELETE.S', { seq })
    await look(s)
  }
  await fill(s, 2)
  await look(s)
})

differential('limits by subject, bytes and number at once', async (s) => {
  await s.api('STREAM.CREATE.S', {
    name: 'S',
    subjects: ['s.*'],
    max_msgs: 6,
    max_bytes: 400,
    max_msgs_per_subject: 3,
  })
  for (let i = 0; i < 14; i++) {
    await s.request(`s.${'aab'[i % 3]}`, 'x'.repeat(5 + i * 3))
    await s.api('STREAM.INFO.S', { subjects_filter: '>' })
  }
})

differential('limits that become smaller, in an update', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await consumer(s, 'c')
  await fill(s, 12)
  for (const change of [
    { max_msgs: 9 },
    { max_bytes: 200 },
    { max_msgs_per_subject: 1 },
    { max_msgs: -1 },
    { max_msgs: 0 },
  ]) {
    await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*'], ...change })
    await look(s, 'c')
  }
})

differential('an age that becomes shorter, in an update', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await fill(s, 3)
  await s.wait(400)
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*'], max_age: 300e6, duplicate_window: 100e6 })
  await fill(s, 1)
  await s.wait(100)
  await look(s)
})

differential('discard new: which limit refuses, in which words', async (s) => {
  const config = {
    name: 'S',
    subjects: ['s.*'],
    discard: 'new',
    max_msgs: 4,
    max_bytes: 300,
    max_msgs_per_subject: 2,
  }
  await s.api('STREAM.CREATE.S', config)
  await fill(s, 3, 'a')
  await s.request('s.b', 'x'.repeat(250))
  await fill(s, 4, 'bc')
  await look(s)
})

differential('sealed by an update, with a consumer', async (s) => {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  await consumer(s, 'c')
  await fill(s, 2)
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*'], sealed: true })
  await look(s, 'c')
  await s.pull('S', 'c', { batch: 2, no_wait: true }, 2)
  await s.api('STREAM.UPDATE.S', { name: 'S', subjects: ['s.*'], sealed: false })
  await s.api('STREAM.DELETE.S')
})

for (const limit of [
  { max_msgs: 1 },
  { max_bytes: 60 },
  { max_msgs_per_subject: 1, discard_new_per_subject: true },
]) {
  differential(`interest: what nobody wants, in a full stream with ${JSON.stringify(limit)}`, async (s) => {
    for (const storage of ['file', 'memory']) {
      const config = { retention: 'interest', discard: 'new', allow_rollup_hdrs: true, storage, ...limit }
      await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], ...config })
      const consumer = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.a' }
      await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: consumer })
      for (const key of ['a', 'a', 'b', 'b']) await s.request(`s.${key}`, 'xxxxxx')
      await s.request('s.b', 'x', 'Nats-Rollup: sub')
      await s.api('STREAM.INFO.S', { subjects_filter: '>' })
      await s.request('s.b', 'x', 'Nats-Rollup: all')
      await s.api('STREAM.INFO.S', { subjects_filter: '>' })
      await s.api('STREAM.DELETE.S')
    }
  })
}

for (const storage of ['file', 'memory']) {
  for (const retention of ['limits', 'interest', 'workqueue']) {
    differential(
      `where an empty ${retention} stream in ${storage} begins when a consumer goes`,
      async (s) => {
        await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], storage, retention })
        const config = { durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.a' }
        await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: { name: 'c', ...config } })
        const other = { name: 'd', durable_name: 'd', ack_policy: 'explicit', filter_subject: 's.b' }
        await s.api('CONSUMER.CREATE.S.d', { stream_name: 'S', config: other })
        await s.api('STREAM.INFO.S')
        await s.api('CONSUMER.DELETE.S.d')
        await s.api('STREAM.INFO.S')
        await s.api('CONSUMER.DELETE.S.c')
        await s.api('STREAM.INFO.S')
        await s.request('s.a', 'one')
        await s.api('STREAM.INFO.S')
      },
    )
  }

  for (const filter of ['', '>', 's.*', 's.a']) {
    differential(
      `a purge of ${filter || 'all'} below a sequence behind the end, in ${storage}`,
      async (s) => {
        await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'], storage })
        await s.request('s.a', 'one')
        await s.api('STREAM.PURGE.S', { filter, seq: 10 })
        await s.api('STREAM.INFO.S')
        await s.request('s.a', 'two')
        await s.api('STREAM.PURGE.S', { filter, keep: 1 })
        await s.api('STREAM.INFO.S')
      },
    )
  }
}
