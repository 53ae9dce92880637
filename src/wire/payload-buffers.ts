/**
 * Buffers for payloads that come in pieces. A fresh one for every large message counts as memory outside of the
 * heap, which makes V8 collect the old generation again and again; so they are lent and given back.
 */

/** Payloads below this size come from Node's shared pool and are not given back. */
const POOLED_BYTES = 2048
/** Payloads above are rare, and too large to be kept. */
const LARGEST_BYTES = 8 * 1024 * 1024
/** What may be kept unused; when it is reached all of it goes, so that sizes which are not asked for any more don't stay. */
const MAX_SPARE_BYTES = 16 * 1024 * 1024

const spares = new Map<number, Buffer[]>()
let spareBytes = 0

/** One with room for `bytes`, and for up to a quarter more. */
export function takePayloadBuffer(bytes: number): Buffer {
  if (bytes <= POOLED_BYTES) return Buffer.allocUnsafe(bytes)
  if (bytes > LARGEST_BYTES) return Buffer.allocUnsafeSlow(bytes)
  const size = sizeFor(bytes)
  const spare = spares.get(size)?.pop()
  if (spare === undefined) return Buffer.allocUnsafeSlow(size)
  spareBytes -= size
  return spare
}

/** Gives it back: nothing of it is used any more. */
export function givePayloadBuffer(buffer: Buffer): void {
  const { length } = buffer
  if (length <= POOLED_BYTES || length > LARGEST_BYTES || sizeFor(length) !== length) return
  if (spareBytes + length > MAX_SPARE_BYTES) {
    spares.clear()
    spareBytes = 0
  }
  const kept = spares.get(length)
  if (kept === undefined) spares.set(length, [buffer])
  else kept.push(buffer)
  spareBytes += length
}

/** Four sizes between a power of two and the next. */
function sizeFor(bytes: number): number {
  const step = 1 << (29 - Math.clz32(bytes - 1))
  return Math.ceil(bytes / step) * step
}
