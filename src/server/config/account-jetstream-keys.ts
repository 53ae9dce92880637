/** `jetstream` of an account: a switch, or its limits. */
import type { AccountJetStreamOptions } from '../security-options.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, shown, typeName } from './value.ts'

export function accountJetStream(entry: ConfigEntry, reader: Reader): AccountJetStreamOptions | boolean {
  const { data } = entry.value
  if (typeof data === 'boolean') return data
  if (data instanceof ConfigMap) return limitsOf(data, reader)
  if (typeof data !== 'string') {
    return withoutPlace(
      reader,
      `Expected map, bool or string to define JetStream, got ${typeName(entry.value)}`,
    )
  }
  const word = data.toLowerCase()
  if (word === 'enabled' || word === 'enable') return true
  if (word === 'disabled' || word === 'disable') return false
  return withoutPlace(reader, `Expected 'enabled' or 'disabled' for string value, got '${data}'`)
}

/** As nats-server tells it. */
function withoutPlace(reader: Reader, mistake: string): boolean {
  reader.errors.push(mistake)
  return false
}

function limitsOf(map: ConfigMap, reader: Reader): AccountJetStreamOptions {
  const found: AccountJetStreamOptions = {}
  reader.each(map, found, limitKeys, {})
  return found
}

type Key = KeyTable<AccountJetStreamOptions>[string]
type NumberName = Exclude<keyof AccountJetStreamOptions, 'maxBytesRequired'>

const limit =
  (name: NumberName): Key =>
  (target, entry, reader) => {
    if (!reader.isInteger(entry))
      reader.fail(`Expected a parseable size for "${entry.key}", got ${shown(entry.value)}`)
    target[name] = entry.value.data as number
  }

const maxBytesRequired: Key = (target, entry, reader) => {
  const { data } = entry.value
  if (typeof data !== 'boolean')
    return reader.fail(`Expected a parseable bool for "${entry.key}", got ${shown(entry.value)}`)
  target.maxBytesRequired = data
  return undefined
}

/** Names as nats-server has them, all of them. */
const limitKeys: KeyTable<AccountJetStreamOptions> = {
  max_memory: limit('maxMemory'),
  max_mem: limit('maxMemory'),
  mem: limit('maxMemory'),
  memory: limit('maxMemory'),
  max_store: limit('maxStore'),
  max_file: limit('maxStore'),
  max_disk: limit('maxStore'),
  store: limit('maxStore'),
  disk: limit('maxStore'),
  max_streams: limit('maxStreams'),
  streams: limit('maxStreams'),
  max_consumers: limit('maxConsumers'),
  consumers: limit('maxConsumers'),
  max_bytes_required: maxBytesRequired,
  max_stream_bytes: maxBytesRequired,
  max_bytes: maxBytesRequired,
  mem_max_stream_bytes: limit('memoryMaxStreamBytes'),
  memory_max_stream_bytes: limit('memoryMaxStreamBytes'),
  disk_max_stream_bytes: limit('storeMaxStreamBytes'),
  store_max_stream_bytes: limit('storeMaxStreamBytes'),
  max_ack_pending: limit('maxAckPending'),
  // Of clusters.
  cluster_traffic: (_target, entry, reader) => {
    const { data } = entry.value
    if (typeof data !== 'string') {
      const wanted = `Expected either 'system' or 'owner' string value for "${entry.key}"`
      reader.fail(`${wanted}, got ${shown(entry.value)}`)
    }
    if (!['', 'owner', 'system'].includes(data as string))
      reader.fail(`Expected 'system' or 'owner' string value for "${entry.key}", got ${shown(entry.value)}`)
  },
}
