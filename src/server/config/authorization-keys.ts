/** `authorization { user, password, token, users, timeout }`. */
import type { Launch } from '../launch.ts'
import { emptySecret, HASHED_REFUSAL, isHashed, type UserOptions } from '../options.ts'
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
  const mistakes = reader.errors.length
  reader.each(reader.map(entry), found, authorizationKeys, refusedKeys)
  const { user, password, token, users } = found
  if (user !== undefined && token !== undefined) reader.fail('Cannot have a user/pass and token')
  if (users !== undefined && token !== undefined) reader.fail('Can not have a token and a users array')
  if (users !== undefined && (user !== undefined || password !== undefined)) {
    reader.fail('Can not have a single user/pass and a users array')
  }
  if (reader.errors.length === mistakes) {
    if (users?.length === 0) reader.fail(emptySecret('users', OPEN))
    if (user !== undefined && password === undefined)
      reader.fail(`user ${JSON.stringify(user)} needs a password`)
    if (password !== undefined && user === undefined) reader.fail(`a password needs a user: ${OPEN}`)
  }
  if (user !== undefined) server.user = user
  if (password !== undefined) server.password = password
  if (token !== undefined) server.token = token
  if (users !== undefined) server.users = users
  if (found.timeoutMs !== undefined) server.authTimeout = found.timeoutMs
}

type Key = KeyTable<Authorization>[string]

const authorizationKeys: KeyTable<Authorization> = {
  user,
  username: user,
  pass: password,
  password,
  token: (target, entry, reader) => {
    target.token = secret(entry, reader)
  },
  timeout: (target, entry, reader) => {
    target.timeoutMs = timeoutMs(entry, reader)
  },
  users: (target, entry, reader) => {
    const mistakes = reader.errors.length
    target.users = reader.array(entry).map((value) => {
      const { data } = value
      if (!(data instanceof ConfigMap))
        reader.fail(`Expected user entry to be a map/struct, got ${typeName(value)}`)
      const user = { user: '', password: '' }
      reader.each(data as ConfigMap, user, userKeys, refusedUserKeys)
      if (user.user === '') reader.fail('User entry requires a user')
      if (user.password === '' && reader.errors.length === mistakes)
        reader.fail(`user ${JSON.stringify(user.user)} needs a password`)
      return user
    })
  },
}

function user(...[target, entry, reader]: Parameters<Key>): void {
  target.user = named(entry, reader)
}

function password(...[target, entry, reader]: Parameters<Key>): void {
  target.password = secret(entry, reader)
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
  target.password = secret(entry, reader)
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

const OPEN = 'anyone could log in'

/** nats-server takes an empty one for none. */
function named(entry: ConfigEntry, reader: Reader): string {
  const text = reader.string(entry)
  if (text === '') reader.fail(emptySecret(entry.key, OPEN))
  return text
}

function secret(entry: ConfigEntry, reader: Reader): string {
  const text = named(entry, reader)
  if (isHashed(text)) reader.fail(HASHED_REFUSAL)
  return text
}
