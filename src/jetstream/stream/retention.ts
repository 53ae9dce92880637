import { Chore } from './chore.ts'
import { KeptForCopies } from './kept-for-copies.ts'
import type { StreamLog } from './stream-log.ts'

/** Messages looked at in one step. */
const STEP = 64

/** With workqueue and interest retention: removes what consumers are done with. */
export class Retention {
  private readonly stream: StreamLog
  private readonly chore: Chore
  /** Where to go on, and whether to begin once more at the end. */
  private next = 0
  private isDueAgain = false
  private readonly keptForCopies: KeptForCopies

  constructor(stream: StreamLog) {
    this.stream = stream
    this.keptForCopies = new KeptForCopies(stream.log)
    this.chore = new Chore(stream.host.bus.turn, () => this.tryStep())
  }

  /**
   * A consumer is done with a message: it goes when nobody else needs it. `isCopy`: another stream copies by that consumer.
   * False: as soon as the disk can be read; then `done`.
   */
  settled(consumer: unknown, isCopy: boolean, seq: number, done: (seq: number) => void): boolean {
    try {
      this.settleNow(consumer, isCopy, seq)
      return true
    } catch (error) {
      this.stream.later.add(error, () => {
        this.settleNow(consumer, isCopy, seq)
        done(seq)
      })
      return false
    }
  }

  private settleNow(consumer: unknown, isCopy: boolean, seq: number): void {
    const { stream } = this
    const { retention } = stream.config
    if (stream.isClosed || retention === 'limits') return
    // A message of a work queue belongs to one consumer, and to those that other streams copy by.
    if (retention === 'interest' || stream.audience.hasCopies) {
      const subject = stream.log.subjectOf(seq)
      if (subject === null) return
      if (stream.audience.needs(seq, subject, consumer)) {
        if (retention === 'workqueue' && !isCopy) this.keptForCopies.add(seq)
        return
      }
    }
    stream.remove(seq)
  }

  /** A consumer is gone: what nobody but it needed is removed. With the last one the stream counts as purged. */
  consumerDeleted(): void {
    const { stream } = this
    const { log, audience, config } = stream
    if (config.retention === 'interest' && audience.size === 0 && log.messages === 0) stream.wasPurged = true
    this.wantedAnew()
  }

  /** After a start, when all consumers are there: those that copied may have gone just before the end of the process before. */
  recovered(): void {
    if (this.stream.config.retention === 'workqueue') this.wantedAnew()
  }

  /**
   * Somebody wants less than before: with interest retention what nobody needs any more is removed, of a work queue what was kept
   * for copies only.
   */
  wantedAnew(): void {
    if (this.stream.isClosed) return
    const { retention } = this.stream.config
    if (retention === 'limits' || (retention === 'workqueue' && this.keptForCopies.isEmpty)) return
    if (this.chore.isWaiting) {
      this.isDueAgain = true
      return
    }
    this.next = 0
    this.chore.start()
  }

  private tryStep(): boolean {
    try {
      return this.step()
    } catch (error) {
      this.stream.later.add(error, () => this.chore.start())
      return false
    }
  }

  private step(): boolean {
    const { stream } = this
    const { log, audience } = stream
    if (stream.isClosed) return false
    if (stream.config.retention === 'workqueue') return this.stepOfCopies()
    if (stream.config.retention !== 'interest') return false
    if (audience.size === 0) {
      stream.removeThrough(Math.min(log.lastSeq, log.firstSeq + STEP - 1))
      this.isDueAgain = false
      return log.messages > 0
    }
    for (let left = STEP; left > 0; left--) {
      const seq = log.nextLive(this.next)
      if (seq === 0) {
        this.next = 0
        const isMore = this.isDueAgain
        this.isDueAgain = false
        return isMore
      }
      const subject = log.subjectOf(seq)
      if (subject !== null && !audience.needs(seq, subject, null)) stream.remove(seq)
      this.next = seq + 1
    }
    return true
  }

  private stepOfCopies(): boolean {
    const { log, audience } = this.stream
    for (let left = STEP; left > 0; left--) {
      const seq = this.keptForCopies.next()
      if (seq === 0) return this.allLookedAt()
      const subject = log.has(seq) ? log.subjectOf(seq) : null
      const isNeeded = subject !== null && audience.needs(seq, subject, null)
      if (subject !== null && !isNeeded) this.stream.remove(seq)
      this.keptForCopies.looked(seq, isNeeded)
    }
    return true
  }

  private allLookedAt(): boolean {
    const { keptForCopies, isDueAgain } = this
    this.isDueAgain = false
    return isDueAgain && !keptForCopies.isEmpty
  }
}
