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
      await fs.promises.writeFile(path, `${process.pid} ${token}\n`, { flag: 'wx', mode: 0o600 })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 4) throw error
    }
    const content = await fs.promises.readFile(path, 'utf8').catch(() => '')
    const [pidText, holder] = content.trim().split(' ')
    const pid = Number(pidText)
    const isOurs = pid === process.pid
    if (isOurs ? held.get(path) === holder : isAlive(pid)) {
      throw new Error(`${path}: in use by ${isOurs ? 'another server in this process' : 'the process'} ${pid}; stop that one first, or use another directory`)
    }
    await fs.promises.rm(path, { force: true })
  }
  held.set(path, token)
  return async () => {
    if (held.get(path) === token) held.delete(path)
    const content = await fs.promises.readFile(path, 'utf8').catch(() => '')
    if (content.includes(token)) await fs.promises.rm(path, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
