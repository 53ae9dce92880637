/** Sequences kept by number; beyond, lost messages are only counted. */
const MOST_SEQUENCES = 1024

/** Bytes in which a record was, or more than one: what the disk made of it. */
export interface DamagedBytes {
  /** Name of the log; '' where that isn't known. */
  log: string
  /** Sequences of the messages that were there, as far as that is known. */
  sequences: readonly number[]
  /** The file. */
  where: string
  bytes: Buffer
}

/** What damage on the disk has cost a log, as far as it is known. */
export class LostRecords {
  /** Records that could not be read: messages, and in the journal other changes too. */
  count = 0
  /** Bytes of the messages whose size is known. */
  bytes = 0
  /** Sequences of messages that are lost, the oldest loss first; at most 1024. */
  readonly sequences: number[] = []
  /** `count` as of when it was last told to whom it concerns. */
  told = 0

  /** A message is lost. */
  add(seq: number, bytes: number): void {
    this.count++
    this.bytes += bytes
    this.name(seq)
  }

  /** The message with this sequence is among those that were counted. */
  name(seq: number): void {
    if (this.sequences.length < MOST_SEQUENCES) this.sequences.push(seq)
  }
}
