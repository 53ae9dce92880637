/** Counters that many add to at once, streams that copy others, and subjects that are mapped and published again. */
import { App } from 'contrail'

const app = new App({ memory: true }, { logLevel: 'warn' })

// Each subject is a counter: adding needs no reading first.
const views = app.stream('VIEWS', { subjects: ['views.>'], allowCounters: true })

// Stored under other subjects than published to, and told to whoever listens, when stored.
const orders = app.stream('ORDERS', {
  subjects: ['shop.*.orders.*'],
  transform: { from: 'shop.*.orders.*', to: 'orders.{{wildcard(1)}}.{{wildcard(2)}}' },
  republish: { from: 'orders.>', to: 'told.>', headersOnly: true },
  compression: 's2',
})

// All of it again, read only; and a part of it, together with what others take.
app.stream('ORDERS_COPY', { mirror: 'ORDERS' })
app.stream('BASEL', { sources: [{ name: 'ORDERS', filter: 'orders.basel.>' }] })

app.subscribe('told.>', (_, { subject }) => console.log(`told: ${subject}`))

await app.start()
const page = views.counter('views.home')
await Promise.all([page.add(), page.add(), page.add(40)])
console.log(`views: ${await page.value()}`)

await orders.publish('shop.basel.orders.7', { sku: 'nut' })
await orders.publish('shop.bern.orders.8', { sku: 'bolt' })

const { jsm } = app.context
const sizeOf = async (name: string) => (await jsm.streams.info(name)).state.messages
while ((await sizeOf('ORDERS_COPY')) < 2 || (await sizeOf('BASEL')) < 1) {
  await new Promise((resolve) => setTimeout(resolve, 10))
}
const copied = await jsm.streams.getMessage('BASEL', { seq: 1 })
console.log(`basel: ${copied?.subject} ${copied?.string()}`)
await app.stop()
