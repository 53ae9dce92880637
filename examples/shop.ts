/** The README's first example: orders on a stream, stock in a bucket, in one process without a server beside it. */
import { App } from 'contrail'
import { z } from 'zod'

const app = new App() // embedded and durable, in ./.contrail; or new App('nats://…')
const Order = z.object({ sku: z.string(), quantity: z.number() })

const orders = app.stream('ORDERS', { subjects: ['orders.{id}.created'], maxAge: '30d' })
const stock = app.keyValue('stock', { schema: z.number(), history: 5 })

orders.consume(
  'orders.{id}.created',
  { durable: 'billing', schema: Order, retry: { attempts: 5, backoff: '1s', deadLetter: true } },
  async ({ sku, quantity }, { params, log }) => {
    // sku: string, quantity: number, params: { id: string }; acknowledged when this returns
    const left = await stock.update(sku, (left = 10) => left - quantity)
    log.info({ order: params.id, left }, 'billed')
  },
)

app.subscribe('stock.left.{sku}', async (_, { params }) => (await stock.get(params.sku)) ?? 0) // answers requests

stock.watch('>', ({ key, value }) => console.log(`${key}: ${value} left`))

app.afterStart(async ({ publish }) => {
  await publish('orders.7.created', { sku: 'nut', quantity: 3 }) // resolves when it is on disk
})

await app.run() // until SIGINT or SIGTERM
