/** /metrics: the figures of /varz and /jsz as Prometheus reads them, without an exporter in between. */

import { COMPATIBLE_VERSION, CONTRAIL_VERSION } from '../versions.ts'
import type { MonitoredServer } from './monitored-server.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string>>

interface Metric {
  name: string
  type: 'counter' | 'gauge'
  help: string
  values: [Labels, number][]
}

const none: Labels = {}

export function metrics(server: MonitoredServer): string {
  return [...serverMetrics(server), ...jetstreamMetrics(server)].map(text).join('')
}

function serverMetrics(server: MonitoredServer): Metric[] {
  const { bus, id, name } = server
  const { inMessages, inBytes, outMessages, outBytes } = bus.traffic()
  const gauge = (metric: string, help: string, value: number): Metric => one(metric, 'gauge', help, value)
  const counter = (metric: string, help: string, value: number): Metric => one(metric, 'counter', help, value)
  const { user, system } = process.cpuUsage()
  return [
    {
      name: 'nats_server_info',
      type: 'gauge',
      help: 'The server: always 1.',
      values: [
        [
          {
            server_id: id,
            server_name: name,
            version: COMPATIBLE_VERSION,
            contrail_version: CONTRAIL_VERSION,
          },
          1,
        ],
      ],
    },
    gauge('nats_server_uptime_seconds', 'Time since the start.', (bus.clock.now() - bus.startedMs) / 1000),
    gauge('nats_server_connections', 'Clients that are connected.', bus.connections.size),
    counter('nats_server_connections_total', 'Clients that have ever connected.', bus.totalConnections),
    gauge(
      'nats_server_subscriptions',
      'Subscriptions, those of the server itself included.',
      bus.subscriptions,
    ),
    counter('nats_server_in_messages_total', 'Messages that clients have published.', inMessages),
    counter('nats_server_in_bytes_total', 'Bytes of these.', inBytes),
    counter('nats_server_out_messages_total', 'Messages that were delivered to clients.', outMessages),
    counter('nats_server_out_bytes_total', 'Bytes of these.', outBytes),
    counter(
      'nats_server_slow_consumers_total',
      'Clients that were cut off because they took too little.',
      bus.slowConsumers,
    ),
    counter(
      'nats_server_stale_connections_total',
      'Clients that were given up because they did not answer.',
      bus.staleConnections,
    ),
    counter('nats_server_cpu_seconds_total', 'Processor time of the process.', (user + system) / 1e6),
    gauge('nats_server_memory_bytes', 'Memory of the process.', process.memoryUsage.rss()),
    gauge('nats_server_max_payload_bytes', 'Largest message.', server.settings.limits.maxPayloadBytes),
  ]
}

/** Per stream and consumer, as many as there are. */
function jetstreamMetrics({ jetstream }: MonitoredServer): Metric[] {
  if (jetstream === null) return []
  const series = new Map<string, Metric>()
  const add = (name: string, type: Metric['type'], help: string, labels: Labels, value: number): void => {
    const metric = series.get(name) ?? { name, type, help, values: [] }
    series.set(name, metric)
    metric.values.push([labels, value])
  }
  const isWell = jetstream.failure() === null && jetstream.shortage() === null
  add('nats_jetstream_healthy', 'gauge', 'Can the store be written? 1 or 0.', none, isWell ? 1 : 0)
  for (const account of jetstream.accounts()) {
    const accountLabels = { account: account.account.name }
    add(
      'nats_jetstream_api_requests_total',
      'counter',
      'Requests to the API.',
      accountLabels,
      account.apiTotal,
    )
    add(
      'nats_jetstream_api_errors_total',
      'counter',
      'Of these, answered with an error.',
      accountLabels,
      account.apiErrors,
    )
    for (const stream of account.streams.values()) {
      const labels = { ...accountLabels, stream: stream.name }
      const { log } = stream
      add('nats_stream_messages', 'gauge', 'Messages of a stream.', labels, log.messages)
      add('nats_stream_bytes', 'gauge', 'Bytes of these.', labels, log.bytes)
      add('nats_stream_last_sequence', 'counter', 'The last sequence of a stream.', labels, log.lastSeq)
      add('nats_stream_consumers', 'gauge', 'Consumers of a stream.', labels, stream.consumers.size)
      for (const consumer of stream.consumers.values()) {
        const its = { ...labels, consumer: consumer.name }
        const { num_pending, num_ack_pending, num_redelivered, num_waiting } = consumer.info()
        add(
          'nats_consumer_pending_messages',
          'gauge',
          'Messages that are still to be delivered.',
          its,
          num_pending,
        )
        add(
          'nats_consumer_ack_pending_messages',
          'gauge',
          'Delivered and not acknowledged.',
          its,
          num_ack_pending,
        )
        add(
          'nats_consumer_redelivered_messages',
          'gauge',
          'Of these, delivered more than once.',
          its,
          num_redelivered,
        )
        add('nats_consumer_waiting_requests', 'gauge', 'Pull requests that wait.', its, num_waiting)
      }
    }
  }
  return [...series.values()]
}

function one(name: string, type: Metric['type'], help: string, value: number): Metric {
  return { name, type, help, values: [[none, value]] }
}

function text({ name, type, help, values }: Metric): string {
  const lines = values.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels)
  if (pairs.length === 0) return ''
  return `{${pairs.map(([key, value]) => `${key}="${escaped(value)}"`).join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}
