/** What a server can be told about who may connect and what they may do. */
import type { OperatorOptions } from './operator/options.ts'

/**
 * Subjects that are allowed, and out of them those that are not. Patterns; `*` and `>` are wildcards. In `subscribe` a queue
 * group may stand behind the pattern (`orders.> workers`): the rule is then for members of that group, which may have wildcards
 * too.
 */
export interface SubjectPermissionOptions {
  /** Default: everything. */
  allow?: string | readonly string[]
  /** Default: nothing. A wider subscription gets what is not denied. */
  deny?: string | readonly string[]
}

/** What a user may do, as `permissions` of a configuration. */
export interface PermissionOptions {
  /** Subjects it may publish to; a pattern or a list allows these only. Default: everything. */
  publish?: string | readonly string[] | SubjectPermissionOptions
  /** Subjects it may subscribe to. Default: everything. */
  subscribe?: string | readonly string[] | SubjectPermissionOptions
  /**
   * May it answer what it gets, where it may not publish? Then it may publish nowhere else than `publish.allow` says. `max`: answers
   * to one message (default 1; below 0: any number). `expires`: milliseconds from the message (default 120,000; below 0: for ever).
   */
  allowResponses?: boolean | { max?: number; expires?: number }
}

/** How a client may come: `STANDARD` is TCP and TLS, `IN_PROCESS` is `server.connect()`. */
export type ConnectionTypeName =
  | 'IN_PROCESS'
  | 'LEAFNODE'
  | 'LEAFNODE_WS'
  | 'MQTT'
  | 'MQTT_WS'
  | 'STANDARD'
  | 'WEBSOCKET'

/** One user: a name and a password, or a public nkey. */
export interface UserOptions {
  user?: string
  /** Plain, or a bcrypt hash (`$2a$…`). */
  password?: string
  /** Public key of an nkey (`U…`), instead of user and password: the client signs with the seed. */
  nkey?: string
  /** Default: `defaultPermissions`, and without them everything. */
  permissions?: PermissionOptions
  /** Ways it may come. Default: all. */
  connectionTypes?: readonly ConnectionTypeName[]
}

/** What an account shares with others: a stream of messages, or a service that answers requests. One of the two. */
export interface ExportOptions {
  /** Subjects that others may get. A pattern. */
  stream?: string
  /** Subjects that others may send requests to. A pattern. */
  service?: string
  /** Accounts that may import it. Default: all. */
  accounts?: readonly string[]
  /** Which token of the subject (from 1), a `*`, has to be the name of the account that imports. Default: none. */
  accountTokenPosition?: number
  /** Answers to one request of a service: one, or several up to an empty one. Default: 'singleton'. */
  responseType?: 'chunked' | 'singleton' | 'stream'
  /** Milliseconds in which answers are let through, from the request or the answer before. Default: 120,000. */
  responseThreshold?: number
}

/** What an account takes from another one. One of `stream` and `service`. */
export interface ImportOptions {
  stream?: { account: string; subject: string }
  service?: { account: string; subject: string }
  /** The subject it has here; `$1`, `$2` … stand for the wildcards there. Default: the same. */
  to?: string
  /** Of streams: literal tokens before the subject, instead of `to`. */
  prefix?: string
  /** Is the service told all about the client (`Nats-Request-Info`)? Default: false, only its account and round trip. */
  share?: boolean
}

/** Where messages go that are published to a subject. */
export interface MappingOptions {
  /** Subject; `$1` or `{{wildcard(1)}}` and the other functions of subject transforms stand for tokens. */
  destination: string
  /** Of a hundred messages, 0 to 100. */
  weight: number
}

/** A subject (a pattern) to where its messages go. What is left of weights of 100 keeps its subject. */
export type MappingsOptions = Readonly<Record<string, string | MappingOptions | readonly MappingOptions[]>>

/** Limits of an account; left out or -1: those of the server. */
export interface AccountLimitOptions {
  /** Clients at one time. */
  maxConnections?: number
  /** Subscriptions of one client. */
  maxSubscriptions?: number
  /** Largest message (headers and payload), bytes. */
  maxPayload?: number
}

/** Limits of JetStream in an account; left out or -1: none but those of the server. */
export interface AccountJetStreamOptions {
  /** Bytes that its streams may store in memory. Publishing more is refused with 10002, streams that ask for more with 10028. */
  maxMemory?: number
  /** The same on files; streams that ask for more are refused with 10047. */
  maxStore?: number
  /** One more is refused with 10027. */
  maxStreams?: number
  /** Consumers of one stream; one more is refused with 10026. */
  maxConsumers?: number
  /** Most that `max_ack_pending` of a consumer may be (10121), and what one has that doesn't say, up to 1000. */
  maxAckPending?: number
  /** Most bytes that `max_bytes` of a stream in memory may be (10122). */
  memoryMaxStreamBytes?: number
  /** The same on files. */
  storeMaxStreamBytes?: number
  /** Do its streams have to have `max_bytes` (10113)? Default: false. */
  maxBytesRequired?: boolean
}

/** One account: a subject space of its own. */
export interface AccountOptions {
  /** Who belongs to it. Names are unique over all accounts. */
  users?: readonly UserOptions[]
  /** What those may do who have no `permissions`. Default: everything. */
  defaultPermissions?: PermissionOptions
  /** Does it have JetStream, and how much of it? Default: false; true: without limits of its own. */
  jetstream?: boolean | AccountJetStreamOptions
  /** What others may take from it. */
  exports?: readonly ExportOptions[]
  /** What it takes from others. */
  imports?: readonly ImportOptions[]
  /** What subjects that its clients publish to become. */
  mappings?: MappingsOptions
  limits?: AccountLimitOptions
}

/** A service that decides who may connect (ADR-26). */
export interface AuthCalloutOptions {
  /** Public key of an account (`A…`) whose seed the service signs its answers with. */
  issuer: string
  /** Where the service is. Default: `$G`. */
  account?: string
  /** Users that are not asked about, by name or public nkey: the service itself. */
  users: readonly string[]
  /** Public curve key (`X…`) that requests are sealed for. Default: they are not. */
  xkey?: string
  /** Accounts whose users are asked about, besides those of `$G` and unknown ones. Default: all. */
  allowedAccounts?: readonly string[]
}

/** The part of the server's options that is about who may connect. */
export interface SecurityOptions {
  /** The one user's name; goes with `password`. Clients must then log in. */
  user?: string
  /** Plain, or a bcrypt hash (`$2a$…`). */
  password?: string
  /** Token that clients must show, plain or a bcrypt hash. Not with `user` or `users`. */
  token?: string
  /** Users of the global account `$G`, instead of `user`, `password` and `token`. */
  users?: readonly UserOptions[]
  /** What those of `users` may do who have no `permissions`. Default: everything. */
  defaultPermissions?: PermissionOptions
  /** Clients that show nothing are this user. Default: they are refused when there are users. */
  noAuthUser?: string
  /** Accounts by name, besides `$G` and `$SYS`. With accounts, JetStream is where `jetstream` of the account says so. */
  accounts?: Readonly<Record<string, AccountOptions>>
  /** What subjects that clients of the global account publish to become. */
  mappings?: MappingsOptions
  /** Operator mode: accounts and users by JWTs, instead of all the above. */
  operator?: OperatorOptions
  /** Users that are asked about elsewhere. */
  authCallout?: AuthCalloutOptions
  /** The account for the server's own services and events. Default: `$SYS`. */
  systemAccount?: string
  /** Milliseconds a client has to log in. Default: 2000. */
  authTimeout?: number
}
