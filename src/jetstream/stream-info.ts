import { encodeStreamConfig } from './config/fields.ts'
import { withStreamServerMetadata } from './config/metadata.ts'
import type { Stream } from './stream.ts'
import { formatMs, formatTime, ZERO_TIME } from './time-text.ts'
import type { StreamConfig, StreamInfo, StreamState } from './types.ts'

/** The state as the API shows it. `withDeleted`: with the sequences that were deleted in between. */
export function streamState(stream: Stream, withDeleted = false): StreamState {
  const { log } = stream
  const isEmpty = log.messages === 0
  const isNew = isEmpty && log.lastSeq === 0
  const state: StreamState = {
    messages: log.messages,
    bytes: log.bytes,
    first_seq: isNew ? 0 : log.firstSeq,
    first_ts: isEmpty ? ZERO_TIME : formatTime(log.firstSec, log.firstNsec),
    last_seq: log.lastSeq,
    last_ts: log.lastSec === 0 ? ZERO_TIME : formatTime(log.lastSec, log.lastNsec),
    consumer_count: 0,
  }
  if (log.subjectCount > 0) state.num_subjects = log.subjectCount
  if (log.numDeleted > 0) {
    state.num_deleted = log.numDeleted
    if (withDeleted) state.deleted = [...log.deleted()]
  }
  if (log.lostRecords > 0) state.lost = { msgs: null, bytes: 0 }
  let consumers = 0
  for (const consumer of stream.consumers.values()) if (consumer.config.direct !== true) consumers++
  // Keeps its place behind the fields that may be missing.
  state.consumer_count = consumers
  return state
}

/** Configuration as answers about one stream show it. */
export function shownConfig(stream: Stream): StreamConfig {
  return encodeStreamConfig(withStreamServerMetadata(stream.config))
}

/** The info as the answers to create and update have it. */
export function streamInfo(stream: Stream, withDeleted = false): StreamInfo {
  return {
    config: shownConfig(stream),
    created: formatMs(stream.createdMs),
    state: streamState(stream, withDeleted),
    ...(stream.js.domain === '' ? {} : { domain: stream.js.domain }),
    ts: formatMs(stream.clock.now()),
  }
}

/** The info as a request for it is answered, and monitoring shows it: this server leads it. */
export function ledStreamInfo(stream: Stream, withDeleted = false): StreamInfo {
  const { ts, ...info } = streamInfo(stream, withDeleted)
  return { ...info, cluster: { leader: stream.js.serverName }, ts }
}
