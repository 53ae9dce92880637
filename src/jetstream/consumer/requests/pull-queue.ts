import { PENDING_BYTES, PENDING_MESSAGES, sendStatus, statusHeader } from '../../headers/status.ts'
import type { PriorityGroups } from './priority-groups.ts'
import type { PullRequest } from './pull-request.ts'

/** A client with this much unsent output gets no more until it caught up. */
export const BACKLOG_BYTES = 8 * 1024 * 1024

/** What a request still wanted when it ended. */
export function unfulfilled(status: string, batch: number, maxBytes: number): string {
  return statusHeader(status, [
    [PENDING_MESSAGES, batch],
    [PENDING_BYTES, maxBytes],
  ])
}

/** The requests that wait for messages, served in turn. */
export class PullQueue {
  /** Most requests that may wait. */
  limit: number
  length = 0
  /** Requests among them that do not want to wait (no_wait). */
  impatient = 0
  /** Messages that all of them want together, as of the last `sweep`. */
  wanted = 0
  /** Earliest expiry or heartbeat, Infinity when there is none, as of the last `sweep` and `add`. */
  nextEventMs = Infinity
  /** When a client last asked or was served. */
  lastActiveMs: number
  /** The last `take` found only clients that are behind with reading. */
  isCongested = false
  private readonly groups: PriorityGroups
  private head: PullRequest | null = null
  private tail: PullRequest | null = null

  constructor(groups: PriorityGroups, limit: number, nowMs: number) {
    this.groups = groups
    this.limit = limit
    this.lastActiveMs = nowMs
  }

  get isFull(): boolean {
    return this.length >= this.limit
  }

  add(request: PullRequest): void {
    this.append(request)
    this.noteEvents(request)
  }

  /**
   * The request that gets a message of `sizeBytes` (subject, reply, headers and payload), already counted down; null when
   * nobody may have it. A request that is done by it has left the queue.
   */
  take(sizeBytes: number, nowMs: number): PullRequest | null {
    this.isCongested = false
    let passed = 0
    while (this.head !== null) {
      const request = this.head
      if (request.expiresAtMs !== 0 && nowMs >= request.expiresAtMs) {
        sendStatus(request.target, unfulfilled('408 Request Timeout', request.batch, request.maxBytes))
        this.shift()
        continue
      }
      const verdict = this.groups.isInUse ? this.groups.judge(request, nowMs) : 'granted'
      if (verdict === 'wrong pin') {
        sendStatus(request.target, unfulfilled('423 Nats-Wrong-Pin-Id', request.batch, request.maxBytes))
        this.shift()
        continue
      }
      if (verdict === 'later') {
        this.rotate()
        if (++passed >= this.length) return null
        continue
      }
      if (request.maxBytes > 0 && sizeBytes > request.maxBytes) {
        if (this.groups.hasJustPinned) this.groups.release()
        sendStatus(
          request.target,
          unfulfilled('409 Message Size Exceeds MaxBytes', request.batch, request.maxBytes),
        )
        this.shift()
        continue
      }
      if (!request.target.hasInterest()) {
        this.shift()
        continue
      }
      if (request.target.pendingBytes() > BACKLOG_BYTES) {
        this.rotate()
        if (++passed >= this.length) {
          this.isCongested = true
          return null
        }
        continue
      }
      if (request.maxBytes > 0) {
        request.maxBytes -= sizeBytes
        if (request.maxBytes === 0) request.batch = 1
      }
      request.delivered++
      request.batch--
      if (request.batch <= 0) this.shift()
      else this.rotate()
      if (request.heartbeatMs > 0) request.heartbeatAtMs = nowMs + request.heartbeatMs
      return request
    }
    return null
  }

  /**
   * Ends what expired, what lost its client, and (at the end of the stream) what did not want to wait. Sends due heartbeats
   * with the header block `heartbeat` makes.
   */
  sweep(nowMs: number, atEnd: boolean, heartbeat: () => string): void {
    this.wanted = 0
    this.nextEventMs = Infinity
    let previous: PullRequest | null = null
    for (let request = this.head; request !== null; request = request.next) {
      if (this.isOver(request, nowMs, atEnd)) {
        this.unlink(previous, request)
        continue
      }
      this.wanted += request.batch
      if (request.heartbeatAtMs !== 0 && nowMs >= request.heartbeatAtMs) {
        sendStatus(request.target, heartbeat())
        request.heartbeatAtMs = nowMs + request.heartbeatMs
      }
      this.noteEvents(request)
      previous = request
    }
  }

  /** Is one over, or its heartbeat due? What was due of those that were served since counts no more. */
  isDue(nowMs: number): boolean {
    if (this.nextEventMs > nowMs) return false
    this.nextEventMs = Infinity
    for (let request = this.head; request !== null; request = request.next) this.noteEvents(request)
    return this.nextEventMs <= nowMs
  }

  private noteEvents({ expiresAtMs, heartbeatAtMs }: PullRequest): void {
    if (expiresAtMs !== 0 && expiresAtMs < this.nextEventMs) this.nextEventMs = expiresAtMs
    if (heartbeatAtMs !== 0 && heartbeatAtMs < this.nextEventMs) this.nextEventMs = heartbeatAtMs
  }

  /** Ends every request with a status, or in silence. */
  clear(status: string | null): void {
    for (let request = this.head; request !== null; request = request.next) {
      if (status !== null) sendStatus(request.target, statusHeader(status))
    }
    this.head = null
    this.tail = null
    this.length = 0
    this.impatient = 0
    this.wanted = 0
    this.nextEventMs = Infinity
  }

  private isOver(request: PullRequest, nowMs: number, atEnd: boolean): boolean {
    if (request.expiresAtMs !== 0 && nowMs >= request.expiresAtMs) {
      sendStatus(request.target, unfulfilled('408 Request Timeout', request.batch, request.maxBytes))
      return true
    }
    if (atEnd && request.noWait && (request.expiresAtMs === 0 || request.delivered > 0)) {
      sendStatus(request.target, statusHeader('404 No Messages'))
      return true
    }
    return !request.target.hasInterest()
  }

  /** Puts a request at the end, or behind those of its priority. */
  private append(request: PullRequest): void {
    let previous = this.tail
    if (this.groups.isOrdered) {
      previous = null
      let next = this.head
      while (next !== null && next.priority <= request.priority) {
        previous = next
        next = next.next
      }
    }
    request.next = previous === null ? this.head : previous.next
    if (previous === null) this.head = request
    else previous.next = request
    if (request.next === null) this.tail = request
    this.length++
    if (request.noWait) this.impatient++
  }

  private shift(): void {
    this.unlink(null, this.head as PullRequest)
  }

  private rotate(): void {
    if (this.length < 2) return
    const request = this.head as PullRequest
    this.shift()
    this.append(request)
  }

  private unlink(previous: PullRequest | null, request: PullRequest): void {
    if (previous === null) this.head = request.next
    else previous.next = request.next
    if (this.tail === request) this.tail = previous
    this.length--
    if (request.noWait) this.impatient--
  }
}
