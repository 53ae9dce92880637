/**
 * A message as it is stored: the same bytes in the journal and in a segment. Little endian.
 *
 *     0  u32 length of the whole record      4  u32 check of the length
 *     8  u32 length of the headers          12  u32 sequence, low    16  u16 sequence, high
 *    18  u16 length of the subject          20  u32 seconds          24  u32 nanoseconds
 *    28  subject, headers, payload, and at the end a u32 CRC-32 of all before it
 *
 * The length has a check of its own, so that a damaged record is told from its neighbours.
 */
import { crc32 } from 'node:zlib'
import { copy, getU32, putU32 } from './bytes.ts'

export const RECORD_HEAD_BYTES = 28
/** What a record takes beside subject, headers and payload. */
export const RECORD_OVERHEAD_BYTES = RECORD_HEAD_BYTES + 4
const TWO_32 = 0x1_0000_0000

/** A stored message, as offsets into a buffer. Valid until its user returns to the event loop. */
export class RecordView {
  seq = 0
  sec = 0
  nsec = 0
  buffer: Buffer = Buffer.alloc(0)
  subjectStart = 0
  subjectEnd = 0
  /** Headers and then the payload: `[bodyStart, bodyEnd)`. */
  bodyStart = 0
  headerLength = 0
  bodyEnd = 0
}

export function lengthCheck(length: number): number {
  return (Math.imul(length, 0x9e3779b1) ^ 0x5bd1e995) >>> 0
}

/** Encodes at `at`, where there is room for `length` bytes (see `recordLength`). */
export function encodeRecord(
  to: Buffer,
  at: number,
  length: number,
  seq: number,
  sec: number,
  nsec: number,
  subject: Buffer,
  subjectStart: number,
  subjectEnd: number,
  body: Buffer,
  bodyStart: number,
  headerLength: number,
  bodyEnd: number,
): void {
  const subjectLength = subjectEnd - subjectStart
  const high = (seq / TWO_32) | 0
  putU32(to, at, length)
  putU32(to, at + 4, lengthCheck(length))
  putU32(to, at + 8, headerLength)
  putU32(to, at + 12, seq >>> 0)
  to[at + 16] = high
  to[at + 17] = high >>> 8
  to[at + 18] = subjectLength
  to[at + 19] = subjectLength >>> 8
  putU32(to, at + 20, sec)
  putU32(to, at + 24, nsec)
  copy(subject, subjectStart, subjectEnd, to, at + RECORD_HEAD_BYTES)
  copy(body, bodyStart, bodyEnd, to, at + RECORD_HEAD_BYTES + subjectLength)
  const end = at + length - 4
  putU32(to, end, crc32(to.subarray(at, end)))
}

/** Length of the record at `at` when its check holds and it fits below `limit`; else 0. */
export function recordLengthAt(buffer: Buffer, at: number, limit: number): number {
  if (at + RECORD_OVERHEAD_BYTES > limit) return 0
  const length = getU32(buffer, at)
  if (length < RECORD_OVERHEAD_BYTES || at + length > limit || getU32(buffer, at + 4) !== lengthCheck(length))
    return 0
  return length
}

/** Does the checksum of the record `[at, at + length)` hold? */
export function isRecordIntact(buffer: Buffer, at: number, length: number): boolean {
  const end = at + length - 4
  return crc32(buffer.subarray(at, end)) === getU32(buffer, end)
}

export function seqAt(buffer: Buffer, at: number): number {
  return getU32(buffer, at + 12) + (buffer[at + 16] | (buffer[at + 17] << 8)) * TWO_32
}

/** Points the view at the record `[at, at + length)`. False when the parts do not fit into it. */
export function viewRecord(view: RecordView, buffer: Buffer, at: number, length: number): boolean {
  const subjectLength = buffer[at + 18] | (buffer[at + 19] << 8)
  const headerLength = getU32(buffer, at + 8)
  view.buffer = buffer
  view.seq = seqAt(buffer, at)
  view.sec = getU32(buffer, at + 20)
  view.nsec = getU32(buffer, at + 24)
  view.subjectStart = at + RECORD_HEAD_BYTES
  view.subjectEnd = view.subjectStart + subjectLength
  view.bodyStart = view.subjectEnd
  view.headerLength = headerLength
  view.bodyEnd = at + length - 4
  return view.bodyStart + headerLength <= view.bodyEnd
}
