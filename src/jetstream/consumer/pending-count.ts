import type { SubjectFilter } from '../../subjects/index.ts'
import type { Stream } from '../stream.ts'
import type { Progress } from './progress.ts'
import type { SkipList } from './skip-list.ts'

/** How many messages of the stream match and were not delivered yet: kept by and by, counted anew only where it must be. */
export class PendingCount {
  filter: SubjectFilter
  /** For last_per_subject: what is delivered first; null once it is used up. */
  skipList: SkipList | null = null
  private readonly stream: Stream
  private readonly progress: Progress
  private count = 0
  private isStale = true

  constructor(stream: Stream, progress: Progress, filter: SubjectFilter) {
    this.stream = stream
    this.progress = progress
    this.filter = filter
  }

  get value(): number {
    if (this.isStale) this.recount()
    return this.count
  }

  /** A message was appended: is it to be delivered? */
  stored(seq: number, subject: Buffer, start: number, end: number): boolean {
    if (seq < this.progress.nextStreamSeq || !this.filter.matches(subject, start, end)) return false
    if (!this.isStale) this.count++
    return true
  }

  /** A message that was still to be looked at went away. */
  removed(seq: number): void {
    if (this.skipList !== null && seq <= this.skipList.resumeSeq) {
      if (this.skipList.has(seq)) this.count--
    } else if (this.filter.all) this.count--
    else this.isStale = true
  }

  /** A message was delivered for the first time. */
  delivered(): void {
    this.count--
  }

  /** Anything may have changed. */
  forget(): void {
    this.isStale = true
  }

  private recount(): void {
    const { log } = this.stream
    const filter = this.filter.all ? null : this.filter
    if (this.skipList !== null && this.skipList.length > 0) {
      const live = this.skipList.count((seq) => seq > log.committedSeq || log.next(null, seq) === seq)
      this.count = live + log.count(filter, this.skipList.resumeSeq + 1)
    } else this.count = log.count(filter, this.progress.nextStreamSeq)
    this.isStale = false
  }
}
