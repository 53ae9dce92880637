import * as fs from 'node:fs'
import { dirname } from 'node:path'
import type { FileHandle, FileSystem } from './index.ts'
import { lockFile } from './lock-file.ts'
import { keepSpareDescriptors, opening, openingSync } from './spare-descriptors.ts'

/** On Linux a write to a descriptor opened so is durable when it returns: one step instead of two. */
const DURABLE_WRITE = process.platform === 'linux' ? fs.constants.O_DSYNC : 0
/** A platform without directories one can sync (Windows) makes entries durable by itself. */
const SYNCS_DIRECTORIES = process.platform !== 'win32'

class RealFile implements FileHandle {
  private readonly path: string
  private readonly fd: number
  private durableFd = -1
  /** Operations under way: the descriptor is closed after them, since its number may be given out again. */
  private busy = 0
  private onIdle: (() => void) | null = null

  constructor(path: string, fd: number) {
    this.path = path
    this.fd = fd
  }

  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead: number) => void,
  ): void {
    this.busy++
    let total = 0
    const step = (): void => {
      fs.read(this.fd, buffer, offset + total, length - total, position + total, (error, bytes) => {
        total += bytes ?? 0
        if (error === null && bytes > 0 && total < length) step()
        else {
          this.ended()
          done(error, total)
        }
      })
    }
    step()
  }

  write(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null) => void,
  ): void {
    this.busy++
    writeAll(this.fd, buffer, offset, length, position, (error) => {
      this.ended()
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
    if (DURABLE_WRITE === 0) {
      this.write(buffer, offset, length, position, (error) => {
        if (error !== null) done(error)
        else this.sync(done)
      })
      return
    }
    let fd: number
    try {
      fd = this.openDurable()
    } catch (error) {
      setImmediate(done, error as Error)
      return
    }
    this.busy++
    writeAll(fd, buffer, offset, length, position, (error) => {
      this.ended()
      done(error)
    })
  }

  writeDurableSync(buffer: Buffer, offset: number, length: number, position: number): void {
    const fd = DURABLE_WRITE === 0 ? this.fd : this.openDurable()
    writeAllSync(fd, buffer, offset, length, position)
    if (DURABLE_WRITE === 0) fs.fdatasyncSync(fd)
  }

  writeSync(buffer: Buffer, offset: number, length: number, position: number): void {
    writeAllSync(this.fd, buffer, offset, length, position)
  }

  private openDurable(): number {
    if (this.durableFd < 0) {
      this.durableFd = openingSync(() => fs.openSync(this.path, fs.constants.O_WRONLY | DURABLE_WRITE))
    }
    return this.durableFd
  }

  sync(done: (error: Error | null) => void): void {
    this.busy++
    fs.fdatasync(this.fd, (error) => {
      this.ended()
      done(error ?? null)
    })
  }

  truncate(length: number, done: (error: Error | null) => void): void {
    this.busy++
    fs.ftruncate(this.fd, length, (error) => {
      this.ended()
      done(error ?? null)
    })
  }

  close(done: (error: Error | null) => void): void {
    if (this.busy > 0) {
      this.onIdle = () => this.close(done)
      return
    }
    const closeOwn = (): void => fs.close(this.fd, (error) => done(error ?? null))
    if (this.durableFd < 0) closeOwn()
    else fs.close(this.durableFd, closeOwn)
  }

  private ended(): void {
    this.busy--
    if (this.busy === 0) this.onIdle?.()
  }
}

function writeAll(
  fd: number,
  buffer: Buffer,
  offset: number,
  length: number,
  position: number,
  done: (error: Error | null) => void,
): void {
  fs.write(fd, buffer, offset, length, position, (error, written) => {
    if (error !== null || written === length) done(error)
    else writeAll(fd, buffer, offset + written, length - written, position + written, done)
  })
}

function writeAllSync(fd: number, buffer: Buffer, offset: number, length: number, position: number): void {
  for (let total = 0; total < length; ) {
    total += fs.writeSync(fd, buffer, offset + total, length - total, position + total)
  }
}

/** The machine's files. */
export const realFileSystem: FileSystem = {
  async open(path, create) {
    const flags = fs.constants.O_RDWR | (create ? fs.constants.O_CREAT : 0)
    const fd = await opening(
      () =>
        new Promise<number>((resolve, reject) =>
          fs.open(path, flags, 0o600, (error, opened) => (error === null ? resolve(opened) : reject(error))),
        ),
    )
    return new RealFile(path, fd)
  },
  async readFile(path) {
    const file = await opening(() => fs.promises.open(path, 'r'))
    try {
      const { size } = await file.stat()
      return whole(path, await file.readFile(), size)
    } finally {
      await file.close()
    }
  },
  readFileSync(path) {
    const fd = openingSync(() => fs.openSync(path, 'r'))
    try {
      const { size } = fs.fstatSync(fd)
      return whole(path, fs.readFileSync(fd), size)
    } finally {
      fs.closeSync(fd)
    }
  },
  size: async (path) => (await fs.promises.stat(path)).size,
  freeBytes: (path) =>
    fs.promises.statfs(path).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => Number.POSITIVE_INFINITY,
    ),
  async makeDirectory(path) {
    const first = await fs.promises.mkdir(path, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    // The entry of each folder that is new is in the one above it.
    const top = dirname(first)
    for (let above = dirname(path); ; above = dirname(above)) {
      await realFileSystem.syncDirectory(above)
      if (above === top || above === dirname(above)) return
    }
  },
  list: async (path) => (await opening(() => fs.promises.readdir(path))).sort(),
  exists: (path) =>
    fs.promises.access(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
        throw error
      },
    ),
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (path) => fs.promises.unlink(path),
  removeTree: (path) => opening(() => fs.promises.rm(path, { recursive: true, force: true })),
  async syncDirectory(path) {
    if (!SYNCS_DIRECTORIES) return
    const directory = await opening(() => fs.promises.open(path, 'r'))
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
  async lock(path) {
    const unlock = await lockFile(path)
    const giveUpSpares = keepSpareDescriptors()
    return () => {
      giveUpSpares()
      return unlock()
    }
  },
}

/** What was read, when that is all there is. */
function whole(path: string, bytes: Buffer, size: number): Buffer {
  if (bytes.length >= size) return bytes
  throw Object.assign(new Error(`EIO: ${bytes.length} of ${size} bytes could be read, '${path}'`), {
    code: 'EIO',
  })
}
