/** Bytes into S2 framing, chunk by chunk. */
import { crc32c, masked } from './crc32c.ts'
import { encodeBlock, MAX_ENCODED_BYTES } from './s2-block.ts'
import { CHECKSUM_BYTES, CHUNK, HEAD_BYTES, S2_IDENTIFIER, SNAPPY_IDENTIFIER } from './s2-format.ts'

export class S2Encoder {
  readonly #emit: (chunk: Buffer) => void
  readonly #identifier: Buffer
  readonly #block = Buffer.allocUnsafe(MAX_ENCODED_BYTES)
  #used = 0
  #hasBegun = false

  /**
   * @param emit gets each chunk; the buffer is the receiver's
   * @param format how the stream calls itself; what is in it can be read as either
   */
  constructor(emit: (chunk: Buffer) => void, format: 's2' | 'snappy' = 's2') {
    this.#emit = emit
    this.#identifier = format === 's2' ? S2_IDENTIFIER : SNAPPY_IDENTIFIER
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, this.#block.length - this.#used)
      this.#block.set(bytes.subarray(at, at + count), this.#used)
      this.#used += count
      at += count
      if (this.#used === this.#block.length) this.flush()
    }
  }

  /** Emits what is held back. */
  flush(): void {
    if (!this.#hasBegun) {
      this.#hasBegun = true
      this.#emit(Buffer.concat([head(CHUNK.identifier, this.#identifier.length), this.#identifier]))
    }
    if (this.#used === 0) return
    const block = this.#block.subarray(0, this.#used)
    const packed = encodeBlock(block)
    const content = packed ?? Buffer.from(block)
    const checksum = Buffer.allocUnsafe(CHECKSUM_BYTES)
    checksum.writeUInt32LE(masked(crc32c(block)), 0)
    const type = packed === null ? CHUNK.uncompressed : CHUNK.compressed
    this.#emit(Buffer.concat([head(type, CHECKSUM_BYTES + content.length), checksum, content]))
    this.#used = 0
  }
}

function head(type: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES)
  bytes[0] = type
  bytes.writeUIntLE(length, 1, 3)
  return bytes
}
