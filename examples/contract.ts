// What programs say to each other, declared once and used by all of them. Needs `npm i zod`.
import { App, contract } from 'contrail'
import { z } from 'zod'

/** A package of its own would have this. */
const shop = contract({
  price: {
    subject: 'price.{sku}',
    description: 'What so many of an article cost',
    schema: z.object({ quantity: z.number().positive() }),
    response: z.object({ total: z.number() }),
  },
  orderCreated: { subject: 'orders.{id}.created', schema: z.object({ sku: z.string() }) },
})

const app = new App({ memory: true })
const orders = app.stream('ORDERS')

shop.price.handle(app, ({ quantity }) => ({ total: 25 * quantity }))
shop.orderCreated.consume(orders, { durable: 'billing' }, async ({ sku }, context) => {
  const { total } = await shop.price.request(context, { quantity: 3 }, { params: { sku } })
  console.log(`order ${context.params.id}: ${total}`)
  void app.stop()
})

app.afterStart(() => shop.orderCreated.publish(app, { sku: 'nut' }, { params: { id: 7 } }))
await app.run()
