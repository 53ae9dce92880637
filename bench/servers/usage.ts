/** Processor time and resident memory of another process: /proc on Linux, `ps` elsewhere (coarser); and what files take. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Linux reports processor time in ticks of 10 ms (USER_HZ) on every architecture Node runs on. */
const ticksPerSecond = 100

/** Processor seconds (user and system, all threads) used so far; NaN where it can't be told. */
export function cpuSeconds(pid: number): number {
  if (process.platform === 'linux') {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the command in parentheses and may contain spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  }
  const text = ps(pid, 'time')
  if (text === null) return Number.NaN
  let seconds = 0
  for (const part of text.replace('-', ':').split(':')) seconds = seconds * 60 + Number(part)
  return seconds
}

/** Resident memory in MiB; NaN where it can't be told. */
export function residentMiB(pid: number): number {
  if (process.platform === 'linux') {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return kib === undefined ? Number.NaN : Number(kib) / 1024
  }
  const text = ps(pid, 'rss')
  return text === null ? Number.NaN : Number(text) / 1024
}

function ps(pid: number, column: string): string | null {
  try {
    return execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return null
  }
}

/** What the files take on disk; files that go meanwhile count nothing. */
export function folderBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) bytes += folderBytes(path)
    else bytes += fileBytes(path)
  }
  return bytes
}

function fileBytes(path: string): number {
  try {
    const { blocks, size } = statSync(path)
    // Files are laid out ahead and written sparsely: blocks tell what they take, where there are any.
    return blocks === undefined ? size : blocks * 512
  } catch {
    return 0
  }
}
