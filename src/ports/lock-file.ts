import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'

/** Locks held by this process: their process is alive, but it is us. */
const held = new Map<string, string>()

/**
 * Takes the lock file, exclusively. One left by a process that is gone is taken over.
 * @throws Error that names the process which holds it
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const token = randomUUID()
  for (let attempt = 0; ; attempt++) {
    try {
      await make(path, token)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 4) throw error
    }
    const content = await fs.promises.readFile(path, 'utf8').catch(() => '')
    const [pidText, holder] = content.trim().split(' ')
    const pid = Number(pidText)
    const isOurs = pid === process.pid
    const { mtimeMs } = await fs.promises.stat(path).catch(() => ({ mtimeMs: 0 }))
    if (isOurs ? held.get(path) === holder : await isAlive(pid, mtimeMs)) {
      throw new Error(
        `${path}: in use by ${isOurs ? 'another server in this process' : 'the process'} ${pid}; stop that one first, or use another directory`,
      )
    }
    await removeStale(path, content, token)
  }
  held.set(path, token)
  return async () => {
    if (held.get(path) === token) held.delete(path)
    const content = await fs.promises.readFile(path, 'utf8').catch(() => '')
    if (content.includes(token)) await fs.promises.rm(path, { force: true })
  }
}

/** Makes the file with its content in one step: nobody reads it half written. @throws Error with code EEXIST */
async function make(path: string, token: string): Promise<void> {
  const content = `${process.pid} ${token}\n`
  const finished = `${path}.${token}`
  await fs.promises.writeFile(finished, content, { flag: 'wx', mode: 0o600 })
  try {
    await fs.promises.link(finished, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    // A file system without links.
    await fs.promises.writeFile(path, content, { flag: 'wx', mode: 0o600 })
  } finally {
    await fs.promises.rm(finished, { force: true })
  }
}

/** Takes away the lock whose content is `stale`, and no other: somebody may have taken it over meanwhile. */
async function removeStale(path: string, stale: string, token: string): Promise<void> {
  const aside = `${path}.${token}.stale`
  try {
    await fs.promises.rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const content = await fs.promises.readFile(aside, 'utf8')
  if (content !== stale) await fs.promises.link(aside, path).catch(() => {})
  await fs.promises.rm(aside, { force: true })
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
