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
import type { SubjectFilter } from '../../subjects/filter.ts'
import { copy, getU32, putU32 } from '../format/bytes.ts'
import { enlarge, SubjectSet } from '../subjects/subject-set.ts'

export const INDEX_MAGIC = 0x58495443
const INDEX_VERSION = 1
export const INDEX_HEAD_BYTES = 40
export const HAS_HEADERS = 0x8000_0000
export const SUBJECT_MASK = 0x7fff_ffff
/** Filters whose matches are remembered per segment. */
const MAX_MEMOS = 16
/** Messages compared with a filter one by one before it pays to remember which subjects match. */
const FEW_POSITIONS = 16

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
  readonly dictionary: SubjectSet
  private memos = new Map<SubjectFilter, Uint8Array>()

  constructor(capacity: number, dictionary = new SubjectSet()) {
    this.offsets = new Uint32Array(capacity)
    this.secs = new Uint32Array(capacity)
    this.nsecs = new Uint32Array(capacity)
    this.locals = new Uint32Array(capacity)
    this.dictionary = dictionary
  }

  /** Bytes of memory that it takes, about. */
  get memoryBytes(): number {
    let bytes = this.offsets.byteLength * 4 + this.dictionary.memoryBytes
    for (const memo of this.memos.values()) bytes += memo.length
    return bytes
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

  /** A position without a message. */
  pushNothing(offset: number): void {
    this.push(offset, 0, 0, 0)
  }

  /** First position from `from` on, in front of `end`, that has the subject of this number; -1 when there is none. */
  positionOf(local: number, from: number, end = this.count): number {
    const within = this.locals.subarray(0, end)
    const plain = within.indexOf(local, from)
    const withHeaders = (plain < 0 ? within : within.subarray(0, plain)).indexOf(
      (local | HAS_HEADERS) >>> 0,
      from,
    )
    return withHeaders < 0 ? plain : withHeaders
  }

  /** Last position up to `from` that has the subject of this number, -1 when there is none. */
  lastPositionOf(local: number, from: number): number {
    const { locals } = this
    let position = from
    while (position >= 0 && (locals[position] & SUBJECT_MASK) !== local) position--
    return position
  }

  /** Number of the subject at a position. */
  localAt(position: number): number {
    return this.locals[position] & SUBJECT_MASK
  }

  /** First position from `from` on, in front of `end`, that matches and is not among the deleted; -1 when there is none. */
  nextMatch(filter: SubjectFilter, from: number, end: number, deleted: Uint8Array | null): number {
    let position = from
    for (const few = Math.min(end, from + FEW_POSITIONS); position < few; position++) {
      if (!isBitSet(deleted, position) && this.dictionary.isMatch(filter, this.localAt(position)))
        return position
    }
    if (position >= end) return -1
    if (filter.literal !== null) {
      const local = this.numberOf(filter.literal)
      if (local < 0) return -1
      while (position >= 0 && position < end) {
        position = this.positionOf(local, position, end)
        if (position < 0 || !isBitSet(deleted, position)) return position
        position++
      }
      return -1
    }
    const memo = this.matches(filter)
    for (; position < end; position++) {
      if (!isBitSet(deleted, position) && this.isMatch(memo, filter, position)) return position
    }
    return -1
  }

  private numberOf(latin1: string): number {
    const bytes = Buffer.from(latin1, 'latin1')
    return this.dictionary.find(bytes, 0, bytes.length)
  }

  /** For each number of the dictionary: does the filter match (1) or not (2)? Filled in as asked. */
  matches(filter: SubjectFilter): Uint8Array {
    let memo = this.memos.get(filter)
    const { count } = this.dictionary
    if (memo !== undefined && memo.length >= count) return memo
    const known = memo
    memo = new Uint8Array(Math.max(16, count === this.dictionary.starts.length ? count : count * 2))
    if (known !== undefined) memo.set(known)
    if (this.memos.size >= MAX_MEMOS) this.memos = new Map()
    this.memos.set(filter, memo)
    return memo
  }

  isMatch(memo: Uint8Array, filter: SubjectFilter, position: number): boolean {
    const local = this.locals[position] & SUBJECT_MASK
    let answer = memo[local]
    if (answer === 0) {
      answer = this.dictionary.isMatch(filter, local) ? 1 : 2
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

function isBitSet(bits: Uint8Array | null, position: number): boolean {
  return bits !== null && (bits[position >>> 3] & (1 << (position & 7))) !== 0
}

/** The file's bytes for the first `count` messages and `dataBytes` of data. */
export function encodeIndex(columns: Columns, count: number, dataBytes: number): Buffer {
  const { dictionary } = columns
  const subjects = dictionary.count
  const counts = new Uint32Array(subjects)
  const firsts = new Uint32Array(subjects)
  const lasts = new Uint32Array(subjects)
  for (let i = 0; i < count; i++) {
    const local = columns.locals[i] & SUBJECT_MASK
    if (counts[local]++ === 0) firsts[local] = i
    lasts[local] = i
  }
  let dictionaryBytes = 0
  for (let local = 0; local < subjects; local++) dictionaryBytes += 14 + dictionary.lengths[local]
  const out = Buffer.allocUnsafe(INDEX_HEAD_BYTES + dictionaryBytes + count * 16)
  let at = INDEX_HEAD_BYTES
  for (let local = 0; local < subjects; local++) {
    const length = dictionary.lengths[local]
    out[at] = length
    out[at + 1] = length >>> 8
    copy(dictionary.bytes, dictionary.starts[local], dictionary.endOf(local), out, at + 2)
    at += 2 + length
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
  putU32(out, 12, subjects)
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

/** Walks the dictionary, `visit` gets where in it each subject is; returns false when its checksum fails. */
export function eachSubject(
  head: IndexHead,
  dictionary: Buffer,
  visit: (start: number, end: number, count: number, first: number, last: number) => void,
): boolean {
  if (
    dictionary.length < head.dictionaryBytes ||
    crc32(dictionary.subarray(0, head.dictionaryBytes)) !== head.dictionaryCrc
  ) {
    return false
  }
  let at = 0
  for (let i = 0; i < head.subjects; i++) {
    const start = at + 2
    const end = start + (dictionary[at] | (dictionary[at + 1] << 8))
    visit(start, end, getU32(dictionary, end), getU32(dictionary, end + 4), getU32(dictionary, end + 8))
    at = end + 12
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
  const starts = new Uint32Array(head.subjects)
  const lengths = new Uint16Array(head.subjects)
  const dictionary = Buffer.from(bytes.subarray(INDEX_HEAD_BYTES, columnsAt))
  let at = 0
  const isIntact = eachSubject(head, dictionary, (start, stop) => {
    starts[at] = start
    lengths[at++] = stop - start
  })
  if (!isIntact) return null
  const columns = new Columns(0, SubjectSet.over(dictionary, starts, lengths))
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
