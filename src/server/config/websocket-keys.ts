/** `websocket { listen, tls, same_origin, … }`. */
import type { WebSocketOptions } from '../websocket-options.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { tls } from './tls-keys.ts'
import { type ConfigEntry, ConfigMap, typeName } from './value.ts'

export function websocket(entry: ConfigEntry, reader: Reader): WebSocketOptions {
  const found: WebSocketOptions = { port: 0 }
  reader.each(reader.map(entry), found, websocketKeys, refusedKeys)
  return found
}

type Key = KeyTable<WebSocketOptions>[string]

const switched =
  (name: 'compression' | 'noTls' | 'sameOrigin'): Key =>
  (target, entry, reader) => {
    target[name] = reader.boolean(entry)
  }

const named =
  (name: 'jwtCookie' | 'passCookie' | 'tokenCookie' | 'userCookie'): Key =>
  (target, entry, reader) => {
    target[name] = reader.string(entry)
  }

const websocketKeys: KeyTable<WebSocketOptions> = {
  listen: (target, entry, reader) => {
    const { host, port } = reader.address(entry)
    if (host !== undefined) target.host = host
    target.port = port
  },
  port: (target, entry, reader) => {
    target.port = reader.integer(entry)
  },
  host,
  net: host,
  tls: (target, entry, reader) => {
    target.tls = tls(entry, reader)
  },
  no_tls: switched('noTls'),
  same_origin: switched('sameOrigin'),
  compression: switched('compression'),
  allowed_origins: allowedOrigins,
  allowed_origin: allowedOrigins,
  allow_origins: allowedOrigins,
  allow_origin: allowedOrigins,
  origins: allowedOrigins,
  origin: allowedOrigins,
  handshake_timeout: (target, entry, reader) => {
    const { data } = entry.value
    try {
      target.handshakeTimeout = typeof data === 'number' ? data * 1000 : parseDurationMs(reader.string(entry))
    } catch (error) {
      reader.fail((error as Error).message)
    }
  },
  jwt_cookie: named('jwtCookie'),
  user_cookie: named('userCookie'),
  pass_cookie: named('passCookie'),
  token_cookie: named('tokenCookie'),
  headers: (target, entry, reader) => {
    const headers: Record<string, string> = Object.create(null)
    for (const each of reader.map(entry).entries.values()) {
      const { data } = each.value
      if (data instanceof ConfigMap || Array.isArray(data))
        reader.fail(
          `error parsing header key ${each.key}: unsupported type ${typeName(each.value)}`,
          each.place,
        )
      headers[each.key] = String(data)
    }
    target.headers = headers
  },
}

const later = 'Contrail does not serve it yet'

const refusedKeys: Readonly<Record<string, string>> = Object.fromEntries(
  ['advertise', 'authentication', 'authorization', 'no_auth_user', 'ping_interval'].map((key) => [
    key,
    later,
  ]),
)

function host(...[target, entry, reader]: Parameters<Key>): void {
  target.host = reader.string(entry)
}

function allowedOrigins(...[target, entry, reader]: Parameters<Key>): void {
  const { data } = entry.value
  const list = Array.isArray(data) ? data.map((each) => each.data) : [data]
  target.allowedOrigins = list.map((each) =>
    typeof each === 'string' ? each : reader.fail('error parsing allowed origins: unsupported type'),
  )
}
