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
/** Copies of up to so many bytes are made word by word here; longer ones by the engine, a call of which costs as much as these. */
const FEW_BYTES = 64
/** What a copy word by word may write beyond its end. */
const BEYOND_BYTES = 7

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
  const { length } = readLength(block)
  if (length > limit) throw new DamagedBlock(`a block of ${length} bytes is larger than ${limit}`)
  const out = Buffer.allocUnsafe(length)
  const reached = decodeInto(block, 0, block.length, out, 0, length)
  if (reached !== length) throw new DamagedBlock(`a block has ${reached} bytes instead of ${length}`)
  return out
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Unpacks the block `block[from, to)`, of `length` bytes, to `out[at, at + length)`, and nothing beyond that. Returns how far
 * it came: less than all when the block is damaged, and more when it has more than it should.
 */
export function decodeInto(
  block: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  length: number,
): number {
  const source = viewOf(block)
  const target = viewOf(out)
  const begin = at
  const limit = at + length
  // Up to here copies may write a word too much: what follows overwrites that.
  const easyLimit = limit - FEW_BYTES - BEYOND_BYTES
  const easyFrom = to - FEW_BYTES - BEYOND_BYTES
  let next = from
  let end = at
  let named = 0
  for (let shift = 0; ; shift += 7) {
    if (next >= to || shift > 28) return begin
    const byte = block[next++]
    named += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (named !== length) return begin
  let offset = 0
  while (next < to) {
    const tag = block[next++]
    const kind = tag & 3
    let count = (tag >> 2) + 1
    if (kind === LITERAL) {
      if (count > 60) {
        const bytes = count - 60
        if (next + bytes > to) return end
        count = 0
        for (let i = bytes - 1; i >= 0; i--) count = count * 256 + block[next + i]
        count++
        next += bytes
      }
      if (count <= FEW_BYTES && end <= easyLimit && next <= easyFrom) {
        for (let i = 0; i < count; i += 8) {
          target.setUint32(end + i, source.getUint32(next + i, true), true)
          target.setUint32(end + i + 4, source.getUint32(next + i + 4, true), true)
        }
      } else {
        if (next + count > to || end + count > limit) return end
        out.set(block.subarray(next, next + count), end)
      }
      next += count
      end += count
      continue
    }
    if (kind === COPY2) {
      if (next + 2 > to) return end
      offset = block[next] | (block[next + 1] << 8)
      next += 2
    } else if (kind === COPY1) {
      if (next >= to) return end
      const found = ((tag & 0xe0) << 3) | block[next++]
      count = (tag >> 2) & 7
      if (found !== 0) offset = found
      else if (count >= 5) {
        // The same offset again, with one to three bytes of length behind.
        const bytes = count - 4
        if (next + bytes > to) return end
        let more = 0
        for (let i = bytes - 1; i >= 0; i--) more = more * 256 + block[next + i]
        next += bytes
        count = more + (bytes === 1 ? 4 : bytes === 2 ? 1 << 8 : 1 << 16)
      }
      count += 4
    } else {
      if (next + 4 > to) return end
      offset = source.getUint32(next, true)
      next += 4
    }
    const start = end - offset
    if (offset === 0 || start < begin) return end
    if (count <= FEW_BYTES && offset >= 8 && end <= easyLimit) {
      for (let i = 0; i < count; i += 8) {
        target.setUint32(end + i, target.getUint32(start + i, true), true)
        target.setUint32(end + i + 4, target.getUint32(start + i + 4, true), true)
      }
    } else {
      if (end + count > limit) return end
      repeat(out, start, end, count)
    }
    end += count
  }
  return end
}

/** What is copied may reach into what is being written: a run repeats. */
function repeat(out: Uint8Array, start: number, end: number, count: number): void {
  const offset = end - start
  if (count < 16) {
    for (let i = 0; i < count; i++) out[end + i] = out[start + i]
    return
  }
  // What is there is doubled until there is enough.
  for (let done = 0; done < count; ) {
    const bytes = Math.min(offset + done, count - done)
    out.copyWithin(end + done, start, start + bytes)
    done += bytes
  }
}

const table = new Int32Array(1 << HASH_BITS)

/** Packs up to MAX_ENCODED_BYTES; null when that saves nothing. */
export function encodeBlock(bytes: Uint8Array): Buffer | null {
  // Longer than the original is no use, so there is no need for room.
  const out = Buffer.allocUnsafe(bytes.length)
  const end = encodeInto(bytes, 0, bytes.length, out, 0, out.length)
  return end < 0 ? null : out.subarray(0, end)
}

/** Packs `bytes[start, stop)`, MAX_ENCODED_BYTES at most, to `out[begin, limit)`; returns where it ends, -1: it has no room there. */
export function encodeInto(
  bytes: Uint8Array,
  start: number,
  stop: number,
  out: Uint8Array,
  begin: number,
  limit: number,
): number {
  if (stop - start > MAX_ENCODED_BYTES) throw new RangeError('a block is too large to be packed')
  const source = viewOf(bytes)
  let end = begin
  for (let left = stop - start; ; left >>>= 7) {
    if (end >= limit) return -1
    out[end++] = left > 127 ? (left & 127) | 0x80 : left
    if (left <= 127) break
  }
  // Places in the table are counted from `start`, and 1 more: 0 is none.
  table.fill(0)
  const base = start - 1
  const lastWord = stop - SHORTEST_MATCH
  let from = start
  let at = start
  let misses = 32
  while (at <= lastWord) {
    const word = source.getInt32(at, true)
    const slot = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS)
    const earlier = table[slot] + base
    table[slot] = at - base
    if (earlier < start || source.getInt32(earlier, true) !== word || at - earlier > 0xffff) {
      // The longer nothing is found, the larger the steps: what can't be packed is soon done with.
      at += misses++ >> 5
      continue
    }
    misses = 32
    const offset = at - earlier
    let reach = at + SHORTEST_MATCH
    while (reach <= lastWord) {
      const differs = source.getInt32(reach, true) ^ source.getInt32(reach - offset, true)
      if (differs !== 0) {
        // The lowest byte that differs.
        reach += (31 - Math.clz32(differs & -differs)) >> 3
        break
      }
      reach += 4
    }
    if (reach > lastWord) while (reach < stop && bytes[reach] === bytes[reach - offset]) reach++
    end = literal(bytes, from, at, out, end, limit)
    if (end < 0) return -1
    for (let count = reach - at; count > 0; count -= LONGEST_COPY2) {
      if (end + 3 > limit) return -1
      out[end] = ((Math.min(count, LONGEST_COPY2) - 1) << 2) | COPY2
      out[end + 1] = offset
      out[end + 2] = offset >> 8
      end += 3
    }
    at = reach
    from = at
    // What the match ended with is found the next time.
    if (at <= lastWord) {
      const tail = source.getInt32(at - 1, true)
      table[Math.imul(tail, HASH_FACTOR) >>> (32 - HASH_BITS)] = at - 1 - base
    }
  }
  return literal(bytes, from, stop, out, end, limit)
}

/** Where it ends; -1: there is no room. */
function literal(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  limit: number,
): number {
  const count = to - from
  if (count === 0) return at
  const head = count <= 60 ? 1 : count <= 256 ? 2 : 3
  if (at + head + count > limit) return -1
  let end = at
  if (head === 1) out[end++] = (count - 1) << 2
  else {
    out[end++] = (head === 2 ? 60 : 61) << 2
    out[end++] = (count - 1) & 0xff
    if (head === 3) out[end++] = (count - 1) >> 8
  }
  if (count <= 16) for (let i = 0; i < count; i++) out[end + i] = bytes[from + i]
  else out.set(bytes.subarray(from, to), end)
  return end + count
}
