import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'

/** Tokens of the locks this process holds or is making: the process of such a lock is alive, but it is us. */
const held = new Set<string>()

/** How often, and after how long, is asked again for a lock that another process is taking over. */
const TAKEOVER_ATTEMPTS = 250
const TAKEOVER_PAUSE_MS = 20
/** A takeover is over in milliseconds; one this old belongs to a process that died in it. */
const TAKEOVER_STALE_MS = 10_000

/**
 * Takes the lock file, exclusively. One left by a process that is gone is taken over.
 * @throws Error that names the process which holds it
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const token = randomUUID()
  held.add(token)
  try {
    if (!(await make(path, token))) {
      const { isStale } = await judge(path)
      if (!isStale) await refuse(path)
      await takeOver(path, token)
    }
  } catch (error) {
    held.delete(token)
    throw error
  }
  return async () => {
    const content = await fs.promises.readFile(path, 'utf8').catch(() => '')
    if (content.includes(token)) await fs.promises.rm(path, { force: true })
    held.delete(token)
  }
}

/** Replaces a stale lock by ours. One process at a time may: what it judged stale it then removes, and nothing newer. */
async function takeOver(path: string, token: string): Promise<void> {
  const takeover = `${path}.takeover`
  for (let attempt = 0; !(await make(takeover, token)); attempt++) {
    if (attempt === TAKEOVER_ATTEMPTS)
      throw new Error(`${takeover}: another process is taking this lock over; try again`)
    await new Promise((resolve) => setTimeout(resolve, TAKEOVER_PAUSE_MS))
    const { mtimeMs } = await fs.promises.stat(takeover).catch(orMissing({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > TAKEOVER_STALE_MS) await fs.promises.rm(takeover, { force: true })
  }
  try {
    const { isStale } = await judge(path)
    if (isStale) await fs.promises.rm(path, { force: true })
    if (!isStale || !(await make(path, token))) await refuse(path)
  } finally {
    await fs.promises.rm(takeover, { force: true })
  }
}

/** Who holds the lock, and whether that process is gone. A lock that is not there is stale. */
async function judge(path: string): Promise<{ pid: number; isOurs: boolean; isStale: boolean }> {
  // One that can't be read now may well be held.
  const content = await fs.promises.readFile(path, 'utf8').catch(orMissing(''))
  const { mtimeNs, ino } = await fs.promises
    .stat(path, { bigint: true })
    .catch(orMissing({ mtimeNs: 0n, ino: 0n }))
  const mtimeMs = Number(mtimeNs / 1_000_000n)
  const [pidText, holder, file] = content.trim().split(' ')
  const pid = Number(pidText)
  const isOurs = pid === process.pid
  // Of a directory that was copied while somebody had it open: that is another one.
  if (file !== undefined && file !== `${ino}`) return { pid, isOurs, isStale: true }
  return { pid, isOurs, isStale: isOurs ? !held.has(holder) : !(await isAlive(pid, mtimeMs)) }
}

function orMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value
    throw error
  }
}

async function refuse(path: string): Promise<never> {
  const { pid, isOurs } = await judge(path)
  const holder = isOurs ? `another server in this process (${pid})` : `the process ${pid}`
  throw new Error(`${path}: in use by ${holder}; stop that one first, or use another directory`)
}

/** Makes the file with its content in one step, so that nobody reads it half written; false where there is one. */
async function make(path: string, token: string): Promise<boolean> {
  const finished = `${path}.${token}`
  try {
    await write(finished, token)
    await fs.promises.link(finished, path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw error
      // A file system without links.
      await write(path, token)
    })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await fs.promises.rm(finished, { force: true })
  }
}

/** Makes the file, with who holds the lock and which file this is. */
async function write(path: string, token: string): Promise<void> {
  const file = await fs.promises.open(path, 'wx', 0o600)
  try {
    const { ino } = await file.stat({ bigint: true })
    await file.writeFile(`${process.pid} ${token} ${ino}\n`)
  } finally {
    await file.close()
  }
}

/** Is the process that wrote the lock (at `writtenMs`) still there? */
async function isAlive(pid: number, writtenMs: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const shown = await askPs(pid)
  if (shown === null) return true
  // Dead and only not collected by its parent; or another process that got the same number later.
  if (shown.state.startsWith('Z')) return false
  return Date.now() - shown.ageMs <= writtenMs + CLOCK_SLACK_MS
}

const CLOCK_SLACK_MS = 5000

/** State and age of a process; null where there is no `ps` to tell. */
function askPs(pid: number): Promise<{ state: string; ageMs: number } | null> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'stat=,etime=', '-p', String(pid)], { timeout: 2000 }, (error, output) => {
      const [state, etime] = output?.trim().split(/\s+/) ?? []
      const parts = etime?.match(/^(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)$/)
      if (error !== null || parts === null || parts === undefined) {
        resolve(null)
        return
      }
      const [days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0))
      resolve({ state, ageMs: (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 })
    })
  })
}
