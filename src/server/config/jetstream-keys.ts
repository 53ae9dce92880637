/** `jetstream: true`, `jetstream: enabled`, `jetstream { … }`. */
import type { Launch } from '../launch.ts'
import { emptySecret } from '../security.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, typeName } from './value.ts'

export function jetstream(launch: Launch, entry: ConfigEntry, reader: Reader): void {
  const { data } = entry.value
  if (typeof data === 'boolean') launch.server.jetstream = data
  else if (typeof data === 'string') launch.server.jetstream = isEnabled(data, reader)
  else if (data instanceof ConfigMap) {
    launch.server.jetstream = true
    const mistakes = reader.errors.length
    reader.each(data, launch, jetstreamKeys, refusedKeys)
    // nats-server takes a cipher without a key for nothing.
    if (launch.server.encryption?.key === '' && reader.errors.length === mistakes)
      reader.fail(`cipher or prev_key without a key: ${PLAIN}`)
  } else reader.fail(`Expected a map, bool or string to define JetStream, got ${typeName(entry.value)}`)
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
  strict: (_launch, entry, reader) => {
    if (!reader.boolean(entry))
      reader.fail('strict can not be switched off: requests with unknown fields are refused')
  },
  store: storeDir,
  store_dir: storeDir,
  storedir: storeDir,
  max_mem: maxMemory,
  max_mem_store: maxMemory,
  max_memory: maxMemory,
  max_memory_store: maxMemory,
  max_file: maxFile,
  max_file_store: maxFile,
  domain: ({ server }, entry, reader) => {
    server.domain = reader.string(entry)
  },
  sync: syncInterval,
  sync_interval: syncInterval,
  sync_always: ({ server }, entry, reader) => {
    if (reader.boolean(entry)) server.syncInterval = 'always'
  },
  cipher,
  key: encryptionKey,
  ek: encryptionKey,
  encryption_key: encryptionKey,
  prev_key: previousKey,
  prev_ek: previousKey,
  prev_encryption_key: previousKey,
}

const later = 'Contrail does not serve it yet'

const refusedKeys: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'compression',
    'extension_hint',
    'info_queue_limit',
    'limits',
    'max_ack_pending',
    'max_buffered_msgs',
    'max_buffered_size',
    'max_outstanding_catchup',
    'max_streams',
    'meta_compact',
    'request_queue_limit',
    'tpm',
    'unique_tag',
  ].map((key) => [key, later]),
)

function enabled(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.jetstream = reader.boolean(entry)
}

function storeDir(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.storeDir = reader.string(entry)
}

function maxMemory(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.maxMemoryStore = reader.size(entry)
}

function maxFile(...[{ server }, entry, reader]: Parameters<Key>): void {
  server.maxFileStore = reader.size(entry)
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
