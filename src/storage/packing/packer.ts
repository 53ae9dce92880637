/** Writes the data of a segment packed, a block after the other, with turns for others in between. */
import type { FileHandle } from '../../ports/index.ts'
import { syncFile, writeAt } from '../files/handles.ts'
import { BLOCK_BYTES, encodeTable, mostPackedBytes, type PackedBlock, packBlock } from './packed-format.ts'

/** Blocks written at once. */
const GROUP_BLOCKS = 4
export const GROUP_BYTES = GROUP_BLOCKS * BLOCK_BYTES
export const PACKED_GROUP_BYTES = GROUP_BLOCKS * mostPackedBytes(BLOCK_BYTES)

export class Packer {
  private readonly handle: FileHandle
  private readonly blocks: PackedBlock[] = []
  /** Of `PACKED_GROUP_BYTES`. */
  private readonly out: Buffer
  private dataBytes = 0
  /** Of the file, so far. */
  fileBytes = 0
  /** Packed since others had their turn. */
  private busyBytes = 0

  /** @param out room of `PACKED_GROUP_BYTES` to work in */
  constructor(handle: FileHandle, out: Buffer) {
    this.handle = handle
    this.out = out
  }

  /** Appends the next of the data: `GROUP_BYTES` at most. What is read together had better come together: a block begins here. */
  async append(data: Buffer, bytes: number): Promise<void> {
    let end = 0
    for (let from = 0; from < bytes; from += BLOCK_BYTES) {
      const to = Math.min(bytes, from + BLOCK_BYTES)
      if (this.busyBytes + to - from > BLOCK_BYTES) {
        this.busyBytes = 0
        await new Promise((resolve) => setImmediate(resolve))
      }
      this.busyBytes += to - from
      const place = this.dataBytes + from
      const start = this.fileBytes + end
      end = packBlock(data, from, to, place, this.out, end)
      this.blocks.push({ place, length: to - from, start, end: this.fileBytes + end })
    }
    await this.write(this.out, end)
    this.dataBytes += bytes
  }

  /** Ends the file, durably. */
  async finish(): Promise<void> {
    const table = encodeTable(this.blocks, this.dataBytes)
    await this.write(table, table.length)
    await syncFile(this.handle)
  }

  private async write(bytes: Buffer, length: number): Promise<void> {
    await writeAt(this.handle, bytes, length, this.fileBytes)
    this.fileBytes += length
  }
}
