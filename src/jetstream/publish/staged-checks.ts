import { Message } from '../../core/index.ts'
import { ApiError, apiError } from '../config/errors.ts'
import { MAX_SEQUENCE } from '../config/ranges.ts'
import {
  EXPECTED_LAST_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ,
  EXPECTED_LAST_SUBJECT_SEQ_SUBJECT,
  INCR,
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
import { FULL, MAX_HEADER_BYTES } from './check-limits.ts'
import type { Totals } from './counters/counters.ts'
import type { PublishParts } from './parts.ts'

const NO_MESSAGE = new Message(Buffer.alloc(0))

/**
 * Checks the messages of a batch one after the other against the stream as it is before the batch, and against each
 * other.
 */
export class StagedChecks {
  /** The message repeats an id that was there: its sequence. Set by a check that fails with that error. */
  duplicateOf = 0
  /** As it is to be stored: with the new value of its counter. Set by `check`, valid until the next. */
  message: Message = NO_MESSAGE
  private readonly parts: PublishParts
  private readonly messageIds = new Set<string>()
  private readonly expected = new Map<string, number>()
  private readonly counts = new Map<string, number>()
  private readonly totals: Totals = new Map()
  private messages = 0
  private bytes = 0

  constructor(parts: PublishParts) {
    this.parts = parts
  }

  /** null when the message may be stored. `headers` are those of the message. */
  check(message: Message, headers: PublishHeaders, nowMs: number): ApiError | null {
    const { stream, schedules, counters } = this.parts
    const { log, config, name } = stream
    const subject = message.subject.toString('latin1', message.subjectStart, message.subjectEnd)
    if (message.headerLength > MAX_HEADER_BYTES) return apiError('JSStreamHeaderExceedsMaximumErr')
    this.message = message
    if (headers.found === 0 && counters !== null) return apiError('JSMessageIncrMissingErr')
    if (headers.found !== 0) {
      const isRollupAllowed = config.allow_rollup_hdrs === true && config.deny_purge !== true
      const error =
        checkIncrement(headers, message, counters !== null) ??
        checkStreamName(headers, name) ??
        this.checkTtl(headers) ??
        this.checkMsgId(headers, nowMs) ??
        checkSource(headers) ??
        this.count(message, headers) ??
        this.checkSequence(headers) ??
        this.checkSubjectSequence(message, headers, subject) ??
        checkSchedule(headers, message, stream, schedules) ??
        this.checkRollup(headers, isRollupAllowed, subject)
      if (error !== null) return error
    }
    this.counts.set(subject, (this.counts.get(subject) ?? 0) + 1)
    this.messages++
    const stored = this.message
    this.bytes += log.sizeOf(
      stored.subjectEnd - stored.subjectStart,
      stored.headerLength,
      stored.bodyEnd - stored.bodyStart - stored.headerLength,
    )
    return (
      this.checkAccount(message) ?? this.checkRoom(message, rollupScope(headers, true) !== 'none', subject)
    )
  }

  /** In a batch an invalid one has the same error as one that is not allowed. */
  private checkTtl(headers: PublishHeaders): ApiError | null {
    const isAllowed = this.parts.stream.config.allow_msg_ttl === true
    const error = checkTtl(headers, isAllowed)
    return error !== null && !isAllowed ? apiError('JSMessageTTLDisabledErr') : error
  }

  private checkMsgId(headers: PublishHeaders, nowMs: number): ApiError | null {
    if (!headers.has(MSG_ID)) return null
    const id = headers.text(MSG_ID)
    this.duplicateOf = this.parts.ids.find(headers, nowMs)
    if (this.duplicateOf > 0 || this.messageIds.has(id)) {
      return apiError('JSAtomicPublishContainsDuplicateMessageErr')
    }
    this.messageIds.add(id)
    return null
  }

  private count(message: Message, headers: PublishHeaders): ApiError | null {
    const { counters, limits } = this.parts
    if (counters === null) return null
    if (!headers.has(INCR)) return apiError('JSMessageIncrMissingErr')
    const counted = counters.count(message, headers, this.totals)
    if (counted instanceof ApiError) return counted
    this.message = counted
    return limits.isTooLarge(counted) ? apiError('JSStreamMessageExceedsMaximumErr') : null
  }

  private checkSequence(headers: PublishHeaders): ApiError | null {
    if (!headers.has(EXPECTED_LAST_SEQ)) return null
    const last = this.parts.stream.log.lastSeq + this.messages
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
        this.parts.stream.log,
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

  /** May the account store all that was checked so far? */
  private checkAccount({ subject, subjectStart, subjectEnd }: Message): ApiError | null {
    const { usage, log, config, audience } = this.parts.stream
    if (!usage.isLimited || !usage.wouldExceed(log.inMemory, this.bytes)) return null
    if (config.retention === 'interest' && !audience.isWanted(subject, subjectStart, subjectEnd)) return null
    return usage.refusal(log.inMemory)
  }

  /** With discard new: does all that was checked so far fit? */
  private checkRoom(message: Message, isRollup: boolean, subject: string): ApiError | null {
    const { log, config } = this.parts.stream
    if (log.lastSeq + this.messages > MAX_SEQUENCE) return FULL.sequences
    if (config.discard !== 'new') return null
    const { max_msgs: maxMsgs = -1, max_bytes: maxBytes = -1, max_msgs_per_subject: perSubject = -1 } = config
    if (maxMsgs > 0 && log.messages + this.messages > maxMsgs) return FULL.messages
    if (maxBytes > 0 && log.bytes + this.bytes > maxBytes) return FULL.bytes
    if (config.discard_new_per_subject && perSubject > 0 && !isRollup) {
      const stored = log.countOf(message.subject, message.subjectStart, message.subjectEnd)
      if (stored + (this.counts.get(subject) ?? 0) > perSubject) {
        return FULL.subject
      }
    }
    return null
  }
}
