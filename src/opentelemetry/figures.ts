/** The figures that an app keeps anyway, as OpenTelemetry's observable instruments. */
import { type Attributes, metrics as api, type MeterProvider, type Observable } from '@opentelemetry/api'
import type { App, BrokerReport, HandlerReport } from '../app/index.ts'

export interface FiguresOptions {
  /** Default: the program's (`metrics.getMeterProvider()`). */
  meterProvider?: MeterProvider
  /** Asks the server about every consumer at each collection. Default: true. */
  consumers?: boolean
}

type Row<Of> = readonly [
  name: string,
  kind: 'counter' | 'gauge',
  unit: string,
  description: string,
  value: (of: Of) => number | undefined,
]

const MESSAGES = '{message}'

const OF_HANDLERS: readonly Row<HandlerReport>[] = [
  ['messages.acked', 'counter', MESSAGES, 'Messages acknowledged', (one) => one.acked],
  ['messages.nacked', 'counter', MESSAGES, 'Messages to be delivered again', (one) => one.nacked],
  ['messages.termed', 'counter', MESSAGES, 'Messages never to be delivered again', (one) => one.termed],
  ['messages.dead_lettered', 'counter', MESSAGES, 'Put to the dead letters', (one) => one.deadLettered],
  ['messages.dropped', 'counter', MESSAGES, 'Dropped: too many waited', (one) => one.dropped],
  ['messages.in_flight', 'gauge', MESSAGES, 'Messages in a handler', (one) => one.inFlight],
  ['messages.waiting', 'gauge', MESSAGES, 'Messages that wait for a handler', (one) => one.waiting],
  ['consumer.pending', 'gauge', MESSAGES, 'Still to be delivered', (one) => one.consumer?.pending],
  ['consumer.ack_pending', 'gauge', MESSAGES, 'Not acknowledged', (one) => one.consumer?.ackPending],
]

const OF_BROKERS: readonly Row<BrokerReport>[] = [
  ['broker.connected', 'gauge', '1', '1 while there is a connection', (one) => (one.connected ? 1 : 0)],
  ['broker.reconnects', 'counter', '{reconnect}', 'Connections that came back', (one) => one.reconnects],
  ['publish.failures', 'counter', MESSAGES, 'Not acknowledged by a stream', (one) => one.publishFailed],
  ['publish.unacknowledged', 'gauge', MESSAGES, 'That wait for a stream', (one) => one.unacknowledged],
]

/**
 * Observes an app: `contrail.messages.acked`, `contrail.messages.in_flight`, `contrail.consumer.pending`,
 * `contrail.broker.connected` and so on, read whenever metrics are collected. Returns what ends it.
 */
export function observe(app: Pick<App<never>, 'metrics'>, options: FiguresOptions = {}): () => void {
  const meter = (options.meterProvider ?? api.getMeterProvider()).getMeter('contrail')
  const make = <Of>([name, kind, unit, description, value]: Row<Of>) => {
    const about = { unit, description }
    const full = `contrail.${name}`
    const instrument =
      kind === 'counter'
        ? meter.createObservableCounter(full, about)
        : meter.createObservableGauge(full, about)
    return { instrument, value }
  }
  const handlers = OF_HANDLERS.map(make)
  const brokers = OF_BROKERS.map(make)
  const instruments: Observable[] = [...handlers, ...brokers].map((one) => one.instrument)
  const callback = async (result: { observe(of: Observable, value: number, with_: Attributes): void }) => {
    const report = options.consumers === false ? app.metrics.report() : await app.metrics.withConsumers()
    for (const one of report.handlers) {
      const { broker, subject, stream, group } = one
      for (const { instrument, value } of handlers) {
        const figure = value(one)
        if (figure !== undefined) result.observe(instrument, figure, { broker, subject, stream, group })
      }
    }
    for (const one of report.brokers) {
      for (const { instrument, value } of brokers) {
        result.observe(instrument, value(one) ?? 0, { broker: one.broker })
      }
    }
  }
  meter.addBatchObservableCallback(callback, instruments)
  return () => meter.removeBatchObservableCallback(callback, instruments)
}
