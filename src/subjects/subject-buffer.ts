/** Longest subject that a mapping makes: what a stored message has room for. */
export const MAX_MAPPED_BYTES = 0xffff

/** Room it begins with when something is added. */
const SMALLEST_BYTES = 256
const NONE = Buffer.alloc(0)
const DOT = 46
const ZERO = 48

/** A subject that is being made, in a buffer that is used again. */
export class SubjectBuffer {
  bytes = NONE
  length = 0

  clear(): void {
    this.length = 0
  }

  get isTooLong(): boolean {
    return this.length > MAX_MAPPED_BYTES
  }

  dot(): void {
    this.room(1)
    this.bytes[this.length++] = DOT
  }

  /** Adds `[start, end)`. Of what is too long only the length is told. */
  add(from: Buffer, start: number, end: number): void {
    if (end - start > MAX_MAPPED_BYTES - this.length) {
      this.length = MAX_MAPPED_BYTES + 1
      return
    }
    this.room(end - start)
    const { bytes } = this
    let at = this.length
    if (end - start >= 96) at += from.copy(bytes, at, start, end)
    else for (let i = start; i < end; i++) bytes[at++] = from[i]
    this.length = at
  }

  /** Adds a number that is not negative. */
  number(value: number): void {
    let digits = 1
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
    this.room(digits)
    let rest = value
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      this.bytes[at] = ZERO + (rest % 10)
      rest = Math.floor(rest / 10)
    }
    this.length += digits
  }

  /** As text, for what is not the way of messages. */
  toString(): string {
    return this.bytes.toString('utf8', 0, this.length)
  }

  private room(length: number): void {
    const needed = this.length + length
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2, SMALLEST_BYTES))
    this.bytes.copy(larger, 0, 0, Math.min(this.length, this.bytes.length))
    this.bytes = larger
  }
}
