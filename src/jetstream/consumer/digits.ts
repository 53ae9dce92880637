/** Decimal numbers written into and read from bytes. */

const ZERO = 48
const NINE = 57

/** Writes a whole number from 0 to 2^53 - 1; returns the offset behind it. */
export function writeNumber(buffer: Buffer, offset: number, value: number): number {
  if (value < 10) {
    buffer[offset] = ZERO + value
    return offset + 1
  }
  let length = 2
  for (let bound = 100; value >= bound; bound *= 10) length++
  let at = offset + length
  while (value > 0x7fffffff) {
    const rest = Math.floor(value / 10)
    buffer[--at] = ZERO + (value - rest * 10)
    value = rest
  }
  let small = value | 0
  while (at > offset) {
    const rest = (small / 10) | 0
    buffer[--at] = ZERO + (small - rest * 10)
    small = rest
  }
  return offset + length
}

/** Writes exactly `width` digits, with leading zeros. */
export function writePadded(buffer: Buffer, offset: number, value: number, width: number): number {
  let small = value | 0
  for (let at = offset + width - 1; at >= offset; at--) {
    const rest = (small / 10) | 0
    buffer[at] = ZERO + (small - rest * 10)
    small = rest
  }
  return offset + width
}

/** Reads the digits of `[start, end)`; -1 when there are none or something else is among them. */
export function readNumber(buffer: Buffer, start: number, end: number): number {
  if (start >= end) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = buffer[at]
    if (digit < ZERO || digit > NINE) return -1
    value = value * 10 + (digit - ZERO)
  }
  return value
}
