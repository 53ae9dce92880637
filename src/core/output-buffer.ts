/** Buffers for output in a few sizes, lent from bounded pools: a fresh large one for every write is slow. */
import { viewOf } from '../wire/index.ts'

/** Bytes of each size, and how many unused ones are kept. */
const SIZES: readonly { readonly bytes: number; readonly kept: number }[] = [
  { bytes: 4 * 1024, kept: 256 },
  { bytes: 24 * 1024, kept: 128 },
  // More than the 64 KiB that one read brings, so that what it causes goes out in one write.
  { bytes: 96 * 1024, kept: 64 },
]
const LARGEST = SIZES.length - 1
const pools: OutputBuffer[][] = SIZES.map(() => [])

export class OutputBuffer {
  readonly bytes: Buffer
  readonly view: DataView
  /** Bytes written into it, set when it is full or sent. */
  length = 0
  /** Index into SIZES, -1 for a size of its own. */
  private readonly size: number

  private constructor(bytes: Buffer, size: number) {
    this.bytes = bytes
    this.view = viewOf(bytes)
    this.size = size
  }

  static readonly largestBytes = SIZES[LARGEST].bytes
  /** Stands for no buffer: no room in it. */
  static readonly none = new OutputBuffer(Buffer.alloc(0), -1)

  /** One with room for `bytes`: unused or new. */
  static take(bytes: number): OutputBuffer {
    for (let size = 0; size <= LARGEST; size++) {
      if (bytes > SIZES[size].bytes) continue
      return pools[size].pop() ?? new OutputBuffer(Buffer.allocUnsafeSlow(SIZES[size].bytes), size)
    }
    return new OutputBuffer(Buffer.allocUnsafeSlow(bytes), -1)
  }

  /** Gives it back; it is not used any more. */
  give(): void {
    if (this.size < 0) return
    const pool = pools[this.size]
    if (pool.length < SIZES[this.size].kept) pool.push(this)
  }

  /** What was written into it. */
  written(): Buffer {
    return this.length === this.bytes.length ? this.bytes : this.bytes.subarray(0, this.length)
  }

  /** Would a smaller one do? */
  isLargeFor(bytes: number): boolean {
    return this.size < 0 || (this.size > 0 && bytes <= SIZES[this.size - 1].bytes)
  }
}
