import type { Message } from '../../core/index.ts'
import type { MessageLog } from '../../storage/index.ts'
import { subjectFilter } from '../../subjects/index.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import {
  EXPECTED_LAST_MSG_ID,
  EXPECTED_LAST_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ_SUBJECT,
  EXPECTED_STREAM,
  INCR,
  type PublishHeaders,
  ROLLUP,
  STREAM_SOURCE,
  TTL,
} from '../headers/publish-headers.ts'
import { parseTtlMs } from '../headers/ttl.ts'
import { readInteger } from './counters/integer.ts'

/** Is what the publisher expects of the stream so? Returns the error, null when all is well. */
export function checkExpectations(
  headers: PublishHeaders,
  stream: string,
  log: MessageLog,
  subject: Buffer,
  start: number,
  end: number,
  isTtlAllowed: boolean,
): ApiError | null {
  const early = checkStreamName(headers, stream)
  if (early !== null) return early
  const ttlError = checkTtl(headers, isTtlAllowed)
  if (ttlError?.errCode === 10166) return ttlError
  if (headers.has(EXPECTED_LAST_SUBJECT_SEQ)) {
    const last = expectedSubjectSeq(headers, log, subject, start, end)
    if (last !== headers.number(EXPECTED_LAST_SUBJECT_SEQ)) return wrongSequence(last)
  } else if (headers.has(EXPECTED_LAST_SUBJECT_SEQ_SUBJECT)) {
    return apiError('JSStreamExpectedLastSeqPerSubjectInvalid')
  }
  if (headers.has(EXPECTED_LAST_SEQ) && headers.number(EXPECTED_LAST_SEQ) !== log.lastSeq) {
    return wrongSequence(log.lastSeq)
  }
  return null
}

/** Headers that a message of a counter can't have. */
const NOT_COUNTED = [
  ROLLUP,
  EXPECTED_STREAM,
  EXPECTED_LAST_MSG_ID,
  EXPECTED_LAST_SUBJECT_SEQ_SUBJECT,
  EXPECTED_LAST_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ,
].reduce((bits, header) => bits | (1 << header), 0)

/** An increment is for a counter, and all that its message has. `isCounter`: the stream counts. */
export function checkIncrement(
  headers: PublishHeaders,
  message: Message,
  isCounter: boolean,
): ApiError | null {
  if (!headers.has(INCR)) return null
  if (readInteger(headers.buffer, headers.start(INCR), headers.end(INCR)) === null) {
    return apiError('JSMessageIncrInvalidErr')
  }
  if (!isCounter) return apiError('JSMessageIncrDisabledErr')
  if (message.bodyEnd - message.bodyStart > message.headerLength) return apiError('JSMessageIncrPayloadErr')
  return (headers.found & NOT_COUNTED) === 0 ? null : apiError('JSMessageIncrInvalidErr')
}

export function checkStreamName(headers: PublishHeaders, stream: string): ApiError | null {
  const isOther = headers.has(EXPECTED_STREAM) && headers.text(EXPECTED_STREAM) !== stream
  return isOther ? apiError('JSStreamNotMatchErr') : null
}

/** Only a server that copies from another stream may say so. */
export function checkSource(headers: PublishHeaders): ApiError | null {
  return headers.has(STREAM_SOURCE) ? apiError('JSMessageSourceHdrNotAllowedErr') : null
}

/** `lastId`: the id of the stream's last message, empty when it had none. */
export function checkLastMsgId(headers: PublishHeaders, lastId: Buffer): ApiError | null {
  if (!headers.has(EXPECTED_LAST_MSG_ID) || headers.equals(EXPECTED_LAST_MSG_ID, lastId)) return null
  return apiError('JSStreamWrongLastMsgIDErrF', { id: lastId.toString('utf8') })
}

/** What the message replaces: the messages of its subject, or all. */
export type RollupScope = 'all' | 'none' | 'subject'

export function rollupScope(headers: PublishHeaders, isAllowed: boolean): ApiError | RollupScope {
  if (!headers.has(ROLLUP)) return 'none'
  if (!isAllowed) return apiError('JSStreamRollupFailedF', { err: 'rollup not permitted' })
  const value = headers.text(ROLLUP)
  if (value.toLowerCase() === 'sub') return 'subject'
  if (value.toLowerCase() === 'all') return 'all'
  return apiError('JSStreamRollupFailedF', { err: `rollup value invalid: ${JSON.stringify(value)}` })
}

/** A time to live is refused where the stream has none; one that can't be read is an error of its own. */
export function checkTtl(headers: PublishHeaders, isAllowed: boolean): ApiError | null {
  if (!headers.has(TTL)) return null
  const ttlMs = parseTtlMs(headers.text(TTL))
  if (ttlMs === null) return apiError('JSMessageTTLInvalidErr')
  return ttlMs === 0 || isAllowed ? null : apiError('JSMessageTTLDisabledErr')
}

/** The last sequence of the subject that is expected to have one: the message's own, or another, maybe a pattern. */
export function expectedSubjectSeq(
  headers: PublishHeaders,
  log: MessageLog,
  subject: Buffer,
  start: number,
  end: number,
): number {
  if (!headers.has(EXPECTED_LAST_SUBJECT_SEQ_SUBJECT)) return log.lastSeqOf(subject, start, end)
  const filter = subjectFilter([headers.text(EXPECTED_LAST_SUBJECT_SEQ_SUBJECT)])
  if (filter.literal !== null) {
    const at = headers.start(EXPECTED_LAST_SUBJECT_SEQ_SUBJECT)
    return log.lastSeqOf(headers.buffer, at, headers.end(EXPECTED_LAST_SUBJECT_SEQ_SUBJECT))
  }
  let last = 0
  log.eachSubject(filter, (_subject, _count, lastSeq) => {
    if (lastSeq > last) last = lastSeq
  })
  return last
}

export function wrongSequence(seq: number): ApiError {
  return apiError('JSStreamWrongLastSequenceErrF', { seq })
}
