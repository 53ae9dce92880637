/** An app and Express: the app leads, the web server is up between its start and its stop. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { App, httpStatus, nodeMonitor } from 'contrail'
import express, { type ErrorRequestHandler } from 'express'
import { z } from 'zod'

const Order = z.object({ sku: z.string(), quantity: z.number() })
const app = new App()
const sales = app.stream('SALES', { subjects: ['sales.>'] })
const created = sales.publisher('sales.{id}.created', { schema: Order })
const asked = app.publisher('sold.{sku}')
const sold = new Map<string, number>()

sales.consume('sales.{id}.created', { deliver: 'new', schema: Order }, ({ sku, quantity }) => {
  sold.set(sku, (sold.get(sku) ?? 0) + quantity)
})
app.subscribe('sold.{sku}', (_, { params }) => sold.get(params.sku) ?? 0)

const web = express()
web.use(nodeMonitor(app)) // /metrics, /healthz, /readyz
web.use(express.json())
web.post('/orders/:id', async ({ params, body }, response) => {
  const ack = await created.publish(body, { params: { id: params.id }, id: params.id })
  response.status(202).json({ seq: ack?.seq, duplicate: ack?.duplicate === true })
})
web.get('/sold/:sku', async ({ params }, response) => {
  response.json(await asked.request(undefined, { params: { sku: params.sku } }))
})
// An order of the wrong form, or an id that can't be in a subject, is the client's to correct.
const failed: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(error.status ?? httpStatus(error)).json({ error: error.message })
}
web.use(failed)

let server: Server
app.afterStart(async () => {
  await new Promise<void>((resolve) => {
    server = web.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => resolve())
  })
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
// Requests are answered to the end while the app still runs.
app.onShutdown(() => new Promise((resolve) => server.close(resolve)))

await app.run()
console.log('stopped')
