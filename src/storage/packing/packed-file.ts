/** A packed data file, read as if it were not packed: places are those of the data. Nothing is written to it; its end may be cut off. */
import type { FileHandle, FileSystem } from '../../ports/index.ts'
import { closeFile, readAt, readWhole } from '../files/handles.ts'
import {
  BLOCK_BYTES,
  contentBytes,
  decodeTable,
  findBlocks,
  type PackedBlock,
  TAIL_BYTES,
  tableBytes,
  unpackBlock,
} from './packed-format.ts'

/** Blocks read at once, and unpacked in one turn: those of a full chunk, and one for what reaches beyond it. */
const GROUP_BLOCKS = 5
const KEPT_BUFFERS = 4
const GROUP_BYTES = GROUP_BLOCKS * (BLOCK_BYTES + 64)

/** For the packed bytes of a group: used again, since letting go of them has the whole heap collected. */
const unused: Buffer[] = []

export class PackedFile implements FileHandle {
  private readonly below: FileHandle
  private readonly onDamage: () => void
  private blocks: PackedBlock[]
  /** It is told once. */
  private isDamageTold = false

  private constructor(below: FileHandle, blocks: PackedBlock[], onDamage: () => void) {
    this.below = below
    this.blocks = blocks
    this.onDamage = onDamage
  }

  /** @param onDamage something in it is damaged; the checksums of the records tell which of them are hit */
  static async open(fileSystem: FileSystem, path: string, onDamage: () => void): Promise<PackedFile> {
    const handle = await fileSystem.open(path, true)
    try {
      const bytes = await fileSystem.size(path)
      const blocks = await readTable(handle, bytes)
      if (blocks !== null) return new PackedFile(handle, blocks, onDamage)
      return new PackedFile(handle, findBlocks(await readWhole(handle, bytes, 0)), onDamage)
    } catch (error) {
      await closeFile(handle)
      throw error
    }
  }

  /** Bytes of the data. */
  get contentBytes(): number {
    return contentBytes(this.blocks)
  }

  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead: number) => void,
  ): void {
    this.readAll(buffer, offset, Math.min(length, this.contentBytes - position), position).then(
      (read) => done(null, read),
      (error: Error) => done(error, 0),
    )
  }

  private async readAll(buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    if (length <= 0) return 0
    const end = position + length
    const wanted = this.blocks.filter((block) => block.place < end && block.place + block.length > position)
    let reached = position
    for (let i = 0; i < wanted.length; i += GROUP_BLOCKS) {
      const group = wanted.slice(i, i + GROUP_BLOCKS)
      const { start } = group[0]
      const bytes = group[group.length - 1].end - start
      const packed = unused.pop() ?? Buffer.allocUnsafeSlow(GROUP_BYTES)
      // Damaged heads may stand between two that are found.
      const room = bytes <= packed.length ? packed : Buffer.allocUnsafeSlow(bytes)
      try {
        if ((await readAt(this.below, room, bytes, start)) < bytes) return reached - position
        for (const block of group) {
          if (block.place > reached) this.fillGap(buffer, offset + reached - position, block.place - reached)
          this.unpack(block, room, start, buffer, offset - position, position, end)
          reached = Math.min(end, block.place + block.length)
        }
      } finally {
        if (unused.length < KEPT_BUFFERS) unused.push(packed)
      }
    }
    if (reached < end) this.fillGap(buffer, offset + reached - position, end - reached)
    return length
  }

  /** Puts what `[position, end)` has of a block to `buffer`, in which place 0 of the data is at `shift`. */
  private unpack(
    block: PackedBlock,
    packed: Buffer,
    base: number,
    buffer: Buffer,
    shift: number,
    position: number,
    end: number,
  ): void {
    const { place, length } = block
    const isWhole = place >= position && place + length <= end
    const out = isWhole ? buffer : Buffer.allocUnsafe(length)
    const at = isWhole ? place + shift : 0
    if (!unpackBlock(packed, block.start - base, block.end - base, length, out, at)) this.damaged()
    if (isWhole) return
    const from = Math.max(position, place)
    out.copy(buffer, from + shift, from - place, Math.min(end, place + length) - place)
  }

  /** What no block has any more. */
  private fillGap(buffer: Buffer, at: number, bytes: number): void {
    buffer.fill(0, at, at + bytes)
    this.damaged()
  }

  private damaged(): void {
    if (this.isDamageTold) return
    this.isDamageTold = true
    this.onDamage()
  }

  write(
    _buffer: Buffer,
    _offset: number,
    _length: number,
    _position: number,
    done: (error: Error | null) => void,
  ): void {
    setImmediate(done, new Error('a packed file is written as a whole'))
  }

  writeDurable(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.write(buffer, offset, length, position, done)
  }

  sync(done: (error: Error | null) => void): void {
    this.below.sync(done)
  }

  /** A block that begins before the new end stays whole. The table goes: the blocks are found by their heads then. */
  truncate(length: number, done: (error: Error | null) => void): void {
    this.blocks = this.blocks.filter((block) => block.place < length)
    this.below.truncate(this.blocks.at(-1)?.end ?? 0, done)
  }

  close(done: (error: Error | null) => void): void {
    this.below.close(done)
  }
}

/** Null: the table is damaged, or was cut off. */
async function readTable(handle: FileHandle, fileBytes: number): Promise<PackedBlock[] | null> {
  if (fileBytes < TAIL_BYTES) return null
  const tail = await readWhole(handle, TAIL_BYTES, fileBytes - TAIL_BYTES)
  const bytes = tableBytes(tail, fileBytes)
  if (bytes === 0) return null
  return decodeTable(await readWhole(handle, bytes, fileBytes - bytes), fileBytes - bytes)
}
