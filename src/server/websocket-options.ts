/** WebSocket: what its listener can be told. */
import type { CookieNames } from './cookies.ts'
import { settleTls, type TlsOptions, type TlsSettings } from './tls-options.ts'

export interface WebSocketOptions {
  /** Port; 0 or -1: any free one (see `server.websocketPort`). */
  port: number
  /** Address to listen on. Default: that of `host`. */
  host?: string
  /** TLS (`wss:`). Without it `noTls` has to say that this is meant. */
  tls?: TlsOptions
  /** Speak without TLS (`ws:`). Default: false. */
  noTls?: boolean
  /** Take browsers only from pages of the same host and port. Default: false. */
  sameOrigin?: boolean
  /** Take browsers only from these: `https://host:port`. Default: from all. */
  allowedOrigins?: readonly string[]
  /** Compress what is sent to clients that can take it. Default: false. */
  compression?: boolean
  /** Milliseconds that a client has to ask for the upgrade. Default: 2000. */
  handshakeTimeout?: number
  /** Headers of the answer to the upgrade. Default: none. */
  headers?: Readonly<Record<string, string>>
  /**
   * Names of cookies whose values are the JWT, user, password and token of a client that shows none in CONNECT. Pages of other
   * origins send them as well: say `sameOrigin` or `allowedOrigins` with them. Default: none.
   */
  jwtCookie?: string
  userCookie?: string
  passCookie?: string
  tokenCookie?: string
}

export interface WebSocketSettings {
  readonly port: number
  readonly host: string
  readonly tls: TlsSettings | null
  readonly sameOrigin: boolean
  readonly allowedOrigins: readonly string[]
  readonly compression: boolean
  readonly handshakeTimeoutMs: number
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: CookieNames
}

const HANDSHAKE_TIMEOUT_MS = 2000

/** @throws Error with nats-server's sentence where it has one */
export function settleWebSocket(options: WebSocketOptions, host: string): WebSocketSettings {
  const { tls, noTls = false, port } = options
  if (tls === undefined && !noTls) throw new Error('websocket requires TLS configuration')
  if (!Number.isInteger(port) || port < -1 || port > 65_535) {
    throw new Error(`the port of websocket must be between -1 and 65535, not ${port}`)
  }
  const settledTls = tls === undefined ? null : settleTls(tls)
  if (settledTls?.mapsUsers) throw new Error('verify_and_map of websocket is not supported yet')
  return {
    port: port === -1 ? 0 : port,
    host: options.host ?? host,
    tls: settledTls,
    sameOrigin: options.sameOrigin ?? false,
    allowedOrigins: (options.allowedOrigins ?? []).map(allowedOrigin),
    compression: options.compression ?? false,
    handshakeTimeoutMs: options.handshakeTimeout ?? HANDSHAKE_TIMEOUT_MS,
    headers: options.headers ?? {},
    cookies: {
      jwt: options.jwtCookie ?? '',
      user: options.userCookie ?? '',
      pass: options.passCookie ?? '',
      auth_token: options.tokenCookie ?? '',
    },
  }
}

/** Scheme, host and port of a page, with the port that the scheme has; null for what is none. */
export function originOf(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { protocol, origin, hostname } = new URL(text)
  // Other schemes have no origin: they would all be the same.
  return hostname !== '' && (protocol === 'http:' || protocol === 'https:') ? origin : null
}

/** @throws Error in nats-server's words */
function allowedOrigin(text: string): string {
  if (!URL.canParse(text)) throw new Error(`unable to parse allowed origin: ${text}`)
  return (
    originOf(text) ??
    fail(
      `unable to parse allowed origin "${text}": allowed origins must be absolute URLs with http or https scheme`,
    )
  )
}

function fail(text: string): never {
  throw new Error(text)
}
