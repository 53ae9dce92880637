import type { Clock } from '../ports/index.ts'
import type { Message } from '../wire/index.ts'
import type { Permissions } from './permissions.ts'

/** Replies that may be permitted at one time; the oldest go first. */
const MOST_PERMITS = 65_536

interface Permit {
  readonly sinceMs: number
  used: number
}

/** Where a client may publish for a while, because a message it got asks for an answer there. */
export class ReplyPermits {
  private readonly permits = new Map<string, Permit>()
  private readonly clock: Clock
  private readonly permissions: Permissions
  private readonly max: number
  private readonly ttlMs: number

  constructor(clock: Clock, permissions: Permissions, { max, ttlMs }: { max: number; ttlMs: number }) {
    this.clock = clock
    this.permissions = permissions
    this.max = max
    this.ttlMs = ttlMs
  }

  /** The client got this message. */
  note({ reply, replyStart, replyEnd }: Message): void {
    // As in nats-server, a message that comes by two subscriptions uses up an answer of its own.
    if (this.permissions.mayPublish(reply, replyStart, replyEnd) || this.use(reply, replyStart, replyEnd))
      return
    const subject = reply.toString('latin1', replyStart, replyEnd)
    this.permits.set(subject, { sinceMs: this.clock.now(), used: 0 })
    this.dropOld()
  }

  /** May the client publish there now? Counts as one answer. */
  use(subject: Buffer, start: number, end: number): boolean {
    const text = subject.toString('latin1', start, end)
    const permit = this.permits.get(text)
    if (permit === undefined) return false
    permit.used++
    const isUsedUp = this.max > 0 && permit.used > this.max
    if (!isUsedUp && !this.isOld(permit)) return true
    this.permits.delete(text)
    return false
  }

  private isOld(permit: Permit): boolean {
    return this.ttlMs > 0 && this.clock.now() - permit.sinceMs > this.ttlMs
  }

  private dropOld(): void {
    for (const [subject, permit] of this.permits) {
      if (this.permits.size <= MOST_PERMITS && !this.isOld(permit)) return
      this.permits.delete(subject)
    }
  }
}
