/** `permissions { publish, subscribe, allow_responses }`. */
import { ruleMistake } from '../../auth/index.ts'
import type { PermissionOptions, SubjectPermissionOptions } from '../security-options.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, goValue, type Place, show, typeName } from './value.ts'

/** The value of a key that is about permissions. */
export function permissions(entry: ConfigEntry, reader: Reader): PermissionOptions {
  const { data } = entry.value
  if (!(data instanceof ConfigMap)) {
    return reader.fail(`Expected permissions to be a map/struct, got ${goValue(entry.value)}`)
  }
  const found: PermissionOptions = {}
  reader.each(data, found, permissionKeys, {}, false, unknownField)
  return found
}

type Key = KeyTable<PermissionOptions>[string]

const permissionKeys: KeyTable<PermissionOptions> = {
  pub: publish,
  publish,
  import: publish,
  sub: subscribe,
  subscribe,
  export: subscribe,
  allow_responses: allowResponses,
  publish_allow_responses: allowResponses,
}

function publish(...[target, entry, reader]: Parameters<Key>): void {
  target.publish = subjects(entry, reader, false)
}

function subscribe(...[target, entry, reader]: Parameters<Key>): void {
  target.subscribe = subjects(entry, reader, true)
}

function subjects(entry: ConfigEntry, reader: Reader, allowsQueue: boolean): SubjectPermissionOptions {
  const { data } = entry.value
  const found: SubjectPermissionOptions = {}
  if (data instanceof ConfigMap) {
    const take = (key: 'allow' | 'deny') => (_: SubjectPermissionOptions, each: ConfigEntry) => {
      found[key] = patterns(each, reader, allowsQueue, each.place)
    }
    reader.each(data, found, { allow: take('allow'), deny: take('deny') }, {}, false, unknownSubjectField)
  } else found.allow = patterns(entry, reader, allowsQueue, null)
  if (found.allow?.length === 0) {
    // As nats-server has it; whoever wrote it may have meant the opposite.
    reader.warnings.push(`${show(entry.place)}: an empty list of what is allowed allows everything`)
    delete found.allow
  }
  return found
}

/** `place`: where mistakes are told to be; null: nats-server says no place. */
function patterns(entry: ConfigEntry, reader: Reader, allowsQueue: boolean, place: Place | null): string[] {
  const { data } = entry.value
  let found: string[]
  if (typeof data === 'string') found = [data]
  else if (Array.isArray(data)) {
    found = data.map((each) =>
      typeof each.data === 'string'
        ? each.data
        : reader.fail('Subject in permissions array cannot be cast to string'),
    )
  } else {
    const type = data instanceof ConfigMap ? 'map[string]interface {}' : typeName(entry.value)
    reader.errors.push(`Expected subject permissions to be a subject, or array of subjects, got ${type}`)
    return []
  }
  for (const pattern of found) {
    const mistake = ruleMistake(pattern, allowsQueue)
    if (mistake !== null) reader.errors.push(place === null ? mistake : `${show(place)}: ${mistake}`)
  }
  return found
}

type Responses = Exclude<PermissionOptions['allowResponses'], boolean | undefined>

function allowResponses(...[target, entry, reader]: Parameters<Key>): void {
  const { data } = entry.value
  if (typeof data === 'boolean') target.allowResponses = data
  else if (data instanceof ConfigMap) {
    const found: Responses = {}
    reader.each(data, found, responseKeys, {}, false, unknownField)
    target.allowResponses = found
  } else reader.fail('error parsing response permissions, expected a boolean or a map')
}

type ResponseKey = KeyTable<Responses>[string]

const responseKeys: KeyTable<Responses> = {
  max: maxResponses,
  max_msgs: maxResponses,
  max_messages: maxResponses,
  max_responses: maxResponses,
  expires,
  expiration: expires,
  ttl: expires,
}

function maxResponses(...[target, entry, reader]: Parameters<ResponseKey>): void {
  target.max = reader.integer(entry)
}

function expires(...[target, entry, reader]: Parameters<ResponseKey>): void {
  const { data } = entry.value
  if (typeof data !== 'string') reader.fail('error parsing expires, not a duration string')
  try {
    target.expires = parseDurationMs(data as string)
  } catch (error) {
    reader.fail(`error parsing expires: ${(error as Error).message}`)
  }
}

function unknownField(key: string): string {
  return `Unknown field "${key}" parsing permissions`
}

function unknownSubjectField(key: string): string {
  return `Unknown field name "${key}" parsing subject permissions, only 'allow' or 'deny' are permitted`
}
