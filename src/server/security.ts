/** Fills in and checks what a server is told about users and accounts. */

import {
  type CalloutSettings,
  DEFAULT_RESPONSES,
  isPublicKey,
  type PermissionRules,
  type ResponseRules,
  ruleMistake,
  type SubjectRules,
  type UserRecord,
  type Users,
} from '../auth/index.ts'
import {
  type AccountTiers,
  type JetStreamAccountOptions,
  NO_ACCOUNT_LIMITS,
  UNLIMITED,
  WITHOUT_TIERS,
} from '../jetstream/index.ts'
import { quoted } from '../wire/index.ts'
import { type AccountSettings, settleAccounts } from './account-settings.ts'
import { type OperatorOptions, type OperatorSettings, settleOperator } from './operator/options.ts'
import type {
  AccountOptions,
  AuthCalloutOptions,
  PermissionOptions,
  SecurityOptions,
  SubjectPermissionOptions,
  UserOptions,
} from './security-options.ts'

export const GLOBAL_ACCOUNT = '$G'
export const SYSTEM_ACCOUNT = '$SYS'
const OPEN = 'anyone could log in'
/** Name of the user that those are who show nothing, where only the system account has users. */
const EVERYBODY_ELSE = ' everybody else'

export interface SecuritySettings {
  /** Null: not in operator mode. */
  readonly operator: OperatorSettings | null
  /** Null: nobody is asked about users. */
  readonly callout: CalloutSettings | null
  readonly users: Users
  readonly accounts: readonly AccountSettings[]
  /** Where JetStream is, when it is served: `$G`, until there are others. */
  readonly jetstreamAccounts: readonly JetStreamAccountOptions[]
  readonly systemAccount: string
}

/**
 * Checks users and accounts. `mapsCertificates`: users may have no password, since certificates name them.
 * @throws Error with nats-server's sentence where it has one
 */
export function settleSecurity(options: SecurityOptions, mapsCertificates: boolean): SecuritySettings {
  refuseContradictions(options)
  refuseEmptySecrets(options, mapsCertificates)
  const { operators = [], trustedKeys = [] } = options.operator ?? {}
  if (options.operator !== undefined && operators.length + trustedKeys.length > 0)
    return operatorMode(options, options.operator)
  const { accounts = {}, systemAccount = SYSTEM_ACCOUNT } = options
  const users = usersOf(options)
  refuseDoubles(users)
  const names = Object.keys(accounts)
  for (const name of names) if (isReserved(name)) throw new Error(`"${name}" is a Reserved Account`)
  if (systemAccount !== SYSTEM_ACCOUNT && !names.includes(systemAccount)) {
    throw new Error(`system_account "${systemAccount}" is not among the accounts`)
  }
  const noAuthUser = noAuthUserOf(options, users)
  // Users of the system account alone don't shut everybody else out.
  const isForSystemOnly =
    noAuthUser === '' && !asksForCredentials(options) && names.every((name) => name === systemAccount)
  if (isForSystemOnly && users.length > 0) {
    users.push({ ...everybodyElse, account: GLOBAL_ACCOUNT })
  }
  return {
    operator: null,
    callout: calloutOf(options.authCallout),
    users: {
      users,
      noAuthUser: isForSystemOnly ? EVERYBODY_ELSE : noAuthUser,
      isAnnounced: users.length > 0 && noAuthUser === '',
      mapsCertificates,
      token: options.token ?? '',
    },
    accounts: settleAccounts(
      accounts,
      { name: GLOBAL_ACCOUNT, mappings: options.mappings ?? {} },
      systemAccount,
    ),
    jetstreamAccounts: jetstreamAccounts(accounts, systemAccount),
    systemAccount,
  }
}

/** Without accounts but that of the system, JetStream is for everybody. That of the system may not have it: a start says so. */
function jetstreamAccounts(
  accounts: Readonly<Record<string, AccountOptions>>,
  systemAccount: string,
): JetStreamAccountOptions[] {
  const enabled = Object.entries(accounts).flatMap(([name, { jetstream = false }]) =>
    jetstream === false ? [] : [{ name, tiers: tiersOf(jetstream) }],
  )
  const isAlone = Object.keys(accounts).every((name) => name === systemAccount)
  return isAlone ? [{ name: GLOBAL_ACCOUNT, tiers: UNLIMITED }, ...enabled] : enabled
}

function tiersOf(jetstream: Exclude<AccountOptions['jetstream'], false | undefined>): AccountTiers {
  if (jetstream === true) return UNLIMITED
  return { [WITHOUT_TIERS]: { ...NO_ACCOUNT_LIMITS, ...jetstream } }
}

/** Nobody is known here: accounts and users come with their JWTs. */
function operatorMode(options: SecurityOptions, given: OperatorOptions): SecuritySettings {
  const { accounts = {}, users = [], mappings = {} } = options
  const operator = settleOperator(given, {
    systemAccount: options.systemAccount,
    hasAccounts: Object.keys(accounts).length > 0,
    hasUsers: users.length > 0,
    hasCallout: options.authCallout !== undefined,
  })
  if (options.noAuthUser !== undefined) throw new Error('no_auth_user not compatible with Trusted Operator')
  const systemAccount = operator.systemAccount || SYSTEM_ACCOUNT
  return {
    operator,
    callout: null,
    users: { users: [], noAuthUser: '', isAnnounced: true, mapsCertificates: false, token: '' },
    accounts: settleAccounts({}, { name: GLOBAL_ACCOUNT, mappings }, systemAccount),
    jetstreamAccounts: [],
    systemAccount,
  }
}

/** @throws Error in nats-server's words */
function calloutOf(given: AuthCalloutOptions | undefined): CalloutSettings | null {
  if (given === undefined) return null
  const { issuer, account = '', users, xkey = '', allowedAccounts = [] } = given
  const mistake = calloutMistake(given)
  if (mistake !== '') throw new Error(mistake)
  return { issuer, account: account || GLOBAL_ACCOUNT, users, xkey, allowedAccounts }
}

/** Why a callout can't be, in nats-server's words; '' for nothing. */
export function calloutMistake({ issuer, users, xkey = '' }: AuthCalloutOptions): string {
  if (issuer !== '' && !isPublicKey(issuer, 'account'))
    return `Expected callout user to be a valid public account nkey, got ${quoted(issuer)}`
  if (xkey !== '' && !isPublicKey(xkey, 'curve'))
    return `Expected callout xkey to be a valid public xkey, got ${quoted(xkey)}`
  if (issuer === '') return 'Authorization callouts require an issuer to be specified'
  if (users.length === 0) return 'Authorization callouts require authorized users to be specified'
  return ''
}

const everybodyElse = {
  name: EVERYBODY_ELSE,
  isNkey: false,
  password: '',
  permissions: null,
  connectionTypes: [],
}

function asksForCredentials({ user, token, users }: SecurityOptions): boolean {
  return user !== undefined || token !== undefined || users !== undefined
}

function isReserved(name: string): boolean {
  return name === GLOBAL_ACCOUNT
}

function refuseContradictions({ user, password, token, users, accounts }: SecurityOptions): void {
  if (user && token) throw new Error('Cannot have a user/pass and token')
  if (users && (user || password)) throw new Error('Can not have a single user/pass and a users array')
  if (users && token) throw new Error('Can not have a token and a users array')
  const hasAccountUsers = Object.values(accounts ?? {}).some((account) => account.users?.length)
  if (hasAccountUsers && user) throw new Error('Can not have a single user/pass and accounts')
  if (hasAccountUsers && token) throw new Error('Can not have a token and accounts')
}

/**
 * nats-server takes an empty secret for none and lets everybody in. Nobody means that: most often an environment variable is not set.
 * @throws Error that names the option
 */
function refuseEmptySecrets(
  { user, password, token, users, accounts }: SecurityOptions,
  mapsCertificates: boolean,
): void {
  if (token === '') throw new Error(emptySecret('token', OPEN))
  if (user === '') throw new Error(emptySecret('user', OPEN))
  if (password === '') throw new Error(emptySecret('password', OPEN))
  if (user !== undefined && password === undefined) throw new Error(`user "${user}" needs a password`)
  if (password !== undefined && user === undefined) throw new Error(`a password needs a user: ${OPEN}`)
  if (users !== undefined && users.length === 0) throw new Error(emptySecret('users', OPEN))
  const all = [...(users ?? []), ...Object.values(accounts ?? {}).flatMap((account) => account.users ?? [])]
  for (const each of all) refuseEmptySecret(each, mapsCertificates)
}

function refuseEmptySecret({ user, password, nkey }: UserOptions, mapsCertificates: boolean): void {
  if (nkey !== undefined) {
    if (user !== undefined || password !== undefined)
      throw new Error('Nkey users do not take usernames or passwords')
    if (!isPublicKey(nkey, 'user')) throw new Error('Not a valid public nkey for a user')
    return
  }
  if (!user) throw new Error(emptySecret('the name of a user', OPEN))
  if (!password && !(mapsCertificates && password === undefined))
    throw new Error(emptySecret(`the password of user "${user}"`, OPEN))
}

/** Why an empty secret is refused. */
export function emptySecret(what: string, consequence: string): string {
  return `${what} is empty: ${consequence}; leave it out if that is meant (is an environment variable not set?)`
}

function usersOf({ user, password, users, defaultPermissions, accounts }: SecurityOptions): UserRecord[] {
  const found: UserRecord[] = []
  const add = (
    account: string,
    given: readonly UserOptions[],
    standard: PermissionOptions | undefined,
  ): void => {
    for (const each of given) found.push(recordOf(each, account, standard))
  }
  if (user !== undefined) add(GLOBAL_ACCOUNT, [{ user, password }], undefined)
  add(GLOBAL_ACCOUNT, users ?? [], defaultPermissions)
  for (const [name, account] of Object.entries(accounts ?? {})) {
    add(name, account.users ?? [], account.defaultPermissions)
  }
  return found
}

function recordOf(user: UserOptions, account: string, standard: PermissionOptions | undefined): UserRecord {
  const permissions = user.permissions ?? standard
  const name = user.nkey ?? user.user ?? ''
  return {
    name,
    isNkey: user.nkey !== undefined,
    password: user.password ?? '',
    account,
    permissions: permissions === undefined ? null : permissionRules(permissions, name),
    connectionTypes: user.connectionTypes ?? [],
  }
}

function refuseDoubles(users: readonly UserRecord[]): void {
  const seen = new Set<string>()
  for (const { name, isNkey } of users) {
    if (seen.has(name)) throw new Error(`Duplicate ${isNkey ? 'nkey' : 'user'} "${name}" detected`)
    seen.add(name)
  }
}

function noAuthUserOf({ noAuthUser = '' }: SecurityOptions, users: readonly UserRecord[]): string {
  if (noAuthUser === '') return ''
  if (users.length === 0) {
    throw new Error(`no_auth_user: "${noAuthUser}" present, but users/nkeys are not defined`)
  }
  if (users.some(({ name }) => name === noAuthUser)) return noAuthUser
  throw new Error(
    `no_auth_user: "${noAuthUser}" not present as user or nkey in authorization block or account configuration`,
  )
}

/**
 * The rules that options stand for.
 * @throws Error for a pattern that is none
 */
export function permissionRules(options: PermissionOptions, user: string): PermissionRules {
  const responses = responseRules(options.allowResponses)
  const publish = subjectRules(options.publish, 'publish', user)
  return {
    // Who may answer may not publish everywhere besides.
    publish: responses !== null && publish.allow === null ? { ...publish, allow: [] } : publish,
    subscribe: subjectRules(options.subscribe, 'subscribe', user),
    responses,
  }
}

function responseRules(given: PermissionOptions['allowResponses']): ResponseRules | null {
  if (given === undefined || given === false) return null
  if (given === true) return DEFAULT_RESPONSES
  const { max, ttlMs } = DEFAULT_RESPONSES
  // As in nats-server 0 is "not said".
  return { max: given.max || max, ttlMs: given.expires || ttlMs }
}

function subjectRules(
  given: PermissionOptions['publish'],
  direction: 'publish' | 'subscribe',
  user: string,
): SubjectRules {
  const isPlain = typeof given === 'string' || Array.isArray(given)
  const { allow, deny } = (isPlain ? { allow: given } : (given ?? {})) as SubjectPermissionOptions
  const allowed = allow === undefined ? null : listOf(allow)
  const denied = deny === undefined ? [] : listOf(deny)
  const where = `permissions of user "${user}", ${direction}`
  if (allowed?.length === 0)
    throw new Error(`${where}: allow is an empty list; leave it out to allow everything`)
  for (const pattern of [...(allowed ?? []), ...denied]) {
    const mistake = ruleMistake(pattern, direction === 'subscribe')
    if (mistake !== null) throw new Error(`${where}: ${mistake}`)
  }
  return { allow: allowed, deny: denied }
}

function listOf(given: string | readonly string[]): readonly string[] {
  return typeof given === 'string' ? [given] : given
}
