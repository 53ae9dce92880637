/** `accounts { NAME { users, jetstream, … } }`, or a list of names. */

import { isPublicKey } from '../../auth/index.ts'
import { settleAccounts } from '../account-settings.ts'
import type { Launch } from '../launch.ts'
import type { ServerOptions } from '../options.ts'
import { GLOBAL_ACCOUNT, SYSTEM_ACCOUNT } from '../security.ts'
import type { AccountLimitOptions, AccountOptions } from '../security-options.ts'
import { accountJetStream } from './account-jetstream-keys.ts'
import { mappings } from './mapping-keys.ts'
import { permissions } from './permission-keys.ts'
import type { KeyTable, Reader } from './reader.ts'
import { exports, imports } from './share-keys.ts'
import { namesOf, refuseDoubles, users } from './user-keys.ts'
import { type ConfigEntry, ConfigMap, goValue, type Place, typeName } from './value.ts'

export function accounts({ server }: Launch, entry: ConfigEntry, reader: Reader): void {
  const { data } = entry.value
  // Without a prototype: an account may have any name.
  const found: Record<string, AccountOptions> = Object.create(null)
  const seen = namesOf(server.users ?? [])
  const mistakes = reader.errors.length
  if (Array.isArray(data)) {
    for (const { data: name, place } of data) {
      if (typeof name !== 'string') reader.fail('Expected the name of an account to be a string', place)
      checkName(name as string, found, reader, place)
      found[name as string] = {}
    }
  } else if (data instanceof ConfigMap) {
    for (const each of data.entries.values()) {
      if (each.isVariable) continue
      reader.at(each, () => {
        if (!(each.value.data instanceof ConfigMap)) reader.fail('Expected map entries for accounts')
        checkName(each.key, found, reader, each.place)
        const account: AccountOptions = {}
        found[each.key] = account
        const map = reader.map(each)
        reader.each(map, account, accountKeys, refusedKeys)
        const users = [...map.entries.values()].find(({ key }) => key.toLowerCase() === 'users')
        if (users !== undefined) reader.at(users, () => checkUsers(account, server, seen, reader))
      })
    }
  } else reader.fail(`Expected accounts to be a map or an array, got ${typeName(entry.value)}`)
  server.accounts = found
  if (reader.errors.length > mistakes) return
  try {
    settleAccounts(found, { name: GLOBAL_ACCOUNT, mappings: {} }, server.systemAccount ?? SYSTEM_ACCOUNT)
  } catch (error) {
    reader.fail((error as Error).message)
  }
}

function checkUsers(account: AccountOptions, server: ServerOptions, seen: Set<string>, reader: Reader): void {
  const { users = [] } = account
  if (users.length > 0 && server.user !== undefined) {
    reader.fail('Can not have a single user/pass and accounts')
  }
  if (users.length > 0 && server.token !== undefined) reader.fail('Can not have a token and accounts')
  refuseDoubles(users, seen, reader)
}

function checkName(name: string, found: Record<string, AccountOptions>, reader: Reader, place: Place): void {
  if (name === GLOBAL_ACCOUNT) reader.fail(`${JSON.stringify(name)} is a Reserved Account`, place)
  if (Object.hasOwn(found, name)) reader.fail(`Duplicate Account Entry: ${name}`, place)
}

const accountKeys: KeyTable<AccountOptions> = {
  users: (target, entry, reader) => {
    // nats-server says no place.
    if (!Array.isArray(entry.value.data))
      reader.errors.push(`Expected users field to be an array, got ${goValue(entry.value)}`)
    else target.users = users(entry, reader)
  },
  default_permissions: (target, entry, reader) => {
    target.defaultPermissions = permissions(entry, reader)
  },
  jetstream: (target, entry, reader) => {
    target.jetstream = accountJetStream(entry, reader)
  },
  exports: (target, entry, reader) => {
    target.exports = exports(entry, reader)
  },
  imports: (target, entry, reader) => {
    target.imports = imports(entry, reader)
  },
  // The name of the account among servers that trust one another by it.
  nkey: (_target, entry, reader) => {
    const key = reader.string(entry)
    if (!isPublicKey(key, 'account'))
      reader.fail(`Not a valid public nkey for an account: ${JSON.stringify(key)}`)
  },
  mappings: accountMappings,
  maps: accountMappings,
  limits: (target, entry, reader) => {
    const found: AccountLimitOptions = {}
    target.limits = found
    const unknown = (key: string): string => `Unknown field "${key}" parsing account limits`
    const { data } = entry.value
    if (!(data instanceof ConfigMap))
      return reader.fail(`Expected account limits to be a map/struct, got ${goValue(entry.value)}`)
    reader.each(data, found, limitKeys, {}, false, unknown)
  },
}

function accountMappings(...[target, entry, reader]: Parameters<KeyTable<AccountOptions>[string]>): void {
  target.mappings = mappings(entry, reader)
}

type LimitKey = KeyTable<AccountLimitOptions>[string]

const limit =
  (name: keyof AccountLimitOptions): LimitKey =>
  (target, entry, reader) => {
    target[name] = reader.integer(entry)
  }

const limitKeys: KeyTable<AccountLimitOptions> = {
  max_connections: limit('maxConnections'),
  max_conn: limit('maxConnections'),
  max_subscriptions: limit('maxSubscriptions'),
  max_subs: limit('maxSubscriptions'),
  max_payload: limit('maxPayload'),
  max_pay: limit('maxPayload'),
  // There are none.
  max_leafnodes: wholeNumber,
  max_leafs: wholeNumber,
}

function wholeNumber(...[, entry, reader]: Parameters<LimitKey>): void {
  reader.integer(entry)
}

const later = 'Contrail does not serve it yet'

const refusedKeys: Readonly<Record<string, string>> = Object.fromEntries(
  ['msg_trace', 'trace_dest'].map((key) => [key, later]),
)
