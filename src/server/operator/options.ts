/** What a server is told of operators: whom it trusts, and where the JWTs of accounts are. */
import {
  decodeAccountClaims,
  decodeOperator,
  decodeUserClaims,
  isPublicKey,
  type TrustSettings,
  trustOf,
  undecorated,
} from '../../auth/index.ts'
import { quoted } from '../../wire/index.ts'
import { COMPATIBLE_VERSION } from '../versions.ts'

const FETCH_MS = 1900
/** Accounts that a cache keeps when nothing is said. */
const CACHED = 1000

/** Where the JWTs of accounts come from. */
export type ResolverOptions =
  | { type: 'memory' }
  | {
      type: 'url'
      /** `GET <url>/<account>` gives the JWT. */
      url: string
    }
  | {
      /** A folder with the JWTs of all accounts, that requests in the system account change. */
      type: 'full'
      dir: string
      /** May accounts be deleted? Default: false. */
      allowDelete?: boolean
      /** Are their files removed, instead of renamed? Default: false. */
      hardDelete?: boolean
      /** Accounts at most. Default: no limit. */
      limit?: number
      /** Milliseconds between looks at what others have. Default: 60,000. Of no effect on one node. */
      interval?: number
      /** Milliseconds that one is waited for. Default: 1900. */
      timeout?: number
    }
  | {
      /** A folder with the JWTs that were last used. */
      type: 'cache'
      dir: string
      /** Default: 1000. */
      limit?: number
      /** Milliseconds that one is kept. Default: until there is no more room. */
      ttl?: number
      timeout?: number
    }

/** Users by JWTs, of accounts that operators have signed. Not with `users`, `accounts` and the like. */
export interface OperatorOptions {
  /** JWTs of operators, plain or as files have them. */
  operators?: readonly string[]
  /** Public keys of operators, instead of their JWTs. */
  trustedKeys?: readonly string[]
  /** Default: that of the account server URL in the operator's JWT. */
  resolver?: ResolverOptions
  /** JWTs of accounts by public key, put into the resolver at the start. */
  preload?: Readonly<Record<string, string>>
  /** Public keys of the accounts that may be used. Default: all. */
  pinnedAccounts?: readonly string[]
  /** The JWT of those who show none: a bearer token, most often one that auth callout is asked about. */
  defaultSentinel?: string
}

export type ResolverSettings =
  | { readonly type: 'memory' }
  | { readonly type: 'url'; readonly url: string; readonly timeoutMs: number }
  | FolderSettings

export interface FolderSettings {
  readonly type: 'cache' | 'full'
  readonly dir: string
  readonly deletes: 'never' | 'removing' | 'renaming'
  /** Accounts at most. */
  readonly limit: number
  /** Milliseconds that one is kept, infinite: always. */
  readonly ttlMs: number
}

export interface OperatorSettings {
  readonly trust: TrustSettings
  readonly resolver: ResolverSettings
  readonly preload: Readonly<Record<string, string>>
  readonly pinned: readonly string[] | null
  readonly defaultSentinel: string
  /** '' for none. */
  readonly systemAccount: string
  /** JWTs of the operators, as /varz shows them. */
  readonly jwts: readonly string[]
}

/** What else was said that does not go with operators. */
interface Others {
  readonly systemAccount: string | undefined
  readonly hasAccounts: boolean
  readonly hasUsers: boolean
  readonly hasCallout: boolean
}

/** @throws Error in nats-server's words */
export function settleOperator(options: OperatorOptions, others: Others): OperatorSettings {
  const { trustedKeys = [], pinnedAccounts, defaultSentinel = '' } = options
  const jwts = (options.operators ?? []).map(undecorated)
  const operators = jwts.map(decodeOperator)
  if (operators.length > 0) checkSentinel(defaultSentinel)
  else if (defaultSentinel !== '') throw new Error('default sentinel requires operators and accounts')
  const resolver = resolverOf(options, operators.length === 1 ? operators[0].accountServerUrl : '')
  if (resolver === null) throw new Error('operators require an account resolver to be configured')
  if (operators.length > 0 && others.hasAccounts)
    throw new Error('operators do not allow Accounts to be configured directly')
  if (operators.length > 0 && others.hasUsers)
    throw new Error('operators do not allow users to be configured directly')
  if (operators.length > 0 && trustedKeys.length > 0)
    throw new Error("conflicting options for 'TrustedKeys' and 'TrustedOperators'")
  const named = operators.map((operator) => operator.systemAccount).filter((name) => name !== '')
  const systemAccount = others.systemAccount ?? (operators.length === 1 ? operators[0].systemAccount : '')
  if (systemAccount !== '' && named.length > 0 && !named.includes(systemAccount))
    throw new Error('system_account in config and operator JWT must be identical')
  const isFolder = resolver.type === 'full' || resolver.type === 'cache'
  if (systemAccount === '' && isFolder && operators.length > 0 && operators[0].systemAccount === '')
    throw new Error(
      'using nats based account resolver - the system account needs to be specified in configuration or the operator jwt',
    )
  const trust = trustOf(operators, trustedKeys, COMPATIBLE_VERSION)
  for (const key of pinnedAccounts ?? [])
    if (!isPublicKey(key, 'account'))
      throw new Error(`pinned account key ${quoted(key)} is not a valid public account nkey`)
  if (others.hasCallout)
    throw new Error('operators do not allow authorization callouts to be configured directly')
  const preload = options.preload ?? {}
  if (Object.keys(preload).length > 0 && resolver.type === 'url')
    throw new Error('resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR')
  for (const [key, jwt] of Object.entries(preload)) checkPreload(key, jwt)
  const pinned = pinnedAccounts?.length
    ? [...pinnedAccounts, ...(systemAccount === '' ? [] : [systemAccount])]
    : null
  return { trust, resolver, preload, pinned, defaultSentinel, systemAccount, jwts }
}

function checkPreload(key: string, jwt: string): void {
  try {
    decodeAccountClaims(jwt)
  } catch (error) {
    throw new Error(`preload account error for ${quoted(key)}: ${(error as Error).message}`)
  }
}

function checkSentinel(jwt: string): void {
  if (jwt === '') return
  let isBearer: boolean
  try {
    const { rights, issuerAccount } = decodeUserClaims(jwt)
    // One of a scoped key, which the account says more of.
    isBearer = rights.isBearer || (issuerAccount !== '' && rights.isEmpty)
  } catch {
    throw new Error('default sentinel JWT not valid')
  }
  if (!isBearer) throw new Error('default sentinel must be a bearer token')
}

function resolverOf({ resolver }: OperatorOptions, accountServer: string): ResolverSettings | null {
  if (resolver === undefined)
    return accountServer === ''
      ? null
      : { type: 'url', url: `${accountServer}/accounts`, timeoutMs: FETCH_MS }
  switch (resolver.type) {
    case 'memory':
      return resolver
    case 'url':
      return { type: 'url', url: resolver.url, timeoutMs: FETCH_MS }
    case 'full': {
      const { dir, allowDelete = false, hardDelete = false, limit } = resolver
      const deletes = allowDelete ? (hardDelete ? 'removing' : 'renaming') : 'never'
      return {
        type: 'full',
        dir,
        deletes,
        limit: limit || Number.POSITIVE_INFINITY,
        ttlMs: Number.POSITIVE_INFINITY,
      }
    }
    case 'cache': {
      const { dir, limit, ttl } = resolver
      return {
        type: 'cache',
        dir,
        deletes: 'removing',
        limit: limit === undefined || limit <= 0 ? CACHED : limit,
        ttlMs: ttl || Number.POSITIVE_INFINITY,
      }
    }
  }
}
