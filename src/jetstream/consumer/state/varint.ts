/** Whole numbers up to 2^53 - 1 in as few bytes as they need (7 bits a byte, low bits first). */

const SMALLEST_BYTES = 256
const NONE = Buffer.alloc(0)

/** A growing buffer that numbers are written to. */
export class NumberWriter {
  buffer = NONE
  length = 0

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return
    const bigger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes, SMALLEST_BYTES))
    this.buffer.copy(bigger, 0, 0, this.length)
    this.buffer = bigger
  }

  byte(value: number): void {
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  /** What is out of range is written as the nearest number that can be read back. */
  unsigned(given: number): void {
    this.reserve(8)
    let value = given
    if (!(value >= 0)) value = 0
    else if (value > Number.MAX_SAFE_INTEGER) value = Number.MAX_SAFE_INTEGER
    while (value > 0x7fffffff) {
      this.buffer[this.length++] = (value % 128) | 0x80
      value = Math.floor(value / 128)
    }
    let small = value | 0
    while (small > 127) {
      this.buffer[this.length++] = (small & 127) | 0x80
      small >>>= 7
    }
    this.buffer[this.length++] = small
  }

  /** For numbers between -2^52 and 2^52: small ones of either sign stay short. */
  signed(value: number): void {
    this.unsigned(value < 0 ? -value * 2 - 1 : value * 2)
  }

  clear(): void {
    this.length = 0
  }
}

/** Reads what a NumberWriter wrote. Throws RangeError when the bytes end early. */
export class NumberReader {
  private readonly buffer: Buffer
  private at = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  get isAtEnd(): boolean {
    return this.at >= this.buffer.length
  }

  /** @throws RangeError */
  bytes(length: number): Buffer {
    if (this.at + length > this.buffer.length) throw new RangeError('consumer state ends early')
    this.at += length
    return this.buffer.subarray(this.at - length, this.at)
  }

  byte(): number {
    if (this.at >= this.buffer.length) throw new RangeError('consumer state ends early')
    return this.buffer[this.at++]
  }

  unsigned(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const part = this.byte()
      value += (part & 127) * factor
      if (part < 128 && value <= Number.MAX_SAFE_INTEGER) return value
      if (factor >= 2 ** 49) throw new RangeError('consumer state holds a number out of range')
    }
  }

  signed(): number {
    const value = this.unsigned()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}
