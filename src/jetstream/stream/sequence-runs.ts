/** So many runs are known at most: what comes out of order beyond that is not noted. */
const MOST_RUNS = 65_536
/** Where there is no room, it is looked for what is gone when the least has moved on by so much. */
const LOOK_AGAIN = 1024

/** Sequences, those that follow each other as one: they mostly come in order, up or down. A sequence is added once. */
export class SequenceRuns {
  private first: number[] = []
  private end: number[] = []
  /** The least when it was last looked for what is gone. */
  private least = 0

  get isEmpty(): boolean {
    return this.first.length === 0
  }

  /** One of them, 0: there is none. The same until it is dropped or another is added. */
  get some(): number {
    return this.isEmpty ? 0 : this.end[this.end.length - 1]
  }

  /** `least`: what lies before it is gone, and need not be known any more where there is no room. */
  add(seq: number, least = 0): void {
    if (this.first.length >= MOST_RUNS && least >= this.least + LOOK_AGAIN) this.dropBefore(least)
    const last = this.end.length - 1
    if (last >= 0 && this.end[last] === seq - 1) this.end[last] = seq
    else if (last >= 0 && this.first[last] === seq + 1) this.first[last] = seq
    else if (this.first.length < MOST_RUNS) {
      this.first.push(seq)
      this.end.push(seq)
    }
  }

  get count(): number {
    return this.first.length
  }

  each(visit: (first: number, last: number) => void): void {
    for (let i = 0; i < this.first.length; i++) visit(this.first[i], this.end[i])
  }

  /** The same for all from the first to the last of a run. */
  addRun(first: number, last: number): void {
    if (this.first.length >= MOST_RUNS) return
    this.first.push(first)
    this.end.push(last)
  }

  /** What lies before it is gone. */
  forgetBefore(least: number): void {
    if (least > this.least) this.dropBefore(least)
  }

  private dropBefore(least: number): void {
    this.least = least
    const { first, end } = this
    this.first = first.filter((_, i) => end[i] >= least)
    this.end = end.filter((seq) => seq >= least)
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
