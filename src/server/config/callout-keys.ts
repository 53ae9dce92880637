/** `auth_callout { issuer, account, auth_users, xkey, allowed_accounts }`. */
import { isPublicKey } from '../../auth/index.ts'
import { quoted } from '../../wire/index.ts'
import { calloutMistake } from '../security.ts'
import type { AuthCalloutOptions } from '../security-options.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, goValue } from './value.ts'

type Key = KeyTable<AuthCalloutOptions>[string]

export function callout(entry: ConfigEntry, reader: Reader): AuthCalloutOptions {
  if (!(entry.value.data instanceof ConfigMap))
    return reader.fail(`Expected authorization callout to be a map/struct, got ${goValue(entry.value)}`)
  const found: AuthCalloutOptions = { issuer: '', users: [] }
  const mistakes = reader.errors.length
  const unknown = (key: string): string => `Unknown field ${quoted(key)} parsing authorization callout`
  reader.each(entry.value.data, found, calloutKeys, {}, true, unknown)
  const mistake = calloutMistake(found)
  // As with nats-server, at the last key.
  const last = [...entry.value.data.entries.values()].at(-1)?.place ?? entry.place
  if (mistake !== '' && reader.errors.length === mistakes) reader.fail(mistake, last)
  return found
}

const calloutKeys: KeyTable<AuthCalloutOptions> = {
  issuer: (target, entry, reader) => {
    target.issuer = reader.string(entry)
    if (!isPublicKey(target.issuer, 'account')) reader.fail(calloutMistake(target))
  },
  account,
  acc: account,
  auth_users: users,
  users,
  xkey,
  key: xkey,
  allowed_accounts: (target, entry, reader) => {
    target.allowedAccounts = texts(entry, reader, 'allowed accounts')
  },
}

function account(...[target, entry, reader]: Parameters<Key>): void {
  target.account = reader.string(entry)
}

function users(...[target, entry, reader]: Parameters<Key>): void {
  target.users = texts(entry, reader, 'auth_users')
}

function xkey(...[target, entry, reader]: Parameters<Key>): void {
  target.xkey = reader.string(entry)
  if (!isPublicKey(target.xkey, 'curve')) reader.fail(calloutMistake({ ...target, issuer: '' }))
}

function texts(entry: ConfigEntry, reader: Reader, name: string): string[] {
  const { data } = entry.value
  if (!Array.isArray(data)) return reader.fail(`Expected ${name} field to be an array, got *conf.token`)
  return data.map((each) => (typeof each.data === 'string' ? each.data : reader.wrongType(each, 'string')))
}
