/** An app inside Fastify: it starts before the first request is taken, and stops when the last one is answered. */
import { App, httpStatus, nodeMonitor } from 'contrail'
import { fastify } from 'fastify'
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

const web = fastify()
web.addHook('onReady', () => app.start())
web.addHook('onClose', () => app.stop())

web.post<{ Params: { id: string }; Body: z.infer<typeof Order> }>(
  '/orders/:id',
  async ({ params, body }, reply) => {
    const ack = await created.publish(body, { params: { id: params.id }, id: params.id })
    return reply.code(202).send({ seq: ack?.seq, duplicate: ack?.duplicate === true })
  },
)
web.get<{ Params: { sku: string } }>('/sold/:sku', ({ params }) => asked.request(undefined, { params }))
// An order of the wrong form, or an id that can't be in a subject, is the client's to correct.
web.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) =>
  reply.code(error.statusCode ?? httpStatus(error)).send({ error: error.message }),
)

const monitor = nodeMonitor(app)
for (const path of ['/metrics', '/healthz', '/readyz']) {
  web.get(path, (request, reply) => {
    reply.hijack()
    monitor(request.raw, reply.raw)
  })
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => web.close())
console.log(`listening on ${await web.listen({ port: Number(process.env.PORT ?? 3000) })}`)
await app.stopped
console.log('stopped')
