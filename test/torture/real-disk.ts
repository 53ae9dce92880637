/** A real file system of a size: ext4 in an image file, over a loop device (it can lose power while it is written to), or tmpfs. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const USUAL_BYTES = 2 * 1024 * 1024 * 1024
/** Node has no ioctl: FS_IOC_SHUTDOWN (_IOR('X', 125, u32)) with FS_SHUTDOWN_FLAGS_NOLOGFLUSH: nothing more reaches the device. */
const CUT = `import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))`

export interface DiskOptions {
  /** Default: ext4. */
  kind?: 'ext4' | 'tmpfs'
  /** Default: 2 GiB. */
  bytes?: number
}

export class RealDisk {
  /** Where the file system is mounted. */
  readonly directory: string
  private readonly home: string
  private readonly image: string
  private readonly options: DiskOptions

  private constructor(home: string, options: DiskOptions) {
    this.home = home
    this.options = options
    this.image = join(home, 'image')
    this.directory = join(home, 'disk')
  }

  /** Why there can't be one on this machine; null: there can. */
  static missing(): string | null {
    if (process.platform === 'linux' && process.getuid?.() === 0) return null
    return 'needs Linux, root, mkfs.ext4 and python3'
  }

  /** @throws Error when mkfs.ext4 or mount do not work here */
  static async create(options: DiskOptions = {}): Promise<RealDisk> {
    const disk = new RealDisk(mkdtempSync(join(tmpdir(), 'contrail-disk-')), options)
    try {
      mkdirSync(disk.directory)
      if (options.kind !== 'tmpfs') {
        writeFileSync(disk.image, '')
        truncateSync(disk.image, options.bytes ?? USUAL_BYTES)
        await run('mkfs.ext4', ['-q', '-m', '0', '-E', 'lazy_itable_init=0', disk.image])
      }
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
    const { kind, bytes = USUAL_BYTES } = this.options
    if (kind === 'tmpfs') await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.directory])
    else await run('mount', ['-o', 'loop', this.image, this.directory])
  }
}
