/** Routers with a prefix, middleware around handlers and publications, and a hook for what handlers throw. */
import { App, Router } from 'contrail'

const app = new App({ memory: true }, { logLevel: 'silent' })

// Around every handler of the app: an error of the handler passes through `next`.
app.use(async ({ subject, messages }, next) => {
  const begun = performance.now()
  try {
    return await next()
  } finally {
    const ms = performance.now() - begun
    console.log(`${subject}: ${messages.length} handled ${ms < 1000 ? 'in time' : 'late'}`)
  }
})

// Both ways at once: who publishes is in a header, and handlers of the router want to know it.
const shop = new Router({ prefix: 'shop' }).use({
  publish: (outgoing, next) => {
    outgoing.setHeader('Via', 'shop')
    return next()
  },
  handle: ({ message }, next) => {
    if (message.header('Via') === undefined) throw new Error('published by somebody else')
    return next()
  },
})

const orders = new Router({ prefix: 'orders' })
orders.subscribe('{id}.created', (order, { params }) => {
  console.log(`order ${params.id}: ${JSON.stringify(order)}`)
})
const created = orders.publisher('{id}.created')

shop.include(orders) // under `shop.orders`, inside the shop's middleware
app.include(shop)

app.onError((thrown, { subject }) => console.log(`${subject} failed: ${(thrown as Error).message}`))

await using running = app
await running.start()
await created.publish({ sku: 'nut' }, { params: { id: 7 } })
await app.publish('shop.orders.8.created', { sku: 'bolt' })
