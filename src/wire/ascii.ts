/** Digits and text written into and read from bytes, without making strings. */

const ZERO = 48

/** Number of decimal digits of a non-negative integer. */
export function digitCount(value: number): number {
  if (value < 10) return 1
  if (value < 100) return 2
  if (value < 1000) return 3
  if (value < 10_000) return 4
  if (value < 100_000) return 5
  if (value < 1_000_000) return 6
  let count = 7
  for (let limit = 10_000_000; value >= limit; limit *= 10) count++
  return count
}

/** Writes a non-negative safe integer as decimal digits; returns the position behind the last. */
export function writeNumber(buffer: Buffer, at: number, value: number): number {
  const end = at + digitCount(value)
  let rest = value
  let i = end
  // Above 2^31 the remainder needs floating point division; below it, integer arithmetic is quicker.
  while (rest > 0x7fffffff) {
    const next = Math.floor(rest / 10)
    buffer[--i] = ZERO + (rest - next * 10)
    rest = next
  }
  let small = rest | 0
  while (i > at) {
    const next = (small / 10) | 0
    buffer[--i] = ZERO + (small - next * 10)
    small = next
  }
  return end
}

/** Writes the lowest `width` digits of a value below 2^31, with leading zeros. */
export function writePadded(buffer: Buffer, at: number, value: number, width: number): number {
  let rest = value | 0
  for (let i = at + width - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    buffer[i] = ZERO + (rest - next * 10)
    rest = next
  }
  return at + width
}

/** Reads `[start, end)` as a decimal number; -1 when it is empty, has another character or is above 2^53. */
export function readNumber(buffer: Buffer, start: number, end: number): number {
  const length = end - start
  if (length <= 0 || length > 16) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = buffer[i] - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1
}

/** Are the stretches equal? */
export function equalBytes(
  a: Buffer,
  aStart: number,
  aEnd: number,
  b: Buffer,
  bStart: number,
  bEnd: number,
): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false
  return true
}

/**
 * Reads a size as nats-server does: one to nine digits. -1 for anything else.
 */
export function readSize(buffer: Buffer, start: number, end: number): number {
  return end - start > 9 ? -1 : readNumber(buffer, start, end)
}
