/**
 * Files in memory that can lose power: what was not synced is lost, kept or torn at sector boundaries, by a
 * seed. A crash is set for one file operation; everything after it never completes.
 */
import type { FileHandle, FileSystem } from './index.ts'
import { Random } from './random.ts'

const SECTOR_BYTES = 512

interface Write {
  position: number
  bytes: Buffer
}

/** Contents: as they are now, as they are on the medium, and what lies between. */
class SimulatedFile {
  current: Buffer = Buffer.alloc(0)
  durable: Buffer = Buffer.alloc(0)
  pending: Write[] = []

  write(position: number, bytes: Buffer): void {
    this.current = place(this.current, position, bytes)
    this.pending.push({ position, bytes })
  }

  sync(): void {
    this.durable = Buffer.from(this.current)
    this.pending = []
  }
}

function place(content: Buffer, position: number, bytes: Buffer): Buffer {
  const end = position + bytes.length
  const result = end > content.length ? Buffer.concat([content, Buffer.alloc(end - content.length)]) : content
  bytes.copy(result, position)
  return result
}

/**
 * Errors to be given out by the file system, asked before each operation. 'short': a read gives less than there is (of an open
 * file; a whole file is read whole or not at all).
 */
export type Fault = (operation: string, path: string) => Error | 'short' | null

export class SimulatedFileSystem implements FileSystem {
  /** File operations so far. */
  operations = 0
  /** The operation that does not complete; 0 for none. */
  crashAt = 0
  hasCrashed = false
  private onCrash: (() => void) | null = null
  fault: Fault | null = null
  /** Bytes of files for which there is room. */
  capacityBytes = Number.POSITIVE_INFINITY
  /** Nothing becomes durable, whoever asks for it: to prove that the checks would find it. */
  ignoresSync = false
  private readonly random: Random
  private names = new Map<string, SimulatedFile>()
  private durableNames = new Map<string, SimulatedFile>()
  private readonly directories = new Set<string>()
  private readonly locks = new Set<string>()

  constructor(seed: number) {
    this.random = new Random(seed)
  }

  /** The machine after the power came back. */
  restart(seed: number): SimulatedFileSystem {
    const after = new SimulatedFileSystem(seed)
    for (const directory of this.directories) after.directories.add(directory)
    const paths = new Set([...this.names.keys(), ...this.durableNames.keys()])
    const survivors = new Map<SimulatedFile, SimulatedFile>()
    for (const path of [...paths].sort()) {
      const now = this.names.get(path)
      const before = this.durableNames.get(path)
      const file = now === before || after.random.chance(0.5) ? now : before
      if (file === undefined) continue
      let survivor = survivors.get(file)
      if (survivor === undefined) {
        survivor = survivorOf(file, after.random)
        survivors.set(file, survivor)
      }
      // What came back after a removal came back with its folder.
      after.directories.add(path.slice(0, path.lastIndexOf('/')))
      after.names.set(path, survivor)
      after.durableNames.set(path, survivor)
    }
    return after
  }

  /** Resolves when the power goes. */
  untilCrash(): Promise<void> {
    return new Promise((resolve) => {
      this.onCrash = resolve
    })
  }

  /** The files as a process that was killed leaves them: what it had written is there, synced or not. */
  afterKill(seed: number): SimulatedFileSystem {
    for (const file of this.names.values()) file.sync()
    this.durableNames = new Map(this.names)
    return this.restart(seed)
  }

  /** The same, on a machine that may still lose power: what was not synced is there for now. */
  killed(seed: number): SimulatedFileSystem {
    const after = new SimulatedFileSystem(seed)
    after.ignoresSync = this.ignoresSync
    for (const directory of this.directories) after.directories.add(directory)
    after.names = new Map(this.names)
    after.durableNames = new Map(this.durableNames)
    return after
  }

  /** Flips one bit. */
  flip(path: string, bit: number): void {
    const file = this.file(path)
    file.current[bit >>> 3] ^= 1 << (bit & 7)
    file.durable = Buffer.from(file.current)
  }

  /** Overwrites a sector, or what there is of it, with zeros. */
  zeroSector(path: string, sector: number): void {
    const file = this.file(path)
    file.current.fill(0, sector * SECTOR_BYTES, Math.min(file.current.length, (sector + 1) * SECTOR_BYTES))
    file.durable = Buffer.from(file.current)
  }

  /** What is in the files now, by path. */
  contents(): Map<string, Buffer> {
    return new Map([...this.names].map(([path, file]) => [path, Buffer.from(file.current)]))
  }

  /** A file system with these files, durably. */
  static of(files: ReadonlyMap<string, Buffer>, seed: number): SimulatedFileSystem {
    const made = new SimulatedFileSystem(seed)
    for (const [path, content] of files) {
      const parts = path.split('/')
      for (let i = 1; i < parts.length; i++) made.directories.add(parts.slice(0, i).join('/'))
      const file = new SimulatedFile()
      file.current = Buffer.from(content)
      file.durable = Buffer.from(content)
      made.names.set(path, file)
      made.durableNames.set(path, file)
    }
    return made
  }

  paths(): string[] {
    return [...this.names.keys()].sort()
  }

  /** Bytes of all files. */
  usedBytes(): number {
    let bytes = 0
    for (const file of this.names.values()) bytes += file.current.length
    return bytes
  }

  async open(path: string, create: boolean): Promise<FileHandle> {
    await this.operation('open', path)
    let file = this.names.get(path)
    if (file === undefined) {
      if (!create) throw missing(path)
      this.needDirectory(path)
      file = new SimulatedFile()
      this.names.set(path, file)
    }
    return this.handle(path, file)
  }

  async readFile(path: string): Promise<Buffer> {
    await this.operation('readFile', path)
    return Buffer.from(this.file(path).current)
  }

  readFileSync(path: string): Buffer {
    this.mayFail('readSync', path)
    return Buffer.from(this.file(path).current)
  }

  async size(path: string): Promise<number> {
    this.mayFail('size', path)
    return this.file(path).current.length
  }

  async freeBytes(): Promise<number> {
    return Math.max(0, this.capacityBytes - this.usedBytes())
  }

  async makeDirectory(path: string): Promise<void> {
    await this.operation('makeDirectory', path)
    const parts = path.split('/')
    for (let i = 1; i <= parts.length; i++) this.directories.add(parts.slice(0, i).join('/'))
  }

  async list(path: string): Promise<string[]> {
    this.mayFail('list', path)
    if (!this.directories.has(path)) throw missing(path)
    const found = new Set<string>()
    for (const each of [...this.names.keys(), ...this.directories]) {
      if (each.startsWith(`${path}/`)) found.add(each.slice(path.length + 1).split('/')[0])
    }
    return [...found].sort()
  }

  async exists(path: string): Promise<boolean> {
    this.mayFail('exists', path)
    return this.names.has(path) || this.directories.has(path)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.operation('rename', to)
    this.names.set(to, this.file(from))
    this.names.delete(from)
  }

  async remove(path: string): Promise<void> {
    await this.operation('remove', path)
    this.file(path)
    this.names.delete(path)
  }

  async removeTree(path: string): Promise<void> {
    await this.operation('remove', path)
    for (const each of [...this.names.keys()]) if (each.startsWith(`${path}/`)) this.names.delete(each)
    for (const each of [...this.directories])
      if (each === path || each.startsWith(`${path}/`)) this.directories.delete(each)
  }

  async syncDirectory(path: string): Promise<void> {
    await this.operation('syncDirectory', path)
    for (const each of new Set([...this.names.keys(), ...this.durableNames.keys()])) {
      const parent = each.slice(0, each.lastIndexOf('/'))
      // A folder whose removal is durable takes along what was in it.
      const isGone = parent.startsWith(`${path}/`) && !this.directories.has(parent)
      if (parent !== path && !isGone) continue
      const file = this.names.get(each)
      if (file === undefined) this.durableNames.delete(each)
      else this.durableNames.set(each, file)
    }
  }

  async lock(path: string): Promise<() => Promise<void>> {
    this.mayFail('lock', path)
    if (this.locks.has(path)) throw new Error(`${path}: in use`)
    this.locks.add(path)
    return async () => {
      this.locks.delete(path)
    }
  }

  private handle(path: string, file: SimulatedFile): FileHandle {
    const run = (
      name: string,
      work: () => number,
      done: (error: Error | null, bytes: number) => void,
    ): void => {
      this.operation(name, path)
        .then((isShort) => (isShort ? work() >>> 1 : work()))
        .then(
          (bytes) => done(null, bytes),
          (error: Error) => done(error, 0),
        )
    }
    return {
      read: (buffer, offset, length, position, done) =>
        run(
          'read',
          () => file.current.copy(buffer, offset, Math.min(position, file.current.length), position + length),
          done,
        ),
      write: (buffer, offset, length, position, done) => {
        const bytes = Buffer.from(buffer.subarray(offset, offset + length))
        run(
          'write',
          () => this.put(file, position, bytes, false),
          (error) => done(error),
        )
      },
      writeSync: (buffer, offset, length, position) => {
        const bytes = Buffer.from(buffer.subarray(offset, offset + length))
        // A crash in the middle finds the write begun.
        if (this.crashAt === this.operations + 1) file.write(position, bytes)
        this.begin('writeSync', path)
        this.put(file, position, bytes, false)
      },
      writeDurable: (buffer, offset, length, position, done) => {
        const bytes = Buffer.from(buffer.subarray(offset, offset + length))
        // A crash in the middle finds the write begun.
        if (this.crashAt === this.operations + 1) file.write(position, bytes)
        run(
          'writeDurable',
          () => this.put(file, position, bytes, true),
          (error) => done(error),
        )
      },
      sync: (done) =>
        run(
          'sync',
          () => {
            if (!this.ignoresSync) file.sync()
            return 0
          },
          (error) => done(error),
        ),
      truncate: (length, done) =>
        run(
          'truncate',
          () => {
            file.current = Buffer.concat([
              file.current.subarray(0, length),
              Buffer.alloc(Math.max(0, length - file.current.length)),
            ])
            return 0
          },
          (error) => done(error),
        ),
      close: (done) => queueMicrotask(() => done(null)),
    }
  }

  private put(file: SimulatedFile, position: number, bytes: Buffer, durable: boolean): number {
    const grown = position + bytes.length - file.current.length
    if (
      grown > 0 &&
      this.capacityBytes < Number.POSITIVE_INFINITY &&
      grown > this.capacityBytes - this.usedBytes()
    )
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    file.write(position, bytes)
    if (durable && !this.ignoresSync) file.sync()
    return bytes.length
  }

  private mayFail(name: string, path: string): boolean {
    const fault = this.fault?.(name, path) ?? null
    if (fault === 'short') {
      if (name === 'read') return true
      throw Object.assign(new Error(`EIO: short read, '${path}'`), { code: 'EIO' })
    }
    if (fault !== null) throw fault
    return false
  }

  /** Counts the operation; never completes when the power is gone. True: of a read only a part is given. */
  private async operation(name: string, path: string): Promise<boolean> {
    this.count()
    if (this.hasCrashed) await new Promise<never>(() => {})
    const isShort = this.mayFail(name, path)
    await Promise.resolve()
    return isShort
  }

  /** The same for what the thread waits for: without power nothing more comes of it than an error that nobody reads. */
  private begin(name: string, path: string): void {
    this.count()
    if (this.hasCrashed) throw new Error(`the power is gone, '${path}'`)
    this.mayFail(name, path)
  }

  private count(): void {
    this.operations++
    if (this.operations !== this.crashAt) return
    this.hasCrashed = true
    this.onCrash?.()
  }

  private file(path: string): SimulatedFile {
    const file = this.names.get(path)
    if (file === undefined) throw missing(path)
    return file
  }

  private needDirectory(path: string): void {
    if (!this.directories.has(path.slice(0, path.lastIndexOf('/')))) throw missing(path)
  }
}

/** What is left of a file when the power goes. */
function survivorOf(file: SimulatedFile, random: Random): SimulatedFile {
  let content: Buffer = Buffer.from(file.durable)
  for (const write of file.pending) {
    if (random.chance(0.3)) continue
    const isWhole = random.chance(0.4)
    for (let at = 0; at < write.bytes.length; ) {
      const position = write.position + at
      const end = Math.min(write.bytes.length, at + SECTOR_BYTES - (position % SECTOR_BYTES))
      if (isWhole || random.chance(0.5)) content = place(content, position, write.bytes.subarray(at, end))
      at = end
    }
  }
  const survivor = new SimulatedFile()
  survivor.current = content
  survivor.durable = Buffer.from(content)
  return survivor
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' })
}
