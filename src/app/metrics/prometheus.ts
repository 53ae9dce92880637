/** An app's figures in Prometheus's text format, version 0.0.4. */
import type { HandlerLabels } from './handler-metrics.ts'
import type { BrokerReport, HandlerReport, MetricsReport } from './metrics.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Kind = 'counter' | 'gauge'

/** Name, kind, help, value. A counter's name ends in _total. */
type Row<Of> = readonly [name: string, kind: Kind, help: string, value: (of: Of) => number | undefined]

const OF_BROKERS: readonly Row<BrokerReport>[] = [
  ['broker_connected', 'gauge', '1 while there is a connection.', (one) => (one.connected ? 1 : 0)],
  ['broker_reconnects_total', 'counter', 'How often the connection came back.', (one) => one.reconnects],
  ['broker_received_messages_total', 'counter', 'Messages from the server.', (one) => one.inMessages],
  [
    'broker_sent_messages_total',
    'counter',
    'Messages to the server, acks included.',
    (one) => one.outMessages,
  ],
  ['broker_received_bytes_total', 'counter', 'Bytes from the server.', (one) => one.inBytes],
  ['broker_sent_bytes_total', 'counter', 'Bytes to the server.', (one) => one.outBytes],
  [
    'publish_failures_total',
    'counter',
    'Publications that no stream acknowledged.',
    (one) => one.publishFailed,
  ],
  ['publish_unacknowledged', 'gauge', 'Publications that wait for a stream.', (one) => one.unacknowledged],
  ['request_failures_total', 'counter', 'Requests that failed.', (one) => one.published.requestsFailed],
]

const OF_HANDLERS: readonly Row<HandlerReport>[] = [
  ['messages_handled_total', 'counter', 'Deliveries that a handler has been through.', (one) => one.handled],
  ['messages_failed_total', 'counter', 'Deliveries whose handler threw.', (one) => one.failed],
  ['messages_acked_total', 'counter', 'Messages acknowledged.', (one) => one.acked],
  ['messages_nacked_total', 'counter', 'Messages to be delivered again.', (one) => one.nacked],
  ['messages_termed_total', 'counter', 'Messages never to be delivered again.', (one) => one.termed],
  ['messages_dead_lettered_total', 'counter', 'Messages put to the dead letters.', (one) => one.deadLettered],
  ['messages_dropped_total', 'counter', 'Messages dropped: too many waited.', (one) => one.dropped],
  ['messages_in_flight', 'gauge', 'Messages in a handler.', (one) => one.inFlight],
  ['messages_waiting', 'gauge', 'Messages here that wait for a handler.', (one) => one.waiting],
  ['consumer_pending', 'gauge', 'Messages still to be delivered.', (one) => one.consumer?.pending],
  ['consumer_ack_pending', 'gauge', 'Delivered, not acknowledged.', (one) => one.consumer?.ackPending],
  ['consumer_redelivered', 'gauge', 'Delivered more than once.', (one) => one.consumer?.redelivered],
]

export function prometheusText(report: MetricsReport): string {
  const lines: string[] = []
  for (const row of OF_BROKERS) {
    add(lines, row, report.brokers, ({ broker }) => labels({ broker }))
  }
  head(lines, 'messages_published_total', 'counter', 'Messages published, by kind.')
  for (const { broker, published } of report.brokers) {
    const kinds = { core: published.published, stream: published.toStream, request: published.requests }
    for (const [kind, value] of Object.entries(kinds)) {
      lines.push(`contrail_messages_published_total${labels({ broker, kind })} ${value}`)
    }
  }
  for (const row of OF_HANDLERS) add(lines, row, report.handlers, (one) => labels(labelsOf(one)))
  head(lines, 'handler_duration_seconds', 'histogram', 'How long handlers took.')
  for (const one of report.handlers) addHistogram(lines, one)
  return `${lines.join('\n')}\n`
}

function add<Of>(
  lines: string[],
  [name, kind, help, value]: Row<Of>,
  all: readonly Of[],
  labelsFor: (of: Of) => string,
): void {
  const samples: string[] = []
  for (const one of all) {
    const figure = value(one)
    if (figure !== undefined) samples.push(`contrail_${name}${labelsFor(one)} ${figure}`)
  }
  if (samples.length === 0) return
  head(lines, name, kind, help)
  lines.push(...samples)
}

function addHistogram(lines: string[], one: HandlerReport): void {
  const { bounds, buckets, sum, count } = one.duration
  let soFar = 0
  for (const [at, bucket] of buckets.entries()) {
    soFar += bucket
    const le = at < bounds.length ? String(bounds[at]) : '+Inf'
    lines.push(`contrail_handler_duration_seconds_bucket${labels({ ...labelsOf(one), le })} ${soFar}`)
  }
  lines.push(`contrail_handler_duration_seconds_sum${labels(labelsOf(one))} ${sum}`)
  lines.push(`contrail_handler_duration_seconds_count${labels(labelsOf(one))} ${count}`)
}

function head(lines: string[], name: string, kind: string, help: string): void {
  lines.push(`# HELP contrail_${name} ${help}`, `# TYPE contrail_${name} ${kind}`)
}

function labelsOf({ broker, subject, stream, group }: HandlerLabels): Record<string, string> {
  return { broker, subject, stream, group }
}

function labels(values: Record<string, string>): string {
  const parts = Object.entries(values).map(([name, value]) => `${name}="${escaped(value)}"`)
  return `{${parts.join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
