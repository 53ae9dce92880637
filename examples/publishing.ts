/** Everything that can be said when a message is published to a stream. */
import { App } from 'contrail'
import { z } from 'zod'

const app = new App({ memory: true }, { logLevel: 'warn' })
const orders = app.stream('ORDERS', {
  subjects: ['orders.>'],
  allowTtl: true,
  allowSchedules: true,
  allowAtomic: true,
})

// A typed publisher: its data is checked, and the names in its subject are asked for.
const created = orders.publisher('orders.{id}.created', { schema: z.object({ sku: z.string() }) })

orders.consume('orders.>', { durable: 'printer' }, (data, { subject }) => {
  console.log(`${subject} ${JSON.stringify(data)}`)
})

await app.start()
await created.publish({ sku: 'nut' }, { params: { id: 7 } })

// With an id it is stored once, however often it is published.
await orders.publish('orders.8.created', { sku: 'bolt' }, { id: 'order-8' })
const again = await orders.publish('orders.8.created', { sku: 'bolt' }, { id: 'order-8' })
console.log(`again: duplicate ${again.duplicate}`)

// Only if nobody else wrote to the subject in between.
const refused = await orders
  .publish('orders.8.created', { sku: 'nail' }, { expect: { lastSubjectSeq: 1 } })
  .catch((error: Error) => error.message)
console.log(refused)

// Gone after a minute; all or nothing; a second later.
await orders.publish('orders.9.hint', 'soon gone', { ttl: '1m' })
await orders.publishAtomic([
  { subject: 'orders.10.created', data: { sku: 'nut' } },
  { subject: 'orders.10.paid', data: { amount: 2 } },
])
await orders.schedule('orders.10.reminder', { text: 'still there?' }, { after: '1s' })
await new Promise((resolve) => setTimeout(resolve, 1500))
await app.stop()
