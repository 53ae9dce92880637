/** Streams that have to do with others: mirrors, sources, mappings, publishing again; and counters. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { App, ContrailError } from '../../src/app/index.ts'
import { anotherInstance, firstInstance, makeApp, until } from './support.ts'

const messagesOf = async (app: App, stream: string): Promise<number> =>
  (await app.context.jsm.streams.info(stream)).state.messages

test('a mirror and a stream of several sources have what the others take; nothing is published to them', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', { subjects: ['orders.>'] })
  const returns = app.stream('RETURNS', { subjects: ['returns.>'] })
  const copy = app.stream('COPY', { mirror: { name: 'ORDERS', filter: 'orders.basel.>' } })
  const all = app.stream('ALL', {
    sources: ['RETURNS', { name: 'ORDERS', transforms: [{ from: 'orders.*.*', to: 'all.{{wildcard(2)}}' }] }],
  })
  const seen: string[] = []
  all.consume('>', { durable: 'all' }, (_, { subject }) => void seen.push(subject))
  await app.start()
  await orders.publish('orders.basel.1', 1)
  await orders.publish('orders.bern.2', 2)
  await returns.publish('returns.1', 3)
  await until(() => seen.length === 3, 'the copies')
  assert.deepEqual(seen.sort(), ['all.1', 'all.2', 'returns.1'])
  await until(async () => (await messagesOf(app, 'COPY')) === 1, 'the mirror')
  await assert.rejects(
    copy.publish('orders.basel.9', 1),
    (error: ContrailError) => error.code === 'SUBJECT_NOT_IN_STREAM',
  )
})

test('subjects are mapped, and what is stored is published again', async (t) => {
  const app = makeApp(t)
  const orders = app.stream('ORDERS', {
    subjects: ['shop.*.orders.*'],
    transform: { from: 'shop.*.orders.*', to: 'orders.{{wildcard(1)}}.{{wildcard(2)}}' },
    republish: { from: 'orders.>', to: 'told.>' },
    compression: 's2',
  })
  const told: unknown[] = []
  const kept: string[] = []
  app.subscribe('told.>', (data, { subject, message }) => {
    told.push([subject, data, message.headers?.get('Nats-Sequence')])
  })
  orders.consume('orders.basel.*', { durable: 'basel' }, (_, { subject }) => void kept.push(subject))
  await app.start()
  await orders.publish('shop.basel.orders.7', 'nut')
  await until(() => told.length === 1 && kept.length === 1)
  assert.deepEqual(told, [['told.basel.7', 'nut', '1']])
  assert.deepEqual(kept, ['orders.basel.7'])
})

test('from one release to the next: what is mapped and published again changes, a mirror becomes a stream', async (t) => {
  const first = makeApp(t, firstInstance())
  const orders = first.stream('ORDERS', { subjects: ['orders.>'], republish: { to: 'told.>' } })
  first.stream('COPY', { mirror: 'ORDERS' })
  await first.start()
  await orders.publish('orders.1', 1)
  await until(async () => (await messagesOf(first, 'COPY')) === 1, 'the mirror')

  const second = makeApp(t, anotherInstance(first))
  second.stream('ORDERS', {
    subjects: ['orders.>'],
    republish: null,
    transform: { from: 'orders.>', to: 'kept.>' },
  })
  const copy = second.stream('COPY', { mirror: null, subjects: ['copy.>'] })
  await second.start()
  const { config } = await second.context.jsm.streams.info('ORDERS')
  assert.equal(config.republish, undefined)
  assert.equal(config.subject_transform?.dest, 'kept.>')
  assert.equal((await copy.publish('copy.1', 2)).seq, 2)
  const changes = second.lines.filter(({ sentence }) => sentence === 'stream updated')
  assert.equal(changes.length, 2)
})

test('counters: many add at once, of any size; each is added once by its id', async (t) => {
  const app = makeApp(t)
  const views = app.stream('VIEWS', { subjects: ['views.>'], allowCounters: true })
  const plain = app.stream('PLAIN', { subjects: ['plain.>'] })
  await app.start()
  const home = views.counter('views.home')
  assert.equal(await home.value(), undefined)
  assert.equal(await home.add(), 1n)
  await Promise.all(Array.from({ length: 50 }, () => home.add(2)))
  assert.equal(await home.value(), 101n)
  assert.equal(await home.add(-1), 100n)
  assert.equal(await home.add(10n ** 30n, { id: 'once' }), 10n ** 30n + 100n)
  assert.equal(await home.add(10n ** 30n, { id: 'once' }), 10n ** 30n + 100n)
  const { value, increment, seq, sources } = (await home.entry()) as NonNullable<
    Awaited<ReturnType<typeof home.entry>>
  >
  assert.deepEqual([value, increment, seq, sources], [10n ** 30n + 100n, 10n ** 30n, 53, {}])
  for (const wrong of [1.5, Number.NaN, 2 ** 60]) {
    await assert.rejects(home.add(wrong), (error: ContrailError) => error.code === 'INVALID_OPTION')
  }
  assert.throws(
    () => views.counter('other.home'),
    (error: ContrailError) => error.code === 'SUBJECT_NOT_IN_STREAM',
  )
  await assert.rejects(plain.counter('plain.x').add(), /counter/i)
})

test('counters of several streams add up in one, which knows of each', async (t) => {
  const app = makeApp(t)
  const basel = app.stream('BASEL', { subjects: ['basel.>'], allowCounters: true })
  const bern = app.stream('BERN', { subjects: ['bern.>'], allowCounters: true })
  const both = app.stream('BOTH', {
    allowCounters: true,
    sources: [
      { name: 'BASEL', transforms: [{ from: 'basel.>', to: 'all.>' }] },
      { name: 'BERN', transforms: [{ from: 'bern.>', to: 'all.>' }] },
    ],
  })
  await app.start()
  await basel.counter('basel.visits').add(3)
  await bern.counter('bern.visits').add(4)
  const sum = both.counter('all.visits')
  await until(async () => (await sum.value()) === 7n, 'the sum')
  const { sources } = (await sum.entry()) as { sources: unknown }
  assert.deepEqual(sources, { BASEL: { 'basel.visits': 3n }, BERN: { 'bern.visits': 4n } })
})

test('what is wrong is said where it is declared', (t) => {
  const app = makeApp(t)
  const wrong: [object, RegExp][] = [
    [{ mirror: { nam: 'X' } }, /"mirror\.nam".*Did you mean "mirror\.name"/],
    [{ sources: [{ name: 'X', filters: 'a' }] }, /"filters".*Did you mean "filter"/],
    [{ sources: 'X' }, /is no list/],
    [
      { sources: [{ name: 'X', filter: 'a', transforms: [{ from: 'a', to: 'b' }] }] },
      /each mapping is a filter/,
    ],
    [{ transform: { from: 'a' } }, /from and to/],
    [{ republish: { from: 'a' } }, /republish: \{ to \}/],
    [{ compression: 'zip' }, /"none", "s2"/],
  ]
  for (const [options, sentence] of wrong) {
    assert.throws(
      () => app.stream('S', options as never),
      (error: ContrailError) => error.code === 'INVALID_OPTION' && sentence.test(error.message),
      JSON.stringify(options),
    )
  }
})
