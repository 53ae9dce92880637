/** /accountz and /accstatz: the accounts, and what goes through them. */
import type { ClaimAccount } from '../../auth/index.ts'
import type { Account } from '../../core/index.ts'
import { withWildcards } from '../../subjects/index.ts'
import { goTime } from './go-text.ts'
import type { MonitoredServer } from './monitored-server.ts'
import { BadQuery, type Query } from './query.ts'
import { interestFigures } from './subsz.ts'

const MS_PER_S = 1000

function nameOfSystem({ settings }: MonitoredServer): string {
  return settings.security.systemAccount
}

/** `system_account` of /varz and /accountz; nothing where there is none. */
export function systemAccountOf(server: MonitoredServer): { system_account?: string } {
  return server.settings.noSystemAccount ? {} : { system_account: nameOfSystem(server) }
}

export function accountz(server: MonitoredServer, query: Query): Record<string, unknown> {
  const { bus } = server
  const name = query.text('acc')
  const head = { server_id: server.id, now: goTime(bus.clock.now()), ...systemAccountOf(server) }
  const hidden = server.settings.noSystemAccount ? nameOfSystem(server) : ''
  if (name === '')
    return { ...head, accounts: [...bus.accounts.keys()].filter((each) => each !== hidden).sort() }
  const account = bus.accounts.get(name)
  if (account === undefined) throw new BadQuery(`Account ${name} does not exist`)
  return { ...head, account_detail: accountDetail(server, account) }
}

/** One account, as /accountz and `$SYS.REQ.ACCOUNT.<name>.INFO` show it. */
export function accountDetail(server: MonitoredServer, account: Account): Record<string, unknown> {
  const { name } = account
  const isSystem = name === nameOfSystem(server)
  const known = server.operatorAccounts
  const claimed = known?.get(name)
  return {
    account_name: name,
    update_time: goTime(known?.updatedMs(name) || server.bus.startedMs),
    ...(isSystem ? { is_system: true } : {}),
    expired: claimed?.isExpired ?? false,
    complete: known?.isComplete(name) ?? true,
    jetstream_enabled: hasJetStream(server, name),
    leafnode_connections: 0,
    client_connections: account.members.size,
    subscriptions: account.interest.size,
    ...exportsOf(isSystem, claimed),
    imports: [...importsOf(server, name), ...claimedImports(known, name)],
    ...(claimed === undefined ? {} : claimsShown(claimed, known?.jwtOf(name) ?? '')),
    name_tag: account.nameTag,
    ...(claimed === undefined ? {} : revokedUsers(claimed)),
    sublist_stats: interestFigures([account]),
  }
}

function exportsOf(isSystem: boolean, claimed: ClaimAccount | undefined): Record<string, unknown> {
  const claims = (claimed?.claims?.exports ?? []).map(
    ({ kind, subject, needsToken, responseType, revocations }) => ({
      subject,
      type: kind,
      ...(needsToken ? { token_req: true } : {}),
      ...(kind === 'service' ? { response_type: responseTypes[responseType] ?? responseType } : {}),
      ...(revocations.size === 0
        ? {}
        : {
            revoked_activations: Object.fromEntries(
              [...revocations].map(([key, at]) => [key, goTime(at * MS_PER_S)]),
            ),
          }),
    }),
  )
  const all = [...(isSystem ? systemExports : []), ...claims]
  return all.length === 0 ? {} : { exports: all }
}

/** What answers are called here, of those that have another name in a JWT. */
const responseTypes: Readonly<Record<string, string>> = { '': 'Singleton', Stream: 'Streamed' }

/** What an account imports by its JWT. */
function claimedImports(known: MonitoredServer['operatorAccounts'], name: string): Record<string, unknown>[] {
  return (known?.importsOf(name) ?? []).map(({ kind, account, subject, to, share }) => ({
    subject,
    account,
    ...(kind === 'service' ? { to: withWildcards(to).pattern } : {}),
    local_subject: kind === 'service' ? withWildcards(to).pattern : to,
    type: kind,
    invalid: false,
    share,
    tracking: false,
  }))
}

/** The JWT of an account, and what is said in it. */
function claimsShown({ issuer, tags }: ClaimAccount, jwt: string): Record<string, unknown> {
  return {
    ...(jwt === '' ? {} : { jwt, decoded_jwt: decodedJwt(jwt) }),
    issuer_key: issuer,
    ...(tags.length === 0 ? {} : { tags }),
  }
}

/** What a JWT that was checked before says. */
export function decodedJwt(jwt: string): unknown {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString('utf8'))
}

function revokedUsers({ claims }: ClaimAccount): Record<string, unknown> {
  const revoked = [...(claims?.revocations ?? [])].map(([user, at]) => [user, goTime(at * MS_PER_S)])
  return revoked.length === 0 ? {} : { revoked_user: Object.fromEntries(revoked) }
}

/** What every account has from the system account. */
const services: readonly { subject: string; to: string; share: boolean }[] = [
  { subject: 'ACCOUNT.*.CONNZ', to: '$SYS.REQ.ACCOUNT.PING.CONNZ', share: false },
  { subject: 'ACCOUNT.*.CONNZ', to: '$SYS.REQ.SERVER.PING.CONNZ', share: false },
  { subject: 'ACCOUNT.*.STATZ', to: '$SYS.REQ.ACCOUNT.PING.STATZ', share: false },
  { subject: 'USER.*.INFO', to: '$SYS.REQ.USER.INFO', share: true },
]

function importsOf(server: MonitoredServer, account: string): Record<string, unknown>[] {
  const from = nameOfSystem(server)
  const all = account === from ? services.filter(({ share }) => share) : services
  const imported = (subject: string, to: string, share: boolean): Record<string, unknown> => ({
    subject,
    account: from,
    to,
    local_subject: to,
    type: 'service',
    invalid: false,
    share,
    tracking: false,
  })
  const imports = all.map(({ subject, to, share }) =>
    imported(`$SYS.REQ.${subject.replace('*', account)}`, to, share),
  )
  // By JWTs an account has the way to it, whatever it may do there.
  const isServed =
    hasJetStream(server, account) || (server.operatorAccounts !== null && server.jetstream !== null)
  return isServed ? [...imports, imported('$JS.API.>', '$JS.API.>', true)] : imports
}

const systemExports = [
  ['$SYS.DEBUG.SUBSCRIBERS', 'Singleton'],
  ['$SYS.REQ.USER.*.INFO', 'Singleton'],
  ['$JS.API.>', 'Singleton'],
  ['$SYS.REQ.ACCOUNT.*.CONNZ', 'Streamed'],
  ['$SYS.REQ.ACCOUNT.*.STATZ', 'Streamed'],
].map(([subject, response_type]) => ({ subject, type: 'service', response_type }))

function hasJetStream({ jetstream }: MonitoredServer, name: string): boolean {
  return jetstream?.accounts().some((each) => each.account.name === name) ?? false
}

export function accstatz(server: MonitoredServer, query: Query): Record<string, unknown> {
  const { bus } = server
  const withUnused = query.boolean('unused')
  const wanted = query.list('accounts')
  const shown = [...bus.accounts.values()].filter(
    (account) =>
      (wanted.length === 0 || wanted.includes(account.name)) && (withUnused || account.members.size > 0),
  )
  return {
    server_id: server.id,
    now: goTime(bus.clock.now()),
    account_statz: shown.map(accountStatistics),
  }
}

/** What goes through one account, as /accstatz, `$SYS.REQ.ACCOUNT.<name>.CONNS` and events show it. */
export function accountStatistics(account: Account): Record<string, unknown> {
  const { name, nameTag, members, interest } = account
  const { inMessages, inBytes, outMessages, outBytes } = account.traffic()
  return {
    acc: name,
    name: nameTag,
    conns: members.size,
    leafnodes: 0,
    total_conns: members.size,
    num_subscriptions: interest.size,
    sent: { msgs: outMessages, bytes: outBytes, ...noServers },
    received: { msgs: inMessages, bytes: inBytes, ...noServers },
    slow_consumers: 0,
  }
}

const nothing = { msgs: 0, bytes: 0 }
const noServers = { gateways: nothing, routes: nothing, leafs: nothing }
