/**
 * Storage: logs of messages on files or in memory, behind one journal with group commit. Knows nothing of NATS.
 * The format is described in docs/storage-format.md.
 */

export { NewerFormat } from './files/document.ts'
export { DEFAULT_STORE_LIMITS, type StoreLimits } from './files/limits.ts'
export { ReadFailure } from './files/read-failure.ts'
export { RecordView } from './format/record.ts'
export type { Json } from './journal/json-records.ts'
export type { Ledger } from './log/ledger.ts'
export type { SubjectBytes } from './log/log-contents.ts'
export type { DamagedBytes, LostRecords } from './log/lost-records.ts'
export type { MessageLog, ReadResult } from './log/message-log.ts'
export type { Encryption } from './sealing/index.ts'
export type { LoadWaiter } from './segments/chunk.ts'
export { Store, type StoreOptions } from './store.ts'
export { SubjectCounts } from './subjects/subject-counts.ts'
