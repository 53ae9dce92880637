import { randomBytes } from 'node:crypto'

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const LENGTH = 22

/** Names one event: 22 letters and digits. */
export function newEventId(): string {
  let id = ''
  for (const byte of randomBytes(LENGTH)) id += LETTERS[byte % LETTERS.length]
  return id
}
