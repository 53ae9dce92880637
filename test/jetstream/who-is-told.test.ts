import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '../../src/jetstream/account/stream.ts'
import type { Consumer } from '../../src/jetstream/consumer/consumer.ts'
import { PendingCount } from '../../src/jetstream/consumer/state/pending-count.ts'
import { Random } from '../../src/ports/random.ts'
import { House, type Json, tick } from './house.ts'

function streamOf(house: House, name: string): Stream {
  return house.js.account('$G')?.streams.get(name) as Stream
}

async function consume(house: House, stream: string, name: string, config: Json = {}): Promise<Consumer> {
  const answer = await house.api(`CONSUMER.CREATE.${stream}.${name}`, {
    stream_name: stream,
    config: { name, durable_name: name, ack_policy: 'explicit', ...config },
  })
  assert.equal(answer.error, undefined, JSON.stringify(answer.error))
  return streamOf(house, stream).consumers.get(name) as Consumer
}

/** Live messages: subject by sequence. */
function live({ log }: Stream): Map<number, string> {
  const found = new Map<number, string>()
  for (let seq = log.nextLive(0); seq > 0; seq = log.nextLive(seq + 1)) {
    const { buffer, start, end } = log.subjectOf(seq) ?? assert.fail()
    found.set(seq, buffer.toString('utf8', start, end))
  }
  return found
}

const KEYS = ['a', 'b', 'c', 'd', 'e']
const FILTERS = [
  [],
  ['s.a.>'],
  ['s.*.1'],
  ['s.a.*', 's.*.2'],
  ['s.b.1', 's.c.1'],
  ['s.d.1'],
  ['s.e.2', 's.*.1'],
  ['s.>'],
]

/** A stream with some consumers: what each says to be pending is what a look at all messages finds. */
class Model {
  readonly house: House
  readonly random: Random
  readonly retention: string
  /** What a consumer was given and has not acknowledged: the ack subjects by sequence. */
  readonly held = new Map<string, Map<number, string>>()
  readonly acked = new Map<string, Set<number>>()

  constructor(house: House, random: Random, retention: string) {
    this.house = house
    this.random = random
    this.retention = retention
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random.next() * items.length)]
  }

  get stream(): Stream {
    return streamOf(this.house, 'S')
  }

  async setUp(consumers: number, storage: string): Promise<void> {
    await this.house.stream({
      name: 'S',
      subjects: ['s.>'],
      retention: this.retention,
      storage,
      max_msgs_per_subject: 4,
      max_msgs: 60,
      allow_rollup_hdrs: true,
    })
    for (let i = 0; i < consumers; i++) {
      const name = `c${i}`
      await consume(this.house, 'S', name, {
        filter_subjects: FILTERS[i % FILTERS.length],
        ack_policy: i % 7 === 6 ? 'none' : 'explicit',
        ack_wait: 3600e9,
      })
      this.held.set(name, new Map())
      this.acked.set(name, new Set())
      this.house.bus.account('$G').subscribe(`in.${name}`, {
        onMessage: (message) => {
          const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
          if (reply === '') return
          this.held.get(name)?.set(Number(reply.split('.')[5]), reply)
        },
      })
    }
  }

  async step(): Promise<void> {
    const { house } = this
    const roll = this.random.next()
    const name = this.pick([...this.held.keys()])
    const subject = `s.${this.pick(KEYS)}.${this.pick(['1', '2'])}`
    if (roll < 0.4)
      for (let left = 1 + Math.floor(this.random.next() * 4); left > 0; left--) house.send(subject)
    else if (roll < 0.65) {
      const batch = 1 + Math.floor(this.random.next() * 5)
      house.send(
        `$JS.API.CONSUMER.MSG.NEXT.S.${name}`,
        `{"batch":${batch},"expires":1000000000}`,
        [],
        `in.${name}`,
      )
    } else if (roll < 0.8) {
      const held = this.held.get(name) as Map<number, string>
      if (held.size === 0) return
      const seq = this.pick([...held.keys()])
      house.send(held.get(seq) as string, '+ACK')
      held.delete(seq)
      this.acked.get(name)?.add(seq)
    } else if (roll < 0.86) {
      const seqs = [...live(this.stream).keys()]
      if (seqs.length > 0) await house.api('STREAM.MSG.DELETE.S', { seq: this.pick(seqs) })
    } else if (roll < 0.89)
      await house.api('STREAM.PURGE.S', { filter: this.pick([subject, 's.a.*', 's.*.1']) })
    else if (roll < 0.9) await house.api('STREAM.PURGE.S', { seq: this.stream.log.firstSeq + 5 })
    else if (roll < 0.93) house.send(subject, '', ['Nats-Rollup: sub'])
    else if (roll < 0.97) {
      const config = this.stream.consumers.get(name)?.config
      await house.api(`CONSUMER.CREATE.S.${name}`, {
        stream_name: 'S',
        action: 'update',
        config: { ...config, filter_subject: undefined, filter_subjects: this.pick(FILTERS) },
      })
    } else await house.pass(100)
  }

  check(): void {
    const messages = live(this.stream)
    for (const consumer of this.stream.consumers.values()) {
      const { progress, filter, name } = consumer
      let pending = 0
      for (const [seq, subject] of messages)
        if (seq >= progress.nextStreamSeq && filter.matchesLatin1(subject)) pending++
      assert.equal(consumer.numPending(), pending, `num_pending of ${name} (${filter.patterns.join(' ')})`)
      for (let row = progress.pending.first; row !== -1; row = progress.pending.next[row]) {
        const seq = progress.pending.streamSeq[row]
        assert.ok(messages.has(seq), `${name} waits for the ack of ${seq}, which is gone`)
      }
    }
    if (this.retention === 'interest') this.checkInterest(messages)
  }

  /** What is there is needed. */
  private checkInterest(messages: Map<number, string>): void {
    for (const [seq, subject] of messages) {
      const isNeeded = [...this.stream.consumers.values()].some(
        ({ progress, filter }) =>
          filter.matchesLatin1(subject) &&
          (progress.redelivered.has(seq) ||
            seq >= progress.nextStreamSeq ||
            progress.pending.find(seq) !== -1),
      )
      assert.ok(isNeeded, `nobody needs ${seq}`)
    }
  }

  /** Whoever asks gets all there is to get. */
  async drain(): Promise<void> {
    const before = live(this.stream)
    const from = new Map<string, number>()
    for (const { name, progress } of this.stream.consumers.values()) {
      from.set(name, progress.nextStreamSeq)
      this.house.send(
        `$JS.API.CONSUMER.MSG.NEXT.S.${name}`,
        '{"batch":500,"expires":1000000000}',
        [],
        `in.${name}`,
      )
    }
    for (let i = 0; i < 50; i++) await tick()
    for (const { name, filter, progress } of this.stream.consumers.values()) {
      assert.equal(this.stream.consumers.get(name)?.numPending(), 0, name)
      for (const [seq, subject] of before) {
        if (seq < (from.get(name) as number) || !filter.matchesLatin1(subject) || progress.ackMode === 'none')
          continue
        assert.ok(this.held.get(name)?.has(seq), `${name} got ${seq}`)
      }
    }
  }
}

for (const [many, consumers] of [
  ['a few', 8],
  ['many', 24],
] as const) {
  for (const retention of ['limits', 'interest']) {
    test(`${many} consumers of a stream with ${retention} retention know what is pending, whatever happens`, async () => {
      for (let seed = 1; seed <= 6; seed++) {
        const storage = seed % 3 === 0 ? 'memory' : 'file'
        const model = new Model(await House.open(), new Random(seed), retention)
        await model.setUp(consumers, storage)
        for (let step = 0; step < 300; step++) {
          await model.step()
          if (step % 3 === 0) for (let i = 0; i < 6; i++) await tick()
          model.check()
        }
        await model.house.pass(1500)
        await model.drain()
        for (let step = 0; step < 50; step++) await model.step()
        await tick()
        model.check()
      }
    })
  }
}

/** Calls of a method while `work` is under way. */
async function countCalls(owner: object, method: string, work: () => Promise<void>): Promise<number> {
  const methods = owner as Record<string, (...given: unknown[]) => unknown>
  const original = methods[method]
  let calls = 0
  methods[method] = function (this: unknown, ...given: unknown[]) {
    calls++
    return original.apply(this, given)
  }
  try {
    await work()
  } finally {
    methods[method] = original
  }
  return calls
}

test('of thousands of consumers only the one that wants a message is told of it', async () => {
  const house = await House.open()
  await house.stream({ name: 'M', subjects: ['m.>'], max_msgs_per_subject: 1, max_consumers: 5000 })
  for (let i = 0; i < 4000; i++) await consume(house, 'M', `c${i}`, { filter_subject: `m.${i}` })
  const got = house.listen('in')
  house.send('$JS.API.CONSUMER.MSG.NEXT.M.c7', '{"batch":100,"expires":10000000000}', [], 'in')
  house.send('$JS.API.CONSUMER.MSG.NEXT.M.c8', '{"batch":100,"expires":10000000000}', [], 'in')
  for (let i = 0; i < 5; i++) await tick()
  const publish = async () => {
    for (let i = 0; i < 10; i++) {
      await house.publish('m.7', `${i}`)
      // The ack goes out before the message.
      await tick()
    }
  }
  assert.equal(await countCalls(PendingCount.prototype, 'stored', publish), 10)
  assert.equal(
    await countCalls(PendingCount.prototype, 'removed', publish),
    0,
    'it was delivered, not counted',
  )
  assert.equal(got.length, 20)
  const c8 = streamOf(house, 'M').consumers.get('c8') as Consumer
  assert.equal(await countCalls(c8, 'run', publish), 0)
  await house.publish('m.8')
  await tick()
  assert.equal(got.length, 31)
  assert.equal(got[30].subject, 'm.8')
})

test('a consumer is found by its subjects from the first to the last of many', async () => {
  const house = await House.open()
  await house.stream({ name: 'G', subjects: ['g.>'] })
  const told = async (): Promise<string[]> => {
    const before = new Map<string, number>()
    const { consumers } = streamOf(house, 'G')
    for (const [name, consumer] of consumers) before.set(name, consumer.numPending())
    await house.publish('g.x.1')
    return [...consumers]
      .filter(([name, { count }]) => count.value !== before.get(name))
      .map(([name]) => name)
  }
  await consume(house, 'G', 'wanted', { filter_subjects: ['g.x.*', 'g.*.1'] })
  assert.deepEqual(await told(), ['wanted'])
  for (let i = 0; i < 40; i++) await consume(house, 'G', `n${i}`, { filter_subject: `g.y.${i}` })
  assert.deepEqual(await told(), ['wanted'])
  await consume(house, 'G', 'all')
  assert.deepEqual(await told(), ['wanted', 'all'])
  await consume(house, 'G', 'n3', { filter_subject: 'g.x.1' })
  assert.deepEqual(await told(), ['wanted', 'n3', 'all'])
  for (let i = 0; i < 40; i++) await house.api(`CONSUMER.DELETE.G.n${i}`)
  assert.deepEqual(await told(), ['wanted', 'all'])
  await house.api('CONSUMER.DELETE.G.wanted')
  assert.deepEqual(await told(), ['all'])
})

test('what was delivered before a filter changed is settled when it goes, also after a restart', async () => {
  for (const restarts of [false, true]) {
    let house = await House.open()
    await house.stream({ name: 'F', subjects: ['f.*'] })
    await consume(house, 'F', 'c', { filter_subject: 'f.a' })
    for (const subject of ['f.a', 'f.a', 'f.b']) await house.publish(subject)
    house.listen('in')
    house.send('$JS.API.CONSUMER.MSG.NEXT.F.c', '{"batch":2}', [], 'in')
    for (let i = 0; i < 5; i++) await tick()
    const c = await consume(house, 'F', 'c', { filter_subject: 'f.b' })
    assert.equal(c.progress.pending.size, 2)
    if (restarts) house = await house.restart()
    await house.api('STREAM.MSG.DELETE.F', { seq: 2 })
    const { progress } = streamOf(house, 'F').consumers.get('c') as Consumer
    assert.equal(progress.pending.size, 1)
    await house.api('STREAM.PURGE.F', { filter: 'f.a' })
    assert.equal(progress.pending.size, 0)
  }
})

test('an ack with interest retention asks few consumers whether they still need the message', async () => {
  const house = await House.open()
  await house.stream({ name: 'I', subjects: ['i'], retention: 'interest' })
  const replies: string[] = []
  house.bus.account('$G').subscribe('in', {
    onMessage: (message) => {
      if (message.replyEnd > 0) replies.push(message.reply.toString('utf8', 0, message.replyEnd))
    },
  })
  const first = await consume(house, 'I', 'c0')
  for (let i = 1; i < 200; i++) await consume(house, 'I', `c${i}`)
  for (let i = 0; i < 10; i++) await house.publish('i')
  for (let i = 0; i < 200; i++) house.send(`$JS.API.CONSUMER.MSG.NEXT.I.c${i}`, '{"batch":10}', [], 'in')
  for (let i = 0; i < 20; i++) await tick()
  assert.equal(replies.length, 2000)
  const asked = await countCalls(Object.getPrototypeOf(first), 'needs', async () => {
    for (const reply of replies) house.send(reply, '+ACK')
    for (let i = 0; i < 5; i++) await tick()
  })
  assert.ok(asked <= 4 * 2000, `${asked} questions for 2000 acks`)
  assert.equal((await house.state('I')).messages, 0)
})

test('who asks while a message waits for its commit gets it, or is told that there is none', async () => {
  const house = await House.open()
  await house.stream({ name: 'W', subjects: ['w.*'] })
  await consume(house, 'W', 'a', { filter_subject: 'w.a' })
  await consume(house, 'W', 'b', { filter_subject: 'w.b' })
  const got = { a: house.listen('in.a'), b: house.listen('in.b') }
  const ask = (name: string, request: string) =>
    house.send(`$JS.API.CONSUMER.MSG.NEXT.W.${name}`, request, [], `in.${name}`)
  house.send('w.a', '1')
  for (const name of ['a', 'b']) ask(name, '{"batch":1,"expires":30000000000}')
  for (let i = 0; i < 5; i++) await tick()
  assert.deepEqual([got.a.map(({ body }) => body), got.b.length], [['1'], 0])
  house.send('w.a', '2')
  for (const name of ['a', 'b']) ask(name, '{"batch":2,"no_wait":true,"expires":20000000000}')
  house.send('w.b', '3')
  for (let i = 0; i < 5; i++) await tick()
  assert.deepEqual(
    got.a.map(({ body, headers }) => body || headers.split('\r\n')[0]),
    ['1', '2', 'NATS/1.0 404 No Messages'],
  )
  assert.deepEqual(
    got.b.map(({ body }) => body),
    ['3'],
    'the request that waits is served first',
  )
})
