import type { Route } from '../subjects/index.ts'
import type { Message } from '../wire/index.ts'
import type { Account } from './account.ts'
import type { Subscription } from './subscription.ts'

/** A destination that gets many messages: its route is looked up again only when interest has changed. */
export class Target {
  readonly subject: string
  private readonly account: Account
  private readonly bytes: Buffer
  private route: Route<Subscription>

  constructor(account: Account, subject: string) {
    this.account = account
    this.subject = subject
    this.bytes = Buffer.from(subject, 'utf8')
    this.route = account.interest.route(this.bytes, 0, this.bytes.length)
  }

  hasInterest(): boolean {
    return !this.current().isEmpty
  }

  /**
   * Delivers to whoever subscribes to the target's subject; they see the message's own subject. Returns the
   * number of deliveries.
   */
  deliver(message: Message): number {
    return this.account.deliver(this.current(), message, null)
  }

  /** Bytes that wait for the slowest connection behind it, or handler in the server that says so. */
  pendingBytes(): number {
    const route = this.current()
    let most = 0
    for (let i = 0; i < route.plain.length; i++) most = Math.max(most, pendingOf(route.plain[i]))
    for (let i = 0; i < route.queues.length; i++) {
      for (const member of route.queues[i].members) most = Math.max(most, pendingOf(member))
    }
    return most
  }

  private current(): Route<Subscription> {
    const interest = this.account.interest
    if (this.route.generation !== interest.generation) {
      this.route = interest.route(this.bytes, 0, this.bytes.length)
    }
    return this.route
  }
}

function pendingOf(subscription: Subscription): number {
  const { connection, handler } = subscription
  return connection === null ? (handler?.pendingBytes ?? 0) : connection.output.pendingBytes
}
