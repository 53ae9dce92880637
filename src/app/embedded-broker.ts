/** The one place where an app meets the server itself: it starts one in this process. */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import type { NatsConnection } from '@nats-io/nats-core'
import type {
  Clock,
  EncryptionOptions,
  Logger,
  ServerOptions,
  TlsOptions,
  UserOptions,
  WebSocketOptions,
} from '../server/index.ts'
import { ContrailError, reasonOf } from './errors.ts'
import type { Log } from './log.ts'
import { flag, listOf, object, type Table, text, whole } from './options.ts'
import { share } from './shared-servers.ts'

export interface EmbeddedOptions {
  /** Folder of the store. Default: './.contrail'. */
  dir?: string
  /** Nothing on disk: all is gone at the end. Default: false. */
  memory?: boolean
  /** The store on disk is encrypted with this key. Default: it is not. */
  encryption?: EncryptionOptions
  /** TCP port for others (0: any free one). Default: none, nobody else can connect. */
  port?: number
  /** Address for `port`. Default: '127.0.0.1'. */
  host?: string
  /** Who may connect to `port`, with which permissions. Default: anyone who reaches it. */
  users?: readonly UserOptions[]
  /**
   * Who the app itself is among `users`; without `users` what everyone logs in with, together with `password`. Default: the app has
   * a login of its own, which may do everything and nobody else can use.
   */
  user?: string
  password?: string
  /** What others show instead of a user and a password. */
  token?: string
  /** TLS on `port`: `{ cert, key }`, paths or PEM. Default: none. */
  tls?: TlsOptions
  /** For browsers. Default: none. */
  websocket?: WebSocketOptions
  /** Other options of the server (`contrail/server`), over all these: accounts, limits, monitoring … */
  server?: Partial<ServerOptions>
  /**
   * Apps of this process that say so share one server of the folder (or one in memory), also one after another: where modules are loaded
   * again while one develops, or twice. It stops a second after the last of them. Default: false.
   */
  share?: boolean
  /** Whose time it is: for tests. Default: the machine's. */
  clock?: Clock
}

export const EMBEDDED_OPTIONS: Table<EmbeddedOptions> = {
  dir: text,
  memory: flag,
  encryption: object,
  port: whole(0, 65_535),
  host: text,
  users: listOf(object, "[{ user: 'viewer', password: '…' }]"),
  user: text,
  password: text,
  token: text,
  tls: object,
  websocket: object,
  server: object,
  share: flag,
  clock: object,
}

export interface EmbeddedBroker {
  connect(options: object): Promise<NatsConnection>
  stop(): Promise<void>
  /** Where others connect; null without a port. */
  readonly url: string | null
}

const DEFAULT_DIR = './.contrail'

/** What goes wrong in the server is told by the app's log; the rest of its lines are its own affair. */
function serverLog(log: Log): Logger {
  return {
    log: (level, text) => {
      if (level === 'fatal' || level === 'error') log.error(`embedded server: ${text}`)
      else if (level === 'warn') log.warn(`embedded server: ${text}`)
    },
  }
}

export function startEmbedded(options: EmbeddedOptions, log: Log): Promise<EmbeddedBroker> {
  if (options.share !== true) return start(options, log)
  const key = options.memory ? 'memory' : resolve(options.dir ?? DEFAULT_DIR)
  const { share: _, clock: _clock, ...rest } = options
  return share(key, JSON.stringify(rest), () => start(options, log))
}

/** What the app shows when it connects, and whom the server has to know. */
function loginsOf({ users, user, password, token }: EmbeddedOptions): {
  own: object
  all: Partial<ServerOptions>
} {
  if (users === undefined) {
    const all = { user, password, token }
    return { own: { user, pass: password, token }, all }
  }
  if (user !== undefined) return { own: { user, pass: password }, all: { users } }
  const own: UserOptions = {
    user: `contrail-app-${randomBytes(6).toString('hex')}`,
    password: randomBytes(24).toString('base64url'),
    connectionTypes: ['IN_PROCESS'],
  }
  return { own: { user: own.user, pass: own.password }, all: { users: [...users, own] } }
}

async function start(options: EmbeddedOptions, log: Log): Promise<EmbeddedBroker> {
  const { Server } = await import('../server/index.ts')
  const { own, all } = loginsOf(options)
  const server = await Server.start({
    jetstream: true,
    storeDir: options.memory ? null : (options.dir ?? DEFAULT_DIR),
    port: options.port,
    host: options.host,
    clock: options.clock,
    logger: serverLog(log),
    ...(options.encryption === undefined ? {} : { encryption: options.encryption }),
    ...all,
    tls: options.tls,
    websocket: options.websocket,
    ...options.server,
  }).catch((thrown) => {
    throw startFailure(thrown, options)
  })
  return {
    connect: (connection) => server.connect({ ...own, ...connection }),
    stop: () => server.stop(),
    url: options.port === undefined ? null : server.url,
  }
}

const LISTENING = /^(EADDRINUSE|EADDRNOTAVAIL|EACCES|ENOTFOUND)$/

/** Why the server does not start, as an error of the framework. */
function startFailure(thrown: unknown, options: EmbeddedOptions): ContrailError {
  const reason = reasonOf(thrown).replace(/\.$/, '')
  const cause = { cause: thrown }
  const code = String((thrown as { code?: unknown } | null)?.code)
  if (LISTENING.test(code)) {
    const where = `${options.host ?? '127.0.0.1'}:${options.port}`
    return new ContrailError(
      'CANNOT_LISTEN',
      `The embedded server can't listen on ${where}: ${reason}.`,
      cause,
    )
  }
  const store = `The store in "${options.dir ?? DEFAULT_DIR}"`
  if (/in use by|taking this lock over/.test(reason)) {
    return new ContrailError('STORE_IN_USE', `${store} is in use: ${reason}.`, cause)
  }
  if (/^Can't start JetStream/.test(reason)) {
    return new ContrailError('CANNOT_OPEN_STORE', `${store} can't be opened: ${reason}.`, cause)
  }
  return new ContrailError('INVALID_OPTION', `The embedded server can't start: ${reason}.`, cause)
}
