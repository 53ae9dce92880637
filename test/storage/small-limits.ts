import type { StoreLimits } from '../../src/storage/index.ts'

/** So small that a few messages seal segments, turn over journal files and outgrow every cache. */
export const SMALL_LIMITS: Partial<StoreLimits> = {
  segmentBytes: 2048,
  chunkBits: 9,
  cacheBytes: 4096,
  indexBytes: 2048,
  openSegments: 4,
  firstJournalBytes: 2048,
  journalBytes: 8192,
  layoutBytes: 2048,
  reserveBytes: 4096,
  documentBytes: 2048,
  heldUpBytes: 256 * 1024,
}
