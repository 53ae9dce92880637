import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { App, ContrailError, QueueOptions } from '../../src/app/index.ts'
import { partitionOf } from '../../src/app/jobs/options.ts'
import { instances, makeApp, until } from './support.ts'

test('a job of a high priority overtakes those that wait for a place in the process', async (t) => {
  const app = makeApp(t)
  const handled: string[] = []
  const release: Array<() => void> = []
  const work = app.queue<string>('work')
  work.handle(async (what) => {
    handled.push(what)
    await new Promise<void>((resolve) => release.push(resolve))
  })
  await app.start()
  await work.add('first')
  await until(() => handled.length === 1, 'the first')
  await work.add('low', { priority: 'low' })
  await work.add('normal')
  await work.add('high', { priority: 'high' })
  await until(async () => (await work.counts()).active >= 3, 'high and low to be here')
  for (let n = 1; n <= 4; n++) {
    await until(() => release.length === n, `number ${n}`)
    release[n - 1]()
  }
  assert.deepEqual(handled.slice(0, 2), ['first', 'high'], handled.join())
})

/** Two processes that handle jobs of 20 ms; counts how many run at a time. */
async function twoProcesses(t: Parameters<typeof makeApp>[0], options: QueueOptions) {
  const state = { running: 0, most: 0, begun: [] as number[], by: [0, 0] }
  const apps = await instances(t, 2, (app: App, index: number) => {
    app.queue<number>('work', options).handle(async () => {
      state.begun.push(performance.now())
      state.by[index]++
      state.most = Math.max(state.most, ++state.running)
      await wait(20)
      state.running--
    })
  })
  const adding = apps[0].queue<number>('work', options)
  await apps[0].ready()
  return { state, adding, apps }
}

test('no more jobs run at a time, over all processes, than totalConcurrency says', async (t) => {
  const { state, adding } = await twoProcesses(t, { concurrency: 4, totalConcurrency: 3 })
  await adding.addBulk(Array.from({ length: 40 }, (_, data) => ({ data })))
  await until(() => state.begun.length === 40 && state.running === 0, 'all', 20_000)
  assert.ok(state.most <= 3, `${state.most} at a time`)
  assert.ok(state.most >= 2, `${state.most} at a time`)
})

test('slots of a process that ends are free for others', async (t) => {
  const { state, adding, apps } = await twoProcesses(t, { concurrency: 2, totalConcurrency: 1 })
  await adding.addBulk(Array.from({ length: 10 }, (_, data) => ({ data })))
  await until(() => state.begun.length >= 2, 'some')
  if (process.env.CONTRAIL_TEST_SERVERS === undefined) await apps[1].stop()
  await until(() => state.begun.length >= 10 && state.running === 0, 'all', 20_000)
  assert.equal(state.most, 1)
})

test('no more jobs begin in any stretch of time, over all processes, than the rate says', async (t) => {
  const rate = { messages: 5, per: '500ms' } as const
  const { state, adding } = await twoProcesses(t, { concurrency: 4, rate })
  const before = performance.now()
  await adding.addBulk(Array.from({ length: 12 }, (_, data) => ({ data })))
  await until(() => state.begun.length === 12, 'all', 20_000)
  // One every 100 ms: the last has 11 before it.
  const last = Math.max(...state.begun) - before
  assert.ok(last >= 1080, `all begin within ${last} ms`)
})

test('jobs of a key are handled in order, one after the other, over all processes, through failures', async (t) => {
  interface Step {
    key: string
    n: number
  }
  const done = new Map<string, number[]>()
  const running = new Set<string>()
  const failed = new Set<string>()
  const options = { orderBy: ({ key }: Step) => key, partitions: 4, concurrency: 4, backoff: 30 }
  const apps = await instances(t, 2, (app) => {
    app.queue<Step>('steps', options).handle(async ({ key, n }) => {
      assert.ok(!running.has(key), `${key} runs twice`)
      running.add(key)
      await wait(2)
      running.delete(key)
      if (n === 2 && !failed.has(key)) {
        failed.add(key)
        throw new Error('the first time')
      }
      done.set(key, [...(done.get(key) ?? []), n])
    })
  })
  const steps = apps[0].queue<Step>('steps', options)
  await apps[0].ready()
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  for (let n = 0; n < 6; n++) for (const key of keys) await steps.add({ key, n })
  await until(() => [...done.values()].flat().length === 36, 'all', 20_000)
  for (const key of keys) assert.deepEqual(done.get(key), [0, 1, 2, 3, 4, 5], key)
  assert.equal(failed.size, 6)
})

test('partitions can not change while jobs are there', async (t) => {
  const orderBy = (n: number) => String(n)
  const [first] = await instances(t, 1, (app) => {
    app.queue<number>('steps', { orderBy, partitions: 4 })
  })
  const steps = first.queue<number>('steps', { orderBy, partitions: 4 })
  await first.ready()
  await steps.add(1)
  await assert.rejects(
    declaredOtherwise(first),
    (thrown: ContrailError) =>
      thrown.code === 'STREAM_MISMATCH' && /spread over 4 partitions/.test(thrown.message),
  )
})

async function declaredOtherwise(app: App): Promise<void> {
  app.queue<number>('steps', { orderBy: String, partitions: 8 })
  await app.ready()
}

test('the place of a key is that of nats-server’s partition function', () => {
  // FNV-1a, 32 bits: its published test vectors.
  assert.equal(partitionOf('', 2 ** 31), 0x811c9dc5 % 2 ** 31)
  assert.equal(partitionOf('a', 2 ** 31), 0xe40c292c % 2 ** 31)
  assert.equal(partitionOf('foobar', 2 ** 31), 0xbf9cf968 % 2 ** 31)
})
