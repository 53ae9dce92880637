import type { Ledger, MessageLog } from '../../storage/index.ts'
import type { Consumer } from './consumer.ts'
import type { Progress } from './progress.ts'
import { decodeProgress, replay } from './progress-log.ts'

/**
 * Fills a fresh progress from what was journaled; returns the number of the last entry. What cannot be read is told and costs
 * only what comes behind it: messages are delivered again rather than lost.
 */
export function recoverProgress(ledger: Ledger, progress: Progress, warn: (text: string) => void): number {
  const { recovered } = ledger
  ledger.recovered = null
  if (recovered === null) return 0
  let entry = 0
  try {
    if (recovered.snapshot !== null) entry = decodeProgress(recovered.snapshot, progress)
    for (const bytes of recovered.entries) entry = replay(bytes, progress, entry)
  } catch (error) {
    warn(`the state of consumer ${ledger.name} is damaged: ${(error as Error).message}`)
    // Whatever is left in the journal must not be taken for news later.
    entry += recovered.entries.length
  }
  return entry
}

/** Brings the progress in line with what is in the log. */
export function reconcile(consumer: Consumer): void {
  const { progress, stream, ledger, deliveries } = consumer
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

/**
 * After a restart: a checkpoint may hold an ack whose removal of the message did not get to disk. Only where acks remove
 * messages, so there are few to look at.
 */
export function settleAgain(consumer: Consumer): void {
  const { progress, stream, filter } = consumer
  if (stream.config.retention !== 'workqueue') return
  const { log } = stream
  for (let seq = log.next(filter, log.firstSeq); seq !== 0 && seq < progress.nextStreamSeq; ) {
    if (progress.pending.find(seq) === -1 && !progress.redelivered.has(seq)) consumer.ledger.settle(seq)
    seq = log.next(filter, seq + 1)
  }
}

/** Is the message there? Only for those that were committed. */
function isLive(log: MessageLog, seq: number): boolean {
  return log.next(null, seq) === seq
}
