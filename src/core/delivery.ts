import type { Route } from '../subjects/index.ts'
import type { Message } from '../wire/index.ts'
import type { Origin } from './origin.ts'
import type { Subscription } from './subscription.ts'
import type { MessageTrace } from './tracing/message-trace.ts'

/** Delivers along a route: to every plain subscription, and to one member of each queue group. Returns how many got it. */
export function deliverAlong(route: Route<Subscription>, message: Message, origin: Origin | null): number {
  let delivered = 0
  const { plain, queues } = route
  for (let i = 0; i < plain.length; i++) if (deliverTo(plain[i], message, origin)) delivered++
  for (let i = 0; i < queues.length; i++) {
    const members = queues[i].members
    let member = members.length === 1 ? 0 : (Math.random() * members.length) | 0
    for (let tried = 0; tried < members.length; tried++) {
      if (deliverTo(members[member], message, origin)) {
        delivered++
        break
      }
      if (++member === members.length) member = 0
    }
  }
  return delivered
}

/** The same for a message that is traced. One that is traced only goes nowhere, and counts as if it had. */
export function deliverTraced(
  route: Route<Subscription>,
  message: Message,
  origin: Origin | null,
  trace: MessageTrace,
): number {
  let delivered = 0
  const give = (subscription: Subscription): boolean =>
    subscription.receiver.deliverTraced(subscription, message, origin, trace)
  for (const subscription of route.plain) if (give(subscription)) delivered++
  for (const { members } of route.queues) {
    const first = Math.floor(Math.random() * members.length)
    if (members.some((_, i) => give(members[(first + i) % members.length]))) delivered++
  }
  return delivered
}

function deliverTo(subscription: Subscription, message: Message, origin: Origin | null): boolean {
  return !subscription.isClosed && subscription.receiver.deliver(subscription, message, origin)
}
