/**
 * Whole numbers of any size. A number while it is exact, a bigint beyond; the same number is always the same kind, so that `===` tells.
 */
export type Integer = bigint | number

/** So many digits fit a number, sums of two included. */
const EXACT_DIGITS = 15

/** Digits of the largest numbers that are still worked with: what the headers of a message have room for. */
export const MOST_DIGITS = 0xffff

/** Reads `[start, end)`: a sign, or none, and digits up to the end. null when it is something else. */
export function readInteger(bytes: Buffer, start: number, end: number): Integer | null {
  const sign = start < end ? bytes[start] : 0
  const digits = sign === 43 || sign === 45 ? start + 1 : start
  if (digits === end || end - digits > MOST_DIGITS) return null
  let value = 0
  for (let i = digits; i < end; i++) {
    const digit = bytes[i] - 48
    if (digit < 0 || digit > 9) return null
    value = value * 10 + digit
  }
  if (end - digits <= EXACT_DIGITS) return sign === 45 ? 0 - value : value
  const large = BigInt(bytes.toString('latin1', digits, end))
  return plain(sign === 45 ? -large : large)
}

/** What a text begins with as a number; 0 where that is none. So does nats-server read values that others wrote. */
export function integerOf(text: string): Integer {
  const found = /^([+-]?)(\d+)/.exec(text)
  if (found === null || found[2].length > MOST_DIGITS) return 0
  const value = BigInt(found[2])
  return plain(found[1] === '-' ? -value : value)
}

export function add(left: Integer, right: Integer): Integer {
  if (typeof left === 'number' && typeof right === 'number') {
    const sum = left + right
    if (Number.isSafeInteger(sum)) return sum
  }
  return plain(BigInt(left) + BigInt(right))
}

export function subtract(left: Integer, right: Integer): Integer {
  if (typeof left === 'number' && typeof right === 'number') {
    const rest = left - right
    if (Number.isSafeInteger(rest)) return rest
  }
  return plain(BigInt(left) - BigInt(right))
}

function plain(value: bigint): Integer {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
