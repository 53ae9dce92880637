/** Every key of a configuration file that applies to one node, and what it sets. */
import { CLUSTER_REFUSAL, type Launch } from '../launch.ts'
import { accounts } from './account-keys.ts'
import { authorization } from './authorization-keys.ts'
import { jetstream } from './jetstream-keys.ts'
import { mappings } from './mapping-keys.ts'
import type { KeyTable } from './reader.ts'

export const topKeys: KeyTable<Launch> = {
  listen: ({ server }, entry, reader) => {
    const { host, port } = reader.address(entry)
    if (host !== undefined) server.host = host
    server.port = port
  },
  port: ({ server }, entry, reader) => {
    server.port = reader.integer(entry)
  },
  host,
  net: host,
  addr: host,
  server_name: ({ server }, entry, reader) => {
    const name = reader.string(entry)
    if (/\s/.test(name)) reader.fail('server name cannot contain spaces')
    server.name = name
  },
  http: ({ server }, entry, reader) => {
    const { host, port } = reader.address(entry)
    if (host !== undefined) server.monitorHost = host
    server.monitorPort = port
  },
  http_port: monitorPort,
  monitor_port: monitorPort,
  http_base_path: ({ server }, entry, reader) => {
    server.monitorBasePath = reader.string(entry)
  },
  authorization,
  accounts,
  no_auth_user: ({ server }, entry, reader) => {
    server.noAuthUser = reader.string(entry)
  },
  mappings: globalMappings,
  maps: globalMappings,
  system: systemAccount,
  system_account: systemAccount,
  jetstream,
  max_payload: ({ server }, entry, reader) => {
    server.maxPayload = reader.integer(entry)
  },
  max_control_line: ({ server }, entry, reader) => {
    server.maxControlLine = reader.integer(entry)
  },
  max_connections: maxConnections,
  max_conn: maxConnections,
  max_subscriptions: maxSubscriptions,
  max_subs: maxSubscriptions,
  max_pending: ({ server }, entry, reader) => {
    server.maxPending = reader.integer(entry)
  },
  ping_interval: ({ server }, entry, reader) => {
    server.pingInterval = reader.durationMs(entry)
  },
  ping_max: ({ server }, entry, reader) => {
    server.pingMax = reader.integer(entry)
  },
  write_deadline: ({ server }, entry, reader) => {
    server.writeDeadline = reader.durationMs(entry)
  },
  debug: ({ log }, entry, reader) => {
    log.debug = reader.boolean(entry)
  },
  trace: ({ log }, entry, reader) => {
    log.trace = reader.boolean(entry)
  },
  logtime: ({ log }, entry, reader) => {
    log.time = reader.boolean(entry)
  },
  logtime_utc: ({ log }, entry, reader) => {
    log.utc = reader.boolean(entry)
  },
  logfile: logFile,
  log_file: logFile,
  pidfile: pidFile,
  pid_file: pidFile,
  ports_file_dir: (launch, entry, reader) => {
    launch.portsFileDir = reader.string(entry)
  },
}

type Key = KeyTable<Launch>[string]

function host(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.host = reader.string(entry)
}

function globalMappings(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.mappings = mappings(entry, reader)
}

function systemAccount(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.systemAccount = reader.string(entry)
}

function monitorPort(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.monitorPort = reader.integer(entry)
}

function maxConnections(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.maxConnections = reader.integer(entry)
}

function maxSubscriptions(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.maxSubscriptions = reader.integer(entry)
}

function logFile(...[{ log }, entry, reader]: Parameters<Key>): void {
  log.file = reader.string(entry)
}

function pidFile(...[launch, entry, reader]: Parameters<Key>): void {
  launch.pidFile = reader.string(entry)
}

const later = 'Contrail does not serve it yet'

/** Keys that nats-server knows and Contrail refuses. */
export const refusedTopKeys: Readonly<Record<string, string>> = {
  cluster: CLUSTER_REFUSAL,
  gateway: CLUSTER_REFUSAL,
  cluster_name: CLUSTER_REFUSAL,
  ...Object.fromEntries(
    [
      'allow_non_tls',
      'auth_callout',
      'client_advertise',
      'connect_error_reports',
      'default_js_domain',
      'default_permissions',
      'default_sentinel',
      'disable_sublist_cache',
      'feature_flags',
      'https',
      'https_port',
      'lame_duck_duration',
      'lame_duck_grace_period',
      'leaf',
      'leafnodes',
      'log_size_limit',
      'logfile_max_num',
      'logfile_size_limit',
      'max_closed_clients',
      'max_sub_tokens',
      'max_subscription_tokens',
      'max_traced_msg_len',
      'mqtt',
      'no_header_support',
      'no_sys_acc',
      'no_system_account',
      'ocsp',
      'ocsp_cache',
      'operator',
      'operators',
      'prof_port',
      'profile_port',
      'proxies',
      'reconnect_error_reports',
      'remote_syslog',
      'resolver',
      'resolver_preload',
      'resolver_tls',
      'server_metadata',
      'server_tags',
      'strict',
      'sublist_cache',
      'syslog',
      'tls',
      'trace_headers',
      'trace_verbose',
      'trusted',
      'trusted_keys',
      'websocket',
      'ws',
    ].map((key) => [key, later]),
  ),
}
