/** Sizes (bytes) and times (milliseconds) of the store. The tests make them small. */
export interface StoreLimits {
  /** A segment is sealed when it has this much data. */
  segmentBytes: number
  /** Log2 of the bytes read and cached at once. */
  chunkBits: number
  /** Data of sealed and flushed chunks kept for readers. */
  cacheBytes: number
  /** Indexes of sealed segments kept in memory. */
  indexBytes: number
  /** Files of sealed segments kept open. */
  openSegments: number
  /** Size of the first journal file; each further one is twice as large, up to the largest. */
  firstJournalBytes: number
  journalBytes: number
  /** Zeros are laid out in steps of this size. */
  layoutBytes: number
  /** Room that is kept for housekeeping on a full disk: so much at least, an eighth of what is stored, and little more than a segment at most. */
  reserveBytes: number
  /** Room that a document of the store takes, at most as a rule. */
  documentBytes: number
  /** Appended and not yet durable bytes above which publishers are paused, and below which they go on. */
  overloadBytes: number
  drainBytes: number
  /** Bytes that may wait for space on a full disk; with more the store is given up, and read-only. */
  heldUpBytes: number
  /** Entries that are not urgent wait this long for something that is. */
  lazyCommitMs: number
  /** A small commit that is waited for takes less than this; after one that took longer they are not waited for, for a while. */
  hiccupMs: number
  /** Share of live bytes below which a sealed segment is rewritten. */
  compactBelow: number
  /** A checkpoint of no more changed logs than this is always worth its while. */
  fewLogs: number
  /** For each further one so much may be left in the journal, up to so much in all: reading that again takes less than writing files. */
  journalBytesPerLog: number
  replayBytes: number
}

export const DEFAULT_STORE_LIMITS: Readonly<StoreLimits> = {
  segmentBytes: 8 * 1024 * 1024,
  chunkBits: 18,
  cacheBytes: 32 * 1024 * 1024,
  indexBytes: 64 * 1024 * 1024,
  openSegments: 64,
  firstJournalBytes: 1024 * 1024,
  journalBytes: 32 * 1024 * 1024,
  layoutBytes: 1024 * 1024,
  reserveBytes: 2 * 1024 * 1024,
  documentBytes: 64 * 1024,
  overloadBytes: 16 * 1024 * 1024,
  drainBytes: 4 * 1024 * 1024,
  heldUpBytes: 64 * 1024 * 1024,
  lazyCommitMs: 10,
  hiccupMs: 2,
  compactBelow: 0.5,
  fewLogs: 64,
  journalBytesPerLog: 16 * 1024,
  replayBytes: 64 * 1024 * 1024,
}
