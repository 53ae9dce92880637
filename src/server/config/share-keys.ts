/** `exports [ … ]` and `imports [ … ]` of an account. */
import type { ExportOptions, ImportOptions } from '../security-options.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { latency } from './tracing-keys.ts'
import { type ConfigEntry, ConfigMap, type Place, typeName } from './value.ts'

export function exports(entry: ConfigEntry, reader: Reader): ExportOptions[] {
  return items(entry, reader, 'Exports', (map, item) => {
    const found: ExportOptions = {}
    reader.each(map, found, exportKeys, {})
    if (found.stream !== undefined && found.service !== undefined) {
      const [first, second] = item.filter(({ key }) => /^(stream|service)$/i.test(key))
      const [was, is] = [first.key.toLowerCase(), second.key.toLowerCase()] as ['service', 'stream']
      reader.fail(`Detected ${is} "${found[is]}" but already saw a ${was}`, second.place)
    }
    if (found.stream === undefined && found.service === undefined) return null
    const response = item.find(({ key }) => key.toLowerCase().startsWith('response'))
    if (found.stream !== undefined && response !== undefined) {
      reader.fail('Detected response directive on non-service', response.place)
    }
    if (found.stream !== undefined)
      for (const key of ['latency', 'allow_trace'])
        refuseKey(item, key, `Detected ${key} directive on non-service`, reader)
    return found
  })
}

export function imports(entry: ConfigEntry, reader: Reader): ImportOptions[] {
  const services = new Map<string, string>()
  return items(entry, reader, 'Imports', (map, item, end) => {
    const found: ImportOptions = {}
    reader.each(map, found, importKeys, {})
    if (found.stream !== undefined && found.service !== undefined) {
      reader.fail('Detected stream but already saw a service')
    }
    if (found.service !== undefined)
      refuseKey(item, 'allow_trace', 'Detected allow_trace directive on a non-stream', reader)
    if (found.prefix !== undefined && found.to !== undefined) {
      reader.fail("Stream import can not have a 'prefix' and a 'to' property")
    }
    if (found.service !== undefined) refuseTwice(found.service, found.to, services, reader, end)
    return found.stream === undefined && found.service === undefined ? null : found
  })
}

/** The key does not go with what else there is. */
function refuseKey(item: readonly ConfigEntry[], key: string, mistake: string, reader: Reader): void {
  const found = item.find((each) => each.key.toLowerCase() === key)
  if (found !== undefined) reader.fail(mistake, found.place)
}

/** `services`: subjects of imports before, and what was said of each. */
function refuseTwice(
  { account, subject }: { account: string; subject: string },
  to: string | undefined,
  services: Map<string, string>,
  reader: Reader,
  end: Place | undefined,
): void {
  const known = services.get(to ?? subject)
  if (known !== undefined) reader.fail(`Duplicate service import subject "${to ?? subject}", ${known}`, end)
  services.set(to ?? subject, `previously used in import for account "${account}", subject "${subject}"`)
}

function items<Item>(
  entry: ConfigEntry,
  reader: Reader,
  what: string,
  read: (map: ConfigMap, entries: readonly ConfigEntry[], end: Place | undefined) => Item | null,
): Item[] {
  const { data } = entry.value
  if (!Array.isArray(data)) return reader.fail(`${what} should be an array, got ${typeName(entry.value)}`)
  const found: Item[] = []
  for (const value of data) {
    if (!(value.data instanceof ConfigMap)) {
      return reader.fail(`${what.slice(0, -1)} Items should be a map with type entry, got ${typeName(value)}`)
    }
    const item = read(value.data, [...value.data.entries.values()], value.end)
    if (item !== null) found.push(item)
  }
  return found
}

type ExportKey = KeyTable<ExportOptions>[string]

const exportKeys: KeyTable<ExportOptions> = {
  stream: (target, entry, reader) => {
    target.stream = text(entry, reader, 'stream name')
  },
  service: (target, entry, reader) => {
    target.service = text(entry, reader, 'service name')
  },
  accounts: (target, entry, reader) => {
    target.accounts = reader
      .array(entry)
      .map(({ data }) => (typeof data === 'string' ? data : reader.fail('Expected the name of an account')))
    if (target.accounts.length > 0) return
    // As nats-server has it: an export to an empty list is one to all.
    delete target.accounts
  },
  response: responseType,
  response_type: responseType,
  threshold,
  response_threshold: threshold,
  response_max_time: threshold,
  response_time: threshold,
  account_token_position: (target, entry, reader) => {
    target.accountTokenPosition = reader.integer(entry)
  },
  latency: (target, entry, reader) => {
    target.latency = latency(entry, reader)
  },
  allow_trace: (target, entry, reader) => {
    target.allowTrace = reader.boolean(entry)
  },
}

const responseTypes: ReadonlyMap<string, NonNullable<ExportOptions['responseType']>> = new Map([
  ['single', 'singleton'],
  ['singleton', 'singleton'],
  ['stream', 'stream'],
  ['chunk', 'chunked'],
  ['chunked', 'chunked'],
])

function responseType(...[target, entry, reader]: Parameters<ExportKey>): void {
  const word = text(entry, reader, 'response type')
  target.responseType =
    responseTypes.get(word.toLowerCase()) ?? reader.fail(`Unknown response type: "${word}"`)
}

function threshold(...[target, entry, reader]: Parameters<ExportKey>): void {
  const { data } = entry.value
  const mistake = 'Expected response threshold to be a parseable time duration, got'
  if (typeof data !== 'string') reader.fail(`${mistake} ${typeName(entry.value)}`)
  try {
    target.responseThreshold = parseDurationMs(data as string)
  } catch {
    reader.fail(`${mistake} "${data}"`)
  }
}

const importKeys: KeyTable<ImportOptions> = {
  stream: (target, entry, reader) => {
    target.stream = shared(entry, reader, 'Stream')
  },
  service: (target, entry, reader) => {
    target.service = shared(entry, reader, 'Service')
  },
  to: (target, entry, reader) => {
    target.to = reader.string(entry)
  },
  prefix: (target, entry, reader) => {
    target.prefix = reader.string(entry)
  },
  share: (target, entry, reader) => {
    target.share = reader.boolean(entry)
  },
  allow_trace: (target, entry, reader) => {
    target.allowTrace = reader.boolean(entry)
  },
}

function shared(entry: ConfigEntry, reader: Reader, what: string): { account: string; subject: string } {
  const { data } = entry.value
  if (!(data instanceof ConfigMap)) {
    return reader.fail(`${what} entry should be an account map, got ${typeName(entry.value)}`)
  }
  const found = { account: '', subject: '' }
  const take =
    (key: 'account' | 'subject') =>
    (target: typeof found, each: ConfigEntry): void => {
      target[key] = reader.string(each)
    }
  reader.each(data, found, { account: take('account'), subject: take('subject') }, {})
  if (found.account === '' || found.subject === '') reader.fail('Expect an account name and a subject')
  return found
}

function text(entry: ConfigEntry, reader: Reader, what: string): string {
  const { data } = entry.value
  return typeof data === 'string'
    ? data
    : reader.fail(`Expected ${what} to be string, got ${typeName(entry.value)}`)
}
