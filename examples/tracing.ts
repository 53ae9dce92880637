/** Traces with OpenTelemetry: an order and what follows from it are one trace, over streams and requests. */
import { context, propagation } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { App } from 'contrail'
import { tracing } from 'contrail/opentelemetry'

// What NodeSDK of @opentelemetry/sdk-node sets up for a real program, with an exporter that sends somewhere.
const exporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())

const app = new App({ memory: true }, { logLevel: 'warn' })
app.use(tracing({ tracerProvider }))

const orders = app.stream('ORDERS', { subjects: ['orders.>'] })
const done = new Promise<void>((resolve) => {
  orders.consume('orders.{id}.created', { durable: 'billing' }, async (_order, { params, request }) => {
    console.log(`order ${params.id}: ${await request('stock.left.nut')} left`)
    resolve()
  })
})
app.subscribe('stock.left.{sku}', () => 7)

await app.start()
await orders.publisher('orders.{id}.created').publish({ sku: 'nut' }, { params: { id: 1 } })
await done
await app.stop()

const spans = exporter.getFinishedSpans()
const root = spans.find((span) => span.parentSpanContext === undefined)
function print(parent: string | undefined, indent: string): void {
  for (const span of spans) {
    if (span.parentSpanContext?.spanId !== parent) continue
    console.log(indent + span.name)
    print(span.spanContext().spanId, `${indent}  `)
  }
}
console.log(root?.name)
print(root?.spanContext().spanId, '  ')
