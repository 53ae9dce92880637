/** What an account's JWT says. */
import { Fields, JwtError } from './fields.ts'
import { type ClaimsHead, decodeToken } from './token.ts'
import {
  NO_LIMIT,
  type PermissionClaims,
  readPermissions,
  readRights,
  type UserRights,
} from './user-claims.ts'

const NANOS_PER_MS = 1e6
const ALL_OF_IT = 100

export interface ImportClaim {
  readonly kind: string
  readonly subject: string
  readonly account: string
  /** Activation token, '' for none. */
  readonly token: string
  /** Outdated: what `localSubject` is for. */
  readonly to: string
  readonly localSubject: string
  readonly share: boolean
  readonly allowTrace: boolean
}

export interface ExportClaim {
  readonly kind: string
  readonly subject: string
  /** Only for who has an activation token. */
  readonly needsToken: boolean
  /** By account, `*` for all: tokens issued up to then are void. */
  readonly revocations: ReadonlyMap<string, number>
  readonly responseType: string
  readonly responseThresholdMs: number
  readonly latency: { readonly sampling: number; readonly results: string } | null
  readonly accountTokenPosition: number
  readonly allowTrace: boolean
  readonly description: string
  readonly infoUrl: string
}

export interface MappingClaim {
  readonly subject: string
  readonly weight: number
  readonly cluster: string
}

/** JetStream of an account, or of one of its tiers (`R1`, …). -1: no limit, 0 of storage: none is allowed. */
export interface JetStreamClaims {
  readonly memoryBytes: number
  readonly storageBytes: number
  readonly streams: number
  readonly consumers: number
  readonly maxAckPending: number
  readonly memoryStreamBytes: number
  readonly storageStreamBytes: number
  readonly needsMaxBytes: boolean
}

/** -1: no limit. */
export interface AccountLimitClaims {
  readonly subscriptions: number
  readonly data: number
  readonly payloadBytes: number
  readonly imports: number
  readonly exports: number
  readonly allowsWildcardExports: boolean
  readonly refusesBearer: boolean
  readonly connections: number
  readonly leafNodes: number
  readonly jetstream: JetStreamClaims
  readonly tiers: ReadonlyMap<string, JetStreamClaims>
  /** Nothing is said of any. */
  readonly isEmpty: boolean
}

/** A signing key whose users have these rights and no others. */
export interface UserScope {
  readonly key: string
  readonly rights: UserRights
}

export interface AccountClaims {
  readonly head: ClaimsHead
  readonly tags: readonly string[]
  readonly imports: readonly ImportClaim[]
  readonly exports: readonly ExportClaim[]
  readonly limits: AccountLimitClaims
  /** Null: a signing key whose users say themselves what they may do. */
  readonly signingKeys: ReadonlyMap<string, UserScope | null>
  /** By user, `*` for all: JWTs issued up to then are void. */
  readonly revocations: ReadonlyMap<string, number>
  readonly defaultPermissions: PermissionClaims
  readonly mappings: ReadonlyMap<string, readonly MappingClaim[]>
  readonly authorization: {
    readonly users: readonly string[]
    readonly allowedAccounts: readonly string[]
    readonly xkey: string
  }
  readonly trace: { readonly destination: string; readonly sampling: number } | null
  readonly clusterTraffic: string
  readonly description: string
  readonly infoUrl: string
}

/** @throws JwtError */
export function decodeAccountClaims(token: string): AccountClaims {
  const { head, all, nats } = decodeToken(token)
  if (head.kind !== 'account') throw new JwtError('not account claim')
  const isOld = head.version === 1
  const trace = nats.fields('trace')
  const authorization = nats.fields('authorization')
  return {
    head,
    tags: (isOld ? all : nats).texts('tags'),
    imports: nats.list('imports', readImport),
    exports: nats.list('exports', readExport),
    limits: readLimits(nats.fields('limits')),
    signingKeys: new Map(nats.list('signing_keys', readSigningKey)),
    revocations: nats.integers('revocations'),
    defaultPermissions: readPermissions(nats.fields('default_permissions')),
    mappings: nats.map('mappings', readMappings),
    authorization: {
      users: authorization.texts('auth_users'),
      allowedAccounts: authorization.texts('allowed_accounts'),
      xkey: authorization.text('xkey'),
    },
    trace: nats.has('trace')
      ? { destination: trace.text('dest'), sampling: trace.integer('sampling') }
      : null,
    clusterTraffic: nats.text('cluster_traffic'),
    description: nats.text('description'),
    infoUrl: nats.text('info_url'),
  }
}

/** Does the account, or one of its tiers, have JetStream? */
export function hasJetStream({ jetstream, tiers }: AccountLimitClaims): boolean {
  const has = (each: JetStreamClaims): boolean => each.memoryBytes !== 0 || each.storageBytes !== 0
  return tiers.size > 0 ? [...tiers.values()].some(has) : has(jetstream)
}

/** Is what was issued then void? */
export function isRevoked(revocations: ReadonlyMap<string, number>, key: string, issuedAt: number): boolean {
  return (revocations.get('*') ?? 0) >= issuedAt && revocations.has('*')
    ? true
    : revocations.has(key) && (revocations.get(key) ?? 0) >= issuedAt
}

function readImport(value: unknown): ImportClaim {
  const fields = new Fields(value, 'Import')
  return {
    kind: shareKind(fields),
    subject: fields.text('subject'),
    account: fields.text('account'),
    token: fields.text('token'),
    to: fields.text('to'),
    localSubject: fields.text('local_subject'),
    share: fields.flag('share'),
    allowTrace: fields.flag('allow_trace'),
  }
}

function readExport(value: unknown): ExportClaim {
  const fields = new Fields(value, 'Export')
  return {
    kind: shareKind(fields),
    subject: fields.text('subject'),
    needsToken: fields.flag('token_req'),
    revocations: fields.integers('revocations'),
    responseType: fields.text('response_type'),
    responseThresholdMs: fields.integer('response_threshold') / NANOS_PER_MS,
    latency: fields.has('service_latency') ? readLatency(fields.fields('service_latency')) : null,
    accountTokenPosition: fields.integer('account_token_position'),
    allowTrace: fields.flag('allow_trace'),
    description: fields.text('description'),
    infoUrl: fields.text('info_url'),
  }
}

function shareKind(fields: Fields): string {
  const kind = fields.text('type')
  if (fields.has('type') && kind !== 'stream' && kind !== 'service')
    throw new JwtError(`unknown export type ${JSON.stringify(kind)}`)
  return kind
}

/** A sampling of 0: where headers ask for it. */
function readLatency(fields: Fields): { sampling: number; results: string } {
  let sampling = 0
  try {
    sampling = fields.integer('sampling')
  } catch {
    if (fields.text('sampling').toLowerCase() !== 'headers') throw new JwtError('unknown sampling rate')
  }
  return { sampling, results: fields.text('results') }
}

function readLimits(fields: Fields): AccountLimitClaims {
  const tiers = fields.map('tiered_limits', (each) => readJetStream(new Fields(each, 'tiered_limits')))
  const numbers = ['subs', 'data', 'payload', 'imports', 'exports', 'conn', 'leaf']
  const flags = ['wildcards', 'disallow_bearer', 'max_bytes_required']
  const isEmpty =
    [...numbers, ...JETSTREAM_NUMBERS].every((name) => fields.integer(name) === 0) &&
    flags.every((name) => !fields.flag(name)) &&
    tiers.size === 0
  return {
    subscriptions: fields.integer('subs'),
    data: fields.integer('data'),
    payloadBytes: fields.integer('payload'),
    imports: fields.integer('imports'),
    exports: fields.integer('exports'),
    allowsWildcardExports: fields.flag('wildcards'),
    refusesBearer: fields.flag('disallow_bearer'),
    connections: fields.integer('conn'),
    leafNodes: fields.integer('leaf'),
    jetstream: readJetStream(tiers.size > 0 ? new Fields({}, 'limits') : fields),
    tiers,
    isEmpty,
  }
}

const JETSTREAM_NUMBERS = [
  'mem_storage',
  'disk_storage',
  'streams',
  'consumer',
  'max_ack_pending',
  'mem_max_stream_bytes',
  'disk_max_stream_bytes',
]

function readJetStream(fields: Fields): JetStreamClaims {
  return {
    memoryBytes: fields.integer('mem_storage'),
    storageBytes: fields.integer('disk_storage'),
    streams: fields.integer('streams'),
    consumers: fields.integer('consumer'),
    maxAckPending: fields.integer('max_ack_pending'),
    memoryStreamBytes: fields.integer('mem_max_stream_bytes'),
    storageStreamBytes: fields.integer('disk_max_stream_bytes'),
    needsMaxBytes: fields.flag('max_bytes_required'),
  }
}

function readSigningKey(value: unknown): [string, UserScope | null] {
  if (typeof value === 'string') return [value, null]
  const fields = new Fields(value, 'SigningKeys')
  if (fields.text('kind') !== 'user_scope')
    throw new JwtError(`unknown signing key scope ${JSON.stringify(fields.text('type'))}`)
  const key = fields.text('key')
  return [key, { key, rights: readRights(fields.fields('template'), NO_LIMIT) }]
}

function readMappings(value: unknown): MappingClaim[] {
  if (!Array.isArray(value))
    throw new JwtError('json: cannot unmarshal object into field Account.nats.mappings')
  return value.map((each) => {
    const fields = new Fields(each, 'WeightedMapping')
    const weight = fields.integer('weight')
    return {
      subject: fields.text('subject'),
      weight: weight === 0 ? ALL_OF_IT : weight,
      cluster: fields.text('cluster'),
    }
  })
}
