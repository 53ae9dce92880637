/** /varz: the server's settings and counters. */
import { availableParallelism } from 'node:os'
import { COMPATIBLE_VERSION } from '../versions.ts'
import { decodedJwt, systemAccountOf } from './accounts.ts'
import { goTime, uptime } from './go-text.ts'
import type { MonitoredServer } from './monitored-server.ts'

const NANOS_PER_MS = 1e6

export function varz(server: MonitoredServer): Record<string, unknown> {
  const { bus, settings } = server
  const { limits } = settings
  const nowMs = bus.clock.now()
  const noKinds = { routes: 0, gateways: 0, leafs: 0 }
  return {
    server_id: server.id,
    server_name: server.name,
    version: COMPATIBLE_VERSION,
    proto: 1,
    go: `node${process.versions.node}`,
    host: settings.host,
    port: bus.info.port,
    ...(bus.authenticator.isRequired ? { auth_required: true } : {}),
    max_connections: limits.maxConnections,
    ...(limits.maxSubscriptions > 0 ? { max_subscriptions: limits.maxSubscriptions } : {}),
    ping_interval: limits.pingIntervalMs * NANOS_PER_MS,
    ping_max: limits.pingMax,
    http_host: settings.monitorHost,
    http_port: settings.monitorIsSecure ? 0 : (server.monitorPort ?? 0),
    http_base_path: settings.monitorBasePath,
    https_port: settings.monitorIsSecure ? (server.monitorPort ?? 0) : 0,
    auth_timeout: limits.authTimeoutMs / 1000,
    max_control_line: limits.maxControlLineBytes,
    max_payload: limits.maxPayloadBytes,
    max_pending: limits.maxPendingBytes,
    cluster: {},
    gateway: {},
    leaf: {},
    mqtt: {},
    websocket: {},
    jetstream: server.jetstream === null ? {} : server.jetstream.varz(),
    tls_timeout: 2,
    write_deadline: limits.writeDeadlineMs * NANOS_PER_MS,
    ...(settings.writeTimeout === null ? {} : { write_timeout: settings.writeTimeout }),
    start: goTime(bus.startedMs),
    now: goTime(nowMs),
    uptime: uptime(nowMs - bus.startedMs),
    mem: process.memoryUsage.rss(),
    cores: availableParallelism(),
    gomaxprocs: 1,
    cpu: cpuPercent(),
    connections: bus.connections.size,
    total_connections: bus.totalConnections,
    routes: 0,
    remotes: 0,
    leafnodes: 0,
    in_msgs: bus.inMessages,
    in_bytes: bus.inBytes,
    in_client_msgs: bus.inMessages,
    in_client_bytes: bus.inBytes,
    out_msgs: bus.outMessages,
    out_bytes: bus.outBytes,
    out_client_msgs: bus.outMessages,
    out_client_bytes: bus.outBytes,
    slow_consumers: bus.slowConsumers,
    stale_connections: bus.staleConnections,
    stalled_clients: 0,
    subscriptions: bus.subscriptions,
    http_req_stats: { ...server.requests },
    config_load_time: goTime(server.loadedMs),
    config_digest: settings.configDigest,
    ...(settings.tags.length > 0 ? { tags: settings.tags } : {}),
    ...(Object.keys(settings.metadata).length > 0 ? { metadata: settings.metadata } : {}),
    feature_flags: { ...settings.featureFlags },
    ...operatorsOf(server),
    ...systemAccountOf(server),
    slow_consumer_stats: { clients: bus.slowConsumers, ...noKinds },
    stale_connection_stats: { clients: bus.staleConnections, ...noKinds },
    disk_io_wait_stats: { waiters: 0, waits: 0, wait_time: 0, max_wait_time: 0 },
  }
}

/** Operators that are trusted, by their JWTs. */
function operatorsOf({ settings }: MonitoredServer): Record<string, unknown> {
  const { jwts = [] } = settings.security.operator ?? {}
  return jwts.length === 0
    ? {}
    : { trusted_operators_jwt: jwts, trusted_operators_claim: jwts.map(decodedJwt) }
}

let lastCpu = process.cpuUsage()
let lastMs = performance.now()
let lastPercent = 0
const CPU_WINDOW_MS = 500

/** Processor time of this process since it was last asked for, in percent of one processor. */
function cpuPercent(): number {
  const nowMs = performance.now()
  if (nowMs - lastMs < CPU_WINDOW_MS) return lastPercent
  const used = process.cpuUsage(lastCpu)
  lastPercent = Math.round((used.user + used.system) / 10 / (nowMs - lastMs))
  lastCpu = process.cpuUsage()
  lastMs = nowMs
  return lastPercent
}
