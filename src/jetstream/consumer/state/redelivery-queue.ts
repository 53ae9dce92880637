/** Sequences waiting to be delivered again, first come first served; a growing ring of numbers. */

const SMALLEST_RING = 16

export class RedeliveryQueue {
  private ring = new Float64Array(SMALLEST_RING)
  /** Position of the oldest entry and of the next one to come; positions only grow. */
  private head = 0
  private tail = 0

  get isEmpty(): boolean {
    return this.head === this.tail
  }

  /** Entries, withdrawn ones included. */
  get length(): number {
    return this.tail - this.head
  }

  /** Adds a sequence; returns its position plus one. */
  push(seq: number): number {
    if (this.tail - this.head === this.ring.length) this.grow()
    this.ring[this.tail % this.ring.length] = seq
    this.tail++
    return this.tail
  }

  /** The oldest sequence. Ask `isEmpty` before. */
  peek(): number {
    return this.ring[this.head % this.ring.length]
  }

  /** Position plus one of the oldest entry: an entry whose owner holds another position was withdrawn. */
  get headPosition(): number {
    return this.head + 1
  }

  shift(): void {
    this.head++
  }

  clear(): void {
    this.head = this.tail
    if (this.ring.length > SMALLEST_RING) this.ring = new Float64Array(SMALLEST_RING)
  }

  private grow(): void {
    const bigger = new Float64Array(this.ring.length * 2)
    for (let at = this.head; at < this.tail; at++)
      bigger[at % bigger.length] = this.ring[at % this.ring.length]
    this.ring = bigger
  }
}
