import { crc32 } from 'node:zlib'
import { MAX_SEQUENCE } from '../../config/ranges.ts'
import type { Progress } from './progress.ts'
import { NumberReader, NumberWriter } from './varint.ts'

/**
 * A consumer's progress as bytes. A journal entry is its running number and a list of steps, each an operation byte
 * and numbers; runs of neighbours are one step. A snapshot is the whole state after the entry whose number it names: a
 * checkpoint may come between an entry and its commit, so entries up to that number are passed over when they turn up
 * behind it. Encoder and decoder stand side by side here.
 *
 *     deliver     1  time ms, first sequence*, messages - 1
 *     redeliver   2  time ms, sequence*
 *     settle      3  first sequence*, messages - 1
 *     settle all  4  sequence*, consumer sequence
 *     restamp     5  sequence*, time ms (signed)
 *     exhaust     6  sequence*, redeliveries
 *     start       7  sequence
 *     skip        8  sequence: what is below is gone from the stream
 *     restore     9  length, a snapshot: the state came from a backup
 *     owe        10  sequence*: it is settled, and could not be removed from the stream for now
 *
 * (* signed difference to the sequence named before in the same entry, beginning at 0)
 */
const DELIVER = 1
const REDELIVER = 2
const SETTLE = 3
const SETTLE_THROUGH = 4
const RESTAMP = 5
const EXHAUST = 6
const START = 7
const SKIP = 8
const RESTORE = 9
const OWE = 10

const SNAPSHOT_VERSION = 2
/** With what is owed: written only where something is. */
const OWING_VERSION = 3
/** Without a checksum at the end: as older versions wrote it. */
const UNCHECKED_VERSION = 1
const CHECKSUM_BYTES = 4

/** Collects the steps of a turn. */
export class ProgressLog {
  /** Number of the entry that is being made. */
  number = 1
  private readonly out = new NumberWriter()
  private lastSeq = 0
  private runKind = 0
  private runFirst = 0
  private runCount = 0
  private runTimeMs = 0

  get isEmpty(): boolean {
    return this.out.length === 0 && this.runKind === 0
  }

  deliver(seq: number, timeMs: number): void {
    if (this.runKind === DELIVER && seq === this.runFirst + this.runCount && timeMs === this.runTimeMs) {
      this.runCount++
      return
    }
    this.beginRun(DELIVER, seq)
    this.runTimeMs = timeMs
  }

  settle(seq: number): void {
    if (this.runKind === SETTLE && seq === this.runFirst + this.runCount) {
      this.runCount++
      return
    }
    this.beginRun(SETTLE, seq)
  }

  redeliver(seq: number, timeMs: number): void {
    this.begin(REDELIVER)
    this.out.unsigned(timeMs)
    this.sequence(seq)
  }

  settleThrough(seq: number, consumerSeq: number): void {
    this.begin(SETTLE_THROUGH)
    this.sequence(seq)
    this.out.unsigned(consumerSeq)
  }

  restamp(seq: number, timeMs: number): void {
    this.begin(RESTAMP)
    this.sequence(seq)
    this.out.signed(timeMs)
  }

  exhaust(seq: number, redeliveries: number): void {
    this.begin(EXHAUST)
    this.sequence(seq)
    this.out.unsigned(redeliveries)
  }

  owe(seq: number): void {
    this.begin(OWE)
    this.sequence(seq)
  }

  startAt(seq: number): void {
    this.begin(START)
    this.out.unsigned(seq)
  }

  skipTo(seq: number): void {
    this.begin(SKIP)
    this.out.unsigned(seq)
  }

  /** The entry so far; valid until `clear`, which is to follow. */
  finish(): NumberWriter {
    this.endRun()
    return this.out
  }

  /** Begins the next entry. */
  clear(): void {
    this.number++
    this.out.clear()
    this.lastSeq = 0
    this.runKind = 0
  }

  private begin(kind: number): void {
    this.endRun()
    this.operation(kind)
  }

  private operation(kind: number): void {
    if (this.out.length === 0) this.out.unsigned(this.number)
    this.out.byte(kind)
  }

  private beginRun(kind: number, seq: number): void {
    this.endRun()
    this.runKind = kind
    this.runFirst = seq
    this.runCount = 1
  }

  private endRun(): void {
    if (this.runKind === 0) return
    this.operation(this.runKind)
    if (this.runKind === DELIVER) this.out.unsigned(this.runTimeMs)
    this.sequence(this.runFirst)
    this.out.unsigned(this.runCount - 1)
    this.lastSeq = this.runFirst + this.runCount - 1
    this.runKind = 0
  }

  private sequence(seq: number): void {
    this.out.signed(seq - this.lastSeq)
    this.lastSeq = seq
  }
}

/** Number of an entry, 0 when it has none that can be read. */
export function numberOf(entry: Buffer): number {
  try {
    return new NumberReader(entry).unsigned()
  } catch {
    return 0
  }
}

/** Is it an entry with the whole state, which stands whatever came before it? */
export function isRestoreEntry(entry: Buffer): boolean {
  const input = new NumberReader(entry)
  input.unsigned()
  return !input.isAtEnd && input.byte() === RESTORE
}

/**
 * Does again what an entry says, unless its number is not above `after`. Returns the number. `lastKnownSeq`: of the stream; no run
 * is longer. Throws RangeError or Error when the entry is not one, or when entries before it are missing.
 */
export function replay(entry: Buffer, progress: Progress, after: number, lastKnownSeq: number): number {
  const input = new NumberReader(entry)
  const number = input.unsigned()
  if (number <= after) return after
  if (number > after + 1 && !isRestoreEntry(entry))
    throw new RangeError(`entries ${after + 1} to ${number - 1} are missing`)
  if (input.isAtEnd) throw new RangeError('consumer state ends early')
  const run = (first: number): number => {
    const count = input.unsigned() + 1
    if (first < 1 || count > lastKnownSeq || first + count - 1 > MAX_SEQUENCE)
      throw new RangeError('consumer state holds a sequence out of range')
    return count
  }
  let lastSeq = 0
  while (!input.isAtEnd) {
    const kind = input.byte()
    switch (kind) {
      case DELIVER: {
        const timeMs = input.unsigned()
        let seq = lastSeq + input.signed()
        for (let left = run(seq); left > 0; left--) progress.deliver(seq++, timeMs)
        lastSeq = seq - 1
        break
      }
      case REDELIVER: {
        const timeMs = input.unsigned()
        lastSeq += input.signed()
        progress.redeliver(lastSeq, timeMs)
        break
      }
      case SETTLE: {
        let seq = lastSeq + input.signed()
        for (let left = run(seq); left > 0; left--) progress.settle(seq++)
        lastSeq = seq - 1
        break
      }
      case SETTLE_THROUGH:
        lastSeq += input.signed()
        progress.settleThrough(lastSeq, input.unsigned())
        break
      case RESTAMP:
        lastSeq += input.signed()
        progress.restamp(lastSeq, input.signed())
        break
      case EXHAUST: {
        lastSeq += input.signed()
        const row = progress.pending.find(lastSeq)
        const redeliveries = input.unsigned()
        if (row !== -1) progress.exhaust(row, redeliveries)
        break
      }
      case START:
        progress.startAt(input.unsigned())
        break
      case SKIP:
        progress.skipTo(input.unsigned())
        break
      case OWE:
        lastSeq += input.signed()
        progress.owed.add(lastSeq)
        break
      case RESTORE: {
        const length = input.unsigned()
        progress.startAt(1)
        decodeProgress(input.bytes(length), progress)
        break
      }
      default:
        throw new Error(`unknown step ${kind} in a consumer's journal entry`)
    }
  }
  return number
}

/** The journal entry `number`, by which a consumer has this state whatever came before: from a backup, or after damage. */
export function restoreEntry(progress: Progress, number: number): Buffer {
  const snapshot = encodeProgress(progress, 0)
  const out = new NumberWriter()
  out.unsigned(number)
  out.byte(RESTORE)
  out.unsigned(snapshot.length)
  return Buffer.concat([out.buffer.subarray(0, out.length), snapshot])
}

/** The whole state after the entry `number`. */
export function encodeProgress(progress: Progress, number: number): Buffer {
  const out = new NumberWriter()
  out.byte(progress.owed.size > 0 ? OWING_VERSION : SNAPSHOT_VERSION)
  out.unsigned(number)
  out.unsigned(progress.nextStreamSeq)
  out.unsigned(progress.deliveredStreamSeq)
  out.unsigned(progress.consumerSeq)
  out.unsigned(progress.ackFloorStreamSeq)
  out.unsigned(progress.ackFloorConsumerSeq)
  const pending = progress.pending
  out.unsigned(pending.size)
  let seq = 0
  let consumerSeq = 0
  let timeMs = 0
  for (let row = pending.first; row !== -1; row = pending.next[row]) {
    out.unsigned(pending.streamSeq[row] - seq)
    out.signed(pending.consumerSeq[row] - consumerSeq)
    out.signed(Math.floor(pending.timeMs[row]) - timeMs)
    seq = pending.streamSeq[row]
    consumerSeq = pending.consumerSeq[row]
    timeMs = Math.floor(pending.timeMs[row])
  }
  out.unsigned(progress.redelivered.size)
  for (const [redelivered, times] of progress.redelivered) {
    out.unsigned(redelivered)
    out.signed(times)
  }
  if (progress.owed.size > 0) {
    out.unsigned(progress.owed.size)
    for (const owed of progress.owed) out.unsigned(owed)
  }
  const snapshot = Buffer.alloc(out.length + CHECKSUM_BYTES)
  out.buffer.copy(snapshot, 0, 0, out.length)
  snapshot.writeUInt32LE(crc32(snapshot.subarray(0, out.length)), out.length)
  return snapshot
}

/** Fills a fresh `progress`; returns the number of the last entry in it. Throws when the bytes are not a snapshot. */
export function decodeProgress(snapshot: Buffer, progress: Progress): number {
  const version = new NumberReader(snapshot).byte()
  if (version < UNCHECKED_VERSION || version > OWING_VERSION)
    throw new Error(`consumer state of version ${version} is not supported`)
  let end = snapshot.length
  if (version !== UNCHECKED_VERSION) {
    end -= CHECKSUM_BYTES
    if (end < 1 || crc32(snapshot.subarray(0, end)) !== snapshot.readUInt32LE(end))
      throw new Error('its checksum does not hold')
  }
  const input = new NumberReader(snapshot.subarray(0, end))
  input.byte()
  const number = input.unsigned()
  progress.nextStreamSeq = input.unsigned()
  progress.deliveredStreamSeq = input.unsigned()
  progress.consumerSeq = input.unsigned()
  progress.ackFloorStreamSeq = input.unsigned()
  progress.ackFloorConsumerSeq = input.unsigned()
  let seq = 0
  let consumerSeq = 0
  let timeMs = 0
  for (let left = input.unsigned(); left > 0; left--) {
    const step = input.unsigned()
    seq += step
    consumerSeq += input.signed()
    timeMs += input.signed()
    if (step === 0 || seq > MAX_SEQUENCE) throw new RangeError('it holds a sequence out of range')
    progress.pending.add(seq, consumerSeq, timeMs)
  }
  for (let left = input.unsigned(); left > 0; left--)
    progress.redelivered.set(input.unsigned(), input.signed())
  if (version === OWING_VERSION) {
    for (let left = input.unsigned(); left > 0; left--) progress.owed.add(input.unsigned())
  }
  if (!input.isAtEnd) throw new Error('it goes on behind its end')
  return number
}
