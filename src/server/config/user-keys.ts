/** `users [ { user, password, nkey, permissions, … } ]`. */
import { connectionType, isPublicKey } from '../../auth/index.ts'
import { emptySecret } from '../security.ts'
import type { ConnectionTypeName, UserOptions } from '../security-options.ts'
import { permissions } from './permission-keys.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, goValue, type Place } from './value.ts'

export const OPEN = 'anyone could log in'

/** The users of a key. */
export function users(entry: ConfigEntry, reader: Reader): UserOptions[] {
  const { data } = entry.value
  if (!Array.isArray(data)) {
    return reader.fail(`Expected users field to be an array, got ${goValue(entry.value)}`)
  }
  return data.map((value) => {
    if (!(value.data instanceof ConfigMap)) {
      return reader.fail(`Expected user entry to be a map/struct, got ${goValue(value)}`, value.place)
    }
    const mistakes = reader.errors.length
    const user: UserOptions = {}
    reader.each(value.data, user, userKeys, refusedUserKeys)
    const last = [...value.data.entries.values()].at(-1)?.place ?? value.place
    if (reader.errors.length === mistakes) checkUser(user, reader, last)
    return user
  })
}

function checkUser({ user, password, nkey }: UserOptions, reader: Reader, place: Place): void {
  if (!user && !nkey) reader.fail('User entry requires a user', place)
  if (nkey !== undefined) {
    if (!isPublicKey(nkey, 'user')) reader.fail('Not a valid public nkey for a user', place)
    if (user !== undefined || password !== undefined) {
      reader.fail('Nkey users do not take usernames or passwords', place)
    }
  }
}

type UserKey = KeyTable<UserOptions>[string]

const userKeys: KeyTable<UserOptions> = {
  user: userName,
  username: userName,
  pass: userPassword,
  password: userPassword,
  nkey: (target, entry, reader) => {
    target.nkey = reader.string(entry)
  },
  permission: userPermissions,
  permissions: userPermissions,
  authorization: userPermissions,
  allowed_connection_types: connectionTypes,
  connection_types: connectionTypes,
  clients: connectionTypes,
}

const refusedUserKeys: Readonly<Record<string, string>> = {
  proxy_required: 'Contrail does not serve it yet',
}

function userName(...[target, entry, reader]: Parameters<UserKey>): void {
  target.user = reader.string(entry)
}

function userPassword(...[target, entry, reader]: Parameters<UserKey>): void {
  target.password = secret(entry, reader)
}

function userPermissions(...[target, entry, reader]: Parameters<UserKey>): void {
  target.permissions = permissions(entry, reader)
}

function connectionTypes(...[target, entry, reader]: Parameters<UserKey>): void {
  const { data } = entry.value
  const names = Array.isArray(data) ? data.map((each) => each.data) : [data]
  const unknown: string[] = []
  target.connectionTypes = names.flatMap((name): ConnectionTypeName[] => {
    if (typeof name !== 'string') {
      return reader.fail('error parsing allowed connection types: unsupported type')
    }
    const type = connectionType(name)
    if (type === null) unknown.push(JSON.stringify(name.toUpperCase()))
    return type === null ? [] : [type]
  })
  if (unknown.length > 0) reader.fail(`invalid connection types [${unknown.join(' ')}]`)
}

/** nats-server takes an empty one for none. */
export function secret(entry: ConfigEntry, reader: Reader): string {
  const text = reader.string(entry)
  if (text === '') reader.fail(emptySecret(entry.key, OPEN))
  return text
}

/** Tells of names that are there twice, over all blocks so far. */
export function refuseDoubles(users: readonly UserOptions[], seen: Set<string>, reader: Reader): void {
  for (const { user, nkey } of users) {
    const name = nkey ?? user ?? ''
    if (seen.has(name)) {
      reader.fail(`Duplicate ${nkey === undefined ? 'user' : 'nkey'} ${JSON.stringify(name)} detected`)
    }
    seen.add(name)
  }
}

/** Names of users that other blocks have. */
export function namesOf(users: readonly UserOptions[]): Set<string> {
  return new Set(users.map(({ user, nkey }) => nkey ?? user ?? ''))
}
