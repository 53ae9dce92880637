/** So many runs are known at most: what comes out of order beyond that is not noted. */
const MOST_RUNS = 65_536

/** Sequences, those that follow each other as one: they mostly come in order, up or down. A sequence is added once. */
export class SequenceRuns {
  private readonly first: number[] = []
  private readonly end: number[] = []

  get isEmpty(): boolean {
    return this.first.length === 0
  }

  /** One of them, 0: there is none. The same until it is dropped or another is added. */
  get some(): number {
    return this.isEmpty ? 0 : this.end[this.end.length - 1]
  }

  add(seq: number): void {
    const last = this.end.length - 1
    if (last >= 0 && this.end[last] === seq - 1) this.end[last] = seq
    else if (last >= 0 && this.first[last] === seq + 1) this.first[last] = seq
    else if (this.first.length < MOST_RUNS) {
      this.first.push(seq)
      this.end.push(seq)
    }
  }

  /** Drops the one that `some` gives. */
  drop(): void {
    const last = this.end.length - 1
    if (last < 0) return
    if (this.first[last] < this.end[last]) this.end[last]--
    else {
      this.first.pop()
      this.end.pop()
    }
  }
}
