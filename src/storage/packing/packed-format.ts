/**
 * The data of a segment, packed: a row of blocks, then where each of them is. A block holds up to 64 KiB of the data in S2's
 * block format, or as it is where that saves nothing (then both lengths are the same).
 *
 *     block:  0 u32 magic "CTRP"  4 u32 place in the data  8 u32 bytes of the data  12 u32 bytes that follow
 *            16 u32 CRC-32 of these  20 u32 CRC-32 of 0..20  24 the bytes
 *     table: for each block u32 where it begins in the file, u32 place in the data
 *     tail:   0 u32 magic "CTRQ"  4 u32 blocks  8 u32 bytes of the data  12 u32 CRC-32 of the table and of 0..12
 */
import { crc32 } from 'node:zlib'
import { decodeInto, encodeInto, MAX_ENCODED_BYTES } from '../../archive/index.ts'
import { getU32, putU32 } from '../format/bytes.ts'

const BLOCK_MAGIC = 0x50525443
const TAIL_MAGIC = 0x51525443
const HEAD_BYTES = 24
export const TAIL_BYTES = 16
const TABLE_ENTRY_BYTES = 8
/** Data in one block at most. */
export const BLOCK_BYTES = MAX_ENCODED_BYTES

/** Where a block is in the file, and what of the data it has. */
export interface PackedBlock {
  /** Offset in the data, and bytes of it. */
  place: number
  length: number
  /** Offset in the file of its head, and where it ends. */
  start: number
  end: number
}

/** Bytes that a block of so much data takes at most. */
export function mostPackedBytes(length: number): number {
  return HEAD_BYTES + length
}

/** Writes a block of `data[from, to)` to `out[at …]`; returns its end. `place`: where the data begin in the segment. */
export function packBlock(
  data: Buffer,
  from: number,
  to: number,
  place: number,
  out: Buffer,
  at: number,
): number {
  const start = at + HEAD_BYTES
  const length = to - from
  let end = encodeInto(data, from, to, out, start, start + length - 1)
  if (end < 0) {
    data.copy(out, start, from, to)
    end = start + length
  }
  putU32(out, at, BLOCK_MAGIC)
  putU32(out, at + 4, place)
  putU32(out, at + 8, length)
  putU32(out, at + 12, end - start)
  putU32(out, at + 16, crc32(out.subarray(start, end)))
  putU32(out, at + 20, crc32(out.subarray(at, at + 20)))
  return end
}

/**
 * Puts the data of a block, whose bytes are `file[start, end)`, to `out[at, at + length)`. False: it is damaged; then what can
 * be unpacked is there, and the rest zeros: the records have checksums of their own, which tell those that are hit.
 */
export function unpackBlock(
  file: Buffer,
  start: number,
  end: number,
  length: number,
  out: Buffer,
  at: number,
): boolean {
  const from = start + HEAD_BYTES
  const isIntact =
    getU32(file, start + 20) === crc32(file.subarray(start, start + 20)) &&
    getU32(file, start + 16) === crc32(file.subarray(from, end))
  if (end - from === length) {
    file.copy(out, at, from, end)
    return isIntact
  }
  const reached = decodeInto(file, from, end, out, at, length)
  if (reached < at + length) out.fill(0, reached, at + length)
  return isIntact && reached === at + length
}

/** What stands behind the blocks. `dataBytes`: of all blocks. */
export function encodeTable(blocks: readonly PackedBlock[], dataBytes: number): Buffer {
  const out = Buffer.allocUnsafe(blocks.length * TABLE_ENTRY_BYTES + TAIL_BYTES)
  let at = 0
  for (const { start, place } of blocks) {
    putU32(out, at, start)
    putU32(out, at + 4, place)
    at += TABLE_ENTRY_BYTES
  }
  putU32(out, at, TAIL_MAGIC)
  putU32(out, at + 4, blocks.length)
  putU32(out, at + 8, dataBytes)
  putU32(out, at + 12, crc32(out.subarray(0, at + 12)))
  return out
}

/** Bytes of table and tail by what the last bytes of the file say; 0: they say nothing. */
export function tableBytes(tail: Buffer, fileBytes: number): number {
  if (tail.length < TAIL_BYTES || getU32(tail, 0) !== TAIL_MAGIC) return 0
  const bytes = getU32(tail, 4) * TABLE_ENTRY_BYTES + TAIL_BYTES
  return bytes <= fileBytes ? bytes : 0
}

/** The blocks by the table, which with its tail stands at `at` in the file; null when it is damaged. */
export function decodeTable(table: Buffer, at: number): PackedBlock[] | null {
  const tail = table.length - TAIL_BYTES
  if (getU32(table, tail + 12) !== crc32(table.subarray(0, tail + 12))) return null
  const blocks: PackedBlock[] = []
  for (let entry = 0; entry < tail; entry += TABLE_ENTRY_BYTES) {
    const isLast = entry + TABLE_ENTRY_BYTES === tail
    const place = getU32(table, entry + 4)
    const next = isLast ? getU32(table, tail + 8) : getU32(table, entry + TABLE_ENTRY_BYTES + 4)
    const start = getU32(table, entry)
    const end = isLast ? at : getU32(table, entry + TABLE_ENTRY_BYTES)
    blocks.push({ place, length: next - place, start, end })
  }
  return blocks
}

/** The blocks by their heads, where the table is damaged or was cut off. One whose head is damaged is not found. */
export function findBlocks(file: Buffer): PackedBlock[] {
  const blocks: PackedBlock[] = []
  const magic = Buffer.from('CTRP')
  for (let start = 0; start + HEAD_BYTES <= file.length; ) {
    const length = getU32(file, start + 8)
    const end = start + HEAD_BYTES + getU32(file, start + 12)
    const isHead =
      getU32(file, start) === BLOCK_MAGIC &&
      length <= BLOCK_BYTES &&
      getU32(file, start + 20) === crc32(file.subarray(start, start + 20))
    if (isHead && end <= file.length) {
      blocks.push({ place: getU32(file, start + 4), length, start, end })
      start = end
      continue
    }
    const next = file.indexOf(magic, start + 1)
    if (next < 0) break
    start = next
  }
  return blocks
}

/** Bytes of the data that the blocks reach to. */
export function contentBytes(blocks: readonly PackedBlock[]): number {
  const last = blocks.at(-1)
  return last === undefined ? 0 : last.place + last.length
}

/** All the data of a file. `onDamage` is told when something in it is damaged. */
export function unpackAll(file: Buffer, onDamage: () => void): Buffer {
  const bytes = tableBytes(file.subarray(Math.max(0, file.length - TAIL_BYTES)), file.length)
  const at = file.length - bytes
  const blocks = (bytes > 0 ? decodeTable(file.subarray(at), at) : null) ?? findBlocks(file)
  const data = Buffer.alloc(contentBytes(blocks))
  let isIntact = true
  let reached = 0
  for (const { place, length, start, end } of blocks) {
    if (!unpackBlock(file, start, end, length, data, place) || place !== reached) isIntact = false
    reached = place + length
  }
  if (!isIntact) onDamage()
  return data
}
