import { hashBytes, hashLatin1 } from './hash.ts'

/** A set of texts, looked up by bytes: of a subject that is looked for no text is made. */
export class LiteralSet {
  private readonly texts: readonly string[]
  private readonly hashes: Int32Array
  /** Numbers of texts, open addressing; -1: none. */
  private readonly buckets: Int32Array

  /** Texts in latin1, a byte a character. */
  constructor(texts: Iterable<string>) {
    this.texts = [...new Set(texts)]
    this.hashes = new Int32Array(this.texts.length)
    let size = 8
    while (size < this.texts.length * 2) size *= 2
    this.buckets = new Int32Array(size).fill(-1)
    for (let i = 0; i < this.texts.length; i++) {
      const hash = hashLatin1(this.texts[i])
      this.hashes[i] = hash
      let at = hash & (size - 1)
      while (this.buckets[at] !== -1) at = (at + 1) & (size - 1)
      this.buckets[at] = i
    }
  }

  has(buffer: Buffer, start: number, end: number): boolean {
    const { buckets, hashes, texts } = this
    const hash = hashBytes(buffer, start, end)
    const mask = buckets.length - 1
    for (let at = hash & mask; buckets[at] !== -1; at = (at + 1) & mask) {
      const i = buckets[at]
      if (hashes[i] !== hash || texts[i].length !== end - start) continue
      let k = 0
      while (k < texts[i].length && texts[i].charCodeAt(k) === buffer[start + k]) k++
      if (k === texts[i].length) return true
    }
    return false
  }
}
