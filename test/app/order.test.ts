/** Messages of a key stay in order when one fails, and a rate is kept in any stretch of time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Dispatcher, type Work } from '../../src/app/dispatcher.ts'
import { App } from '../../src/app/index.ts'
import { testApp } from '../../src/testing/index.ts'
import { MemoryLog, makeApp, until } from './support.ts'

const keyOf = ({ subject }: { subject: string }) => subject.split('.')[1]

test('what has the key of a failed message waits until it is through, other keys go on', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const begun: string[] = []
  const handled: string[] = []
  jobs.consume(
    'jobs.{key}.{n}',
    { durable: 'w', concurrency: 4, orderBy: keyOf, retry: { attempts: 4, backoff: '100ms' } },
    async (_, { params: { key, n }, message }) => {
      begun.push(`${key}${n}`)
      await pause(1)
      if (key === 'a' && n === '2' && message.deliveries < 3) throw new Error('not yet')
      handled.push(`${key}${n}`)
    },
  )
  await app.start()
  for (const n of [1, 2, 3, 4, 5]) for (const key of ['a', 'b']) await jobs.publish(`jobs.${key}.${n}`)
  await until(() => handled.length === 10)
  const of = (list: string[], key: string) => list.filter((one) => one.startsWith(key)).join()
  assert.equal(of(begun, 'a'), 'a1,a2,a2,a2,a3,a4,a5')
  assert.equal(of(handled, 'a'), 'a1,a2,a3,a4,a5')
  assert.equal(of(handled, 'b'), 'b1,b2,b3,b4,b5')
  assert.ok(handled.indexOf('b5') < handled.indexOf('a2'), `${handled}`)
})

test('when the last try has failed the next of the key has its turn', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const order: string[] = []
  const consumer = jobs.consume(
    'jobs.>',
    { durable: 'w', orderBy: () => 'all', retry: { attempts: 2, backoff: '20ms', deadLetter: true } },
    (data) => {
      order.push(String(data))
      if (data === 1) throw new Error('no')
    },
  )
  await app.start()
  for (const n of [1, 2]) await jobs.publish('jobs.x', n)
  await until(() => order.length === 3)
  assert.deepEqual(order, ['1', '1', '2'])
  await until(async () => (await consumer.info()).num_ack_pending === 0)
  assert.equal((await app.context.jsm.streams.info('JOBS_DEAD')).state.messages, 1)
})

test('a message that waits here for its next try is not delivered again meanwhile', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const begun: unknown[] = []
  const consumer = jobs.consume(
    'jobs.>',
    { durable: 'w', ackWait: '200ms', orderBy: () => 'all', retry: { backoff: '900ms' } },
    (data, { message }) => {
      begun.push(data)
      if (data === 1 && message.deliveries === 1) throw new Error('once')
    },
  )
  await app.start()
  for (const n of [1, 2, 3]) await jobs.publish('jobs.x', n)
  await until(() => begun.length === 4)
  await until(async () => (await consumer.info()).num_ack_pending === 0)
  assert.deepEqual(begun, [1, 1, 2, 3])
  assert.equal((await consumer.info()).delivered.consumer_seq, 3)
})

test('the pause of a message that keeps its key passes with the clock of a test', async () => {
  const app = new App(undefined, { log: new MemoryLog() })
  const jobs = app.stream('JOBS')
  const seen: unknown[] = []
  jobs.consume(
    'jobs.>',
    { durable: 'w', orderBy: () => 'all', retry: { backoff: '1h' } },
    (data, { message }) => {
      if (data === 1 && message.deliveries < 3) throw new Error('not yet')
      seen.push(data)
    },
  )
  await using shop = await testApp(app, { rethrow: false })
  for (const n of [1, 2]) await shop.publish('jobs.x', n)
  assert.deepEqual(seen, [])
  await shop.advance('61m')
  assert.deepEqual(seen, [])
  await shop.advance('61m')
  assert.deepEqual(seen, [1, 2])
})

test('what waits for its next try goes back when the app stops, and comes again in order', async (t) => {
  const base = makeApp(t)
  await base.start()
  const seen: unknown[] = []
  let failures = 0
  const make = (isFirst: boolean) => {
    const app = new App({ nc: base.context.nc }, { log: new MemoryLog(), stopTimeout: '2s' })
    app
      .stream('JOBS')
      .consume('jobs.>', { durable: 'w', orderBy: () => 'all', retry: { backoff: '1h' } }, (data) => {
        if (isFirst) {
          failures++
          throw new Error('no')
        }
        seen.push(data)
      })
    return app
  }
  const first = make(true)
  await first.start()
  for (const n of [1, 2, 3]) await first.publish('jobs.x', n)
  await until(() => failures === 1)
  await first.stop()
  assert.equal(failures, 1)
  const second = make(false)
  t.after(() => second.stop())
  await second.start()
  await until(() => seen.length === 3)
  assert.deepEqual(seen, [1, 2, 3])
})

test('a handler that fails after its app has stopped waiting for it harms nothing', async (t) => {
  const base = makeApp(t)
  await base.start()
  const app = new App({ nc: base.context.nc }, { log: new MemoryLog(), stopTimeout: '100ms' })
  let fail = () => {}
  let hasBegun = false
  app.stream('JOBS').consume('jobs.>', { durable: 'w', orderBy: () => 'all' }, () => {
    hasBegun = true
    return new Promise((_, reject) => {
      fail = () => reject(new Error('late'))
    })
  })
  await app.start()
  await app.publish('jobs.x', 1)
  await until(() => hasBegun)
  await app.stop()
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  fail()
  await pause(50)
  assert.deepEqual(unhandled, [])
})

/** Work that notes when it began. */
class Noted implements Work {
  readonly key: string | null
  readonly size: number
  readonly #begun: number[]

  constructor(begun: number[], key: string | null = null, size = 1) {
    this.#begun = begun
    this.key = key
    this.size = size
  }

  run(): boolean {
    for (let i = 0; i < this.size; i++) this.#begun.push(performance.now())
    return true
  }

  giveBack(): void {}
}

function mostWithin(times: number[], ms: number): number {
  let most = 0
  for (const [index, from] of times.entries()) {
    let end = index
    while (end < times.length && times[end] < from + ms) end++
    most = Math.max(most, end - index)
  }
  return most
}

test('in no stretch of time more begin than the rate says, by key, of a key, or several at once', async () => {
  for (const [key, size] of [
    [null, 1],
    ['same', 1],
    [null, 4],
  ] as const) {
    const begun: number[] = []
    const dispatcher = new Dispatcher(100, { messages: 10, per: '100ms' })
    for (let i = 0; i < 40; i += size) dispatcher.push(new Noted(begun, key, size))
    await dispatcher.idle()
    assert.equal(begun.length, 40)
    assert.ok(mostWithin(begun, 100) <= 10, `${mostWithin(begun, 100)} with ${key}, ${size}`)
    // Not slower than it may be either, as far as whole batches fit.
    const expectedMs = (40 / (size === 4 ? 8 : 10) - 1) * 100
    const tookMs = begun[39] - begun[0]
    assert.ok(tookMs >= expectedMs - 1 && tookMs < expectedMs + 5000, `${tookMs} ms with ${key}, ${size}`)
  }
})

test('a key whose turn comes later counts for the rate when it begins', async () => {
  const begun: number[] = []
  const dispatcher = new Dispatcher(2, { messages: 2, per: '100ms' })
  const ends: Array<() => void> = []
  class Slow extends Noted {
    override run(): boolean {
      super.run()
      ends.push(() => dispatcher.done(this))
      return false
    }
  }
  for (let i = 0; i < 4; i++) dispatcher.push(new Slow(begun, 'one'))
  while (begun.length < 4) {
    await pause(1)
    ends.shift()?.()
  }
  assert.ok(mostWithin(begun, 100) <= 2, `${mostWithin(begun, 100)}`)
})

test('batches keep to a rate of messages', async (t) => {
  const app = makeApp(t)
  const jobs = app.stream('JOBS')
  const times: number[] = []
  jobs.consumeBatch(
    'jobs.>',
    { durable: 'w', size: 20, wait: '20ms', rate: { messages: 5, per: '200ms' } },
    (data) => {
      for (const _ of data) times.push(performance.now())
    },
  )
  await app.start()
  await Promise.all(Array.from({ length: 15 }, (_, n) => jobs.publish('jobs.x', n)))
  await until(() => times.length === 15)
  // What a handler notes is a moment later than its beginning.
  assert.ok(mostWithin(times, 150) <= 5, `${mostWithin(times, 150)}`)
})
