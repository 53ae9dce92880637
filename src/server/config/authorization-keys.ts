/** `authorization { user, password, token, users, timeout }`. */
import type { Launch } from '../launch.ts'
import { HASHED_REFUSAL, isHashed, type UserOptions } from '../options.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, typeName } from './value.ts'

interface Authorization {
  user?: string
  password?: string
  token?: string
  users?: UserOptions[]
  timeoutMs?: number
}

export function authorization({ server }: Launch, entry: ConfigEntry, reader: Reader): void {
  const found: Authorization = {}
  reader.each(reader.map(entry), found, authorizationKeys, refusedKeys)
  const { user, password, token, users } = found
  if (user !== undefined && token !== undefined) reader.fail('Cannot have a user/pass and token')
  if (users !== undefined && token !== undefined) reader.fail('Can not have a token and a users array')
  if (users !== undefined && (user !== undefined || password !== undefined)) {
    reader.fail('Can not have a single user/pass and a users array')
  }
  if (user !== undefined) server.user = user
  if (password !== undefined) server.password = password
  if (token !== undefined) server.token = token
  if (users !== undefined && users.length > 0) server.users = users
  if (found.timeoutMs !== undefined) server.authTimeout = found.timeoutMs
}

type Key = KeyTable<Authorization>[string]

const authorizationKeys: KeyTable<Authorization> = {
  user,
  username: user,
  pass: password,
  password,
  token: (target, entry, reader) => {
    target.token = secret(reader.string(entry), reader)
  },
  timeout: (target, entry, reader) => {
    target.timeoutMs = timeoutMs(entry, reader)
  },
  users: (target, entry, reader) => {
    target.users = reader.array(entry).map((value) => {
      const { data } = value
      if (!(data instanceof ConfigMap))
        reader.fail(`Expected user entry to be a map/struct, got ${typeName(value)}`)
      const user = { user: '', password: '' }
      reader.each(data as ConfigMap, user, userKeys, refusedUserKeys)
      if (user.user === '') reader.fail('User entry requires a user')
      return user
    })
  },
}

function user(...[target, entry, reader]: Parameters<Key>): void {
  target.user = reader.string(entry)
}

function password(...[target, entry, reader]: Parameters<Key>): void {
  target.password = secret(reader.string(entry), reader)
}

type UserKey = KeyTable<UserOptions>[string]

const userKeys: KeyTable<UserOptions> = {
  user: userName,
  username: userName,
  pass: userPassword,
  password: userPassword,
}

function userName(...[target, entry, reader]: Parameters<UserKey>): void {
  target.user = reader.string(entry)
}

function userPassword(...[target, entry, reader]: Parameters<UserKey>): void {
  target.password = secret(reader.string(entry), reader)
}

const later = 'Contrail does not serve it yet'

const refusedKeys: Readonly<Record<string, string>> = {
  auth_callout: later,
  auth_hook: later,
  default_permissions: later,
  permissions: later,
  proxy_required: later,
}

const refusedUserKeys: Readonly<Record<string, string>> = {
  account: later,
  allowed_connection_types: later,
  connection_types: later,
  nkey: later,
  permission: later,
  permissions: later,
  proxy_required: later,
}

/** Seconds as a number, or a duration. */
function timeoutMs(entry: ConfigEntry, reader: Reader): number {
  const { data } = entry.value
  if (typeof data === 'number') return data * 1000
  if (typeof data !== 'string')
    return reader.fail('error parsing authorization config, timeout has the wrong type')
  try {
    return parseDurationMs(data)
  } catch (error) {
    return reader.fail(`error parsing authorization config, 'timeout' ${(error as Error).message}`)
  }
}

function secret(text: string, reader: Reader): string {
  if (isHashed(text)) reader.fail(HASHED_REFUSAL)
  return text
}
