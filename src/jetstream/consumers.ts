import type { MessageLog, SubjectBytes } from '../storage/index.ts'
import { type Interested, InterestIndex } from '../subjects/index.ts'
import type { Consumer } from './consumer/consumer.ts'
import { Strays } from './strays.ts'

/** So many consumers are asked one by one whether a subject is for them; of more they are found by it. */
const FEW = 16
/** Bounds for the subjects that an index remembers; three times as many as there are filters are wanted. */
const FEWEST_SLOTS = 256
const MOST_SLOTS = 32_768

/** One of the filters of a consumer. */
class Wish implements Interested {
  readonly subject: string
  readonly queue = ''
  readonly consumer: Consumer

  constructor(pattern: string, consumer: Consumer) {
    this.subject = Buffer.from(pattern, 'utf8').toString('latin1')
    this.consumer = consumer
  }
}

/** The consumers of a stream by name, and by the subjects they want: who is told what happens to a message. */
export class Consumers extends Map<string, Consumer> {
  /** All of them. Grows in place; it is another one after one is gone. */
  list: Consumer[] = []
  private readonly log: MessageLog
  /** Those without a filter, where there are many consumers; the others are found by `index`. */
  private unfiltered: Consumer[] = []
  private index: InterestIndex<Wish> | null = null
  private slots = 0
  private readonly wishes = new Map<Consumer, Wish[]>()
  private readonly strays: Strays
  /** Who is told of the next commit. */
  private readonly awaiting: Consumer[] = []
  /** Who had a message that went away, and which. */
  private holders: Consumer[] = []
  private heldSeqs: number[] = []
  /** Whom to ask first whether a message is needed: who needed one the last time. */
  private first = 0

  constructor(log: MessageLog) {
    super()
    this.log = log
    this.strays = new Strays(log)
  }

  override set(name: string, consumer: Consumer): this {
    this.delete(name)
    super.set(name, consumer)
    this.list.push(consumer)
    if (this.index !== null) this.enter(consumer)
    else if (this.list.length > FEW) this.makeIndex()
    this.strays.add(consumer)
    return this
  }

  override delete(name: string): boolean {
    const consumer = this.get(name)
    if (consumer === undefined) return false
    super.delete(name)
    this.list = this.list.filter((other) => other !== consumer)
    this.strays.drop(consumer)
    this.leave(consumer)
    if (this.list.length <= FEW / 2) this.dropIndex()
    return true
  }

  /** A consumer wants other messages than before. */
  filtersChanged(consumer: Consumer): void {
    if (this.get(consumer.name) !== consumer) return
    this.strays.add(consumer)
    if (this.index === null) return
    this.leave(consumer)
    this.enter(consumer)
  }

  /** Does anybody want messages of this subject? */
  isWanted(subject: Buffer, start: number, end: number): boolean {
    if (this.index !== null)
      return this.unfiltered.length > 0 || this.index.route(subject, start, end).plain.length > 0
    const { list } = this
    for (let i = 0; i < list.length; i++) if (list[i].filter.matches(subject, start, end)) return true
    return false
  }

  /** A message was appended (not yet committed). */
  stored(seq: number, subject: Buffer, start: number, end: number): void {
    if (this.index === null) {
      const { list } = this
      for (let i = 0; i < list.length; i++) {
        if (list[i].filter.matches(subject, start, end)) this.tellStored(list[i], seq)
      }
      return
    }
    const { unfiltered } = this
    for (let i = 0; i < unfiltered.length; i++) this.tellStored(unfiltered[i], seq)
    const { plain } = this.index.route(subject, start, end)
    for (let i = 0; i < plain.length; i++) this.tellStored(plain[i].consumer, seq)
  }

  private tellStored(consumer: Consumer, seq: number): void {
    consumer.count.stored(seq)
    if (consumer.isAsked) this.tellOfCommit(consumer)
  }

  /** The consumer is told of the next commit, once. */
  tellOfCommit(consumer: Consumer): void {
    if (consumer.isToldOfCommit) return
    consumer.isToldOfCommit = true
    this.awaiting.push(consumer)
  }

  /** Messages up to the log's committedSeq may be delivered. Who waits for more asks to be told again. */
  committed(): void {
    const { awaiting } = this
    for (let i = 0; i < awaiting.length; i++) {
      awaiting[i].isToldOfCommit = false
      awaiting[i].committed()
    }
    awaiting.length = 0
  }

  /** A message went away. */
  removed(seq: number, { buffer, start, end }: SubjectBytes): void {
    this.miss(seq, buffer, start, end)
    this.tellHolders()
  }

  /** The first step of that: what is counted. `tellHolders` has to follow when the message is gone. */
  miss(seq: number, subject: Buffer, start: number, end: number): void {
    if (this.index === null) {
      const { list } = this
      for (let i = 0; i < list.length; i++) {
        if (list[i].filter.matches(subject, start, end)) this.tellMissed(list[i], seq)
      }
    } else {
      const { unfiltered } = this
      for (let i = 0; i < unfiltered.length; i++) this.tellMissed(unfiltered[i], seq)
      const { plain } = this.index.route(subject, start, end)
      for (let i = 0; i < plain.length; i++) this.tellMissed(plain[i].consumer, seq)
    }
    if (this.strays.isEmpty) return
    for (const consumer of this.strays.of(seq)) this.hold(consumer, seq)
  }

  private tellMissed(consumer: Consumer, seq: number): void {
    if (consumer.misses(seq)) this.hold(consumer, seq)
  }

  private hold(consumer: Consumer, seq: number): void {
    this.holders.push(consumer)
    this.heldSeqs.push(seq)
  }

  /** Consumers to which messages were delivered that went away take note of it, and may tell others. */
  tellHolders(): void {
    if (this.holders.length === 0) return
    const { holders, heldSeqs, log } = this
    this.holders = []
    this.heldSeqs = []
    for (let i = 0; i < holders.length; i++) {
      if (!holders[i].isClosed && !log.has(heldSeqs[i])) holders[i].deliveries.gone(heldSeqs[i])
    }
  }

  /** Many messages went away: of one subject, or (null) of any. */
  purged(subject: SubjectBytes | null): void {
    if (subject === null || this.index === null) {
      for (const consumer of this.list) {
        if (subject === null || consumer.filter.matches(subject.buffer, subject.start, subject.end))
          consumer.purged()
      }
    } else {
      for (const consumer of this.unfiltered) consumer.purged()
      const { plain } = this.index.route(subject.buffer, subject.start, subject.end)
      for (const { consumer } of plain) consumer.purged()
    }
    if (subject !== null) for (const consumer of this.strays.all()) consumer.purged()
  }

  /** For interest retention: does any consumer but this one (null: any at all) still need the message? */
  needs(seq: number, { buffer, start, end }: SubjectBytes, but: Consumer | null): boolean {
    const { list, unfiltered, index } = this
    const some = index === null ? list : unfiltered
    const plain = index === null ? null : index.route(buffer, start, end).plain
    const total = some.length + (plain?.length ?? 0)
    for (let asked = 0, at = this.first; asked < total; asked++, at++) {
      if (at >= total) at = 0
      const consumer = at < some.length ? some[at] : (plain as readonly Wish[])[at - some.length].consumer
      if (consumer === but || !consumer.needs(seq)) continue
      if (plain === null && !consumer.filter.matches(buffer, start, end)) continue
      this.first = at
      return true
    }
    return false
  }

  // The index

  private makeIndex(): void {
    this.dropIndex()
    let filters = 0
    for (const { filter } of this.list) filters += filter.patterns.length
    this.slots = FEWEST_SLOTS
    while (this.slots < filters * 3 && this.slots < MOST_SLOTS) this.slots *= 2
    this.index = new InterestIndex<Wish>(this.slots)
    for (const consumer of this.list) this.enter(consumer)
  }

  private dropIndex(): void {
    this.index = null
    this.unfiltered = []
    this.wishes.clear()
  }

  private enter(consumer: Consumer): void {
    const index = this.index as InterestIndex<Wish>
    if (consumer.filter.all) {
      this.unfiltered.push(consumer)
      return
    }
    const wishes = consumer.filter.patterns.map((pattern) => new Wish(pattern, consumer))
    this.wishes.set(consumer, wishes)
    for (const wish of wishes) index.insert(wish)
    if (index.size > this.slots && this.slots < MOST_SLOTS) this.makeIndex()
  }

  private leave(consumer: Consumer): void {
    const wishes = this.wishes.get(consumer)
    if (wishes === undefined) this.unfiltered = this.unfiltered.filter((other) => other !== consumer)
    else for (const wish of wishes) this.index?.remove(wish)
    this.wishes.delete(consumer)
  }
}
