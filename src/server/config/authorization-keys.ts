/** `authorization { user, password, token, users, default_permissions, timeout }`. */
import type { Launch } from '../launch.ts'
import { emptySecret } from '../security.ts'
import type { SecurityOptions } from '../security-options.ts'
import { callout } from './callout-keys.ts'
import { parseDurationMs } from './number.ts'
import { permissions } from './permission-keys.ts'
import type { KeyTable, Reader } from './reader.ts'
import { namesOf, OPEN, refuseDoubles, secret, users } from './user-keys.ts'
import { type ConfigEntry, goValue, show } from './value.ts'

export function authorization({ server }: Launch, entry: ConfigEntry, reader: Reader): void {
  const found: SecurityOptions = {}
  const mistakes = reader.errors.length
  reader.each(reader.map(entry), found, authorizationKeys, refusedKeys)
  const { user, password, token } = found
  if (user !== undefined && token !== undefined) reader.fail('Cannot have a user/pass and token')
  if (found.users !== undefined && token !== undefined) {
    reader.fail('Can not have a token and a users array')
  }
  if (found.users !== undefined && (user !== undefined || password !== undefined)) {
    reader.fail('Can not have a single user/pass and a users array')
  }
  if (reader.errors.length === mistakes) {
    if (found.users?.length === 0) reader.fail(emptySecret('users', OPEN))
    if (user !== undefined && password === undefined)
      reader.fail(`user ${JSON.stringify(user)} needs a password`)
    if (password !== undefined && user === undefined) reader.fail(`a password needs a user: ${OPEN}`)
  }
  const others = Object.values(server.accounts ?? {}).flatMap((account) => account.users ?? [])
  if (others.length > 0 && user !== undefined) {
    reader.fail('Can not have a single user/pass and a users array')
  }
  if (others.length > 0 && token !== undefined) reader.fail('Can not have a token and a users array')
  refuseDoubles(found.users ?? [], namesOf(others), reader)
  Object.assign(server, found)
}

type Key = KeyTable<SecurityOptions>[string]

const authorizationKeys: KeyTable<SecurityOptions> = {
  user,
  username: user,
  pass: password,
  password,
  token: (target, entry, reader) => {
    target.token = secret(entry, reader)
  },
  timeout: (target, entry, reader) => {
    const limit = timeoutMs(entry, reader)
    target.authTimeout = limit
    if (limit <= LONG_MS) return
    const why = `timeout of ${goValue(entry.value)} (${(limit / 1000).toFixed(6)} seconds) is high`
    const hint =
      "consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example"
    reader.warnings.push(`${show(entry.place)}: invalid use of field "${entry.key}": ${why}, ${hint}`)
  },
  users: (target, entry, reader) => {
    target.users = users(entry, reader)
  },
  auth_callout: authCallout,
  auth_hook: authCallout,
  default_permission: defaultPermissions,
  default_permissions: defaultPermissions,
  permissions: defaultPermissions,
}

function user(...[target, entry, reader]: Parameters<Key>): void {
  target.user = secret(entry, reader)
}

function password(...[target, entry, reader]: Parameters<Key>): void {
  target.password = secret(entry, reader)
}

function defaultPermissions(...[target, entry, reader]: Parameters<Key>): void {
  target.defaultPermissions = permissions(entry, reader)
}

function authCallout(...[target, entry, reader]: Parameters<Key>): void {
  target.authCallout = callout(entry, reader)
}

/** A longer time to log in is warned of. */
const LONG_MS = 60_000

const later = 'Contrail does not serve it yet'

const refusedKeys: Readonly<Record<string, string>> = {
  proxy_required: later,
}

/** Seconds as a number, or a duration. */
function timeoutMs(entry: ConfigEntry, reader: Reader): number {
  const { data } = entry.value
  if (typeof data === 'number') return data * 1000
  if (typeof data !== 'string') return reader.fail("error parsing authorization config, 'timeout' wrong type")
  try {
    return parseDurationMs(data)
  } catch (error) {
    return reader.fail(`error parsing authorization config, 'timeout' ${(error as Error).message}`)
  }
}
