/**
 * The index of a segment: for each message its place, time and subject, in columns. In memory for the segment
 * that is appended to; for sealed ones in a file, and loaded when needed.
 *
 *     file: 0 u32 magic  4 u32 version  8 u32 messages  12 u32 subjects  16 u32 data bytes  20 u32 dictionary bytes
 *          24 u32 CRC-32 of the dictionary  28 u32 CRC-32 of the columns  32 u32 CRC-32 of all before  36 u32 0
 *          40 dictionary: for each subject u16 length, subject, u32 messages, u32 first and u32 last position
 *          then the columns, u32 each: offsets, seconds, nanoseconds, subject numbers (bit 31: has headers)
 */
import { crc32 } from 'node:zlib'
import type { SubjectFilter } from '../subjects/filter.ts'
import { getU32, putU32 } from './record.ts'

export const INDEX_MAGIC = 0x58495443
const INDEX_VERSION = 1
export const INDEX_HEAD_BYTES = 40
export const HAS_HEADERS = 0x8000_0000
export const SUBJECT_MASK = 0x7fff_ffff
/** Filters whose matches are remembered per segment. */
const MAX_MEMOS = 64

export interface IndexHead {
  count: number
  subjects: number
  dataBytes: number
  dictionaryBytes: number
  dictionaryCrc: number
  columnsCrc: number
}

export class Columns {
  count = 0
  offsets: Uint32Array
  secs: Uint32Array
  nsecs: Uint32Array
  /** Number in the dictionary; bit 31: has headers. */
  locals: Uint32Array
  readonly dictionary: string[] = []
  private memos = new Map<SubjectFilter, Uint8Array>()
  private readonly numbers = new Map<string, number>()
  private numbered = 0

  constructor(capacity: number) {
    this.offsets = new Uint32Array(capacity)
    this.secs = new Uint32Array(capacity)
    this.nsecs = new Uint32Array(capacity)
    this.locals = new Uint32Array(capacity)
  }

  push(offset: number, sec: number, nsec: number, local: number): void {
    const i = this.count
    if (i === this.offsets.length) this.grow()
    this.offsets[i] = offset
    this.secs[i] = sec
    this.nsecs[i] = nsec
    this.locals[i] = local
    this.count = i + 1
  }

  /** Number of a subject in the dictionary, -1 when it isn't there. */
  localOf(subject: string): number {
    const { dictionary, numbers } = this
    for (; this.numbered < dictionary.length; this.numbered++)
      numbers.set(dictionary[this.numbered], this.numbered)
    return numbers.get(subject) ?? -1
  }

  /** Number of a subject, put into the dictionary when it isn't there. */
  add(subject: string): number {
    const known = this.localOf(subject)
    return known >= 0 ? known : this.dictionary.push(subject) - 1
  }

  /** First position from `from` on that has the subject of this number, -1 when there is none. */
  positionOf(local: number, from: number): number {
    const plain = this.locals.indexOf(local, from)
    const within = plain < 0 ? this.locals : this.locals.subarray(0, plain)
    const withHeaders = within.indexOf((local | HAS_HEADERS) >>> 0, from)
    const found = withHeaders < 0 ? plain : withHeaders
    return found < this.count ? found : -1
  }

  subjectAt(position: number): string {
    return this.dictionary[this.locals[position] & SUBJECT_MASK]
  }

  /** For each number of the dictionary: does the filter match (1) or not (2)? Filled in as asked. */
  matches(filter: SubjectFilter): Uint8Array {
    let memo = this.memos.get(filter)
    if (memo !== undefined && memo.length >= this.dictionary.length) return memo
    const known = memo
    memo = new Uint8Array(Math.max(16, this.dictionary.length * 2))
    if (known !== undefined) memo.set(known)
    if (this.memos.size >= MAX_MEMOS) this.memos = new Map()
    this.memos.set(filter, memo)
    return memo
  }

  isMatch(memo: Uint8Array, filter: SubjectFilter, position: number): boolean {
    const local = this.locals[position] & SUBJECT_MASK
    let answer = memo[local]
    if (answer === 0) {
      answer = filter.matchesLatin1(this.dictionary[local]) ? 1 : 2
      memo[local] = answer
    }
    return answer === 1
  }

  private grow(): void {
    const capacity = Math.max(256, this.offsets.length * 2)
    this.offsets = enlarge(this.offsets, capacity)
    this.secs = enlarge(this.secs, capacity)
    this.nsecs = enlarge(this.nsecs, capacity)
    this.locals = enlarge(this.locals, capacity)
  }
}

function enlarge(column: Uint32Array, capacity: number): Uint32Array {
  const larger = new Uint32Array(capacity)
  larger.set(column)
  return larger
}

/** The file's bytes for the first `count` messages and `dataBytes` of data. */
export function encodeIndex(columns: Columns, count: number, dataBytes: number): Buffer {
  const { dictionary } = columns
  const counts = new Uint32Array(dictionary.length)
  const firsts = new Uint32Array(dictionary.length)
  const lasts = new Uint32Array(dictionary.length)
  for (let i = 0; i < count; i++) {
    const local = columns.locals[i] & SUBJECT_MASK
    if (counts[local]++ === 0) firsts[local] = i
    lasts[local] = i
  }
  let dictionaryBytes = 0
  for (const subject of dictionary) dictionaryBytes += 14 + subject.length
  const out = Buffer.allocUnsafe(INDEX_HEAD_BYTES + dictionaryBytes + count * 16)
  let at = INDEX_HEAD_BYTES
  for (let local = 0; local < dictionary.length; local++) {
    const subject = dictionary[local]
    out.writeUInt16LE(subject.length, at)
    out.write(subject, at + 2, 'latin1')
    at += 2 + subject.length
    putU32(out, at, counts[local])
    putU32(out, at + 4, firsts[local])
    putU32(out, at + 8, lasts[local])
    at += 12
  }
  for (const column of [columns.offsets, columns.secs, columns.nsecs, columns.locals]) {
    Buffer.from(column.buffer, column.byteOffset, count * 4).copy(out, at)
    at += count * 4
  }
  const columnsAt = INDEX_HEAD_BYTES + dictionaryBytes
  putU32(out, 0, INDEX_MAGIC)
  putU32(out, 4, INDEX_VERSION)
  putU32(out, 8, count)
  putU32(out, 12, dictionary.length)
  putU32(out, 16, dataBytes)
  putU32(out, 20, dictionaryBytes)
  putU32(out, 24, crc32(out.subarray(INDEX_HEAD_BYTES, columnsAt)))
  putU32(out, 28, crc32(out.subarray(columnsAt)))
  putU32(out, 32, crc32(out.subarray(0, 32)))
  putU32(out, 36, 0)
  return out
}

export function decodeIndexHead(bytes: Buffer): IndexHead | null {
  if (
    bytes.length < INDEX_HEAD_BYTES ||
    getU32(bytes, 0) !== INDEX_MAGIC ||
    getU32(bytes, 4) !== INDEX_VERSION
  )
    return null
  if (crc32(bytes.subarray(0, 32)) !== getU32(bytes, 32)) return null
  return {
    count: getU32(bytes, 8),
    subjects: getU32(bytes, 12),
    dataBytes: getU32(bytes, 16),
    dictionaryBytes: getU32(bytes, 20),
    dictionaryCrc: getU32(bytes, 24),
    columnsCrc: getU32(bytes, 28),
  }
}

/** Walks the dictionary; null-safe use: returns false when its checksum fails. */
export function eachSubject(
  head: IndexHead,
  dictionary: Buffer,
  visit: (subject: string, count: number, first: number, last: number) => void,
): boolean {
  if (
    dictionary.length < head.dictionaryBytes ||
    crc32(dictionary.subarray(0, head.dictionaryBytes)) !== head.dictionaryCrc
  ) {
    return false
  }
  let at = 0
  for (let i = 0; i < head.subjects; i++) {
    const length = dictionary.readUInt16LE(at)
    const subject = dictionary.toString('latin1', at + 2, at + 2 + length)
    at += 2 + length
    visit(subject, getU32(dictionary, at), getU32(dictionary, at + 4), getU32(dictionary, at + 8))
    at += 12
  }
  return true
}

/** The whole index from its file's bytes, null when it is damaged. */
export function decodeIndex(bytes: Buffer): Columns | null {
  const head = decodeIndexHead(bytes)
  if (head === null) return null
  const columnsAt = INDEX_HEAD_BYTES + head.dictionaryBytes
  const end = columnsAt + head.count * 16
  if (bytes.length < end || crc32(bytes.subarray(columnsAt, end)) !== head.columnsCrc) return null
  const columns = new Columns(0)
  if (!eachSubject(head, bytes.subarray(INDEX_HEAD_BYTES), (subject) => columns.dictionary.push(subject)))
    return null
  const { count } = head
  const all = new Uint32Array(count * 4)
  Buffer.from(all.buffer).set(bytes.subarray(columnsAt, end))
  columns.offsets = all.subarray(0, count)
  columns.secs = all.subarray(count, count * 2)
  columns.nsecs = all.subarray(count * 2, count * 3)
  columns.locals = all.subarray(count * 3)
  columns.count = count
  return columns
}
