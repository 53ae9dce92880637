/** Numbers in buffers, little endian, and short copies: without a call into native code. */

export function putU32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value
  buffer[at + 1] = value >>> 8
  buffer[at + 2] = value >>> 16
  buffer[at + 3] = value >>> 24
}

export function getU32(buffer: Buffer, at: number): number {
  return (buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)) >>> 0
}

/** Short stretches are copied in a loop: the call into native code would cost more. */
export function copy(from: Buffer, start: number, end: number, to: Buffer, at: number): void {
  if (end - start < 96) for (let i = start, o = at; i < end; i++, o++) to[o] = from[i]
  else from.copy(to, at, start, end)
}
