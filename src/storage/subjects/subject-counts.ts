const BYTES_AT_FIRST = 1 << 16
const SUBJECTS_AT_FIRST = 1 << 12

/** A list of subjects with a number each, their bytes one after another: a million of them are no work for the garbage collector. */
export class SubjectCounts {
  size = 0
  private bytes = Buffer.allocUnsafe(BYTES_AT_FIRST)
  private used = 0
  private starts = new Uint32Array(SUBJECTS_AT_FIRST)
  private lengths = new Uint16Array(SUBJECTS_AT_FIRST)
  private counts = new Float64Array(SUBJECTS_AT_FIRST)

  add(from: Buffer, start: number, end: number, count: number): void {
    const length = end - start
    if (this.used + length > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.used + length, this.bytes.length * 2))
      this.bytes.copy(larger, 0, 0, this.used)
      this.bytes = larger
    }
    if (this.size === this.starts.length) this.widen()
    for (let i = 0; i < length; i++) this.bytes[this.used + i] = from[start + i]
    this.starts[this.size] = this.used
    this.lengths[this.size] = length
    this.counts[this.size] = count
    this.used += length
    this.size++
  }

  text(at: number): string {
    return this.bytes.toString('utf8', this.starts[at], this.starts[at] + this.lengths[at])
  }

  count(at: number): number {
    return this.counts[at]
  }

  /** Negative when the first comes before the second in the order of their bytes. */
  compare(first: number, second: number): number {
    const { bytes, starts, lengths } = this
    const a = starts[first]
    const b = starts[second]
    const shared = Math.min(lengths[first], lengths[second])
    for (let i = 0; i < shared; i++) {
      const difference = bytes[a + i] - bytes[b + i]
      if (difference !== 0) return difference
    }
    return lengths[first] - lengths[second]
  }

  private widen(): void {
    const { starts, lengths, counts } = this
    this.starts = new Uint32Array(this.size * 2)
    this.starts.set(starts)
    this.lengths = new Uint16Array(this.size * 2)
    this.lengths.set(lengths)
    this.counts = new Float64Array(this.size * 2)
    this.counts.set(counts)
  }
}
