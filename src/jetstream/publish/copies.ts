import type { Message } from '../../core/index.ts'
import { ApiError, apiError } from '../config/errors.ts'
import type { StreamConfig } from '../config/types.ts'
import { INCR, PublishHeaders, ROLLUP, SCHEDULE } from '../headers/publish-headers.ts'
import { rollupScope } from './check-headers.ts'
import type { PublishParts } from './parts.ts'
import { SUBJECT_TOO_LONG } from './subject-mapping.ts'

/** Shared: the headers are looked at while a message is handled, and not after. */
const headers = new PublishHeaders()

/** An error: it was not kept, and may be later. A promise: it can be tried again when that is done. */
export type CopyOutcome = ApiError | 'duplicate' | Promise<unknown> | null

/** The way in for messages of other streams (mirrors and sources): what was checked there is not checked again. */
export class Copies {
  private readonly parts: PublishParts
  private isMirror = false
  private isRollupAllowed = false

  constructor(parts: PublishParts) {
    this.parts = parts
  }

  configure(config: StreamConfig): void {
    this.isMirror = config.mirror !== undefined
    this.isRollupAllowed = config.allow_rollup_hdrs === true && config.deny_purge !== true
  }

  /**
   * Keeps a copy. `sec`, `nsec`: its time there, which a mirror keeps; -1: it gets that of now. null: it was stored, or nobody wants it.
   */
  take(given: Message, sec: number, nsec: number): CopyOutcome {
    const { stream, mapping, ids, limits, apply, counters } = this.parts
    if (stream.config.sealed) return apiError('JSStreamSealedErr')
    const { body, bodyStart, headerLength } = given
    headers.found = 0
    if (headerLength > 0) headers.parse(body, bodyStart, bodyStart + headerLength)
    const mapped = mapping.apply(given)
    if (mapped === null) return SUBJECT_TOO_LONG
    let message = mapped
    const nowMs = stream.clock.now()
    let isRollup = false
    if (headers.found !== 0) {
      // A mirror has what its origin has.
      if (!this.isMirror && ids.find(headers, nowMs) > 0) return 'duplicate'
      headers.forget(SCHEDULE)
      const scope = rollupScope(headers, this.isRollupAllowed)
      isRollup = typeof scope === 'string' && scope !== 'none'
      if (!isRollup) headers.forget(ROLLUP)
    }
    if (counters !== null) {
      if (headers.found === 0 || !headers.has(INCR)) return apiError('JSMessageIncrMissingErr')
      const reading = counters.prepare(message)
      if (reading !== null) return reading
      const counted = counters.count(message, headers)
      if (counted instanceof ApiError) return counted
      message = counted
    }
    const error = limits.check(message, isRollup)
    if (error !== null) return error
    if (sec < 0) apply.store(message, headers, nowMs)
    else apply.storeAt(message, headers, nowMs, sec, nsec)
    stream.appended()
    return null
  }
}
