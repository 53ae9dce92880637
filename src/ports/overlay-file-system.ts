/** A file system whose changes stay in memory: what is below it is only read. To look at a store without touching it. */
import type { FileHandle, FileSystem } from './index.ts'

interface Changed {
  content: Buffer
}

export class OverlayFileSystem implements FileSystem {
  readonly #below: FileSystem
  /** What was written, by path; null: removed. */
  readonly #files = new Map<string, Changed | null>()
  readonly #removedTrees: string[] = []

  constructor(below: FileSystem) {
    this.#below = below
  }

  async open(path: string, create: boolean): Promise<FileHandle> {
    if (this.#files.get(path) === undefined && (await this.exists(path))) {
      const handle = await this.#below.open(path, false)
      return this.#handle(path, handle)
    }
    if (!this.#files.get(path)) {
      if (!create) throw missing(path)
      this.#files.set(path, { content: Buffer.alloc(0) })
    }
    return this.#handle(path, null)
  }

  async readFile(path: string): Promise<Buffer> {
    const changed = this.#files.get(path)
    if (changed) return Buffer.from(changed.content)
    if (!(await this.exists(path))) throw missing(path)
    return this.#below.readFile(path)
  }

  readFileSync(path: string): Buffer {
    const changed = this.#files.get(path)
    if (changed) return Buffer.from(changed.content)
    if (changed === null) throw missing(path)
    return this.#below.readFileSync(path)
  }

  async size(path: string): Promise<number> {
    const changed = this.#files.get(path)
    return changed ? changed.content.length : this.#below.size(path)
  }

  async freeBytes(): Promise<number> {
    return Number.POSITIVE_INFINITY
  }

  async makeDirectory(): Promise<void> {}

  async list(path: string): Promise<string[]> {
    const names = new Set((await this.#below.exists(path)) ? await this.#below.list(path) : [])
    for (const [changed, file] of this.#files) {
      if (!changed.startsWith(`${path}/`)) continue
      const [name, ...deeper] = changed.slice(path.length + 1).split('/')
      if (file !== null) names.add(name)
      else if (deeper.length === 0) names.delete(name)
    }
    return [...names].filter((name) => !this.#isRemoved(`${path}/${name}`)).sort()
  }

  async exists(path: string): Promise<boolean> {
    const changed = this.#files.get(path)
    if (changed !== undefined) return changed !== null
    return !this.#isRemoved(path) && this.#below.exists(path)
  }

  async rename(from: string, to: string): Promise<void> {
    this.#files.set(to, { content: await this.readFile(from) })
    this.#files.set(from, null)
  }

  async remove(path: string): Promise<void> {
    if (!(await this.exists(path))) throw missing(path)
    this.#files.set(path, null)
  }

  async removeTree(path: string): Promise<void> {
    for (const changed of this.#files.keys()) if (changed.startsWith(`${path}/`)) this.#files.delete(changed)
    this.#removedTrees.push(path)
  }

  async syncDirectory(): Promise<void> {}

  /** The lock is a real one: nobody else is to change what is read. */
  lock(path: string): Promise<() => Promise<void>> {
    return this.#below.lock(path)
  }

  #isRemoved(path: string): boolean {
    return this.#removedTrees.some((tree) => path === tree || path.startsWith(`${tree}/`))
  }

  /** Takes a file into memory, before it is changed. */
  #own(path: string): Changed {
    let changed = this.#files.get(path)
    if (!changed) {
      changed = { content: this.#below.readFileSync(path) }
      this.#files.set(path, changed)
    }
    return changed
  }

  #handle(path: string, below: FileHandle | null): FileHandle {
    const soon = (work: () => void): void => queueMicrotask(work)
    const write = (position: number, bytes: Buffer): void => {
      const file = this.#own(path)
      const end = position + bytes.length
      if (end > file.content.length) {
        file.content = Buffer.concat([file.content, Buffer.alloc(end - file.content.length)])
      }
      bytes.copy(file.content, position)
    }
    const put: FileHandle['write'] = (buffer, offset, length, position, done) => {
      const bytes = Buffer.from(buffer.subarray(offset, offset + length))
      soon(() => {
        write(position, bytes)
        done(null)
      })
    }
    return {
      read: (buffer, offset, length, position, done) => {
        const changed = this.#files.get(path)
        if (!changed && below !== null) {
          below.read(buffer, offset, length, position, done)
          return
        }
        const content = changed?.content ?? Buffer.alloc(0)
        soon(() =>
          done(null, content.copy(buffer, offset, Math.min(position, content.length), position + length)),
        )
      },
      write: put,
      writeDurable: put,
      sync: (done) => soon(() => done(null)),
      truncate: (length, done) =>
        soon(() => {
          const file = this.#own(path)
          const grown = Buffer.alloc(Math.max(0, length - file.content.length))
          file.content = Buffer.concat([file.content.subarray(0, length), grown])
          done(null)
        }),
      close: (done) => (below === null ? soon(() => done(null)) : below.close(done)),
    }
  }
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' })
}
