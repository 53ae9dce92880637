import type { Target } from '../../../core/index.ts'
import { formatDuration } from '../../config/go-duration.ts'
import type { ConsumerConfig } from '../../config/types.ts'
import { sendStatus, statusHeader } from '../../headers/status.ts'
import type { ConsumerState } from '../state/consumer-state.ts'
import { heartbeatHeader } from '../state/heartbeat.ts'
import type { PriorityGroups } from './priority-groups.ts'
import type { PullQueue } from './pull-queue.ts'
import { type PullFields, PullRequest, parsePullRequest } from './pull-request.ts'

/** Takes the requests for messages of a consumer's clients, or answers at once why not. */
export class PullAnswers {
  private readonly consumer: ConsumerState
  private readonly groups: PriorityGroups
  /** null: a push consumer takes none. */
  private readonly pulls: PullQueue | null
  private lastTarget: Target | null = null

  constructor(consumer: ConsumerState, groups: PriorityGroups, pulls: PullQueue | null) {
    this.consumer = consumer
    this.groups = groups
    this.pulls = pulls
  }

  /** A request; statuses and messages go to `reply`. */
  answer(reply: string, body: string): void {
    const target = this.targetOf(reply)
    const nowMs = this.consumer.stream.clock.now()
    const fields = parsePullRequest(body)
    const status = this.refusal(fields, nowMs)
    if (status !== null) {
      if (status !== '') sendStatus(target, statusHeader(status))
      return
    }
    const pulls = this.pulls as PullQueue
    pulls.add(new PullRequest(target, fields as PullFields, nowMs))
    pulls.lastActiveMs = nowMs
    this.consumer.wake()
  }

  /** The destination of a request's reply subject; clients tend to use the same one again. */
  targetOf(reply: string): Target {
    let target = this.lastTarget
    if (target === null || target.subject !== reply) {
      target = this.consumer.stream.account.target(reply)
      this.lastTarget = target
    }
    return target
  }

  /** Ends requests that expired or lost their client. `atEnd`: also those that don't want to wait. */
  sweep(nowMs: number, atEnd = false): void {
    this.pulls?.sweep(nowMs, atEnd, this.makeHeartbeat)
  }

  private readonly makeHeartbeat = (): string => heartbeatHeader(this.consumer.progress, '')

  /** Status with which a request is refused, '' for silently, null when it may wait. */
  private refusal(fields: PullFields | string, nowMs: number): string | null {
    const { pulls } = this
    if (pulls === null) return '409 Consumer is push based'
    if (typeof fields === 'string') return `400 Bad Request - ${fields}`
    const limit = exceeded(this.consumer.config, fields)
    if (limit !== null) return `409 ${limit}`
    const priority = this.refusePriority(fields, nowMs)
    if (priority !== null) return priority
    if (pulls.isFull) this.sweep(nowMs)
    if (fields.no_wait) {
      const status = this.refuseToWait(fields, pulls, nowMs)
      if (status !== null) {
        pulls.lastActiveMs = nowMs
        return status
      }
    }
    // A client with heartbeats finds out by their absence; an answer would make it ask again at once.
    if (pulls.isFull) return fields.idle_heartbeat === 0 ? '409 Exceeded MaxWaiting' : ''
    return null
  }

  /** What does not fit the consumer's priority policy, as a status. */
  private refusePriority(fields: PullFields, nowMs: number): string | null {
    if (!fields.isFormal) return null
    const { groups } = this
    const { priority_policy: policy, priority_groups = [] } = this.consumer.config
    const bad = (reason: string) => `400 Bad Request - ${reason}`
    if ((fields.min_pending !== 0 || fields.min_ack_pending !== 0) && policy !== 'overflow') {
      return bad('Not a Overflow Priority consumer')
    }
    if (fields.id !== '' && policy !== 'pinned_client') return bad('Not a Pinned Client Priority consumer')
    if (fields.priority < 0 || fields.priority > 9) return bad('Priority must be between 0 and 9')
    if (!groups.isInUse) return null
    if (fields.group === '') return bad('Priority Group missing')
    if (!priority_groups.includes(fields.group)) return bad('Invalid Priority Group')
    if (groups.pinId === '') return null
    if (fields.id === groups.pinId) groups.renew(nowMs)
    else if (fields.id !== '') return '423 Nats-Pin-Id mismatch'
    return null
  }

  /** Why a request that does not want to wait is answered without messages, null when there may be some for it. */
  private refuseToWait(fields: PullFields, pulls: PullQueue, nowMs: number): string | null {
    const { consumer } = this
    const { progress } = consumer
    const available = consumer.numPending() + (progress.hasQueued ? progress.queue.length : 0)
    if (available === 0) return fields.expires === 0 ? '404 No Messages' : null
    this.sweep(nowMs)
    return available < pulls.wanted ? '408 Requests Pending' : null
  }
}

/** What the consumer's configuration forbids. */
function exceeded(config: ConsumerConfig, fields: PullFields): string | null {
  const { max_batch = 0, max_expires = 0, max_bytes = 0 } = config
  if (max_batch > 0 && fields.batch > max_batch) return `Exceeded MaxRequestBatch of ${max_batch}`
  if (max_expires > 0 && fields.expires > max_expires) {
    return `Exceeded MaxRequestExpires of ${formatDuration(max_expires)}`
  }
  if (max_bytes > 0 && fields.max_bytes > max_bytes) return `Exceeded MaxRequestMaxBytes of ${max_bytes}`
  return null
}
