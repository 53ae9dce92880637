import type { SubjectFilter } from '../../../subjects/index.ts'
import type { Progress } from './progress.ts'
import type { SkipList } from './skip-list.ts'
import type { ConsumerStream } from './stream.ts'

/**
 * How many messages of the stream match and were not delivered yet, committed or not: kept by and by, counted anew only where it
 * must be. What is told to it matches.
 */
export class PendingCount {
  filter: SubjectFilter
  /** For last_per_subject: what is delivered first; null once it is used up. */
  skipList: SkipList | null = null
  /** Nothing that matches and is still to be delivered lies below, the skip list aside. */
  from = 0
  private readonly stream: ConsumerStream
  private readonly progress: Progress
  private count = 0
  private isStale = true
  /** A consumer with several filters may be told twice of one message. */
  private lastStored = 0
  private lastRemoved = 0

  constructor(stream: ConsumerStream, progress: Progress, filter: SubjectFilter) {
    this.stream = stream
    this.progress = progress
    this.filter = filter
  }

  /** A new consumer begins with these: all are there, and nothing is behind them. */
  beginWith(skipList: SkipList): void {
    this.skipList = skipList
    this.count = skipList.length
    this.isStale = false
  }

  get value(): number {
    if (this.isStale) this.recount()
    return this.count
  }

  /** Is it known that there is none? False too where it would have to be counted. */
  get isNone(): boolean {
    return this.count === 0 && !this.isStale
  }

  /** A message was appended. */
  stored(seq: number): void {
    if (seq === this.lastStored) return
    this.lastStored = seq
    if (this.isStale || seq < this.progress.nextStreamSeq) return
    if (this.count++ === 0) this.from = seq
  }

  /** A message that was still to be looked at went away. */
  removed(seq: number): void {
    if (this.isStale || seq === this.lastRemoved) return
    this.lastRemoved = seq
    if (this.skipList === null || seq > this.skipList.resumeSeq || this.skipList.has(seq)) this.count--
  }

  /** A message was delivered for the first time. */
  delivered(): void {
    this.count--
  }

  /** Everything was looked at: there is none. */
  ended(): void {
    this.count = 0
    this.isStale = false
  }

  /** Many messages went away. */
  purged(): void {
    if (this.count !== 0) this.isStale = true
  }

  /** Anything may have changed. */
  forget(): void {
    this.isStale = true
    this.from = 0
  }

  private recount(): void {
    const { log } = this.stream
    const filter = this.filter.all ? null : this.filter
    if (this.skipList !== null && this.skipList.length > 0) {
      const live = this.skipList.count((seq) => seq > log.committedSeq || log.next(null, seq) === seq)
      this.count = live + log.count(filter, this.skipList.resumeSeq + 1)
    } else this.count = log.count(filter, Math.max(this.progress.nextStreamSeq, this.from))
    this.isStale = false
  }
}
