/** What a stream's messages are, in eight bytes each for the sequence and four for everything else. */
import { crc32 } from 'node:zlib'
import { ArchiveReader, S2Decoder } from '../../archive/index.ts'

const FIRST_ROWS = 1024

/** Reads a snapshot's chunks as they come. */
export class Fingerprint {
  #seqs = new Float64Array(FIRST_ROWS)
  #checksums = new Uint32Array(FIRST_ROWS)
  /** Messages so far. */
  count = 0
  readonly #reader = new ArchiveReader()
  readonly #decoder = new S2Decoder((bytes) => this.#read(bytes))

  write(chunk: Uint8Array): void {
    this.#decoder.write(chunk)
  }

  /**
   * What is different here: null, or a sentence.
   * @param mayMiss messages may be gone by now, because they have an age
   */
  compare(other: Fingerprint, mayMiss: boolean): string | null {
    let theirs = 0
    for (let mine = 0; mine < this.count; mine++) {
      const seq = this.#seqs[mine]
      if (theirs < other.count && other.#seqs[theirs] < seq) {
        return `message ${other.#seqs[theirs]} is not in the original`
      }
      if (theirs >= other.count || other.#seqs[theirs] !== seq) {
        if (mayMiss) continue
        return `message ${seq} is missing`
      }
      if (other.#checksums[theirs] !== this.#checksums[mine]) return `message ${seq} is different`
      theirs++
    }
    return theirs < other.count ? `message ${other.#seqs[theirs]} is not in the original` : null
  }

  #read(bytes: Buffer): void {
    this.#reader.write(bytes)
    for (let entry = this.#reader.next(); entry !== null; entry = this.#reader.next()) {
      if (entry.seq === 0) continue
      if (this.count === this.#seqs.length) this.#grow()
      this.#seqs[this.count] = entry.seq
      const head = crc32(`${entry.name} ${entry.timeNs} ${entry.headerLength} `)
      this.#checksums[this.count++] = crc32(entry.body, head)
    }
  }

  #grow(): void {
    const seqs = new Float64Array(this.#seqs.length * 2)
    const checksums = new Uint32Array(this.#checksums.length * 2)
    seqs.set(this.#seqs)
    checksums.set(this.#checksums)
    this.#seqs = seqs
    this.#checksums = checksums
  }
}
