/** FNV-1a, 32 bits, of bytes: subjects and ids are looked up by it. */
export const FNV_OFFSET = 0x811c9dc5 | 0
export const FNV_PRIME = 0x01000193

/** Hash of `[start, end)`. */
export function hashBytes(buffer: Buffer, start: number, end: number): number {
  let hash = FNV_OFFSET
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buffer[i], FNV_PRIME)
  return hash
}
