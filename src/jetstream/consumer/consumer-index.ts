import { type Interested, InterestIndex, latin1Of } from '../../subjects/index.ts'
import type { Consumer } from './consumer.ts'

/** Bounds for the subjects whose routes are remembered; three times as many as there are filters are wanted, twice as many needed. */
const FEWEST_SLOTS = 256
const MOST_SLOTS = 262_144

/** One of the filters of a consumer. */
export class Wish implements Interested {
  readonly subject: string
  readonly queue = ''
  readonly consumer: Consumer

  constructor(pattern: string, consumer: Consumer) {
    this.subject = latin1Of(pattern)
    this.consumer = consumer
  }
}

/** Many consumers, found by the subjects they want. */
export class ConsumerIndex {
  /** Those without a filter. Grows in place; it is another one after one is gone. */
  unfiltered: Consumer[] = []
  private index: InterestIndex<Wish>
  private slots: number
  private readonly wishes = new Map<Consumer, Wish[]>()

  constructor(consumers: readonly Consumer[]) {
    let filters = 0
    for (const { filter } of consumers) filters += filter.patterns.length
    this.slots = slotsFor(filters)
    this.index = new InterestIndex<Wish>(this.slots)
    for (const consumer of consumers) this.add(consumer)
  }

  /** The filtered ones that want the subject; one with several filters may be there more than once. */
  filtered(subject: Buffer, start: number, end: number): readonly Wish[] {
    return this.index.route(subject, start, end).plain
  }

  add(consumer: Consumer): void {
    if (consumer.filter.all) {
      this.unfiltered.push(consumer)
      return
    }
    const wishes = consumer.filter.patterns.map((pattern) => new Wish(pattern, consumer))
    this.wishes.set(consumer, wishes)
    for (const wish of wishes) this.index.insert(wish)
    if (this.index.size * 2 > this.slots && this.slots < MOST_SLOTS) this.enlarge()
  }

  /** By what its filters were when it was added. */
  remove(consumer: Consumer): void {
    const wishes = this.wishes.get(consumer)
    if (wishes === undefined) {
      this.unfiltered = without(this.unfiltered, consumer)
      return
    }
    for (const wish of wishes) this.index.remove(wish)
    this.wishes.delete(consumer)
  }

  private enlarge(): void {
    this.slots = slotsFor(this.index.size)
    this.index = new InterestIndex<Wish>(this.slots)
    for (const wishes of this.wishes.values()) for (const wish of wishes) this.index.insert(wish)
  }
}

function slotsFor(filters: number): number {
  let slots = FEWEST_SLOTS
  while (slots < filters * 3 && slots < MOST_SLOTS) slots *= 2
  return slots
}

/** A list that has no longer this consumer; who goes through the one given is not disturbed. */
export function without(consumers: Consumer[], consumer: Consumer): Consumer[] {
  const at = consumers.indexOf(consumer)
  if (at < 0) return consumers
  const rest = consumers.slice()
  rest.splice(at, 1)
  return rest
}
