/** `limits { … }` of `jetstream`. */
import type { JetStreamLimitOptions } from '../../jetstream/index.ts'
import type { Launch } from '../launch.ts'
import { parseDurationMs } from './number.ts'
import type { KeyTable, Reader } from './reader.ts'
import { type ConfigEntry, ConfigMap, typeName } from './value.ts'

export function jetstreamLimits({ server }: Launch, entry: ConfigEntry, reader: Reader): void {
  const { data } = entry.value
  if (!(data instanceof ConfigMap))
    reader.fail(`Expected a map to define JetStreamLimits, got ${typeName(entry.value)}`)
  const limits: JetStreamLimitOptions = {}
  server.jetstreamLimits = limits
  reader.each(data, limits, limitKeys, {}, true)
}

type Batch = NonNullable<JetStreamLimitOptions['batch']>

const limitKeys: KeyTable<JetStreamLimitOptions> = {
  default_max_consumers: (limits, entry, reader) => {
    limits.defaultMaxConsumers = reader.integer(entry)
  },
  max_ack_pending: (limits, entry, reader) => {
    limits.maxAckPending = reader.integer(entry)
  },
  max_request_batch: (limits, entry, reader) => {
    limits.maxRequestBatch = reader.integer(entry)
  },
  duplicate_window: (limits, entry, reader) => {
    limits.duplicateWindow = durationMs(entry, reader)
  },
  batch: (limits, entry, reader) => {
    const { data } = entry.value
    if (!(data instanceof ConfigMap))
      return reader.fail(`Expected a map to define batch limits, got ${typeName(entry.value)}`)
    limits.batch = {}
    return reader.each(data, limits.batch, batchKeys, {}, true)
  },
  max_ha_assets: (limits, entry, reader) => {
    limits.maxHaAssets = reader.integer(entry)
  },
}

const batchKeys: KeyTable<Batch> = {
  max_inflight_per_stream: (batch, entry, reader) => {
    batch.maxInflightPerStream = reader.integer(entry)
  },
  max_inflight_total: (batch, entry, reader) => {
    batch.maxInflightTotal = reader.integer(entry)
  },
  max_msgs: (batch, entry, reader) => {
    batch.maxMessages = reader.integer(entry)
  },
  timeout: (batch, entry, reader) => {
    batch.timeout = durationMs(entry, reader)
  },
}

/** Only as text, unlike elsewhere; what it is not is told without its place. */
function durationMs(entry: ConfigEntry, reader: Reader): number {
  const text = reader.string(entry)
  try {
    return parseDurationMs(text)
  } catch (error) {
    reader.errors.push((error as Error).message)
    return 0
  }
}
