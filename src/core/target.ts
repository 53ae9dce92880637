import type { InterestIndex, Route } from '../subjects/index.ts'
import type { Message } from '../wire/index.ts'
import { deliverAlong } from './delivery.ts'
import type { Subscription } from './subscription.ts'

/** A destination that gets many messages: its route is looked up again only when interest has changed. */
export class Target {
  readonly subject: string
  private readonly interest: InterestIndex<Subscription>
  private readonly bytes: Buffer
  private route: Route<Subscription>

  constructor(interest: InterestIndex<Subscription>, subject: string) {
    this.interest = interest
    this.subject = subject
    this.bytes = Buffer.from(subject, 'utf8')
    this.route = interest.route(this.bytes, 0, this.bytes.length)
  }

  hasInterest(): boolean {
    return !this.current().isEmpty
  }

  /**
   * Delivers to whoever subscribes to the target's subject; they see the message's own subject. Returns the
   * number of deliveries.
   */
  deliver(message: Message): number {
    return deliverAlong(this.current(), message, null)
  }

  /** Bytes that wait for the slowest receiver behind it. */
  pendingBytes(): number {
    const route = this.current()
    let most = 0
    for (let i = 0; i < route.plain.length; i++) most = Math.max(most, route.plain[i].receiver.pendingBytes)
    for (let i = 0; i < route.queues.length; i++) {
      for (const member of route.queues[i].members) most = Math.max(most, member.receiver.pendingBytes)
    }
    return most
  }

  private current(): Route<Subscription> {
    const { interest } = this
    if (this.route.generation !== interest.generation) {
      this.route = interest.route(this.bytes, 0, this.bytes.length)
    }
    return this.route
  }
}
