/** `jetstream: true`, `jetstream: enabled`, `jetstream { … }`. */
import type { Launch } from '../launch.ts'
import { emptySecret } from '../security.ts'
import { jetstreamLimits } from './jetstream-limit-keys.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { noMatter } from './setters.ts'
import { type ConfigEntry, ConfigMap, shown, typeName } from './value.ts'

export function jetstream(launch: Launch, entry: ConfigEntry, reader: Reader): void {
  const { data } = entry.value
  if (typeof data === 'boolean') launch.server.jetstream = data
  else if (typeof data === 'string') launch.server.jetstream = isEnabled(data, reader)
  else if (data instanceof ConfigMap) {
    launch.server.jetstream = true
    const mistakes = reader.errors.length
    reader.each(data, launch, jetstreamKeys, refusedKeys, true)
    // nats-server takes a cipher without a key for nothing.
    if (launch.server.encryption?.key === '' && reader.errors.length === mistakes)
      reader.fail(`cipher or prev_key without a key: ${PLAIN}`)
  } else reader.fail(`Expected map, bool or string to define JetStream, got ${typeName(entry.value)}`)
}

function isEnabled(text: string, reader: Reader): boolean {
  const word = text.toLowerCase()
  if (word === 'enabled' || word === 'enable') return true
  if (word === 'disabled' || word === 'disable') return false
  return reader.fail(`Expected 'enabled' or 'disabled' for string value, got '${text}'`)
}

type Key = KeyTable<Launch>[string]

const jetstreamKeys: KeyTable<Launch> = {
  enabled,
  enable: enabled,
  strict: ({ server }, entry, reader) => {
    const { data } = entry.value
    if (typeof data !== 'boolean')
      reader.fail(`Expected 'true' or 'false' for bool value, got '${shown(entry.value)}'`)
    server.strict = data as boolean
  },
  limits: jetstreamLimits,
  store: storeDir,
  store_dir: storeDir,
  storedir: storeDir,
  max_mem: maxMemory,
  max_mem_store: maxMemory,
  max_memory_store: maxMemory,
  max_file: maxFile,
  max_file_store: maxFile,
  domain: ({ server }, entry, reader) => {
    server.domain = reader.string(entry)
  },
  sync: syncInterval,
  sync_interval: syncInterval,
  cipher,
  key: encryptionKey,
  ek: encryptionKey,
  encryption_key: encryptionKey,
  prev_key: previousKey,
  prev_ek: previousKey,
  prev_encryption_key: previousKey,
  // Of clusters, or of queues and threads that are not here: requests wait in the order they came, and the kernel with them.
  extension_hint: noMatter.text,
  unique_tag: noMatter.text,
  max_outstanding_catchup: storageSize,
  max_buffered_size: storageSize,
  max_buffered_msgs: parseable,
  request_queue_limit: parseable,
  info_queue_limit: parseable,
  meta_compact: (_launch, entry, reader) => void absolute(entry, reader.isInteger(entry, 0), reader),
  meta_compact_size: (launch, entry, reader) => {
    if (storageSize(launch, entry, reader) < 0) absolute(entry, false, reader)
  },
  meta_compact_sync: noMatter.toggle,
  max_concurrent_io: (_launch, entry, reader) => {
    const isRight = reader.isInteger(entry, LEAST_IOS) && (entry.value.data as number) <= MOST_IOS
    if (!isRight) {
      const range = `between ${LEAST_IOS} and ${MOST_IOS}`
      reader.fail(`Expected an absolute size for "${entry.key}" ${range}, got ${shown(entry.value)}`)
    }
  },
}

const LEAST_IOS = 4
const MOST_IOS = 8192

function storageSize(_launch: Launch, entry: ConfigEntry, reader: Reader): number {
  return reader.size(entry, entry.key.toLowerCase())
}

function parseable(_launch: Launch, entry: ConfigEntry, reader: Reader): void {
  if (!reader.isInteger(entry))
    reader.fail(`Expected a parseable size for "${entry.key}", got ${shown(entry.value)}`)
}

function absolute(entry: ConfigEntry, isRight: boolean, reader: Reader): void {
  if (!isRight) reader.fail(`Expected an absolute size for "${entry.key}", got ${shown(entry.value)}`)
}

/** `store_dir` outside of `jetstream`. */
export function topStoreDir(...[{ server }, entry, reader]: Parameters<Key>): void {
  storeDir({ server, log: {} }, entry, reader)
}

const refusedKeys: Readonly<Record<string, string>> = {
  tpm: 'give the key of the store by the environment: `key: $NAME`',
}

function enabled(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.jetstream = reader.boolean(entry)
}

function storeDir(...[{ server }, entry, reader]: Parameters<Key>): void {
  if (server.storeDir) reader.fail("Duplicate 'store_dir' configuration")
  server.storeDir = reader.string(entry) || undefined
}

function maxMemory(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.maxMemoryStore = reader.size(entry, 'max_mem_store')
}

function maxFile(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.maxFileStore = reader.size(entry, 'max_file_store')
}

/** `always`, or a duration: an acknowledged message is on disk so much later. */
function syncInterval(...[{ server }, entry, reader]: Parameters<Key>): void {
  const text = entry.value.data
  if (typeof text === 'string' && text.toLowerCase() === 'always') {
    server.syncInterval = 'always'
    return
  }
  if (typeof text !== 'string') {
    server.syncInterval = reader.durationMs(entry)
    return
  }
  try {
    server.syncInterval = parseDurationMs(text)
  } catch (error) {
    reader.fail(`error parsing ${entry.key}: ${(error as Error).message}`)
  }
}

/** 'aes', 'chacha' or 'chachapoly'; the key may come behind it. */
function cipher(...[{ server }, entry, reader]: Parameters<Key>): void {
  const text = reader.string(entry)
  const word = text.toLowerCase()
  if (word !== 'aes' && word !== 'chacha' && word !== 'chachapoly') {
    reader.fail(`Unknown cipher type: "${text}"`)
  }
  server.encryption = { key: '', ...server.encryption, cipher: word === 'aes' ? 'aes' : 'chacha' }
}

function encryptionKey(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.encryption = { ...server.encryption, key: secret(entry, reader) }
}

function previousKey(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.encryption = { key: '', ...server.encryption, previousKey: secret(entry, reader) }
}

const PLAIN = 'the store would not be encrypted'

/** nats-server takes an empty one for none. */
function secret(entry: ConfigEntry, reader: Reader): string {
  const text = reader.string(entry)
  if (text === '') reader.fail(emptySecret(entry.key, PLAIN))
  return text
}
