import type { SubjectBytes } from '../../storage/index.ts'

/** Who is told what becomes of a stream's messages, and says which are wanted: its consumers. */
export interface Audience {
  /** How many they are. */
  readonly size: number
  /** Are there some that other streams copy by? They get messages beside those a work queue's messages belong to. */
  readonly hasCopies: boolean
  /** Does anybody want messages of this subject? */
  isWanted(subject: Buffer, start: number, end: number): boolean
  /** Does anybody but this one (null: anybody at all) still need the message? */
  needs(seq: number, subject: SubjectBytes, but: unknown): boolean
  /** A message was appended (not yet committed). */
  stored(seq: number, subject: Buffer, start: number, end: number): void
  /** Messages up to the log's committedSeq may be delivered. */
  committed(): void
  /** A message went away. */
  removed(seq: number, subject: SubjectBytes): void
  /** The first step of that: what is counted. `tellHolders` has to follow when the message is gone. */
  miss(seq: number, subject: Buffer, start: number, end: number): void
  tellHolders(): void
  /** Many messages went away: of one subject, or (null) of any. `isRequested`: by a purge. */
  purged(subject: SubjectBytes | null, isRequested?: boolean): void
  /** What is pending is not known any more. */
  forgetCounts(): void
}
