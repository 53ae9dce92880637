import { DEFAULT_PINNED_TTL_NS } from '../../config/consumer/defaults.ts'
import { uniqueId } from '../../config/unique-id.ts'
import type { ConsumerState } from '../state/consumer-state.ts'
import type { PullRequest } from './pull-request.ts'

const PIN_ID_LENGTH = 22

/** May a request have the next message: yes, not now, or never (it names a pin that is no longer). */
export type Verdict = 'granted' | 'later' | 'wrong pin'

/** Who of several clients is served (ADR-42): overflow, a pinned client, or the lowest priority first. */
export class PriorityGroups {
  /** The pinned client's id, '' when none is. */
  pinId = ''
  /** Milliseconds since the epoch, 0 when none is pinned. */
  pinnedAtMs = 0
  /** When the pin ends unless its client asks again, Infinity when none is pinned. */
  pinEndsAtMs = Infinity
  /** The request judged last was pinned by that. */
  hasJustPinned = false
  /** The message to be given away was delivered before: it does not count as pending any more, but for the overflow it does. */
  isRedelivery = false
  private readonly consumer: ConsumerState

  constructor(consumer: ConsumerState) {
    this.consumer = consumer
  }

  get isInUse(): boolean {
    const policy = this.consumer.config.priority_policy
    return policy !== undefined && policy !== 'none'
  }

  /** Is the queue in order of priority? */
  get isOrdered(): boolean {
    return this.consumer.config.priority_policy === 'prioritized'
  }

  get isPinning(): boolean {
    return this.consumer.config.priority_policy === 'pinned_client'
  }

  judge(request: PullRequest, nowMs: number): Verdict {
    this.hasJustPinned = false
    switch (this.consumer.config.priority_policy) {
      case 'pinned_client':
        return this.judgePin(request, nowMs)
      case 'overflow':
        return this.overflows(request) ? 'granted' : 'later'
      default:
        return 'granted'
    }
  }

  /** The pinned client asked again. */
  renew(nowMs: number): void {
    this.pinEndsAtMs = nowMs + (this.consumer.config.priority_timeout ?? DEFAULT_PINNED_TTL_NS) / 1e6
  }

  release(): void {
    this.pinId = ''
    this.pinnedAtMs = 0
    this.pinEndsAtMs = Infinity
  }

  /** Ends the pin and says so. */
  unpin(group: string, reason: 'admin' | 'timeout'): void {
    this.release()
    this.consumer.advisories.unpinned(group, reason)
    this.consumer.wake()
  }

  /** At `pinEndsAtMs`. */
  expire(): void {
    this.unpin(this.consumer.config.priority_groups?.[0] ?? '', 'timeout')
  }

  private judgePin(request: PullRequest, nowMs: number): Verdict {
    if (request.pinId !== '') return request.pinId === this.pinId ? 'granted' : 'wrong pin'
    if (this.pinId !== '') return 'later'
    if (request.group === '') return 'granted'
    this.pinId = uniqueId(PIN_ID_LENGTH)
    this.pinnedAtMs = nowMs
    request.pinId = this.pinId
    this.hasJustPinned = true
    this.renew(nowMs)
    this.consumer.advisories.pinned(request.group, this.pinId)
    return 'granted'
  }

  /** Is there more to do than the request is content to leave to others? */
  private overflows(request: PullRequest): boolean {
    const { minPending, minAckPending } = request
    if (minPending <= 0 && minAckPending <= 0) return true
    const pending = this.consumer.numPending() + (this.isRedelivery ? 1 : 0)
    if (minPending > 0 && minPending <= pending) return true
    return minAckPending > 0 && minAckPending <= this.consumer.progress.pending.size
  }
}
