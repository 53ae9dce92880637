import type { Stream } from './stream.ts'

/** With interest retention: removes what no consumer needs any more. */
export function removeWithoutInterest(stream: Stream): void {
  const { log, consumers } = stream
  if (consumers.size === 0) {
    stream.removeThrough(log.lastSeq)
    return
  }
  for (let seq = log.next(null, log.firstSeq); seq > 0; seq = log.next(null, seq + 1)) {
    let isNeeded = false
    for (const consumer of consumers.values()) {
      if (consumer.needs(seq)) {
        isNeeded = true
        break
      }
    }
    if (!isNeeded) stream.remove(seq)
  }
}
