/**
 * Decides whether a small commit is written while the thread waits for it, to the disk or to the memory of the operating system. Handing a write to the pool and
 * being told costs two changes of thread, on a fast disk as much as the write; a slow disk must never hold up
 * the thread, so the disk is timed and the way is left as soon as one commit takes long.
 */

/** The commits that may be waited for. */
export interface SmallCommits {
  /** A batch with more records has others to serve meanwhile. */
  records: number
  bytes: number
}

export const DURABLE_COMMITS: SmallCommits = { records: 2, bytes: 8 * 1024 }
/** Written to memory, not to the disk: that takes no longer than to copy it. */
export const RELAXED_COMMITS: SmallCommits = { records: Number.POSITIVE_INFINITY, bytes: 64 * 1024 }
/** The disk counts as fast while commits take less than this share of a hiccup, on average. */
const FAST_SHARE = 1 / 8
/** After a hiccup the pool is used for so many commits; each hiccup soon after another doubles it. */
const FIRST_PENALTY = 256
const MAX_PENALTY = 65_536
/** Weight of the newest commit in the average. */
const WEIGHT = 1 / 16

export class CommitPace {
  private readonly small: SmallCommits
  private readonly hiccupMs: number
  private readonly fastMs: number
  private averageMs: number
  private penalty = FIRST_PENALTY
  private left = 0
  private smooth = 0

  /** `hiccupMs`: no commit is to take as long. */
  constructor(small: SmallCommits, hiccupMs: number) {
    this.small = small
    this.hiccupMs = hiccupMs
    this.fastMs = hiccupMs * FAST_SHARE
    this.averageMs = this.fastMs
  }

  /** Is this commit to be waited for? */
  waits(records: number, bytes: number): boolean {
    if (records > this.small.records || bytes > this.small.bytes) return false
    if (this.left > 0) {
      this.left--
      return false
    }
    return this.averageMs < this.fastMs * 2
  }

  /** A commit that was waited for took so long. */
  took(ms: number): void {
    this.averageMs += (ms - this.averageMs) * WEIGHT
    if (ms < this.hiccupMs && this.averageMs < this.fastMs * 2) {
      if (++this.smooth > MAX_PENALTY) this.penalty = FIRST_PENALTY
      return
    }
    this.left = this.penalty
    this.penalty = Math.min(this.penalty * 2, MAX_PENALTY)
    this.smooth = 0
    this.averageMs = this.fastMs
  }
}
