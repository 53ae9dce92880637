/** `operator`, `resolver`, `resolver_preload`, `trusted_keys` and the like. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { decodeAccountClaims, decodeOperator, isPublicKey, undecorated } from '../../auth/index.ts'
import { quoted } from '../../wire/index.ts'
import { formatDuration } from '../duration.ts'
import type { Launch } from '../launch.ts'
import type { OperatorOptions, ResolverOptions } from '../operator/options.ts'
import { reason } from './grammar.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, type ConfigValue, typeName } from './value.ts'

type Key = KeyTable<Launch>[string]

/** What a JWT begins with. */
const JWT_START = 'eyJ'
const RESOLVER_MISTAKE =
  'error parsing account resolver, should be MEM or  URL("url") or a map containing dir and type state=[FULL|CACHE])'

export const operatorKeys: KeyTable<Launch> = {
  ...Object.fromEntries(
    ['operator', 'operators', 'root', 'roots', 'root_operator', 'root_operators'].map((key) => [
      key,
      operators,
    ]),
  ),
  ...Object.fromEntries(
    ['resolver', 'account_resolver', 'accounts_resolver'].map((key) => [key, accountResolver]),
  ),
  resolver_preload: (launch, entry, reader) => {
    const { data } = entry.value
    if (!(data instanceof ConfigMap))
      return reader.fail('preload should be a map of account_public_key:account_jwt')
    const preload: Record<string, string> = Object.create(null)
    for (const each of data.entries.values())
      reader.at(each, () => {
        if (typeof each.value.data !== 'string')
          return reader.fail('preload map value should be a string JWT')
        try {
          decodeAccountClaims(each.value.data)
        } catch {
          reader.fail('invalid account JWT')
        }
        preload[each.key] = each.value.data
      })
    of(launch).preload = preload
  },
  resolver_pinned_accounts: (launch, entry, reader) => {
    of(launch).pinnedAccounts = textsOf(entry, reader, 'error parsing resolver_pinned_accounts')
  },
  trusted,
  trusted_keys: trusted,
  default_sentinel: (launch, entry, reader) => {
    of(launch).defaultSentinel = reader.string(entry)
  },
}

function of({ server }: Launch): OperatorOptions {
  server.operator ??= {}
  return server.operator
}

function trusted(...[launch, entry, reader]: Parameters<Key>): void {
  const keys = textsOf(entry, reader, 'error parsing trusted')
  of(launch).trustedKeys = keys
  for (const key of keys)
    if (!isPublicKey(key, 'operator'))
      reader.fail(`trust key ${quoted(key)} required to be a valid public operator nkey`)
}

/** One text, or a list of them. */
function textsOf(entry: ConfigEntry, reader: Reader, what: string): string[] {
  const { data } = entry.value
  if (typeof data === 'string') return [data]
  if (!Array.isArray(data)) return reader.fail(`${what}: unsupported type ${typeName(entry.value)}`)
  return data.map((each) =>
    typeof each.data === 'string'
      ? each.data
      : reader.fail(`${what}: unsupported type in array ${typeName(each)}`, each.place),
  )
}

/** Files with JWTs, or the JWTs themselves. */
function operators(...[launch, entry, reader]: Parameters<Key>): void {
  const { data } = entry.value
  const given: ConfigValue[] = Array.isArray(data) ? data : [entry.value]
  of(launch).operators = given.map((value) => {
    if (typeof value.data !== 'string') {
      const type = Array.isArray(data) ? '*conf.token where string is expected' : typeName(value)
      return reader.fail(`error parsing operators: unsupported type ${type}`)
    }
    try {
      const jwt = undecorated(readOperator(value.data))
      decodeOperator(jwt)
      return jwt
    } catch (error) {
      return reader.fail(`error parsing operator JWT: ${(error as Error).message}`)
    }
  })
}

function readOperator(nameOrJwt: string): string {
  try {
    return readFileSync(nameOrJwt, 'utf8')
  } catch (error) {
    if (nameOrJwt.startsWith(JWT_START)) return nameOrJwt
    throw new Error(reason(error as NodeJS.ErrnoException))
  }
}

function accountResolver(...[launch, entry, reader]: Parameters<Key>): void {
  of(launch).resolver = resolverOf(entry, reader) ?? reader.fail(RESOLVER_MISTAKE)
}

function resolverOf(entry: ConfigEntry, reader: Reader): ResolverOptions | null {
  const { data } = entry.value
  if (typeof data === 'string') return namedResolver(data)
  if (data instanceof ConfigMap) return folderResolver(data, entry, reader)
  return reader.fail(`error parsing operator resolver, wrong type ${typeName(entry.value)}`)
}

function namedResolver(text: string): ResolverOptions | null {
  if (/MEM/i.test(text)) return { type: 'memory' }
  const url = /URL(?:\(\s*"?([^\s"]*)"?\s*\))?\s*/i.exec(text)
  return url === null ? null : { type: 'url', url: url[1] ?? '' }
}

interface FolderWords {
  type: string
  dir: string
  allowDelete: boolean
  hardDelete: boolean | null
  limit: number
  ttl: number
  interval: number
  timeout: number | null
}

function folderResolver(map: ConfigMap, entry: ConfigEntry, reader: Reader): ResolverOptions | null {
  const words: FolderWords = {
    type: '',
    dir: '',
    allowDelete: false,
    hardDelete: null,
    limit: 0,
    ttl: 0,
    interval: 0,
    timeout: null,
  }
  // As with nats-server, a key that nobody knows is passed over.
  for (const each of map.entries.values())
    if (Object.hasOwn(words, nameOf(each.key))) readWord(words, each, reader)
  const { type, dir, timeout } = words
  if (timeout !== null && timeout <= 0) reader.fail(`Fetch timeout ${formatDuration(timeout)} is too smal`)
  const upper = type.toUpperCase()
  if (upper === 'MEM' || upper === 'MEMORY') return { type: 'memory' }
  if (upper !== 'CACHE' && upper !== 'FULL') return null
  checkFolder(dir, entry, reader)
  const limits = { dir, limit: words.limit, ...(timeout === null ? {} : { timeout }) }
  if (upper === 'CACHE') {
    if (words.interval !== 0) reader.fail('CACHE does not accept sync')
    if (words.allowDelete) reader.fail('CACHE does not accept allow_delete')
    if (words.hardDelete !== null) reader.fail('CACHE does not accept hard_delete')
    return { type: 'cache', ...limits, ttl: words.ttl }
  }
  if (words.ttl !== 0) reader.fail('FULL does not accept ttl')
  if (words.hardDelete !== null && !words.allowDelete) reader.fail('hard_delete has no effect without delete')
  const { allowDelete, hardDelete, interval } = words
  return { type: 'full', ...limits, allowDelete, hardDelete: hardDelete ?? false, interval }
}

function nameOf(key: string): keyof FolderWords {
  const names: Readonly<Record<string, keyof FolderWords>> = {
    allow_delete: 'allowDelete',
    hard_delete: 'hardDelete',
  }
  return names[key] ?? (key as keyof FolderWords)
}

function readWord(words: FolderWords, entry: ConfigEntry, reader: Reader): void {
  const name = nameOf(entry.key)
  switch (name) {
    case 'type':
    case 'dir':
      words[name] = reader.string(entry)
      return
    case 'allowDelete':
    case 'hardDelete':
      words[name] = reader.boolean(entry)
      return
    case 'limit':
      words.limit = reader.integer(entry)
      return
    default:
      try {
        words[name] = parseDurationMs(reader.string(entry))
      } catch (error) {
        reader.fail((error as Error).message)
      }
  }
}

function checkFolder(dir: string, entry: ConfigEntry, reader: Reader): void {
  if (dir === '') {
    reader.at(entry, () => reader.fail('dir has no value and needs to point to a directory'))
    reader.fail('mkdir : no such file or directory')
  }
  const found = statSync(dir, { throwIfNoEntry: false })
  if (found !== undefined && !(found.isDirectory() && isWritable(dir)))
    reader.fail('dir needs to point to an accessible directory')
}

function isWritable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK)
    return true
  } catch {
    return false
  }
}
