/** An app and Hono on Node: the app leads, the web server is up between its start and its stop. */
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { App, fetchMonitor, httpStatus } from 'contrail'
import { Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
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

const web = new Hono()
web.post('/orders/:id', async (c) => {
  const id = c.req.param('id')
  const ack = await created.publish(await c.req.json(), { params: { id }, id })
  return c.json({ seq: ack?.seq, duplicate: ack?.duplicate === true }, 202)
})
web.get('/sold/:sku', async (c) =>
  c.json(await asked.request<number>(undefined, { params: { sku: c.req.param('sku') } })),
)
// An order of the wrong form, or an id that can't be in a subject, is the client's to correct.
web.onError((error, c) => {
  const status = error instanceof SyntaxError ? 400 : httpStatus(error)
  return c.json({ error: error.message }, status as ContentfulStatusCode)
})

const monitor = fetchMonitor(app)
for (const path of ['/metrics', '/healthz', '/readyz']) web.get(path, (c) => monitor(c.req.raw))

let server: ServerType
app.afterStart(async () => {
  await new Promise<void>((resolve) => {
    const listening = ({ port }: AddressInfo) => {
      console.log(`listening on http://127.0.0.1:${port}`)
      resolve()
    }
    server = serve(
      { fetch: web.fetch, port: Number(process.env.PORT ?? 3000), hostname: '127.0.0.1' },
      listening,
    )
  })
})
// Requests are answered to the end while the app still runs.
app.onShutdown(() => new Promise((resolve) => server.close(resolve)))

await app.run()
console.log('stopped')
