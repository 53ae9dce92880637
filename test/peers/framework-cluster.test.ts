/** The framework on three nats-servers in a cluster: its own tests with three copies of everything, and a node that dies. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { App } from '../../src/app/index.ts'
import { MemoryLog, until } from '../app/support.ts'
import { Cluster } from './cluster.ts'
import { frameworkFiles, runTestFile } from './framework-files.ts'

let cluster: Cluster

before(async () => {
  cluster = await Cluster.start()
})

after(() => cluster?.dispose())

/** The next file finds nothing of this one. */
afterEach(async () => {
  const nc = await connect({ servers: cluster.urls.split(',') })
  const jsm = await jetstreamManager(nc)
  for await (const stream of jsm.streams.list()) await jsm.streams.delete(stream.config.name)
  await nc.close()
})

/** Files that bring a server of their own show nothing more here. */
const ALONE = /^(reconnect|brokers)\.test\.js$/

for (const file of frameworkFiles().filter((name) => !ALONE.test(name))) {
  test(`${file.replace('.js', '.ts')} passes on a cluster of three`, async () => {
    const { code, output } = await runTestFile(file, {
      CONTRAIL_TEST_SERVERS: cluster.urls,
      CONTRAIL_TEST_REPLICAS: '3',
    })
    assert.equal(code, 0, output)
    assert.match(output, /pass [1-9]/, 'its tests ran')
  })
}

test('an app goes on while a node of its cluster is killed: nothing that was acknowledged is lost', async () => {
  const log = new MemoryLog()
  const app = new App(
    { servers: cluster.urls.split(','), replicas: 3, connection: { reconnectTimeWait: 100 } },
    { log, stopTimeout: '5s' },
  )
  const orders = app.stream('ORDERS')
  const stock = app.keyValue<number>('stock')
  const handled = new Set<unknown>()
  const read: unknown[] = []
  orders.consume('orders.>', { durable: 'billing', concurrency: 10 }, (n) => {
    handled.add(n)
  })
  orders.consume('orders.>', { ordered: true }, (n) => read.push(n))
  await app.start()
  try {
    const acknowledged: number[] = []
    let isOver = false
    const publishing = (async () => {
      for (let n = 0; !isOver; n++) {
        await orders.publish('orders.new', n, { id: `n${n}`, timeout: '60s' })
        acknowledged.push(n)
      }
    })()
    // What ends the test first is the reason, not that the app has stopped then.
    publishing.catch(() => {})
    await until(() => acknowledged.length > 300, 'publishing', 20_000)
    const leader = await cluster.leaderOf(app.context.jsm, 'ORDERS')
    await leader.stop('SIGKILL')
    const before = acknowledged.length
    await until(() => acknowledged.length > before + 300, 'publishing without the leader', 60_000)
    await stock.put('nut', 7)
    await leader.start()
    isOver = true
    await publishing
    await until(() => handled.size >= acknowledged.length, 'handling', 60_000)
    await until(() => read.length >= acknowledged.length, 'reading in order', 60_000)
    assert.deepEqual(read, acknowledged)
    assert.equal((await orders.info()).state.messages, acknowledged.length)
    assert.equal(await stock.get('nut'), 7)
  } finally {
    await app.stop()
  }
})
