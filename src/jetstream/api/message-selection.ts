import type { MessageLog } from '../../storage/index.ts'
import { type SubjectFilter, subjectFilter } from '../../subjects/index.ts'
import { parseTime } from '../config/time-text.ts'

/** Which messages a request to get one or several wants (io.nats.jetstream.api.v1.stream_msg_get_request). */
export interface MessageSelection {
  seq?: number
  last_by_subj?: string
  next_by_subj?: string
  batch?: number
  max_bytes?: number
  start_time?: string
  multi_last?: string[]
  up_to_seq?: number
  up_to_time?: string
  no_hdr?: boolean
}

export const SELECTION_FIELDS = {
  seq: 'uint64',
  last_by_subj: 'string',
  next_by_subj: 'string',
  batch: 'int',
  max_bytes: 'int',
  start_time: '*time.Time',
  multi_last: '[]string',
  up_to_seq: 'uint64',
  up_to_time: '*time.Time',
  no_hdr: 'bool',
} as const

/** The sequence of the first live message that is not older; behind the last when there is none. */
export function seqOfTime(log: MessageLog, text: string): number {
  const time = parseTime(text)
  return time === null ? 0 : log.seqAtTime(time.sec, time.nsec)
}

/** The sequence of the one message that is asked for, 0 when there is none. */
export function selectOne(log: MessageLog, wanted: MessageSelection): number {
  const from = wanted.start_time === undefined ? (wanted.seq ?? 0) : seqOfTime(log, wanted.start_time)
  if (wanted.next_by_subj) return log.next(filterOf(wanted.next_by_subj), Math.max(from, 1))
  if (from > 0) return from
  return lastOf(log, wanted.last_by_subj ?? '')
}

/** The last committed message that matches. */
export function lastOf(log: MessageLog, pattern: string): number {
  const filter = subjectFilter([pattern])
  if (filter.literal === null) return log.previous(filter.all ? null : filter, log.committedSeq)
  const bytes = Buffer.from(pattern)
  const seq = log.lastSeqOf(bytes, 0, bytes.length)
  return seq <= log.committedSeq ? seq : log.previous(filter, log.committedSeq)
}

/** null for everything. */
export function filterOf(pattern: string): SubjectFilter | null {
  return pattern === '>' || pattern === '' ? null : subjectFilter([pattern])
}
