/** Requests: typed both ways, with errors that say what is wrong; handlers chosen by a filter; come and gone while the app runs. */
import { App, ContrailError, ReplyError, RequestFailedError } from 'contrail'
import { z } from 'zod'

const app = new App({ memory: true }, { logLevel: 'silent' })
const Quantity = z.object({ quantity: z.number().positive() })
const Price = z.object({ cents: z.coerce.number() })

// What a handler returns is the answer. Two of them share the subject: a message's filter decides, the other has the rest.
app
  .subscribe('price.{sku}', { schema: Quantity, queue: 'prices' }, ({ quantity }, { params }) => {
    if (params.sku !== 'nut') {
      throw new ReplyError(404, `no ${params.sku} here`, { details: { have: ['nut'] } })
    }
    return { cents: String(quantity * 25) }
  })
  .handle(
    { filter: (message) => message.header('Customer') === 'gold', schema: Quantity },
    ({ quantity }) => ({
      cents: String(quantity * 20),
    }),
  )

await app.start()
const options = { schema: Price, timeout: '2s' } as const
const { cents } = await app.request('price.nut', { quantity: 3 }, options) // cents: number
console.log(`three nuts: ${cents}`)
const gold = await app.request('price.nut', { quantity: 3 }, { ...options, headers: { Customer: 'gold' } })
console.log(`for gold customers: ${gold.cents}`)

for (const [subject, data] of [
  ['price.bolt', { quantity: 1 }],
  ['price.nut', { quantity: -1 }],
  ['stock.nut', undefined],
] as const) {
  try {
    await app.request(subject, data)
  } catch (thrown) {
    if (thrown instanceof RequestFailedError) {
      console.log(`${subject}: ${thrown.status} ${JSON.stringify(thrown.details)}`)
    } else if (thrown instanceof ContrailError) console.log(`${subject}: ${thrown.code}`)
  }
}

// While the app runs handlers may come and go.
const stock = app.subscribe('stock.{sku}', () => 7)
await app.ready()
console.log(`stock: ${await app.request<number>('stock.nut')}`)
await stock.unsubscribe()
await app.request('stock.nut').catch((error: ContrailError) => console.log(`stock: ${error.code}`))
await app.stop()
