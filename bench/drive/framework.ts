/**
 * What the framework costs beside the plain client; runs in a process of its own and prints one figure.
 *   framework.js start                            milliseconds of starting an embedded app
 *   framework.js publish-embedded COUNT           messages a second, 500 in flight, embedded and durable
 *   framework.js publish COUNT URL                the same to a server
 *   framework.js publish-client COUNT URL         `js.publish` of the official client
 *   framework.js handle COUNT URL                 handled messages a second: pull, explicit ack, JSON checked by zod
 *   framework.js handle-client COUNT URL          a bare callback on the official client doing the same
 *   framework.js core-embedded COUNT              core publish → handler in the process
 *   framework.js core COUNT URL                   the same over TCP
 *   framework.js turns-embedded COUNT             the same, one at a time
 *   framework.js turns COUNT URL                  the same over TCP
 *   framework.js jobs-embedded COUNT              jobs published and handled a second, durable, 500 in flight
 *   framework.js jobs-client COUNT URL            the same by the official client on a server
 *   framework.js jobs-bullmq COUNT URL            the same by BullMQ on a redis-server (host:port)
 *   framework.js queue-KIND COUNT                 jobs of \`app.queue\` added and done a second; KIND: delay, priority or unique
 *   framework.js queue-KIND-bullmq COUNT URL      the same by BullMQ
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { z } from 'zod'
import { App, type BrokerOptions } from '../../src/app/index.ts'

const inFlight = 500
const warmUpPart = 0.25
const payload = new Uint8Array(128).fill(0x78)
const Order = z.object({ sku: z.string(), quantity: z.number(), note: z.string() })
const order = { sku: 'nut-m8', quantity: 12, note: 'x'.repeat(80) }

async function lanes(count: number, one: () => Promise<unknown>): Promise<void> {
  let left = count
  const lane = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

/** Runs once to warm up, then once measured; resolves to how many a second. */
async function rate(count: number, run: (count: number) => Promise<void>): Promise<number> {
  await run(Math.ceil(count * warmUpPart))
  const begun = performance.now()
  await run(count)
  return count / ((performance.now() - begun) / 1000)
}

function quietApp(broker: BrokerOptions): App {
  return new App(broker, { logLevel: 'silent' })
}

async function publish(count: number, broker: BrokerOptions): Promise<number> {
  const app = quietApp(broker)
  const stream = app.stream('bench', { subjects: ['bench'] })
  await app.start()
  const figure = await rate(count, (n) =>
    lanes(n, () => stream.publish('bench', payload, { codec: 'bytes' })),
  )
  await app.context.jsm.streams.delete('bench')
  await app.stop()
  return figure
}

async function publishByClient(count: number, url: string): Promise<number> {
  const nc = await connect({ servers: url })
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({ name: 'bench', subjects: ['bench'] })
  const js = jetstream(nc)
  const figure = await rate(count, (n) => lanes(n, () => js.publish('bench', payload)))
  await jsm.streams.delete('bench')
  await nc.close()
  return figure
}

/** Fills the stream with orders, and resolves when it has them. */
async function fill(app: App, count: number): Promise<void> {
  const stream = app.stream('bench', { subjects: ['bench'] })
  await app.start()
  const text = new TextEncoder().encode(JSON.stringify(order))
  await lanes(count, () => stream.publish('bench', text, { codec: 'bytes' }))
}

async function handle(count: number, broker: BrokerOptions): Promise<number> {
  const filler = quietApp(broker)
  await fill(filler, count)
  const app = quietApp(broker)
  const stream = app.stream('bench', { subjects: ['bench'] })
  let quantity = 0
  let handled = 0
  let begun = 0
  let done = () => {}
  const all = new Promise<void>((resolve) => {
    done = resolve
  })
  const skipped = Math.ceil(count * warmUpPart)
  stream.consume('bench', { durable: 'bench', schema: Order, maxInFlight: 1000 }, (one) => {
    quantity += one.quantity
    if (++handled === skipped) begun = performance.now()
    if (handled === count) done()
  })
  await app.start()
  await all
  const figure = (count - skipped) / ((performance.now() - begun) / 1000)
  if (quantity !== count * order.quantity) throw new Error('not every order was handled')
  await app.stop()
  await filler.context.jsm.streams.delete('bench')
  await filler.stop()
  return figure
}

async function handleByClient(count: number, url: string): Promise<number> {
  const filler = quietApp({ servers: url })
  await fill(filler, count)
  const nc = await connect({ servers: url })
  const jsm = await jetstreamManager(nc)
  await jsm.consumers.add('bench', { durable_name: 'bench', ack_policy: 'explicit', max_ack_pending: 1000 })
  const consumer = await jetstream(nc).consumers.get('bench', 'bench')
  let quantity = 0
  let handled = 0
  let begun = 0
  const skipped = Math.ceil(count * warmUpPart)
  await new Promise<void>((resolve) => {
    void consumer.consume({
      max_messages: 1000,
      callback: (message) => {
        quantity += Order.parse(message.json()).quantity
        message.ack()
        if (++handled === skipped) begun = performance.now()
        if (handled === count) resolve()
      },
    })
  })
  const figure = (count - skipped) / ((performance.now() - begun) / 1000)
  if (quantity !== count * order.quantity) throw new Error('not every order was handled')
  await nc.close()
  await filler.context.jsm.streams.delete('bench')
  await filler.stop()
  return figure
}

async function core(count: number, broker: BrokerOptions): Promise<number> {
  const app = quietApp(broker)
  let handled = 0
  let wanted = 0
  let done = () => {}
  app.subscribe('bench', { codec: 'bytes' }, () => {
    if (++handled === wanted) done()
  })
  await app.start()
  const figure = await rate(count, async (n) => {
    handled = 0
    wanted = n
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    for (let i = 0; i < n; i++) {
      void app.publish('bench', payload, { codec: 'bytes' })
      // Gives the connection its turn, as an app does that publishes what it has.
      if (i % inFlight === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await all
  })
  await app.stop()
  return figure
}

async function turns(count: number, broker: BrokerOptions): Promise<number> {
  const app = quietApp(broker)
  let done = () => {}
  app.subscribe('bench', { codec: 'bytes' }, () => done())
  await app.start()
  const figure = await rate(count, async (n) => {
    for (let i = 0; i < n; i++) {
      const handled = new Promise<void>((resolve) => {
        done = resolve
      })
      void app.publish('bench', payload, { codec: 'bytes' })
      await handled
    }
  })
  await app.stop()
  return figure
}

/** Publishing and handling at the same time, from the first publication to the last handler. */
async function jobs(count: number, broker: BrokerOptions): Promise<number> {
  const app = quietApp(broker)
  const stream = app.stream('jobs', { subjects: ['jobs'], retention: 'workqueue' })
  let handled = 0
  let wanted = 0
  let done = () => {}
  stream.consume('jobs', { durable: 'w', schema: Order, maxInFlight: 1000 }, () => {
    if (++handled === wanted) done()
  })
  await app.start()
  const figure = await rate(count, async (n) => {
    handled = 0
    wanted = n
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    await lanes(n, () => stream.publish('jobs', order))
    await all
  })
  await app.context.jsm.streams.delete('jobs')
  await app.stop()
  return figure
}

async function jobsByClient(count: number, url: string): Promise<number> {
  const nc = await connect({ servers: url })
  const jsm = await jetstreamManager(nc)
  await jsm.streams.add({ name: 'jobs', subjects: ['jobs'], retention: 'workqueue' })
  await jsm.consumers.add('jobs', { durable_name: 'w', ack_policy: 'explicit', max_ack_pending: 1000 })
  const js = jetstream(nc)
  let handled = 0
  let wanted = 0
  let done = () => {}
  const consuming = await (await js.consumers.get('jobs', 'w')).consume({
    max_messages: 1000,
    callback: (message) => {
      Order.parse(message.json())
      message.ack()
      if (++handled === wanted) done()
    },
  })
  const figure = await rate(count, async (n) => {
    handled = 0
    wanted = n
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    await lanes(n, () => js.publish('jobs', JSON.stringify(order)))
    await all
  })
  consuming.stop()
  await jsm.streams.delete('jobs')
  await nc.close()
  return figure
}

async function jobsByBullMq(count: number, address: string): Promise<number> {
  const { Queue, Worker } = await import('bullmq')
  const [host, port] = address.split(':')
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const queue = new Queue('jobs', { connection })
  let handled = 0
  let wanted = 0
  let done = () => {}
  const worker = new Worker(
    'jobs',
    async (job) => {
      Order.parse(job.data)
      if (++handled === wanted) done()
    },
    { connection, concurrency: 100, removeOnComplete: { count: 0 } },
  )
  await worker.waitUntilReady()
  const figure = await rate(count, async (n) => {
    handled = 0
    wanted = n
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    await lanes(n, () => queue.add('job', order))
    await all
  })
  await worker.close()
  await queue.close()
  return figure
}

const kinds = ['delay', 'priority', 'unique'] as const
type Kind = (typeof kinds)[number]

const delayMs = 100
const priorities = ['high', 'normal', 'low'] as const

/** Jobs added and handled at the same time, from the first one added to the last one handled; delayed ones wait that long in it. */
async function queued(
  count: number,
  { start, add }: { start: (handled: () => void) => Promise<() => Promise<void>>; add: AddJob },
): Promise<number> {
  let handled = 0
  let wanted = 0
  let done = () => {}
  let added = 0
  const end = await start(() => {
    if (++handled === wanted) done()
  })
  const figure = await rate(count, async (n) => {
    handled = 0
    wanted = n
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    await lanes(n, () => add(added++))
    await all
  })
  await end()
  return figure
}

type AddJob = (index: number) => Promise<unknown>

async function queue(kind: Kind, count: number, broker: BrokerOptions): Promise<number> {
  const app = quietApp(broker)
  const jobs = app.queue('bench', { schema: Order, concurrency: 100 })
  const adds: Record<Kind, AddJob> = {
    delay: () => jobs.add(order, { delay: delayMs }),
    priority: (index) => jobs.add(order, { priority: priorities[index % 3] }),
    unique: (index) => jobs.add(order, { unique: `order-${index}` }),
  }
  return queued(count, {
    start: async (handled) => {
      jobs.handle(() => handled())
      await app.start()
      return () => app.stop()
    },
    add: adds[kind],
  })
}

async function queueOfBullMq(kind: Kind, count: number, address: string): Promise<number> {
  const { Queue, Worker } = await import('bullmq')
  const [host, port] = address.split(':')
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const jobs = new Queue('bench', { connection })
  const adds: Record<Kind, AddJob> = {
    delay: () => jobs.add('job', order, { delay: delayMs }),
    priority: (index) => jobs.add('job', order, { priority: (index % 3) + 1 }),
    unique: (index) => jobs.add('job', order, { jobId: `order-${index}` }),
  }
  return queued(count, {
    start: async (handled) => {
      const check = async (job: { data: unknown }) => {
        Order.parse(job.data)
        handled()
      }
      // Both keep what became of each job: the results of an app are kept for a day.
      const worker = new Worker('bench', check, { connection, concurrency: 100 })
      await worker.waitUntilReady()
      return async () => {
        await worker.close()
        await jobs.close()
      }
    },
    add: adds[kind],
  })
}

async function start(folder: string): Promise<number> {
  const begun = performance.now()
  const app = quietApp({ dir: join(folder, 'store') })
  const orders = app.stream('ORDERS')
  app.keyValue('stock')
  orders.consume('orders.>', { durable: 'billing' }, () => {})
  await app.start()
  const took = performance.now() - begun
  await app.stop()
  return took
}

const [what, countText, url] = process.argv.slice(2)
const count = Number(countText)
const folder = mkdtempSync(join(tmpdir(), 'contrail-bench-framework-'))
const embedded = { dir: join(folder, 'store') }
const ways: Record<string, () => Promise<number>> = {
  start: () => start(folder),
  'publish-embedded': () => publish(count, embedded),
  publish: () => publish(count, { servers: url }),
  'publish-client': () => publishByClient(count, url),
  handle: () => handle(count, { servers: url }),
  'handle-client': () => handleByClient(count, url),
  'core-embedded': () => core(count, { memory: true }),
  core: () => core(count, { servers: url }),
  'turns-embedded': () => turns(count, { memory: true }),
  turns: () => turns(count, { servers: url }),
  'jobs-embedded': () => jobs(count, embedded),
  'jobs-client': () => jobsByClient(count, url),
  'jobs-bullmq': () => jobsByBullMq(count, url),
}
for (const kind of kinds) {
  ways[`queue-${kind}`] = () => queue(kind, count, embedded)
  ways[`queue-${kind}-bullmq`] = () => queueOfBullMq(kind, count, url)
}
try {
  console.log(await ways[what]())
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
