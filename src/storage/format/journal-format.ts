/**
 * The journal's format: batches of records, little endian. See docs/storage-format.md.
 *
 *     batch:   0 u32 magic   4 u32 generation of the file   8 f64 batch number   16 f64 number of the first record
 *             24 u32 bytes of records   28 u32 records   32 u8 flags   33 u24 check of the records   36 u32 CRC-32 of all before
 *             40 records; sealed: a block (see sealing/sealer.ts) that was made of them
 *     record:  0 u32 payload bytes   4 u32 type (8 bits) and check (24 bits)   8 u32 log id   12 payload,
 *              then a u32 CRC-32 of all before it; but not behind a message, which has its own
 */
import { crc32 } from 'node:zlib'
import { getU32, putU32 } from './bytes.ts'
import { isRecordIntact } from './record.ts'

const BATCH_MAGIC = 0x42525443
export const BATCH_MAGIC_BYTES = Buffer.from([0x43, 0x54, 0x52, 0x42])
const TAIL_MAGIC = 0x54525443
export const TAIL_MAGIC_BYTES = Buffer.from([0x43, 0x54, 0x52, 0x54])
const IS_SEALED = 1
const HAS_TAIL = 2
/** Batches written before there was a check have none. */
const HAS_CHECK = 4
const IS_RELAXED = 8
export const BATCH_HEAD_BYTES = 40
export const ENTRY_HEAD_BYTES = 12
/** At the end of each entry, a message's own or that of the entry. */
export const CHECKSUM_BYTES = 4
/** What an entry takes beside its payload, at most. */
export const ENTRY_OVERHEAD_BYTES = ENTRY_HEAD_BYTES + CHECKSUM_BYTES

/** Types of journal records. */
export const MESSAGE = 1
export const REMOVE = 2
export const REMOVE_THROUGH = 3
export const SKIP_TO = 4
export const PURGE = 5
export const LOG_CREATE = 6
export const LOG_META = 7
export const LOG_DELETE = 8
export const LEDGER_CREATE = 9
export const LEDGER_META = 10
export const LEDGER_ENTRY = 11
export const LEDGER_DELETE = 12
/** Nothing: what stands before it and behind it is not in one sector. */
export const PADDING = 13

/** Of a journal that is synced now and then: batches up to this one are durable. */
export const SYNCED = 14

/** Behind the removal of a message: its bytes are to be overwritten. */
export const ERASE = 15

/** A sector of a disk, the largest that is still common beside pages: 512 bytes. */
const SECTOR_BYTES = 512

/** Payload of a padding record. */
export const PADDING_BYTES = SECTOR_BYTES

export interface BatchHead {
  generation: number
  batch: number
  firstLsn: number
  length: number
  count: number
  isSealed: boolean
  hasTail: boolean
  /** It was written without waiting for the disk: what comes behind it may be there without it. */
  isRelaxed: boolean
  /**
   * What the checksums of the records make together, 24 bits. Each record has its own; this tells that they are of one
   * batch, where a torn write left some of an earlier use of the file between them. Null: not written.
   */
  check: number | null
}

/** The check of a batch goes on with the checksum of its next record; begins with 0. */
export function addToCheck(sum: number, checksum: number): number {
  return Math.imul(sum, 0x01000193) ^ checksum
}

/** The 24 bits of it that are written. */
export function checkOf(sum: number): number {
  return sum >>> 8
}

/** Bytes of the batch from its head to the end. */
export function batchBytes(head: BatchHead): number {
  return BATCH_HEAD_BYTES + head.length + (head.hasTail ? BATCH_HEAD_BYTES : 0)
}

export function encodeBatchHead(to: Buffer, head: BatchHead): void {
  encodeBatchEnd(to, 0, BATCH_MAGIC, head)
}

export function encodeBatchTail(to: Buffer, at: number, head: BatchHead): void {
  encodeBatchEnd(to, at, TAIL_MAGIC, head)
}

function encodeBatchEnd(to: Buffer, at: number, magic: number, head: BatchHead): void {
  putU32(to, at, magic)
  putU32(to, at + 4, head.generation)
  to.writeDoubleLE(head.batch, at + 8)
  to.writeDoubleLE(head.firstLsn, at + 16)
  putU32(to, at + 24, head.length)
  putU32(to, at + 28, head.count)
  const flags =
    (head.isSealed ? IS_SEALED : 0) | (head.hasTail ? HAS_TAIL : 0) | (head.isRelaxed ? IS_RELAXED : 0)
  putU32(to, at + 32, head.check === null ? flags : flags | HAS_CHECK | (head.check << 8))
  putU32(to, at + 36, crc32(to.subarray(at, at + 36)))
}

/** The head at `at`, or null when there is none that holds. */
export function decodeBatchHead(from: Buffer, at: number): BatchHead | null {
  return decodeBatchEnd(from, at, BATCH_MAGIC)
}

/** The tail at `at`: what the head of its batch says too. */
export function decodeBatchTail(from: Buffer, at: number): BatchHead | null {
  return decodeBatchEnd(from, at, TAIL_MAGIC)
}

function decodeBatchEnd(from: Buffer, at: number, magic: number): BatchHead | null {
  if (at + BATCH_HEAD_BYTES > from.length || getU32(from, at) !== magic) return null
  if (crc32(from.subarray(at, at + 36)) !== getU32(from, at + 36)) return null
  const flags = getU32(from, at + 32)
  return {
    generation: getU32(from, at + 4),
    batch: from.readDoubleLE(at + 8),
    firstLsn: from.readDoubleLE(at + 16),
    length: getU32(from, at + 24),
    count: getU32(from, at + 28),
    isSealed: (flags & IS_SEALED) !== 0,
    hasTail: (flags & HAS_TAIL) !== 0,
    isRelaxed: (flags & IS_RELAXED) !== 0,
    check: (flags & HAS_CHECK) !== 0 ? flags >>> 8 : null,
  }
}

function entryCheck(length: number, type: number, logId: number): number {
  return (Math.imul(length, 0x9e3779b1) ^ Math.imul(logId + 1, 0x85ebca6b) ^ (type * 0x01010101)) >>> 8
}

export function encodeEntryHead(to: Buffer, at: number, length: number, type: number, logId: number): void {
  const check = entryCheck(length, type, logId)
  putU32(to, at, length)
  to[at + 4] = type
  to[at + 5] = check
  to[at + 6] = check >>> 8
  to[at + 7] = check >>> 16
  putU32(to, at + 8, logId)
}

/** Bytes of an entry in all. */
function entryBytes(type: number, length: number): number {
  return ENTRY_HEAD_BYTES + length + (type === MESSAGE ? 0 : 4)
}

/** Writes the checksum of an entry that is not a message. */
export function sealEntry(to: Buffer, at: number, length: number): void {
  const end = at + ENTRY_HEAD_BYTES + length
  putU32(to, end, crc32(to.subarray(at, end)))
}

/** Bytes of the entry at `at` when its head holds and it fits below `limit`; else 0. */
export function entryBytesAt(from: Buffer, at: number, limit: number): number {
  if (at + ENTRY_HEAD_BYTES > limit) return 0
  const length = getU32(from, at)
  const type = from[at + 4]
  const check = from[at + 5] | (from[at + 6] << 8) | (from[at + 7] << 16)
  if (check !== entryCheck(length, type, getU32(from, at + 8)) || length === 0) return 0
  const bytes = entryBytes(type, length)
  return at + bytes <= limit ? bytes : 0
}

/** Does the checksum of the entry of `bytes` at `at` hold? */
export function isEntryIntact(from: Buffer, at: number, bytes: number): boolean {
  if (from[at + 4] === MESSAGE) return isRecordIntact(from, at + ENTRY_HEAD_BYTES, bytes - ENTRY_HEAD_BYTES)
  const end = at + bytes - 4
  return crc32(from.subarray(at, end)) === getU32(from, end)
}
