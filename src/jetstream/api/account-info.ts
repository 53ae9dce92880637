import { API_LEVEL } from '../config/stream/metadata.ts'
import type { ApiRequest } from './request.ts'

/** No limits but those of the server. */
const LIMITS = {
  max_memory: -1,
  max_storage: -1,
  max_streams: -1,
  max_consumers: -1,
  max_ack_pending: -1,
  memory_max_stream_bytes: -1,
  storage_max_stream_bytes: -1,
  max_bytes_required: false,
} as const

/** `INFO`: what the account uses and may use. */
export function accountInfo(request: ApiRequest): object {
  const { account } = request
  const usage = account.usage()
  let consumers = 0
  for (const stream of account.streams.values()) consumers += stream.consumers.size
  return {
    memory: usage.memory,
    storage: usage.storage,
    reserved_memory: usage.reservedMemory,
    reserved_storage: usage.reservedStorage,
    streams: account.streams.size,
    consumers,
    limits: LIMITS,
    ...(account.host.domain === '' ? {} : { domain: account.host.domain }),
    api: { level: API_LEVEL, total: account.apiTotal, errors: account.apiErrors },
  }
}
