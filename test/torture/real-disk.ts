/** A real file system that loses power: ext4 in an image file, mounted over a loop device, and cut off while it is written to. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const IMAGE_BYTES = 2 * 1024 * 1024 * 1024
/** Node has no ioctl: FS_IOC_SHUTDOWN (_IOR('X', 125, u32)) with FS_SHUTDOWN_FLAGS_NOLOGFLUSH: nothing more reaches the device. */
const CUT = `import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))`

export class RealDisk {
  /** Where the file system is mounted. */
  readonly directory: string
  private readonly home: string
  private readonly image: string

  private constructor(home: string) {
    this.home = home
    this.image = join(home, 'image')
    this.directory = join(home, 'disk')
  }

  /** Why there can't be one on this machine; null: there can. */
  static missing(): string | null {
    if (process.platform === 'linux' && process.getuid?.() === 0) return null
    return 'needs Linux, root, mkfs.ext4 and python3'
  }

  /** @throws Error when mkfs.ext4 or mount do not work here */
  static async create(): Promise<RealDisk> {
    const disk = new RealDisk(mkdtempSync(join(tmpdir(), 'contrail-disk-')))
    try {
      mkdirSync(disk.directory)
      writeFileSync(disk.image, '')
      truncateSync(disk.image, IMAGE_BYTES)
      await run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0', disk.image])
      await disk.mount()
    } catch (thrown) {
      rmSync(disk.home, { recursive: true, force: true })
      throw thrown
    }
    return disk
  }

  /** From now on nothing that is not on the device gets there, and every write and sync fails. */
  async cutPower(): Promise<void> {
    await run('python3', ['-c', CUT, this.directory])
  }

  /** What the device has, after the file system has replayed its own journal. Nobody may have files open. */
  async remount(): Promise<void> {
    await run('umount', [this.directory])
    await this.mount()
  }

  async dispose(): Promise<void> {
    await run('umount', [this.directory]).catch(() => {})
    rmSync(this.home, { recursive: true, force: true })
  }

  private async mount(): Promise<void> {
    await run('mount', ['-o', 'loop', this.image, this.directory])
  }
}
