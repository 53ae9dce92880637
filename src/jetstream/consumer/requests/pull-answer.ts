import { formatDuration } from '../../config/go-duration.ts'
import { sendStatus, statusHeader } from '../../headers/status.ts'
import type { Consumer } from '../consumer.ts'
import type { PullQueue } from './pull-queue.ts'
import { type PullFields, PullRequest, parsePullRequest } from './pull-request.ts'

/** What does not fit the consumer's priority policy, as a status. */
function refusePriority(consumer: Consumer, fields: PullFields, nowMs: number): string | null {
  if (!fields.isFormal) return null
  const { priority_policy: policy, priority_groups = [] } = consumer.config
  const bad = (reason: string) => `400 Bad Request - ${reason}`
  if ((fields.min_pending !== 0 || fields.min_ack_pending !== 0) && policy !== 'overflow') {
    return bad('Not a Overflow Priority consumer')
  }
  if (fields.id !== '' && policy !== 'pinned_client') return bad('Not a Pinned Client Priority consumer')
  if (fields.priority < 0 || fields.priority > 9) return bad('Priority must be between 0 and 9')
  const { groups } = consumer
  if (!groups.isInUse) return null
  if (fields.group === '') return bad('Priority Group missing')
  if (!priority_groups.includes(fields.group)) return bad('Invalid Priority Group')
  if (groups.pinId === '') return null
  if (fields.id === groups.pinId) groups.renew(nowMs)
  else if (fields.id !== '') return '423 Nats-Pin-Id mismatch'
  return null
}

/** What the consumer's configuration forbids. */
function exceeded(consumer: Consumer, fields: PullFields): string | null {
  const { max_batch = 0, max_expires = 0, max_bytes = 0 } = consumer.config
  if (max_batch > 0 && fields.batch > max_batch) return `Exceeded MaxRequestBatch of ${max_batch}`
  if (max_expires > 0 && fields.expires > max_expires) {
    return `Exceeded MaxRequestExpires of ${formatDuration(max_expires)}`
  }
  if (max_bytes > 0 && fields.max_bytes > max_bytes) return `Exceeded MaxRequestMaxBytes of ${max_bytes}`
  return null
}

/** Takes a request for messages, or answers at once why not. */
export function answerPull(consumer: Consumer, reply: string, body: string): void {
  const target = consumer.targetOf(reply)
  const nowMs = consumer.stream.clock.now()
  const fields = parsePullRequest(body)
  const status = refusal(consumer, fields, nowMs)
  if (status !== null) {
    if (status !== '') sendStatus(target, statusHeader(status))
    return
  }
  const pulls = consumer.pulls as PullQueue
  pulls.add(new PullRequest(target, fields as PullFields, nowMs))
  pulls.lastActiveMs = nowMs
  consumer.wake()
}

/** Status with which a request is refused, '' for silently, null when it may wait. */
function refusal(consumer: Consumer, fields: PullFields | string, nowMs: number): string | null {
  const { pulls } = consumer
  if (pulls === null) return '409 Consumer is push based'
  if (typeof fields === 'string') return `400 Bad Request - ${fields}`
  const limit = exceeded(consumer, fields)
  if (limit !== null) return `409 ${limit}`
  const priority = refusePriority(consumer, fields, nowMs)
  if (priority !== null) return priority
  if (pulls.isFull) consumer.sweepPulls(nowMs)
  if (fields.no_wait) {
    const status = refuseToWait(consumer, fields, nowMs)
    if (status !== null) {
      pulls.lastActiveMs = nowMs
      return status
    }
  }
  // A client with heartbeats finds out by their absence; an answer would make it ask again at once.
  if (pulls.isFull) return fields.idle_heartbeat === 0 ? '409 Exceeded MaxWaiting' : ''
  return null
}

/** Why a request that does not want to wait is answered without messages, null when there may be some for it. */
function refuseToWait(consumer: Consumer, fields: PullFields, nowMs: number): string | null {
  const { pulls, progress } = consumer
  if (pulls === null) return null
  const available = consumer.numPending() + (progress.hasQueued ? progress.queue.length : 0)
  if (available === 0) return fields.expires === 0 ? '404 No Messages' : null
  consumer.sweepPulls(nowMs)
  return available < pulls.wanted ? '408 Requests Pending' : null
}
