import { type MessageLog, ReadFailure } from '../../storage/index.ts'
import type { Consumer } from './consumer.ts'

const NOBODY: readonly Consumer[] = []

interface Stray {
  readonly consumer: Consumer
  /** What it has that its filter does not take, and the highest of these; null: not looked at yet. */
  seqs: Set<number> | null
  highest: number
}

/**
 * Consumers with messages that were delivered to them before their filters changed: nobody finds them by the subject of these
 * messages any more. Which those are is looked at when a message goes.
 */
export class Strays {
  private readonly log: MessageLog
  private strays: Stray[] = []

  constructor(log: MessageLog) {
    this.log = log
  }

  get isEmpty(): boolean {
    return this.strays.length === 0
  }

  /** Its filter is another one, or what it was is not known. */
  add(consumer: Consumer): void {
    this.drop(consumer)
    if (!mayStray(consumer)) return
    this.strays.push({ consumer, seqs: null, highest: 0 })
  }

  drop(consumer: Consumer): void {
    if (this.strays.some((stray) => stray.consumer === consumer))
      this.strays = this.strays.filter((stray) => stray.consumer !== consumer)
  }

  /** Those that may have any. */
  all(): Consumer[] {
    return this.strays.map(({ consumer }) => consumer)
  }

  /** Those that have this message. It may be gone just now. */
  of(seq: number): readonly Consumer[] {
    let found: Consumer[] | null = null
    let kept = 0
    const { strays } = this
    for (let i = 0; i < strays.length; i++) {
      const stray = strays[i]
      const { consumer } = stray
      if (stray.seqs === null) this.sift(stray, seq)
      if ((stray.seqs === null || stray.seqs.has(seq)) && consumer.holds(seq)) {
        found ??= []
        found.push(consumer)
      }
      if (!isOver(stray)) strays[kept++] = stray
    }
    strays.length = kept
    return found ?? NOBODY
  }

  /** `gone`: counts as one of them, since its subject can't be asked for any more. */
  private sift(stray: Stray, gone: number): void {
    const { consumer } = stray
    const { pending, redelivered } = consumer.progress
    const seqs = new Set<number>()
    try {
      for (let row = pending.first; row !== -1; row = pending.next[row]) {
        if (this.isStray(consumer, pending.streamSeq[row], gone)) seqs.add(pending.streamSeq[row])
      }
      for (const seq of redelivered.keys()) if (this.isStray(consumer, seq, gone)) seqs.add(seq)
    } catch (error) {
      if (!(error instanceof ReadFailure)) throw error
      // Looked at the next time; until then everything may be one.
      return
    }
    stray.seqs = seqs
    for (const seq of seqs) if (seq > stray.highest) stray.highest = seq
  }

  private isStray(consumer: Consumer, seq: number, gone: number): boolean {
    if (seq === gone) return true
    const subject = this.log.subjectOf(seq)
    return subject !== null && !consumer.filter.matches(subject.buffer, subject.start, subject.end)
  }
}

/** Was something delivered to it that may still go, and that its filter may not take? */
export function mayStray({ filter, progress }: Consumer): boolean {
  return !filter.all && (progress.pending.size > 0 || progress.redelivered.size > 0)
}

function isOver({ consumer, seqs, highest }: Stray): boolean {
  if (!mayStray(consumer)) return true
  if (seqs === null) return false
  const { progress } = consumer
  return seqs.size === 0 || (highest <= progress.ackFloorStreamSeq && progress.redelivered.size === 0)
}
