import type { Message } from '../../core/index.ts'
import { ReadFailure } from '../../storage/index.ts'
import { type ApiError, apiError } from '../config/errors.ts'
import { MAX_SEQUENCE, sequenceRange } from '../config/ranges.ts'
import type { StreamConfig } from '../config/types.ts'
import type { StoredStream } from '../stream/stored-stream.ts'

export const MAX_HEADER_BYTES = 0xffff

/** By the limit that is reached. */
export const FULL = {
  sequences: apiError('JSStreamStoreFailedF', { err: sequenceRange('sequence') }),
  messages: apiError('JSStreamStoreFailedF', { err: 'maximum messages exceeded' }),
  bytes: apiError('JSStreamStoreFailedF', { err: 'maximum bytes exceeded' }),
  subject: apiError('JSStreamStoreFailedF', { err: 'maximum messages per subject exceeded' }),
} as const

/** Is there room for a message: sizes, resources, and with discard new the stream's limits. */
export class LimitChecks {
  private readonly stream: StoredStream
  private maxMsgs = -1
  private maxBytes = -1
  private maxPerSubject = -1
  private maxMsgSize = -1
  private isInterest = false
  private isDiscardNew = false
  private isNewPerSubject = false

  constructor(stream: StoredStream) {
    this.stream = stream
  }

  configure(config: StreamConfig): void {
    this.maxMsgs = config.max_msgs ?? -1
    this.maxBytes = config.max_bytes ?? -1
    this.maxPerSubject = config.max_msgs_per_subject ?? -1
    this.maxMsgSize = config.max_msg_size ?? -1
    this.isInterest = config.retention === 'interest'
    this.isDiscardNew = config.discard === 'new'
    this.isNewPerSubject = config.discard_new_per_subject === true
  }

  /** null when it may be stored. `isRollup`: it takes the place of others. */
  check(message: Message, isRollup: boolean): ApiError | null {
    const { log } = this.stream
    if (this.isTooLarge(message)) return apiError('JSStreamMessageExceedsMaximumErr')
    if (message.headerLength > MAX_HEADER_BYTES) return apiError('JSStreamHeaderExceedsMaximumErr')
    if (this.isExhausted) return apiError('JSInsufficientResourcesErr')
    if (this.stream.usage.isLimited && this.exceedsAccount(message))
      return this.stream.usage.refusal(log.inMemory)
    if (log.lastSeq >= MAX_SEQUENCE) return FULL.sequences
    return this.isDiscardNew ? this.checkRoom(message, isRollup) : null
  }

  isTooLarge(message: Message): boolean {
    return this.maxMsgSize >= 0 && message.bodyEnd - message.bodyStart > this.maxMsgSize
  }

  /** Why the account can't have it as a part of a batch, whether it is wanted or not; null: it can. */
  refusalOfAccount(message: Message): ApiError | null {
    const { usage, log } = this.stream
    const isOver = usage.isLimited && usage.wouldExceed(log.inMemory, this.sizeOf(message))
    return isOver ? usage.refusal(log.inMemory) : null
  }

  /** Is nothing stored for now, whatever it is? */
  get isExhausted(): boolean {
    const { host, log, later } = this.stream
    return host.isExhausted(log.inMemory) || later.isWaiting
  }

  /** What nobody wants is not stored. */
  private exceedsAccount(message: Message): boolean {
    const { log, audience, usage } = this.stream
    const { subject, subjectStart, subjectEnd } = message
    if (this.isInterest && !audience.isWanted(subject, subjectStart, subjectEnd)) return false
    return usage.wouldExceed(log.inMemory, this.sizeOf(message))
  }

  private sizeOf({ subjectStart, subjectEnd, bodyStart, bodyEnd, headerLength }: Message): number {
    return this.stream.log.sizeOf(subjectEnd - subjectStart, headerLength, bodyEnd - bodyStart - headerLength)
  }

  private checkRoom(message: Message, isRollup: boolean): ApiError | null {
    const { log, audience } = this.stream
    const { subject, subjectStart, subjectEnd } = message
    // What nobody wants takes no room.
    if (this.isInterest && !audience.isWanted(subject, subjectStart, subjectEnd)) return null
    let replacesOne = false
    if (this.maxPerSubject > 0 && log.countOf(subject, subjectStart, subjectEnd) >= this.maxPerSubject) {
      if (this.isNewPerSubject && !isRollup) return FULL.subject
      replacesOne = true
    }
    if (!replacesOne && this.maxMsgs > 0 && log.messages >= this.maxMsgs) return FULL.messages
    if (this.maxBytes <= 0) return null
    const size = this.sizeOf(message)
    if (log.bytes + size <= this.maxBytes) return null
    // Only what is no larger than the one whose place it takes.
    return replacesOne && this.sizeOfFirst(message) >= size ? null : FULL.bytes
  }

  /** Size of the oldest message of the subject; 0 where that can't be read now. */
  private sizeOfFirst({ subject, subjectStart, subjectEnd }: Message): number {
    const { log } = this.stream
    try {
      return log.sizeOfSeq(log.firstSeqOf(subject, subjectStart, subjectEnd))
    } catch (error) {
      if (error instanceof ReadFailure) return 0
      throw error
    }
  }
}
