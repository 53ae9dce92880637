import type { JsonText } from '../config/json/encode.ts'
import { encodeStreamConfig } from '../config/stream/fields.ts'
import { withStreamServerMetadata } from '../config/stream/metadata.ts'
import { formatMs, formatTime, ZERO_TIME } from '../config/time-text.ts'
import type { StreamConfig, StreamInfo, StreamState } from '../config/types.ts'
import type { Stream } from './stream.ts'

/** Parts of the state that are only shown when asked for. */
export interface StateDetails {
  /** The sequences deleted in between: an array. */
  deleted?: JsonText
  /** Messages by subject: an object. */
  subjects?: JsonText
}

/** Deleted sequences that an answer lists at most, the oldest: `num_deleted` tells of all. */
const MAX_DELETED_SHOWN = 500_000

/** The sequences deleted in between, the oldest first. */
export function deletedOf(stream: Stream): number[] {
  return stream.log.deleted(MAX_DELETED_SHOWN)
}

/** The state as the API shows it. */
export function streamState(stream: Stream, details: StateDetails = {}): StreamState {
  const { log } = stream
  // First, since messages may turn out to be lost by it.
  const first = log.firstTime()
  const isEmpty = log.messages === 0
  const isNew = isEmpty && log.lastSeq === 0
  const hasDeleted = !isEmpty && log.numDeleted > 0
  let consumers = 0
  for (const consumer of stream.consumers.values()) if (consumer.config.direct !== true) consumers++
  return {
    messages: log.messages,
    bytes: log.bytes,
    first_seq: isNew && !stream.wasPurged ? stream.firstSeqWanted : log.firstSeq,
    first_ts: first === null ? ZERO_TIME : formatTime(first.sec, first.nsec),
    last_seq: log.lastSeq,
    last_ts: log.lastSec === 0 ? ZERO_TIME : formatTime(log.lastSec, log.lastNsec),
    ...(log.subjectCount > 0 ? { num_subjects: log.subjectCount } : {}),
    ...(details.subjects === undefined ? {} : { subjects: details.subjects }),
    ...(hasDeleted ? { num_deleted: log.numDeleted } : {}),
    ...(hasDeleted && details.deleted !== undefined ? { deleted: details.deleted } : {}),
    ...(log.lost.count > 0 ? { lost: { msgs: [...log.lost.sequences], bytes: log.lost.bytes } } : {}),
    consumer_count: consumers,
  }
}

/** Configuration as answers about one stream show it. */
export function shownConfig(stream: Stream): StreamConfig {
  return encodeStreamConfig(withStreamServerMetadata(stream.config))
}

/** The info as the answers to create and update have it. */
export function streamInfo(stream: Stream, details: StateDetails = {}): StreamInfo {
  return {
    config: shownConfig(stream),
    created: formatMs(stream.createdMs),
    state: streamState(stream, details),
    ...(stream.host.domain === '' ? {} : { domain: stream.host.domain }),
    ...stream.origins.info(),
    ts: formatMs(stream.clock.now()),
  }
}

/** The info as a request for it is answered, and monitoring shows it: this server leads it. */
export function ledStreamInfo(stream: Stream, details: StateDetails = {}): StreamInfo {
  const { ts, ...info } = streamInfo(stream, details)
  return { ...info, cluster: { leader: stream.host.serverName }, ts }
}

/** Configuration as it is stored and backed up: without what answers add. */
export function storedConfig(stream: Stream): StreamConfig {
  return encodeStreamConfig(stream.config)
}
