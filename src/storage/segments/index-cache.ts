import type { Segment } from './segment.ts'

/** Keeps indexes that can be read again from their files, up to a number of bytes; those not used for the longest go first, about. */
export class IndexCache {
  bytes = 0
  /** What each counts for; the longest unused first. */
  private readonly sizes = new Map<Segment, number>()
  private readonly limitBytes: number

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  /** The segment's index is in memory, and in its file. */
  add(segment: Segment): void {
    this.weigh(segment)
    if (this.bytes <= this.limitBytes) return
    // Twice round at most: the first time a used one only loses its mark.
    let steps = this.sizes.size * 2
    for (const candidate of this.sizes.keys()) {
      if (this.bytes <= this.limitBytes || steps-- === 0) return
      if (candidate === segment || (candidate.columns !== null && candidate.isIndexUsed)) {
        candidate.isIndexUsed = false
        // What filters matched in it was remembered meanwhile.
        this.weigh(candidate)
      } else {
        candidate.columns = null
        this.drop(candidate)
      }
    }
  }

  /** Forgets the index of a segment that goes away. */
  drop(segment: Segment): void {
    this.bytes -= this.sizes.get(segment) ?? 0
    this.sizes.delete(segment)
  }

  /** Counts it anew, as the newest. */
  private weigh(segment: Segment): void {
    this.drop(segment)
    const size = segment.columns?.memoryBytes ?? 0
    this.sizes.set(segment, size)
    this.bytes += size
  }
}
