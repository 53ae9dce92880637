import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { ReplyError } from '../../src/app/index.ts'
import { contextOf, metrics, observe, tracing } from '../../src/opentelemetry/index.ts'
import { makeApp, onRealServer, until } from './support.ts'

before(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  )
})

after(() => {
  context.disable()
  propagation.disable()
})

/** An app that is traced, and the spans that have ended. */
function tracedApp(t: TestContext, options: Parameters<typeof tracing>[0] = {}) {
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const app = makeApp(t)
  app.use(tracing({ tracerProvider, ...options }))
  const spans = async (count: number): Promise<ReadableSpan[]> => {
    await until(() => exporter.getFinishedSpans().length >= count, `${count} spans`)
    return exporter.getFinishedSpans()
  }
  const named = async (count: number, name: string): Promise<ReadableSpan> => {
    const found = (await spans(count)).find((span) => span.name === name)
    assert.ok(found, `${name} in ${(await spans(count)).map((span) => span.name).join(', ')}`)
    return found
  }
  return { app, spans, named, tracer: tracerProvider.getTracer('test') }
}

test('a message to a stream has a span at its publisher, and one as its child at its handler', async (t) => {
  const { app, named } = tracedApp(t)
  const orders = app.stream('ORDERS')
  orders.consume('orders.{id}.created', { durable: 'billing' }, () => {})
  const created = orders.publisher('orders.{id}.created')
  await app.start()
  await created.publish({ sku: 'nut' }, { params: { id: 7 }, id: 'one' })
  const sent = await named(2, 'publish orders.{id}.created')
  const processed = await named(2, 'process orders.{id}.created')
  assert.equal(sent.kind, SpanKind.PRODUCER)
  assert.equal(processed.kind, SpanKind.CONSUMER)
  assert.equal(processed.spanContext().traceId, sent.spanContext().traceId)
  assert.equal(processed.parentSpanContext?.spanId, sent.spanContext().spanId)
  const { 'server.address': address, 'server.port': port, ...attributes } = sent.attributes
  assert.deepEqual(attributes, {
    'messaging.system': 'nats',
    'messaging.operation.name': 'publish',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'orders.7.created',
    'messaging.destination.template': 'orders.{id}.created',
    'messaging.message.id': 'one',
    'messaging.message.body.size': 13,
    'messaging.nats.stream': 'ORDERS',
    'messaging.nats.stream.sequence': 1,
  })
  if (onRealServer) {
    assert.equal(address, '127.0.0.1')
    assert.equal(typeof port, 'number')
  }
  const { 'server.address': _, 'server.port': __, ...handled } = processed.attributes
  assert.deepEqual(handled, {
    'messaging.system': 'nats',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'orders.7.created',
    'messaging.destination.template': 'orders.{id}.created',
    'messaging.destination.subscription.name': 'billing',
    'messaging.consumer.group.name': 'billing',
    'messaging.message.id': 'one',
    'messaging.message.body.size': 13,
    'messaging.nats.stream': 'ORDERS',
    'messaging.nats.stream.sequence': 1,
    'messaging.nats.delivery.count': 1,
  })
})

test('what a handler publishes, and where its result goes, is in the trace of its message', async (t) => {
  const { app, named, spans } = tracedApp(t)
  app.subscribe('first', { returns: 'third' }, async (_data, { publish }) => {
    await publish('second')
    return 1
  })
  app.subscribe('second', () => {})
  app.subscribe('third', () => {})
  await app.start()
  await app.publish('first')
  await spans(6)
  const traces = new Set((await spans(6)).map((span) => span.spanContext().traceId))
  assert.equal(traces.size, 1)
  const first = await named(6, 'process first')
  for (const name of ['publish second', 'publish third']) {
    assert.equal((await named(6, name)).parentSpanContext?.spanId, first.spanContext().spanId, name)
  }
  assert.equal(
    (await named(6, 'process third')).parentSpanContext?.spanId,
    (await named(6, 'publish third')).spanContext().spanId,
  )
})

test('a publication inside a span is its child; headers of the publisher stay as they are', async (t) => {
  const { app, named, tracer } = tracedApp(t)
  const headers: Array<[string, string]> = []
  app.subscribe('a', (_data, { message }) => {
    for (const [name, values] of message.headers ?? []) headers.push([name, values[0]])
  })
  await app.start()
  const given = { Shop: 'Bern' }
  const outer = tracer.startSpan('outer')
  await context.with(trace.setSpan(context.active(), outer), () => app.publish('a', 1, { headers: given }))
  outer.end()
  const sent = await named(3, 'publish a')
  assert.equal(sent.parentSpanContext?.spanId, outer.spanContext().spanId)
  assert.deepEqual(given, { Shop: 'Bern' })
  assert.deepEqual(headers, [
    ['Shop', 'Bern'],
    ['traceparent', `00-${sent.spanContext().traceId}-${sent.spanContext().spanId}-01`],
  ])
})

test('tracestate and baggage go along with messages', async (t) => {
  const { app, spans } = tracedApp(t)
  const seen: unknown[] = []
  app.subscribe('a', { returns: 'b' }, () => 1)
  app.subscribe('b', () => {
    const active = context.active()
    seen.push(propagation.getBaggage(active)?.getEntry('tenant')?.value)
    seen.push(trace.getSpanContext(active)?.traceState?.get('vendor'))
  })
  await app.start()
  const from = propagation.extract(ROOT_CONTEXT, {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'vendor=x1',
    baggage: 'tenant=acme',
  })
  await context.with(from, () => app.publish('a'))
  await until(() => seen.length === 2)
  assert.deepEqual(seen, ['acme', 'x1'])
  for (const span of await spans(4)) {
    assert.equal(span.spanContext().traceId, '0af7651916cd43dd8448eb211c80319c')
  }
})

test('a message of a publisher that only writes traceparent is in its trace', async (t) => {
  const { app, named } = tracedApp(t)
  app.subscribe('a', () => {})
  await app.start()
  const { headers } = await import('@nats-io/nats-core')
  const all = headers()
  all.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
  app.context.nc.publish('a', '', { headers: all })
  const span = await named(1, 'process a')
  assert.equal(span.spanContext().traceId, '0af7651916cd43dd8448eb211c80319c')
  assert.equal(span.parentSpanContext?.spanId, 'b7ad6b7169203331')
})

test('a request has a span until its answer; errors are on both sides', async (t) => {
  const { app, named, spans } = tracedApp(t)
  app.subscribe('ask.{id}', { queue: 'q' }, () => {
    throw new ReplyError(404, 'nothing there')
  })
  app.subscribe('broken', () => {
    throw new RangeError('too far')
  })
  await app.start()
  await assert.rejects(app.request('ask.7'), /nothing there/)
  const asked = await named(2, 'request ask.7')
  const handled = await named(2, 'process ask.{id}')
  assert.equal(asked.kind, SpanKind.CLIENT)
  assert.equal(asked.attributes['error.type'], '404')
  assert.equal(asked.status.code, SpanStatusCode.ERROR)
  assert.equal(handled.attributes['error.type'], '404')
  assert.equal(handled.status.code, SpanStatusCode.UNSET)
  assert.equal(handled.attributes['messaging.consumer.group.name'], 'q')
  assert.equal((await spans(2)).length, 2)
  await assert.rejects(app.request('broken'), /internal error/)
  const broken = await named(4, 'process broken')
  assert.equal(broken.attributes['error.type'], 'RangeError')
  assert.deepEqual(broken.status, { code: SpanStatusCode.ERROR, message: 'too far' })
  assert.equal(broken.events[0].name, 'exception')
})

test('a publication that fails has the code of its error', async (t) => {
  const { app, named } = tracedApp(t)
  app.stream('ORDERS')
  await app.start()
  await assert.rejects(app.publish('orders.a', 1, { expect: { lastSeq: 7 } }))
  const span = await named(1, 'publish orders.a')
  assert.equal(span.attributes['error.type'], 'WRONG_LAST_SEQUENCE')
  assert.equal(span.status.code, SpanStatusCode.ERROR)
})

test('a batch has one span that links to its messages', async (t) => {
  const { app, named, spans } = tracedApp(t)
  const orders = app.stream('ORDERS')
  orders.consumeBatch('orders.>', { durable: 'b', size: 3, wait: '1s' }, () => {})
  await app.start()
  await Promise.all([1, 2, 3].map((i) => orders.publish('orders.a', i)))
  const batch = await named(4, 'process orders.>')
  assert.equal(batch.attributes['messaging.batch.message_count'], 3)
  assert.equal(batch.parentSpanContext, undefined)
  const sent = (await spans(4)).filter((span) => span.name === 'publish orders.a')
  assert.deepEqual(
    batch.links.map((link) => link.context.spanId).sort(),
    sent.map((span) => span.spanContext().spanId).sort(),
  )
})

test('with relation link a handler’s trace is its own, and links to the publication', async (t) => {
  const { app, named } = tracedApp(t, {
    relation: 'link',
    handlerAttributes: ({ params }) => ({ 'order.id': params.id }),
    publishAttributes: ({ kind }) => ({ kind }),
  })
  app.subscribe('orders.{id}', () => {})
  await app.start()
  await app.publish('orders.7')
  const sent = await named(2, 'publish orders.7')
  const processed = await named(2, 'process orders.{id}')
  assert.notEqual(processed.spanContext().traceId, sent.spanContext().traceId)
  assert.equal(processed.links[0].context.spanId, sent.spanContext().spanId)
  assert.equal(processed.attributes['order.id'], '7')
  assert.equal(sent.attributes.kind, 'publish')
})

test('tries of a message and its dead letter are all in its trace', async (t) => {
  const { app, spans, named } = tracedApp(t)
  const jobs = app.stream('JOBS')
  jobs.consume('jobs.>', { durable: 'w', retry: { attempts: 2, backoff: '5ms', deadLetter: true } }, () => {
    throw new Error('no')
  })
  await app.start()
  await jobs.publish('jobs.a')
  const letter = await named(4, 'publish dead.JOBS.jobs.a')
  const traces = new Set((await spans(4)).map((span) => span.spanContext().traceId))
  assert.equal(traces.size, 1)
  const tries = (await spans(4)).filter((span) => span.name === 'process jobs.>')
  assert.deepEqual(
    tries.map((span) => span.attributes['messaging.nats.delivery.count']),
    [1, 2],
  )
  assert.equal(letter.attributes['messaging.nats.stream'], 'JOBS_DEAD')
})

test('metrics count and measure what is published and handled', async (t) => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  t.after(() => meterProvider.shutdown())
  const app = makeApp(t)
  app.use(metrics({ meterProvider }))
  const orders = app.stream('ORDERS')
  const created = orders.publisher('orders.{id}.created')
  let handled = 0
  orders.consume(
    'orders.{id}.created',
    { durable: 'billing', ack: 'reject-on-error' },
    (_data, { params }) => {
      handled++
      if (params.id === '2') throw new TypeError('no')
    },
  )
  await app.start()
  for (const id of [1, 2, 3]) await created.publish(id, { params: { id } })
  await assert.rejects(app.request('nobody'))
  await until(() => handled === 3)
  await new Promise((resolve) => setTimeout(resolve, 20))
  await reader.forceFlush()
  const found = exporter.getMetrics().at(-1)?.scopeMetrics[0].metrics ?? []
  const points = (name: string): Array<DataPoint<number | Histogram>> => {
    const metric = found.find(({ descriptor }) => descriptor.name === name)
    assert.ok(metric, name)
    return metric.dataPoints as Array<DataPoint<number | Histogram>>
  }
  const sent = points('messaging.client.sent.messages')
  assert.deepEqual(
    sent.map(({ value, attributes }) => [
      value,
      attributes['messaging.operation.name'],
      attributes['messaging.destination.name'],
      attributes['error.type'],
    ]),
    [
      [3, 'publish', 'orders.{id}.created', undefined],
      [1, 'request', undefined, 'NO_RESPONDERS'],
    ],
  )
  assert.equal((points('messaging.client.operation.duration')[0].value as Histogram).count, 3)
  const consumed = points('messaging.client.consumed.messages')
  assert.deepEqual(
    consumed.map(({ value, attributes }) => [value, attributes['error.type']]),
    [
      [2, undefined],
      [1, 'TypeError'],
    ],
  )
  const [{ value, attributes }] = points('messaging.process.duration')
  assert.equal((value as Histogram).count, 2)
  assert.equal(attributes['messaging.system'], 'nats')
  assert.equal(attributes['messaging.consumer.group.name'], 'billing')
})

test('what the app counts anyway can be observed: acks, what is in flight, what the server says of consumers', async (t) => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  t.after(() => meterProvider.shutdown())
  const app = makeApp(t)
  const orders = app.stream('ORDERS')
  const consumer = orders.consume('orders.{id}', { durable: 'billing' }, () => {})
  const end = observe(app, { meterProvider })
  await app.start()
  await orders.publish('orders.1')
  await orders.publish('orders.2')
  await until(async () => (await consumer.info()).ack_floor.stream_seq === 2)
  await reader.forceFlush()
  const values = () =>
    Object.fromEntries(
      (exporter.getMetrics().at(-1)?.scopeMetrics[0]?.metrics ?? []).map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints[0].value,
      ]),
    )
  const found = values()
  assert.equal(found['contrail.messages.acked'], 2)
  assert.equal(found['contrail.messages.in_flight'], 0)
  assert.equal(found['contrail.consumer.pending'], 0)
  assert.equal(found['contrail.consumer.ack_pending'], 0)
  assert.equal(found['contrail.broker.connected'], 1)
  end()
  await orders.publish('orders.3')
  await until(() => app.metrics.report().handlers[0].acked === 3)
  await reader.forceFlush()
  assert.equal(values()['contrail.messages.acked'], 2)
})

test('a message that is read, not handled, can go on in its trace', async (t) => {
  const { app, named, tracer } = tracedApp(t)
  const reader = app.subscribe('a')
  await app.start()
  await app.publish('a')
  const message = await reader.next({ timeout: '5s' })
  assert.ok(message)
  tracer.startSpan('work', {}, contextOf(message)).end()
  const sent = await named(2, 'publish a')
  assert.equal((await named(2, 'work')).parentSpanContext?.spanId, sent.spanContext().spanId)
})
