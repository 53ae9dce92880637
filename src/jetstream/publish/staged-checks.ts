import type { Message } from '../../core/index.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import { MAX_SEQUENCE, sequenceRange } from '../config/ranges.ts'
import {
  EXPECTED_LAST_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ_SUBJECT,
  MSG_ID,
  type PublishHeaders,
} from '../headers/publish-headers.ts'
import { checkSchedule } from '../schedules/check.ts'
import {
  checkIncrement,
  checkSource,
  checkStreamName,
  checkTtl,
  expectedSubjectSeq,
  rollupScope,
  wrongSequence,
} from './check-headers.ts'
import type { Ingest } from './ingest.ts'

const MAX_HEADER_BYTES = 0xffff

/**
 * Checks the messages of a batch one after the other against the stream as it is before the batch, and against each
 * other.
 */
export class StagedChecks {
  /** The message repeats an id that was there: its sequence. Set by a check that fails with that error. */
  duplicateOf = 0
  private readonly ingest: Ingest
  private readonly messageIds = new Set<string>()
  private readonly expected = new Map<string, number>()
  private readonly counts = new Map<string, number>()
  private messages = 0
  private bytes = 0

  constructor(ingest: Ingest) {
    this.ingest = ingest
  }

  /** null when the message may be stored. `headers` are those of the message. */
  check(message: Message, headers: PublishHeaders, nowMs: number): ApiError | null {
    const { log, config, name } = this.ingest
    const subject = message.subject.toString('latin1', message.subjectStart, message.subjectEnd)
    if (message.headerLength > MAX_HEADER_BYTES) return apiError('JSStreamHeaderExceedsMaximumErr')
    if (headers.found !== 0) {
      const isRollupAllowed = config.allow_rollup_hdrs === true && config.deny_purge !== true
      const error =
        checkIncrement(headers) ??
        checkStreamName(headers, name) ??
        this.checkTtl(headers) ??
        this.checkMsgId(headers, nowMs) ??
        checkSource(headers) ??
        this.checkSequence(headers) ??
        this.checkSubjectSequence(message, headers, subject) ??
        checkSchedule(headers, message, this.ingest.stream) ??
        this.checkRollup(headers, isRollupAllowed, subject)
      if (error !== null) return error
    }
    this.counts.set(subject, (this.counts.get(subject) ?? 0) + 1)
    this.messages++
    this.bytes += log.sizeOf(
      message.subjectEnd - message.subjectStart,
      message.headerLength,
      message.bodyEnd - message.bodyStart - message.headerLength,
    )
    return this.checkRoom(message, rollupScope(headers, true) !== 'none', subject)
  }

  /** In a batch an invalid one has the same error as one that is not allowed. */
  private checkTtl(headers: PublishHeaders): ApiError | null {
    const isAllowed = this.ingest.config.allow_msg_ttl === true
    const error = checkTtl(headers, isAllowed)
    return error !== null && !isAllowed ? apiError('JSMessageTTLDisabledErr') : error
  }

  private checkMsgId(headers: PublishHeaders, nowMs: number): ApiError | null {
    if (!headers.has(MSG_ID)) return null
    const id = headers.text(MSG_ID)
    this.duplicateOf = this.ingest.duplicates.find(
      headers.buffer,
      headers.start(MSG_ID),
      headers.end(MSG_ID),
      nowMs,
    )
    if (this.duplicateOf > 0 || this.messageIds.has(id)) {
      return apiError('JSAtomicPublishContainsDuplicateMessageErr')
    }
    this.messageIds.add(id)
    return null
  }

  private checkSequence(headers: PublishHeaders): ApiError | null {
    if (!headers.has(EXPECTED_LAST_SEQ)) return null
    const last = this.ingest.log.lastSeq + this.messages
    if (headers.number(EXPECTED_LAST_SEQ) !== last) return wrongSequence(last)
    // Only the first message of a batch can know.
    return this.messages > 0 ? apiError('JSStreamWrongLastSequenceConstantErr') : null
  }

  private checkSubjectSequence(message: Message, headers: PublishHeaders, subject: string): ApiError | null {
    if (!headers.has(EXPECTED_LAST_SUBJECT_SEQ)) {
      if (!headers.has(EXPECTED_LAST_SUBJECT_SEQ_SUBJECT)) return null
      return apiError('JSStreamExpectedLastSeqPerSubjectInvalid')
    }
    const other = EXPECTED_LAST_SUBJECT_SEQ_SUBJECT
    const expectedOf = headers.has(other)
      ? headers.buffer.toString('latin1', headers.start(other), headers.end(other))
      : subject
    if (this.counts.has(expectedOf)) return apiError('JSStreamWrongLastSequenceConstantErr')
    let last = this.expected.get(expectedOf)
    if (last === undefined) {
      last = expectedSubjectSeq(
        headers,
        this.ingest.log,
        message.subject,
        message.subjectStart,
        message.subjectEnd,
      )
      this.expected.set(expectedOf, last)
    }
    return headers.number(EXPECTED_LAST_SUBJECT_SEQ) === last ? null : wrongSequence(last)
  }

  private checkRollup(headers: PublishHeaders, isAllowed: boolean, subject: string): ApiError | null {
    const scope = rollupScope(headers, isAllowed)
    if (typeof scope === 'object') return scope
    if (scope === 'subject' && this.counts.has(subject)) {
      return apiError('JSStreamRollupFailedF', { err: 'batch rollup sub invalid' })
    }
    if (scope === 'all' && this.messages > 0) {
      return apiError('JSStreamRollupFailedF', { err: 'batch rollup all invalid' })
    }
    return null
  }

  /** With discard new: does all that was checked so far fit? */
  private checkRoom(message: Message, isRollup: boolean, subject: string): ApiError | null {
    const { log, config } = this.ingest
    const failed = (err: string): ApiError => apiError('JSStreamStoreFailedF', { err })
    if (log.lastSeq + this.messages > MAX_SEQUENCE) return failed(sequenceRange('sequence'))
    if (config.discard !== 'new') return null
    const { max_msgs: maxMsgs = -1, max_bytes: maxBytes = -1, max_msgs_per_subject: perSubject = -1 } = config
    if (maxMsgs > 0 && log.messages + this.messages > maxMsgs) return failed('maximum messages exceeded')
    if (maxBytes > 0 && log.bytes + this.bytes > maxBytes) return failed('maximum bytes exceeded')
    if (config.discard_new_per_subject && perSubject > 0 && !isRollup) {
      const stored = log.countOf(message.subject, message.subjectStart, message.subjectEnd)
      if (stored + (this.counts.get(subject) ?? 0) > perSubject) {
        return failed('maximum messages per subject exceeded')
      }
    }
    return null
  }
}
