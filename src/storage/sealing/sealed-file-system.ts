/**
 * Files whose content is sealed: each write is a block behind the others, which knows its place in the content. For files
 * that are written from front to back, or anew as a whole.
 */
import type { FileHandle, FileSystem } from '../../ports/index.ts'
import { closeFile, readWhole } from '../files/handles.ts'
import { decodeSeal, type FoundBlock, findBlocks, SEAL_BYTES, type Sealer } from './sealer.ts'

/** Called when something in the file at `path` was changed by other hands. */
export type DamageListener = (path: string) => void

export class SealedFileSystem implements FileSystem {
  private readonly below: FileSystem
  private readonly sealer: Sealer
  private readonly onDamage: DamageListener

  constructor(below: FileSystem, sealer: Sealer, onDamage: DamageListener) {
    this.below = below
    this.sealer = sealer
    this.onDamage = onDamage
  }

  async open(path: string, create: boolean): Promise<FileHandle> {
    const handle = await this.below.open(path, create)
    try {
      const bytes = await this.below.size(path)
      const onDamage = () => this.onDamage(path)
      const blocks = await readBlocks(handle, bytes, onDamage)
      return new SealedFile(handle, this.sealer, blocks, bytes, onDamage)
    } catch (error) {
      await closeFile(handle)
      throw error
    }
  }

  async readFile(path: string): Promise<Buffer> {
    return this.unseal(path, await this.below.readFile(path))
  }

  readFileSync(path: string): Buffer {
    return this.unseal(path, this.below.readFileSync(path))
  }

  async size(path: string): Promise<number> {
    return contentBytes(findBlocks(await this.below.readFile(path), 0, await this.below.size(path)))
  }

  freeBytes(path: string): Promise<number> {
    return this.below.freeBytes(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.below.makeDirectory(path)
  }

  list(path: string): Promise<string[]> {
    return this.below.list(path)
  }

  exists(path: string): Promise<boolean> {
    return this.below.exists(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.below.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return this.below.remove(path)
  }

  removeTree(path: string): Promise<void> {
    return this.below.removeTree(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.below.syncDirectory(path)
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.below.lock(path)
  }

  private unseal(path: string, bytes: Buffer): Buffer {
    let isDamaged = false
    const blocks = findBlocks(bytes, 0, bytes.length, () => {
      isDamaged = true
    })
    const content = Buffer.alloc(contentBytes(blocks))
    for (const { seal, start } of blocks) {
      const { plain, isGood } = this.sealer.open(seal, bytes.subarray(start, start + seal.length))
      if (!isGood) isDamaged = true
      plain.copy(content, seal.place)
    }
    if (isDamaged) this.onDamage(path)
    return content
  }
}

function contentBytes(blocks: readonly FoundBlock[]): number {
  let bytes = 0
  for (const { seal } of blocks) bytes = Math.max(bytes, seal.place + seal.length)
  return bytes
}

/** The blocks of a file: by their heads alone, as long as nothing is damaged. */
async function readBlocks(handle: FileHandle, bytes: number, onDamage: () => void): Promise<FoundBlock[]> {
  const blocks: FoundBlock[] = []
  for (let at = 0; at < bytes; ) {
    const seal = at + SEAL_BYTES <= bytes ? decodeSeal(await readWhole(handle, SEAL_BYTES, at), 0) : null
    const start = at + SEAL_BYTES
    if (seal === null || seal.isTail || start + seal.length + SEAL_BYTES > bytes) {
      const rest = await readWhole(handle, bytes - at, at)
      onDamage()
      for (const found of findBlocks(rest, 0, rest.length)) blocks.push({ ...found, start: at + found.start })
      break
    }
    blocks.push({ seal, start })
    at = start + seal.length + SEAL_BYTES
  }
  return blocks
}

class SealedFile implements FileHandle {
  private readonly below: FileHandle
  private readonly sealer: Sealer
  private readonly onDamage: () => void
  private blocks: FoundBlock[]
  /** Bytes of the file below: the next block goes there. */
  private end: number

  constructor(below: FileHandle, sealer: Sealer, blocks: FoundBlock[], end: number, onDamage: () => void) {
    this.below = below
    this.sealer = sealer
    this.blocks = blocks
    this.end = end
    this.onDamage = onDamage
  }

  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead: number) => void,
  ): void {
    this.readContent(buffer.subarray(offset, offset + length), position).then(
      (read) => done(null, read),
      (error: Error) => done(error, 0),
    )
  }

  private async readContent(into: Buffer, position: number): Promise<number> {
    const limit = position + into.length
    const touched = this.blocks.filter(
      ({ seal }) => seal.place < limit && seal.place + seal.length > position,
    )
    // Of what no block is left for, zeros are given: no checksum holds there. That is not the file's end.
    into.fill(0)
    for (const { seal, start } of touched) {
      const ciphertext = await readWhole(this.below, seal.length, start)
      const { plain, isGood } = this.sealer.open(seal, ciphertext)
      if (!isGood) this.onDamage()
      const from = Math.max(position - seal.place, 0)
      plain.copy(into, seal.place + from - position, from, Math.min(plain.length, limit - seal.place))
    }
    return Math.max(0, Math.min(limit, contentBytes(this.blocks)) - position)
  }

  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    if (position === 0 && this.end > 0) {
      // Written anew.
      this.blocks = []
      this.end = 0
      this.below.truncate(0, (error) =>
        error === null ? this.append(buffer, offset, length, position, done) : done(error),
      )
    } else this.append(buffer, offset, length, position, done)
  }

  private append(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    const block = this.sealer.seal(buffer.subarray(offset, offset + length), position)
    const at = this.end
    this.end += block.length
    this.below.write(block, 0, block.length, at, (error) => {
      const seal = decodeSeal(block, 0)
      if (error === null && seal !== null) this.blocks.push({ seal, start: at + SEAL_BYTES })
      // Written again, it goes to the same place.
      else this.end = at
      done(error)
    })
  }

  writeDurable(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.write(buffer, offset, length, position, (error) => {
      if (error === null) this.below.sync(done)
      else done(error)
    })
  }

  sync(done: (error: Error | null) => void): void {
    this.below.sync(done)
  }

  /** Content is never cut in the middle: to nothing, or not at all. */
  truncate(length: number, done: (error: Error | null) => void): void {
    // A block that begins before the new end stays whole.
    const kept = this.blocks.filter(({ seal }) => seal.place < length)
    if (length > 0 && kept.length === this.blocks.length) {
      setImmediate(done, null)
      return
    }
    let end = 0
    for (const { seal, start } of kept) end = Math.max(end, start + seal.length + SEAL_BYTES)
    this.blocks = kept
    this.end = end
    this.below.truncate(end, done)
  }

  close(done: (error: Error | null) => void): void {
    this.below.close(done)
  }
}
