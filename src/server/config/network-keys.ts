/** Where the server listens, what it is called, and how clients are treated. */
import type { Launch } from '../launch.ts'
import type { KeyTable, Reader } from './reader.ts'
import { duration, type Key, noMatter, number, text, toggle } from './setters.ts'
import type { ConfigEntry } from './value.ts'

const MOST_TOKENS = 255
const MOST_BYTES = 2 ** 31 - 1

const host = text(({ server }, value) => {
  server.host = value || undefined
})
const monitorPort = number(({ server }, value) => {
  server.monitorPort = value
})

export const networkKeys: KeyTable<Launch> = {
  listen: ({ server }, entry, reader) => {
    const { host, port } = reader.address(entry)
    if (host !== undefined) server.host = host
    server.port = port || undefined
  },
  port: number(({ server }, value) => {
    server.port = value
  }),
  host,
  net: host,
  client_advertise: text(({ server }, value) => {
    server.clientAdvertise = value
  }),
  proxy_protocol: toggle(({ server }, value) => {
    server.proxyProtocol = value
  }),
  server_name: ({ server }, entry, reader) => {
    const name = reader.string(entry)
    if (name.includes(' ')) reader.fail('server name cannot contain spaces')
    server.name = name
  },
  http: ({ server }, entry, reader) => {
    const { host, port } = reader.address(entry)
    if (host !== undefined) server.monitorHost = host
    server.monitorPort = port || undefined
  },
  https: ({ server }, entry, reader) => {
    const { host, port } = reader.address(entry)
    if (host !== undefined) server.monitorHost = host
    server.monitorTlsPort = port || undefined
  },
  https_port: number(({ server }, value) => {
    server.monitorTlsPort = value
  }),
  http_port: monitorPort,
  monitor_port: monitorPort,
  http_base_path: text(({ server }, value) => {
    server.monitorBasePath = basePath(value)
  }),
}

/** With a slash in front and none at the end; '' for the root. */
export function basePath(text: string): string {
  const tokens = text.split('/').filter((token) => token !== '' && token !== '.')
  return tokens.length === 0 ? '' : `/${tokens.join('/')}`
}

const maxConnections: Key = ({ server }, entry, reader) => {
  // 0 is without a limit here, not the default.
  server.maxConnections = reader.integer(entry) || -1
}
const maxSubscriptions = number(({ server }, value) => {
  server.maxSubscriptions = value
})

function bytes(set: (launch: Launch, value: number | undefined) => void): Key {
  return (launch, entry, reader) => {
    const value = reader.integer(entry)
    if (value > MOST_BYTES) reader.fail(`${entry.key} value is too big`)
    set(launch, value || undefined)
  }
}

export const limitKeys: KeyTable<Launch> = {
  max_payload: bytes(({ server }, value) => {
    server.maxPayload = value
  }),
  max_control_line: bytes(({ server }, value) => {
    server.maxControlLine = value
  }),
  max_connections: maxConnections,
  max_conn: maxConnections,
  max_subscriptions: maxSubscriptions,
  max_subs: maxSubscriptions,
  max_sub_tokens: subscriptionTokens,
  max_subscription_tokens: subscriptionTokens,
  max_pending: number(({ server }, value) => {
    server.maxPending = value
  }),
  max_closed_clients: number(({ server }, value) => {
    server.maxClosedClients = value
  }),
  ping_interval: duration(({ server }, value) => {
    server.pingInterval = value
  }),
  ping_max: number(({ server }, value) => {
    server.pingMax = value
  }),
  write_deadline: duration(({ server }, value) => {
    server.writeDeadline = value
  }),
  write_timeout: ({ server }, entry, reader) => {
    const policy = reader.string(entry)
    if (policy === 'close' || policy === 'retry') server.writeTimeout = policy
    else if (policy !== 'default') reader.fail("write_timeout must be 'default', 'close' or 'retry'")
  },
  no_fast_producer_stall: toggle(({ server }, value) => {
    server.stallPublishers = !value
  }),
  no_header_support: toggle(({ server }, value) => {
    server.headers = !value
  }),
  // The interest index has no cache that could be switched off, and routes and leafnodes alone report errors again and again.
  disable_sublist_cache: noMatter.toggle,
  no_sublist_cache: noMatter.toggle,
  connect_error_reports: noMatter.number,
  reconnect_error_reports: noMatter.number,
}

function subscriptionTokens(...[{ server }, entry, reader]: Parameters<Key>): void {
  const value = reader.integer(entry)
  if (value > MOST_TOKENS) reader.fail(`${entry.key} value is too big`)
  if (value <= 0) reader.fail(`${entry.key} value can not be negative`)
  server.maxSubscriptionTokens = value
}

/** A port of something that is not served: 0 is none. */
export function refusedPort(why: string): Key {
  return (_launch: Launch, entry: ConfigEntry, reader: Reader) => {
    if (reader.integer(entry) !== 0) reader.fail(`"${entry.key}" is not supported: ${why}`)
  }
}
