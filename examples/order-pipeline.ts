/**
 * An order pipeline as it runs in production: two instances of each service, in processes of their own, and in the middle of
 * the orders deploys (SIGTERM, a new instance) and crashes (SIGKILL). Each order is paid, taken from the stock and shipped once.
 *
 *     node order-pipeline.js             plays it all, on an embedded broker (or the one of CONTRAIL_URL)
 *     node order-pipeline.js payment     one instance of a service
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { App, brokerFromEnvironment } from 'contrail'
import { z } from 'zod'

const ORDERS = 60
const IN_STOCK = 1000
const Order = z.object({ sku: z.string(), quantity: z.number() })

/** What all of them say of the broker: whoever is first makes it. */
function pipeline(app: App) {
  return {
    sales: app.stream('SALES', { subjects: ['sales.{id}.*'], maxAge: '1d' }),
    // A counter, so that instances take from it at the same time; by an id only once for each order.
    stock: app.stream('STOCK', { subjects: ['stock.*'], allowCounters: true }),
    charges: app.keyValue('charges', { schema: z.number() }),
    shipped: app.keyValue('shipped', { schema: z.string() }),
    parcels: app.queue('parcels', {
      schema: Order.extend({ id: z.string() }),
      ackWait: '1s',
      concurrency: 4,
    }),
  }
}

const settings = {
  schema: Order,
  ackWait: '1s',
  retry: { attempts: 10, backoff: '50ms', deadLetter: true },
} as const

/** What each service does. A message may come again: everything is done so that a second time changes nothing. */
const services: Record<string, (app: App, parts: ReturnType<typeof pipeline>) => void> = {
  payment: (_, { sales, charges }) => {
    sales.consume(
      'sales.{id}.placed',
      { durable: 'payment', ...settings },
      async (order, { params: { id }, message }) => {
        // The bank is not there at once for some.
        if (Number(id) % 7 === 0 && message.deliveries === 1) throw new Error('the bank does not answer')
        await charges.update(id, () => order.quantity * 5)
        await sales.publish(`sales.${id}.paid`, order, { id: `${id} paid` })
      },
    )
  },
  warehouse: (_, { sales, stock, parcels }) => {
    sales.consume(
      'sales.{id}.paid',
      { durable: 'warehouse', ...settings },
      async (order, { params: { id } }) => {
        await stock.counter(`stock.${order.sku}`).add(-order.quantity, { id: `order ${id}` })
        await parcels.add({ ...order, id }, { unique: id })
      },
    )
  },
  shipping: (_, { parcels, shipped }) => {
    parcels.handle(async ({ id }, { job }) => {
      await pause(5)
      await shipped.update(id, (before) => before ?? job.id)
    })
  },
}

async function serve(name: string): Promise<void> {
  const app = new App(brokerFromEnvironment(), { name, logLevel: 'silent', stopTimeout: '5s' })
  services[name](app, pipeline(app))
  app.afterStart(() => console.log('ready'))
  await app.run()
}

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** An instance that is at work. @throws Error when it ends before it is */
async function instance(name: string, url: string): Promise<ChildProcess> {
  const env = { ...process.env, CONTRAIL_URL: url }
  const child = spawn(process.execPath, [process.argv[1], name], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  const ended = once(child, 'exit').then(([code]) => {
    children.delete(child)
    throw new Error(`${name} ended with ${code} before it was at work`)
  })
  ended.catch(() => {})
  await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), ended])
  return child
}

async function play(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const broker = process.env.CONTRAIL_URL ? brokerFromEnvironment() : ({ memory: true, port: 0 } as const)
  const app = new App(broker, { name: 'shop', logLevel: 'silent' })
  const { sales, stock, shipped, parcels } = pipeline(app)
  await app.start()
  const url = app.url ?? (process.env.CONTRAIL_URL as string)
  await stock.counter('stock.nut').add(IN_STOCK)

  const names = Object.keys(services)
  const running = await Promise.all([...names, ...names].map((name) => instance(name, url)))
  let placed = 0
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const [at, name] of names.entries()) {
      for (const end = placed + ORDERS / (2 * names.length); placed < end; placed++) {
        await sales.publish(`sales.${placed}.placed`, { sku: 'nut', quantity: 2 })
      }
      // A deploy, or a crash; the other instance goes on, and a new one takes the place.
      const ended = once(running[at], 'exit')
      running[at].kill(signal)
      await ended
      running[at] = await instance(name, url)
    }
  }

  const shippedNow = async (): Promise<number> => (await shipped.keys()).length
  while ((await shippedNow()) < placed) await pause(20)
  for (const child of running) child.kill('SIGTERM')
  await Promise.all(running.map((child) => child.exitCode ?? once(child, 'exit')))

  const givenUp = (await sales.deadLetters.count()) + (await parcels.deadLetters.count())
  console.log(`${placed} orders placed, ${await shippedNow()} shipped, ${givenUp} given up`)
  console.log(`in stock: ${await stock.counter('stock.nut').value()}`)
  await app.stop()
}

const service = process.argv[2]
await (service === undefined ? play() : serve(service))
