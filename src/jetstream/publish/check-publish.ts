import { Message } from '../../core/index.ts'
import { ApiError, apiError } from '../config/errors.ts'
import type { StreamConfig } from '../config/types.ts'
import { INCR, type PublishHeaders, TTL } from '../headers/publish-headers.ts'
import { checkSchedule } from '../schedules/check.ts'
import type { Schedules } from '../schedules/schedules.ts'
import type { StoredStream } from '../stream/stored-stream.ts'
import {
  checkExpectations,
  checkIncrement,
  checkLastMsgId,
  checkSource,
  checkTtl,
  rollupScope,
} from './check-headers.ts'
import type { LimitChecks } from './check-limits.ts'
import type { Counters } from './counters/counters.ts'
import type { MessageIds } from './message-ids.ts'

const NO_MESSAGE = new Message(Buffer.alloc(0))

/** The checks of a message that is published by itself, in the order of nats-server. Those of a batch: `staged-checks.ts`. */
export class PublishChecks {
  /** The message repeats an id that was there: its sequence, else 0. Set by `check`. */
  duplicateOf = 0
  /** As it is to be stored: with the new value of its counter. Set by `check`, valid until the next. */
  message: Message
  private readonly stream: StoredStream
  private readonly ids: MessageIds
  private readonly schedules: Schedules
  private readonly limits: LimitChecks
  private readonly counters: Counters | null
  private isRollupAllowed = false
  private isTtlAllowed = false
  private isInterest = false

  constructor(
    stream: StoredStream,
    ids: MessageIds,
    schedules: Schedules,
    limits: LimitChecks,
    counters: Counters | null,
  ) {
    this.message = NO_MESSAGE
    this.counters = counters
    this.stream = stream
    this.ids = ids
    this.schedules = schedules
    this.limits = limits
  }

  configure(config: StreamConfig): void {
    this.isRollupAllowed = config.allow_rollup_hdrs === true && config.deny_purge !== true
    this.isTtlAllowed = config.allow_msg_ttl === true
    this.isInterest = config.retention === 'interest'
  }

  /** null when the message may be stored, or when it need not be since it is a duplicate. */
  check(message: Message, headers: PublishHeaders, nowMs: number): ApiError | null {
    this.duplicateOf = 0
    this.message = message
    if (this.limits.isTooLarge(message)) return apiError('JSStreamMessageExceedsMaximumErr')
    if (headers.found === 0) {
      return this.counters === null ? this.limits.check(message, false) : apiError('JSMessageIncrMissingErr')
    }
    const { log, name } = this.stream
    const { subject, subjectStart, subjectEnd } = message
    const error =
      checkIncrement(headers, message, this.counters !== null) ??
      checkExpectations(headers, name, log, subject, subjectStart, subjectEnd, this.isTtlAllowed) ??
      checkSchedule(headers, message, this.stream, this.schedules) ??
      checkSource(headers)
    if (error !== null) return error
    if (this.isDuplicate(headers, nowMs)) return null
    const lastIdError = checkLastMsgId(headers, this.ids.last)
    if (lastIdError !== null) return lastIdError
    const rollup = rollupScope(headers, this.isRollupAllowed)
    if (typeof rollup === 'object') return rollup
    const countError = this.count(message, headers)
    if (countError !== null) return countError
    return this.checkTtl(message, headers) ?? this.limits.check(this.message, rollup !== 'none')
  }

  private isDuplicate(headers: PublishHeaders, nowMs: number): boolean {
    this.duplicateOf = this.ids.find(headers, nowMs)
    return this.duplicateOf > 0
  }

  /** In a stream of counters every message is one of a counter. */
  private count(message: Message, headers: PublishHeaders): ApiError | null {
    if (this.counters === null) return null
    if (!headers.has(INCR)) return apiError('JSMessageIncrMissingErr')
    const counted = this.counters.count(message, headers)
    if (counted instanceof ApiError) return counted
    this.message = counted
    return null
  }

  /** Of a message that nobody wants it isn't looked at. */
  private checkTtl({ subject, subjectStart, subjectEnd }: Message, headers: PublishHeaders): ApiError | null {
    if (!headers.has(TTL)) return null
    if (this.isInterest && !this.stream.audience.isWanted(subject, subjectStart, subjectEnd)) return null
    return checkTtl(headers, this.isTtlAllowed)
  }
}
