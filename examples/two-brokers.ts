/** An app on two brokers: orders are taken here, at the edge, and forwarded once to the centre, which answers. */
import { App } from 'contrail'

const app = new App({ memory: true }, { logLevel: 'warn' }) // or what the environment says: new App()
const centre = app.broker('centre', { memory: true }) // or brokerFromEnvironment(process.env, 'CENTRE')

const taken = app.stream('TAKEN', { subjects: ['orders.>'] })
const all = centre.stream('ALL', { subjects: ['edge.>'] })

// The id makes sure that what is forwarded again after a crash is stored once.
taken.consume(
  'orders.{id}',
  { durable: 'forward', ack: 'nack-on-error' },
  async (order, { params, message }) => {
    await all.publish(`edge.berne.${params.id}`, order, { id: message.id })
  },
)

const confirmed = new Promise<void>((resolve) => {
  all.consume('edge.{place}.{id}', { durable: 'billing' }, async (order, { params }) => {
    console.log(`centre: ${params.place} ${params.id} ${JSON.stringify(order)}`)
    await app.publish(`confirmed.${params.id}`)
  })
  app.subscribe('confirmed.{id}', (_, { params }) => {
    console.log(`edge: ${params.id} is confirmed`)
    resolve()
  })
})

await app.start()
await taken.publish('orders.7', { sku: 'nut' })
await confirmed
await app.stop()
