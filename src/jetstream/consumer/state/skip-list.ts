/**
 * For deliver policy last_per_subject: the newest message of each subject as of the consumer's creation. Up to `resumeSeq`
 * only these are delivered, behind it everything.
 */
export class SkipList {
  readonly resumeSeq: number
  private readonly seqs: Float64Array
  private at = 0

  /** `seqs` in ascending order. */
  constructor(seqs: Float64Array, resumeSeq: number) {
    this.seqs = seqs
    this.resumeSeq = resumeSeq
  }

  get length(): number {
    return this.seqs.length - this.at
  }

  /** The next sequence; ask `length` before. */
  peek(): number {
    return this.seqs[this.at]
  }

  shift(): void {
    this.at++
  }

  /** Is the sequence still to be delivered from the list? */
  has(seq: number): boolean {
    let low = this.at
    let high = this.seqs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.seqs[middle] < seq) low = middle + 1
      else high = middle
    }
    return low < this.seqs.length && this.seqs[low] === seq
  }

  /** How many of the rest satisfy a test. */
  count(isLive: (seq: number) => boolean): number {
    let live = 0
    for (let i = this.at; i < this.seqs.length; i++) if (isLive(this.seqs[i])) live++
    return live
  }
}
