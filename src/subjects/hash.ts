/** FNV-1a, 32 bits, of bytes: subjects and ids are looked up by it. */
export const FNV_OFFSET = 0x811c9dc5 | 0
export const FNV_PRIME = 0x01000193

/** Hash of `[start, end)`, or `before` gone on with. */
export function hashBytes(buffer: Buffer, start: number, end: number, before = FNV_OFFSET): number {
  let hash = before
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buffer[i], FNV_PRIME)
  return hash
}

/** The same of a text in latin1, a byte a character. */
export function hashLatin1(text: string): number {
  let hash = FNV_OFFSET
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME)
  return hash
}
