import type { Stream } from '../account/stream.ts'
import { Chore } from './chore.ts'

/** Messages looked at in one step. */
const STEP = 64

/** With interest retention: removes what no consumer needs any more. */
export class Unwanted {
  private readonly stream: Stream
  private readonly chore: Chore
  /** Where to go on, and whether to begin once more at the end. */
  private next = 0
  private isDueAgain = false

  constructor(stream: Stream) {
    this.stream = stream
    this.chore = new Chore(stream.account.account.bus.turn, () => this.tryStep())
  }

  /** Somebody wants less than before. */
  remove(): void {
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
    const { log, consumers } = stream
    if (stream.isClosed || stream.config.retention !== 'interest') return false
    if (consumers.size === 0) {
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
      if (subject !== null && !consumers.needs(seq, subject, null)) stream.remove(seq)
      this.next = seq + 1
    }
    return true
  }
}
