/**
 * Messages delivered and not yet acknowledged, in order of stream sequence: rows in typed arrays, found by a hash of
 * the sequence, chained in order. No object per message. New deliveries come at the end, so adding, finding and
 * removing take constant time.
 */

const SMALLEST_ROWS = 64
/** Above this many rows the memory is given back once nothing is pending. */
const KEPT_ROWS = 16_384
const NONE = -1

export class PendingAcks {
  /** How many messages are pending. */
  size = 0
  /** Row of the lowest sequence, -1 when nothing is pending. */
  first = NONE
  /** Row of the highest sequence, -1 when nothing is pending. */
  last = NONE
  /** Columns, indexed by row. */
  streamSeq = new Float64Array(SMALLEST_ROWS)
  /** Consumer sequence of the first delivery. */
  consumerSeq = new Float64Array(SMALLEST_ROWS)
  /** Milliseconds since the epoch from which the ack wait counts. */
  timeMs = new Float64Array(SMALLEST_ROWS)
  /** Position in the redelivery queue plus one, 0 when it is not queued. */
  queuedAt = new Float64Array(SMALLEST_ROWS)
  /** Row of the next higher sequence, -1 at the end. */
  next = new Int32Array(SMALLEST_ROWS)

  private previous = new Int32Array(SMALLEST_ROWS)
  /** First row of each bucket plus one, 0 for none; the rows of a bucket are chained. Neighbours fall into neighbours. */
  private buckets = new Int32Array(SMALLEST_ROWS)
  private chain = new Int32Array(SMALLEST_ROWS)
  private free = NONE
  private usedRows = 0

  /** Row of a sequence, -1 when it is not pending. */
  find(seq: number): number {
    let row = this.buckets[(seq | 0) & (this.buckets.length - 1)] - 1
    while (row !== NONE && this.streamSeq[row] !== seq) row = this.chain[row] - 1
    return row
  }

  /** Adds a sequence that is not pending; returns its row. */
  add(seq: number, consumerSeq: number, timeMs: number): number {
    if (this.free === NONE && this.usedRows === this.streamSeq.length) this.grow()
    let row = this.free
    if (row === NONE) row = this.usedRows++
    else this.free = this.next[row]
    this.streamSeq[row] = seq
    this.consumerSeq[row] = consumerSeq
    this.timeMs[row] = timeMs
    this.queuedAt[row] = 0
    let before = this.last
    while (before !== NONE && this.streamSeq[before] > seq) before = this.previous[before]
    const after = before === NONE ? this.first : this.next[before]
    this.previous[row] = before
    this.next[row] = after
    if (before === NONE) this.first = row
    else this.next[before] = row
    if (after === NONE) this.last = row
    else this.previous[after] = row
    this.link(row)
    this.size++
    return row
  }

  /** Removes a row that `find` or `first` gave. */
  remove(row: number): void {
    this.unlink(row)
    const before = this.previous[row]
    const after = this.next[row]
    if (before === NONE) this.first = after
    else this.next[before] = after
    if (after === NONE) this.last = before
    else this.previous[after] = before
    this.next[row] = this.free
    this.free = row
    this.size--
    if (this.size === 0) this.rewind()
  }

  clear(): void {
    this.buckets.fill(0)
    this.rewind()
  }

  /** Nothing is pending, and all buckets are empty. */
  private rewind(): void {
    this.size = 0
    this.first = NONE
    this.last = NONE
    this.free = NONE
    this.usedRows = 0
    if (this.streamSeq.length > KEPT_ROWS) this.allocate(SMALLEST_ROWS)
  }

  private link(row: number): void {
    const bucket = (this.streamSeq[row] | 0) & (this.buckets.length - 1)
    this.chain[row] = this.buckets[bucket]
    this.buckets[bucket] = row + 1
  }

  private unlink(row: number): void {
    const bucket = (this.streamSeq[row] | 0) & (this.buckets.length - 1)
    let at = this.buckets[bucket] - 1
    if (at === row) {
      this.buckets[bucket] = this.chain[row]
      return
    }
    while (this.chain[at] !== row + 1) at = this.chain[at] - 1
    this.chain[at] = this.chain[row]
  }

  private allocate(rows: number): void {
    this.streamSeq = new Float64Array(rows)
    this.consumerSeq = new Float64Array(rows)
    this.timeMs = new Float64Array(rows)
    this.queuedAt = new Float64Array(rows)
    this.next = new Int32Array(rows)
    this.previous = new Int32Array(rows)
    this.buckets = new Int32Array(rows)
    this.chain = new Int32Array(rows)
  }

  private grow(): void {
    const { streamSeq, consumerSeq, timeMs, queuedAt, next, previous } = this
    this.allocate(streamSeq.length * 2)
    this.streamSeq.set(streamSeq)
    this.consumerSeq.set(consumerSeq)
    this.timeMs.set(timeMs)
    this.queuedAt.set(queuedAt)
    this.next.set(next)
    this.previous.set(previous)
    for (let row = this.first; row !== NONE; row = this.next[row]) this.link(row)
  }
}
