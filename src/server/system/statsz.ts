/** `STATSZ`: the figures that servers tell every ten seconds, and whenever they are asked. */
import { availableParallelism } from 'node:os'
import { goTime } from '../monitor/go-text.ts'
import type { MonitoredServer } from '../monitor/monitored-server.ts'

export function statsz(server: MonitoredServer): Record<string, unknown> {
  const { bus, jetstream } = server
  const { inMessages, inBytes, outMessages, outBytes } = bus.traffic()
  const sent = { msgs: outMessages, bytes: outBytes }
  const received = { msgs: inMessages, bytes: inBytes }
  return {
    start: goTime(bus.startedMs),
    mem: process.memoryUsage.rss(),
    cores: availableParallelism(),
    cpu: 0,
    connections: bus.connections.size,
    total_connections: bus.totalConnections,
    active_accounts: [...bus.accounts.values()].filter(({ members }) => members.size > 0).length,
    subscriptions: bus.subscriptions,
    sent,
    sent_to_clients: sent,
    received,
    received_from_clients: received,
    slow_consumers: bus.slowConsumers,
    active_servers: 1,
    ...(jetstream === null ? {} : { jetstream: withoutFolder(jetstream.varz()) }),
    gomaxprocs: 1,
  }
}

/** Where the files are is for the monitoring alone. */
function withoutFolder(shown: Record<string, unknown>): Record<string, unknown> {
  const { store_dir: _folder, ...config } = shown.config as Record<string, unknown>
  return { ...shown, config }
}
