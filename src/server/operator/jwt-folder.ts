/** A folder of JWTs, a file each: `<account>.jwt`, as nats-server has it. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { decodeGeneric, isPublicKey } from '../../auth/index.ts'
import type { FolderSettings } from './options.ts'
import type { Resolver } from './resolver.ts'

const EXTENSION = '.jwt'
/** One that is being written. */
const UNFINISHED = '.new'
const HASH_BYTES = 32

interface Entry {
  readonly hash: Buffer
  /** When it was used last. */
  usedMs: number
}

export class JwtFolder implements Resolver {
  /** Told of a JWT that is another than before. */
  onChanged: (account: string) => void = () => {}
  onDeleted: (account: string) => void = () => {}
  private readonly settings: FolderSettings
  private readonly now: () => number
  /** Those there are, the longest unused first. */
  private readonly entries = new Map<string, Entry>()

  /** @throws Error when the folder can't be made or read */
  constructor(settings: FolderSettings, now: () => number) {
    this.settings = settings
    this.now = now
    mkdirSync(settings.dir, { recursive: true })
    for (const name of readdirSync(settings.dir)) {
      if (name.endsWith(EXTENSION + UNFINISHED)) rmSync(join(settings.dir, name), { force: true })
      const account = name.slice(0, -EXTENSION.length)
      if (!name.endsWith(EXTENSION) || !isPublicKey(account, 'account')) continue
      const jwt = this.read(account)
      if (jwt !== null) this.entries.set(account, { hash: hashOf(jwt), usedMs: now() })
    }
  }

  fetch(account: string): Promise<string | null> {
    return Promise.resolve(this.load(account))
  }

  /** Null: there is none. */
  load(account: string): string | null {
    const entry = this.entries.get(account)
    const isOld = entry !== undefined && this.now() - entry.usedMs > this.settings.ttlMs
    if (isOld) this.forget(account)
    const jwt = isOld ? null : this.read(account)
    if (jwt !== null && entry !== undefined) this.use(account, entry)
    return jwt
  }

  /** @throws Error when it is no JWT, of another account, or there is no room */
  keep(account: string, jwt: string): void {
    const before = this.read(account)
    if (before !== null) {
      const is = decodeGeneric(jwt).head
      const was = headOf(before)
      if (was !== null) {
        if (was.id === is.id || was.issuedAt > is.issuedAt) return
        if (is.subject !== account) throw new Error('jwt subject nkey and provided nkey do not match')
        if (was.subject !== is.subject) throw new Error('subject of existing and new jwt do not match')
      }
    }
    this.save(account, jwt)
  }

  /** @throws Error when there is no room */
  save(account: string, jwt: string): void {
    const path = this.pathOf(account)
    if (path === null) throw new Error('invalid public key')
    if (jwt === '') throw new Error('invalid JWT')
    const entry = { hash: hashOf(jwt), usedMs: this.now() }
    const before = this.entries.get(account)
    if (before?.hash.equals(entry.hash)) return
    if (before === undefined) this.makeRoom()
    // Whole, or not at all; and there for good when that is confirmed.
    writeDurably(path + UNFINISHED, jwt)
    renameSync(path + UNFINISHED, path)
    syncFolder(this.settings.dir)
    this.use(account, entry)
    this.onChanged(account)
  }

  /** @throws Error when nothing may be deleted */
  delete(account: string): void {
    const { deletes } = this.settings
    if (deletes === 'never') throw new Error('store is not set up to for delete')
    const path = this.pathOf(account)
    if (path === null || !exists(path)) return
    if (deletes === 'renaming') renameSync(path, `${path}.deleted`)
    else rmSync(path)
    this.entries.delete(account)
    this.onDeleted(account)
  }

  get mayDelete(): boolean {
    return this.settings.deletes !== 'never'
  }

  /** Accounts and their JWTs in the order of the files, but those that have expired. */
  all(): [string, string][] {
    const now = Math.floor(this.now() / 1000)
    const found: [string, string][] = []
    for (const account of [...this.entries.keys()].sort()) {
      const jwt = this.read(account)
      if (jwt === null || jwt === '') continue
      const expires = headOf(jwt)?.expires ?? 0
      if (expires === 0 || expires >= now) found.push([account, jwt])
    }
    return found
  }

  /** Of all that is there, whatever its order. */
  hash(): Buffer {
    const sum = Buffer.alloc(HASH_BYTES)
    for (const { hash } of this.entries.values()) for (let i = 0; i < HASH_BYTES; i++) sum[i] ^= hash[i]
    return sum
  }

  private use(account: string, entry: Entry): void {
    entry.usedMs = this.now()
    this.entries.delete(account)
    this.entries.set(account, entry)
  }

  private makeRoom(): void {
    const { limit, type } = this.settings
    if (this.entries.size < limit) return
    if (type !== 'cache') throw new Error('jwt store is full')
    const [oldest] = this.entries.keys()
    this.forget(oldest)
  }

  private forget(account: string): void {
    const path = this.pathOf(account)
    if (path !== null) rmSync(path, { force: true })
    this.entries.delete(account)
  }

  private read(account: string): string | null {
    const path = this.pathOf(account)
    try {
      return path === null ? null : readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  /** Null for what is no account: no name leads out of the folder. */
  private pathOf(account: string): string | null {
    return isPublicKey(account, 'account') ? join(this.settings.dir, account + EXTENSION) : null
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'w', 0o640)
  try {
    const bytes = Buffer.from(text)
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes new names durable, where a folder can be opened. */
function syncFolder(dir: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(dir, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function hashOf(jwt: string): Buffer {
  return createHash('sha256').update(jwt).digest()
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function headOf(jwt: string) {
  try {
    return decodeGeneric(jwt).head
  } catch {
    return null
  }
}
