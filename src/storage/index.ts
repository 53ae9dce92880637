/**
 * Storage: logs of messages on files or in memory, behind one journal with group commit. Knows nothing of NATS.
 * The format is described in docs/storage-format.md.
 */
export type { LoadWaiter } from './chunk.ts'
export { NewerFormat } from './document.ts'
export type { Ledger } from './ledger.ts'
export { DEFAULT_STORE_LIMITS, type StoreLimits } from './limits.ts'
export type { DamagedBytes, LostRecords } from './lost-records.ts'
export type { Json, MessageLog, ReadResult, SubjectBytes } from './message-log.ts'
export { ReadFailure } from './read-failure.ts'
export { RecordView } from './record.ts'
export type { Encryption } from './sealing/index.ts'
export { Store, type StoreOptions } from './store.ts'
export { SubjectCounts } from './subject-counts.ts'
