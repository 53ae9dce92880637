import { randomBytes } from 'node:crypto'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A random name of `length` letters and digits (NATS uses 22 for ids of events and 8 for names of consumers). */
export function uniqueId(length: number): string {
  let text = ''
  for (const byte of randomBytes(length)) text += DIGITS[byte % DIGITS.length]
  return text
}
