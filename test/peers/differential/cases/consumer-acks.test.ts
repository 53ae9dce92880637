/** Acknowledging: every kind, in every odd form, early, late and twice. */
import { type Delivery, differential, type Session } from '../harness.ts'

async function delivered(
  s: Session,
  count: number,
  config: Record<string, unknown> = {},
): Promise<Delivery[]> {
  await s.api('STREAM.CREATE.S', { name: 'S', subjects: ['s.*'] })
  for (let i = 1; i <= count; i++) await s.quietly(`s.${'ab'[i % 2]}`, `message ${i}`)
  const all = { durable_name: 'c', ack_policy: 'explicit', ...config }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config: all })
  return s.pull('S', 'c', { batch: count, no_wait: true }, count)
}

const KINDS = [
  '',
  '+ACK',
  '+ACK ',
  '+ACKS',
  '+ack',
  'ack',
  'anything',
  '+OK',
  '-ERR',
  '-NAK',
  '-NAK ',
  '-NAKS',
  '-NAK {}',
  '-NAK {"delay":0}',
  '-NAK {"delay":100000000}',
  '-NAK {"delay":"100ms"}',
  '-NAK {"delay":-5}',
  '-NAK {"delay":1.5}',
  '-NAK 100000000',
  '-NAK {bad',
  '-NAK {"next":1}',
  '+WPI',
  '+WPI x',
  '+TERM',
  '+TERM a reason',
  '+TERMS',
  '+NXT',
  '+NXT 1',
  '+NXT {"batch":1,"no_wait":true}',
  '+NXT {"batch":2,"expires":200000000}',
  '+NXT {bad',
  '+NXTS',
]

for (const kind of KINDS) {
  differential(`acknowledging with ${JSON.stringify(kind)}`, async (s) => {
    const messages = await delivered(s, 3, { ack_wait: 60e9 })
    await s.quietly('s.a', 'one more')
    const sid = await s.subscribe('reply')
    await s.publish(messages[1].reply ?? '', kind, '', 'reply')
    await s.collect(sid, 3, 300)
    await s.api('CONSUMER.INFO.S.c')
    await s.wait(150)
    await s.pull('S', 'c', { batch: 5, no_wait: true }, 3, 250)
    await s.api('CONSUMER.INFO.S.c')
  })
}

for (const policy of ['none', 'all', 'explicit']) {
  differential(`each kind of ack with the policy ${policy}`, async (s) => {
    const messages = await delivered(s, 6, {
      ack_policy: policy,
      ...(policy === 'none' ? {} : { ack_wait: 60e9 }),
    })
    for (const [i, kind] of ['-NAK', '+WPI', '+TERM', '+ACK'].entries()) {
      await s.publish(messages[i + 1]?.reply ?? 'none', kind)
      await s.api('CONSUMER.INFO.S.c')
    }
    await s.pull('S', 'c', { batch: 9, no_wait: true }, 3, 300)
    await s.api('CONSUMER.INFO.S.c')
  })
}

differential('acknowledging twice, and after a redelivery by the first subject', async (s) => {
  const [first, second] = await delivered(s, 2, { ack_wait: 200e6 })
  await s.ack(first, '+ACK', true)
  await s.ack(first, '+ACK', true)
  await s.ack(first, '-NAK', true)
  await s.wait(400)
  const [again] = await s.pull('S', 'c', { batch: 5, no_wait: true }, 2, 300)
  await s.ack(second, '+ACK', true)
  await s.api('CONSUMER.INFO.S.c')
  await s.ack(again, '+ACK', true)
  await s.api('CONSUMER.INFO.S.c')
})

differential('acks out of order move the floor over what is acknowledged already', async (s) => {
  const messages = await delivered(s, 7, { ack_wait: 60e9 })
  for (const i of [6, 2, 1, 4, 0, 3, 5]) {
    await s.ack(messages[i], '+ACK', true)
    await s.api('CONSUMER.INFO.S.c')
  }
})

differential('progress puts the redelivery off', async (s) => {
  const [first] = await delivered(s, 1, { ack_wait: 500e6 })
  await s.wait(350)
  await s.ack(first, '+WPI', true)
  await s.wait(350)
  await s.api('CONSUMER.INFO.S.c')
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1, 300)
  await s.pull('S', 'c', { batch: 1, expires: 1e9 }, 1, 1200)
})

differential('a naked message comes before new ones, and the count goes up', async (s) => {
  const messages = await delivered(s, 3, { ack_wait: 60e9 })
  await s.ack(messages[2], '-NAK')
  await s.ack(messages[0], '-NAK')
  await s.quietly('s.a', 'new')
  await s.wait(50)
  await s.pull('S', 'c', { batch: 9, no_wait: true }, 4, 300)
  await s.api('CONSUMER.INFO.S.c')
})

differential('delayed naks come in order of their time', async (s) => {
  const messages = await delivered(s, 3, { ack_wait: 60e9 })
  await s.ack(messages[0], '-NAK {"delay": 600000000}')
  await s.ack(messages[1], '-NAK {"delay": 200000000}')
  await s.pull('S', 'c', { batch: 2, expires: 1500e6 }, 2, 1500)
  await s.api('CONSUMER.INFO.S.c')
})

differential('backoff sets the time of each redelivery', async (s) => {
  await delivered(s, 1, { max_deliver: 4, backoff: [200e6, 400e6] })
  for (let i = 0; i < 4; i++) {
    const before = Date.now()
    const [message] = await s.pull('S', 'c', { batch: 1, expires: 900e6 }, 1, 1200)
    if (message !== undefined) s.note('waited, in steps of 200 ms', Math.round((Date.now() - before) / 200))
  }
  await s.api('CONSUMER.INFO.S.c')
})

differential('max deliver counts naks too, and an ack after the last delivery still counts', async (s) => {
  const [first] = await delivered(s, 1, { max_deliver: 2, ack_wait: 60e9 })
  await s.ack(first, '-NAK')
  const [second] = await s.pull('S', 'c', { batch: 1, expires: 500e6 }, 1)
  await s.ack(second, '-NAK')
  await s.pull('S', 'c', { batch: 1, expires: 300e6 }, 1, 600)
  await s.api('CONSUMER.INFO.S.c')
  await s.ack(second, '+ACK', true)
  await s.api('CONSUMER.INFO.S.c')
})

differential('acks of what is not there', async (s) => {
  await delivered(s, 1)
  for (const subject of [
    '$JS.ACK.S.c.1.9.9.1700000000000000000.0',
    '$JS.ACK.S.c.1.0.0.1700000000000000000.0',
    '$JS.ACK.S.none.1.1.1.1700000000000000000.0',
    '$JS.ACK.NONE.c.1.1.1.1700000000000000000.0',
    '$JS.ACK.S.c',
    '$JS.ACK.S.c.x.y.z.t.u',
    '$JS.ACK',
  ]) {
    const sid = await s.subscribe('reply')
    await s.publish(subject, '+ACK', '', 'reply')
    await s.collect(sid, 1, 150)
    await s.unsubscribe(sid)
  }
  await s.api('CONSUMER.INFO.S.c')
})

differential('the long form of ack subjects, with domain and account', async (s) => {
  const messages = await delivered(s, 2)
  const sid = await s.subscribe('reply')
  // The hash of $G is the second; the others are of no account and of no domain here.
  const places = [
    ['_', 'HASH'],
    ['_', 'szMpdrwD'],
    ['other', 'szMpdrwD'],
  ]
  for (const place of places) {
    for (const [i, rest] of [['random'], []].entries()) {
      const long = ['$JS', 'ACK', ...place, ...(messages[i].reply ?? '').split('.').slice(2), ...rest]
      await s.publish(long.join('.'), '+ACK', '', 'reply')
      await s.collect(sid, 1, 200)
      await s.api('CONSUMER.INFO.S.c')
    }
  }
})

differential('ack all: redelivered, acknowledged in the middle', async (s) => {
  const messages = await delivered(s, 5, { ack_policy: 'all', ack_wait: 200e6 })
  await s.ack(messages[1], '+ACK', true)
  await s.wait(400)
  const again = await s.pull('S', 'c', { batch: 9, no_wait: true }, 4, 300)
  await s.ack(again[1], '+ACK', true)
  await s.api('CONSUMER.INFO.S.c')
})

differential('max ack pending below what is pending, in an update', async (s) => {
  const messages = await delivered(s, 6, { ack_wait: 60e9 })
  const config = { durable_name: 'c', ack_policy: 'explicit', ack_wait: 60e9, max_ack_pending: 3 }
  await s.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config, action: 'update' })
  await s.quietly('s.a', 'new')
  await s.pull('S', 'c', { batch: 1, expires: 200e6 }, 1, 400)
  for (const message of messages.slice(0, 4)) await s.ack(message, '+ACK', true)
  await s.pull('S', 'c', { batch: 1, expires: 200e6 }, 1, 400)
})

differential('the ack floor stays below a message that was given up', async (s) => {
  const messages = await delivered(s, 5, { ack_wait: 60e9, max_deliver: 1 })
  await s.ack(messages[1], '-NAK', true)
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  for (const i of [0, 2, 3]) {
    await s.ack(messages[i], '+ACK', true)
    await s.api('CONSUMER.INFO.S.c')
  }
  await s.ack(messages[4], '+ACK', true)
  await s.api('CONSUMER.INFO.S.c')
})

differential('a purge moves the ack floor over what was given up', async (s) => {
  const messages = await delivered(s, 2, { ack_wait: 60e9, max_deliver: 1 })
  for (const message of messages) await s.ack(message, '-NAK', true)
  await s.pull('S', 'c', { batch: 1, no_wait: true }, 1)
  await s.api('CONSUMER.INFO.S.c')
  await s.quietly('s.a', 'not delivered')
  await s.api('STREAM.PURGE.S')
  await s.api('CONSUMER.INFO.S.c')
})
