/** Blocks of S2, which has Snappy's format and, beyond it, repeated offsets. Encoder and decoder side by side. */

const LITERAL = 0
const COPY1 = 1
const COPY2 = 2

const SHORTEST_MATCH = 4
const LONGEST_COPY2 = 64
const HASH_BITS = 14
const HASH_FACTOR = 0x1e35a7bd
/** Offsets of the encoder fit into two bytes. */
export const MAX_ENCODED_BYTES = 0x10000

export class DamagedBlock extends Error {}

/** Unpacked length that a block names, and where the operations begin. @throws DamagedBlock */
function readLength(block: Uint8Array): { length: number; at: number } {
  let length = 0
  for (let at = 0; at < 5 && at < block.length; at++) {
    length += (block[at] & 0x7f) * 2 ** (7 * at)
    if (block[at] < 0x80) return { length, at: at + 1 }
  }
  throw new DamagedBlock('the length of a block can not be read')
}

/**
 * Unpacks a block.
 * @param limit bytes that it may have unpacked
 * @throws DamagedBlock
 */
export function decodeBlock(block: Uint8Array, limit: number): Buffer {
  const { length, at: start } = readLength(block)
  if (length > limit) throw new DamagedBlock(`a block of ${length} bytes is larger than ${limit}`)
  const out = Buffer.allocUnsafe(length)
  let at = start
  let end = 0
  let offset = 0
  while (at < block.length) {
    const tag = block[at++]
    let count: number
    if ((tag & 3) === LITERAL) {
      count = tag >> 2
      if (count >= 60) {
        const bytes = count - 59
        if (at + bytes > block.length) throw new DamagedBlock('a literal ends early')
        count = 0
        for (let i = bytes - 1; i >= 0; i--) count = count * 256 + block[at + i]
        at += bytes
      }
      count++
      if (at + count > block.length || end + count > length) throw new DamagedBlock('a literal ends early')
      out.set(block.subarray(at, at + count), end)
      at += count
      end += count
      continue
    }
    if ((tag & 3) === COPY1) {
      const found = ((tag & 0xe0) << 3) | block[at++]
      count = (tag >> 2) & 7
      if (found !== 0) offset = found
      else if (count >= 5) {
        // The same offset again, with one to three bytes of length behind.
        const bytes = count - 4
        let more = 0
        for (let i = bytes - 1; i >= 0; i--) more = more * 256 + block[at + i]
        at += bytes
        count = more + [4, 1 << 8, 1 << 16][bytes - 1]
      }
      count += 4
    } else if ((tag & 3) === COPY2) {
      count = (tag >> 2) + 1
      offset = block[at] | (block[at + 1] << 8)
      at += 2
    } else {
      count = (tag >> 2) + 1
      offset = (block[at] | (block[at + 1] << 8) | (block[at + 2] << 16) | (block[at + 3] << 24)) >>> 0
      at += 4
    }
    if (at > block.length || offset === 0 || offset > end || end + count > length) {
      throw new DamagedBlock('a copy goes beyond what is there')
    }
    // What is copied may reach into what is being written: a run repeats.
    if (offset >= count) out.copyWithin(end, end - offset, end - offset + count)
    else for (let i = 0; i < count; i++) out[end + i] = out[end + i - offset]
    end += count
  }
  if (end !== length) throw new DamagedBlock(`a block has ${end} bytes instead of ${length}`)
  return out
}

const table = new Int32Array(1 << HASH_BITS)

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}

/** Packs up to MAX_ENCODED_BYTES; null when that saves nothing. */
export function encodeBlock(bytes: Uint8Array): Buffer | null {
  if (bytes.length > MAX_ENCODED_BYTES) throw new RangeError('a block is too large to be packed')
  // Longer than the original is no use, so there is no need for room.
  const out = Buffer.allocUnsafe(bytes.length)
  let end = 0
  for (let left = bytes.length; ; left = Math.floor(left / 128)) {
    if (end >= out.length) return null
    out[end++] = left > 127 ? (left % 128) | 0x80 : left
    if (left <= 127) break
  }
  const literal = (from: number, to: number): boolean => {
    const count = to - from
    if (count === 0) return true
    const head = count <= 60 ? 1 : count <= 256 ? 2 : 3
    if (end + head + count > out.length) return false
    if (head === 1) out[end++] = (count - 1) << 2
    else {
      out[end++] = (head === 2 ? 60 : 61) << 2
      out[end++] = (count - 1) & 0xff
      if (head === 3) out[end++] = (count - 1) >> 8
    }
    out.set(bytes.subarray(from, to), end)
    end += count
    return true
  }
  table.fill(-1)
  let from = 0
  let at = 0
  let misses = 32
  while (at + SHORTEST_MATCH <= bytes.length) {
    const word = wordAt(bytes, at)
    const slot = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS)
    const earlier = table[slot]
    table[slot] = at
    if (earlier < 0 || at - earlier > 0xffff || wordAt(bytes, earlier) !== word) {
      // The longer nothing is found, the larger the steps: what can't be packed is soon done with.
      at += misses++ >> 5
      continue
    }
    misses = 32
    let count = SHORTEST_MATCH
    while (at + count < bytes.length && bytes[earlier + count] === bytes[at + count]) count++
    if (!literal(from, at)) return null
    const offset = at - earlier
    at += count
    from = at
    for (; count > 0; count -= Math.min(count, LONGEST_COPY2)) {
      if (end + 3 > out.length) return null
      out[end++] = ((Math.min(count, LONGEST_COPY2) - 1) << 2) | COPY2
      out[end++] = offset & 0xff
      out[end++] = offset >> 8
    }
  }
  return literal(from, bytes.length) ? out.subarray(0, end) : null
}
