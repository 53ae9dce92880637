import type { Ledger, MessageLog } from '../../../storage/index.ts'
import type { ConsumerState } from './consumer-state.ts'
import type { Deliveries } from './deliveries.ts'
import { Progress } from './progress.ts'
import { decodeProgress, isRestoreEntry, numberOf, replay } from './progress-log.ts'

/** What `recoverProgress` found. */
export interface Recovered {
  /** Number of the last entry. */
  entry: number
  /** Something could not be read: the state is to be written anew. */
  isDamaged: boolean
}

/**
 * Fills a fresh progress from what was journaled. What cannot be read is told and costs only what comes behind it: it counts
 * as never done, so that messages are delivered again rather than lost. `lastSeq`: of the stream.
 */
export function recoverProgress(
  ledger: Ledger,
  progress: Progress,
  lastSeq: number,
  warn: (text: string) => void,
): Recovered {
  const { recovered } = ledger
  ledger.recovered = null
  const found: Recovered = { entry: 0, isDamaged: false }
  if (recovered === null) return found
  const { snapshot, entries } = recovered
  const damaged = (error: unknown): void => {
    if (!found.isDamaged) warn(`the state of consumer ${ledger.name} is damaged: ${(error as Error).message}`)
    found.isDamaged = true
  }
  /** The state after the first `count` entries, which could be read. */
  const rebuild = (count: number): void => {
    progress.startAt(1)
    found.entry = 0
    try {
      if (snapshot !== null) found.entry = decodeProgress(snapshot, progress)
    } catch (error) {
      damaged(error)
      progress.startAt(1)
    }
    for (let i = 0; i < count; i++) found.entry = replay(entries[i], progress, found.entry, lastSeq)
  }
  rebuild(0)
  for (let i = 0; i < entries.length; i++) {
    try {
      if (!found.isDamaged) found.entry = replay(entries[i], progress, found.entry, lastSeq)
      else if (isRestoreEntry(entries[i])) {
        // Written after the damage was found the last time: from here on all is known.
        const whole = new Progress(progress.ackMode)
        replay(entries[i], whole, 0, lastSeq)
        found.entry = replay(entries[i], progress, found.entry, lastSeq)
        found.isDamaged = false
      }
    } catch (error) {
      if (!found.isDamaged) {
        damaged(error)
        rebuild(i)
      }
    }
  }
  // Whatever is left in the journal must not be taken for news later.
  if (found.isDamaged) found.entry = highestNumber(entries, found.entry)
  return found
}

/** Brings the progress in line with what is in the log. */
export function reconcile(consumer: ConsumerState, deliveries: Deliveries): void {
  const { progress, stream, ledger } = consumer
  const { log } = stream
  const { pending } = progress
  const lowest = pending.size > 0 ? pending.streamSeq[pending.first] : Infinity
  // What waited for its ack and is gone counts as settled.
  if (lowest < log.firstSeq) consumer.lastAckMs = stream.clock.now()
  if (Math.min(progress.nextStreamSeq, lowest) < log.firstSeq) {
    progress.skipTo(log.firstSeq)
    ledger.steps.skipTo(log.firstSeq)
  }
  for (let row = pending.first; row !== -1; ) {
    const seq = pending.streamSeq[row]
    row = pending.next[row]
    if (!isLive(log, seq)) deliveries.forget(seq)
  }
  for (const seq of progress.redelivered.keys()) if (!isLive(log, seq)) deliveries.forget(seq)
}

/** Is the message there? Only for those that were committed. */
function isLive(log: MessageLog, seq: number): boolean {
  return log.next(null, seq) === seq
}

function highestNumber(entries: readonly Buffer[], entry: number): number {
  let highest = entry + entries.length
  for (const bytes of entries) highest = Math.max(highest, numberOf(bytes))
  return highest
}
