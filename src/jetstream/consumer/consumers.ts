import type { MessageLog, SubjectBytes } from '../../storage/index.ts'
import type { Audience } from '../stream/audience.ts'
import type { Consumer } from './consumer.ts'
import { ConsumerIndex, type Wish, without } from './consumer-index.ts'
import { mayStray, Strays } from './strays.ts'

/** So many consumers are asked one by one whether a subject is for them; of more they are found by it. */
const FEW = 16
/** The consumers of a stream by name, and by the subjects they want: who is told what happens to a message. */
export class Consumers extends Map<string, Consumer> implements Audience {
  /** All of them. Grows in place; it is another one after one is gone. */
  list: Consumer[] = []
  private readonly log: MessageLog
  /** null while they are few. */
  private index: ConsumerIndex | null = null
  private strays: Strays | null = null
  /** Who is told of the next commit. */
  private readonly awaiting: Consumer[] = []
  /** Who had a message that went away, and which. */
  private holders: Consumer[] = []
  private heldSeqs: number[] = []
  private copies = 0
  /** Whom to ask first whether a message is needed: who needed one the last time. */
  private first = 0

  constructor(log: MessageLog) {
    super()
    this.log = log
  }

  override set(name: string, consumer: Consumer): this {
    this.delete(name)
    super.set(name, consumer)
    this.list.push(consumer)
    if (consumer.isCopy) this.copies++
    if (this.index !== null) this.index.add(consumer)
    else if (this.list.length > FEW) this.index = new ConsumerIndex(this.list)
    this.noteStray(consumer)
    return this
  }

  override delete(name: string): boolean {
    const consumer = this.get(name)
    if (consumer === undefined) return false
    super.delete(name)
    this.list = without(this.list, consumer)
    if (consumer.isCopy) this.copies--
    this.strays?.drop(consumer)
    this.index?.remove(consumer)
    if (this.list.length <= FEW / 2) this.index = null
    return true
  }

  get hasCopies(): boolean {
    return this.copies > 0
  }

  /** A consumer wants other messages than before. */
  filtersChanged(consumer: Consumer): void {
    if (this.get(consumer.name) !== consumer) return
    this.noteStray(consumer)
    this.index?.remove(consumer)
    this.index?.add(consumer)
  }

  /** Messages that were delivered to it before may be such as its filters don't take. */
  private noteStray(consumer: Consumer): void {
    if (this.strays === null && !mayStray(consumer)) return
    this.strays ??= new Strays(this.log)
    this.strays.add(consumer)
  }

  /** Does anybody want messages of this subject? */
  isWanted(subject: Buffer, start: number, end: number): boolean {
    if (this.index !== null)
      return this.index.unfiltered.length > 0 || this.index.filtered(subject, start, end).length > 0
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
    const { unfiltered } = this.index
    for (let i = 0; i < unfiltered.length; i++) this.tellStored(unfiltered[i], seq)
    const filtered = this.index.filtered(subject, start, end)
    for (let i = 0; i < filtered.length; i++) this.tellStored(filtered[i].consumer, seq)
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
      const { unfiltered } = this.index
      for (let i = 0; i < unfiltered.length; i++) this.tellMissed(unfiltered[i], seq)
      const filtered = this.index.filtered(subject, start, end)
      for (let i = 0; i < filtered.length; i++) this.tellMissed(filtered[i].consumer, seq)
    }
    if (this.strays === null || this.strays.isEmpty) return
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

  /** Many messages went away: of one subject, or (null) of any. `isRequested`: see `Consumer.purged`. */
  purged(subject: SubjectBytes | null, isRequested = false): void {
    if (subject === null || this.index === null) {
      for (const consumer of this.list) {
        if (subject === null || consumer.filter.matches(subject.buffer, subject.start, subject.end))
          consumer.purged(isRequested)
      }
    } else {
      for (const consumer of this.index.unfiltered) consumer.purged(isRequested)
      for (const { consumer } of this.index.filtered(subject.buffer, subject.start, subject.end))
        consumer.purged(isRequested)
    }
    if (subject !== null && this.strays !== null)
      for (const consumer of this.strays.all()) consumer.purged(isRequested)
  }

  forgetCounts(): void {
    for (const consumer of this.list) consumer.count.forget()
  }

  /** Does any consumer but this one (null: any at all) still need the message? */
  needs(seq: number, { buffer, start, end }: SubjectBytes, but: unknown): boolean {
    const { list, index } = this
    const some = index === null ? list : index.unfiltered
    const filtered = index === null ? null : index.filtered(buffer, start, end)
    const total = some.length + (filtered?.length ?? 0)
    for (let asked = 0, at = this.first; asked < total; asked++, at++) {
      if (at >= total) at = 0
      const consumer = at < some.length ? some[at] : (filtered as readonly Wish[])[at - some.length].consumer
      if (consumer === but || !consumer.needs(seq)) continue
      if (filtered === null && !consumer.filter.matches(buffer, start, end)) continue
      this.first = at
      return true
    }
    return false
  }
}
