/** S2 or Snappy framing back into bytes, however the pieces are cut. */
import { crc32c, masked } from './crc32c.ts'
import { DamagedBlock, decodeBlock } from './s2-block.ts'
import {
  CHECKSUM_BYTES,
  CHUNK,
  FIRST_SKIPPABLE,
  HEAD_BYTES,
  MAX_BLOCK_BYTES,
  MAX_CHUNK_BYTES,
  S2_IDENTIFIER,
  SNAPPY_IDENTIFIER,
} from './s2-format.ts'

/** The stream is not what it should be. */
export class DamagedStream extends Error {}

export class S2Decoder {
  readonly #emit: (bytes: Buffer) => void
  #held = Buffer.alloc(0)
  #hasBegun = false

  /** @param emit gets what is unpacked; the buffer is the receiver's */
  constructor(emit: (bytes: Buffer) => void) {
    this.#emit = emit
  }

  /** @throws DamagedStream */
  write(bytes: Uint8Array): void {
    this.#held = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes])
    let at = 0
    while (this.#held.length - at >= HEAD_BYTES) {
      const type = this.#held[at]
      const length = this.#held.readUIntLE(at + 1, 3)
      if (length > MAX_CHUNK_BYTES) throw new DamagedStream(`a chunk of ${length} bytes is too large`)
      const end = at + HEAD_BYTES + length
      if (this.#held.length < end) break
      this.#chunk(type, this.#held.subarray(at + HEAD_BYTES, end))
      at = end
    }
    this.#held = this.#held.subarray(at)
  }

  /** Nothing more comes. @throws DamagedStream when it ends in the middle of a chunk, or has not begun */
  end(): void {
    if (this.#held.length > 0) throw new DamagedStream('the stream ends in the middle of a chunk')
    if (!this.#hasBegun) throw new DamagedStream('the stream is empty')
  }

  #chunk(type: number, content: Buffer): void {
    if (type === CHUNK.identifier) {
      if (!content.equals(S2_IDENTIFIER) && !content.equals(SNAPPY_IDENTIFIER)) {
        throw new DamagedStream('not an S2 stream')
      }
      this.#hasBegun = true
      return
    }
    if (!this.#hasBegun) throw new DamagedStream('not an S2 stream')
    if (type === CHUNK.compressed || type === CHUNK.uncompressed) this.#data(type, content)
    else if (type < FIRST_SKIPPABLE) throw new DamagedStream(`chunks of type ${type} are not known`)
  }

  #data(type: number, content: Buffer): void {
    if (content.length < CHECKSUM_BYTES) throw new DamagedStream('a chunk has no checksum')
    const packed = content.subarray(CHECKSUM_BYTES)
    let bytes: Buffer
    try {
      bytes = type === CHUNK.compressed ? decodeBlock(packed, MAX_BLOCK_BYTES) : Buffer.from(packed)
    } catch (thrown) {
      if (thrown instanceof DamagedBlock) throw new DamagedStream(thrown.message)
      throw thrown
    }
    if (masked(crc32c(bytes)) !== content.readUInt32LE(0)) {
      throw new DamagedStream('the checksum of a chunk is wrong')
    }
    this.#emit(bytes)
  }
}
