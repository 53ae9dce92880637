/** /routez, /gatewayz, /leafz, /raftz, /ipqueuesz: what one node says of other servers, and of queues it does not have. */
import { goTime } from './go-text.ts'
import type { MonitoredServer } from './monitored-server.ts'
import type { Query } from './query.ts'

const head = (server: MonitoredServer) => ({ server_id: server.id, now: goTime(server.bus.clock.now()) })

export function routez(server: MonitoredServer, query: Query): Record<string, unknown> {
  query.boolean('subs')
  const { server_id, now } = head(server)
  return { server_id, server_name: server.name, now, num_routes: 0, routes: [] }
}

export function gatewayz(server: MonitoredServer, query: Query): Record<string, unknown> {
  query.boolean('accs')
  return { ...head(server), outbound_gateways: {}, inbound_gateways: {} }
}

export function leafz(server: MonitoredServer, query: Query): Record<string, unknown> {
  query.boolean('subs')
  return { ...head(server), leafnodes: 0, leafs: [] }
}

/** Work waits in one place only, the event loop, which has no length to show. */
export function ipqueuesz(_server: MonitoredServer, query: Query): Record<string, unknown> {
  query.boolean('all')
  return {}
}

export const NO_RAFT = 'No Raft nodes registered'
