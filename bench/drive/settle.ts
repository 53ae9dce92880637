import { execFileSync } from 'node:child_process'

/**
 * Writes out what earlier samples left in the system's page cache, so that nobody pays for another's writes.
 */
export function settleDisk(): void {
  if (process.platform === 'win32') return
  execFileSync('sync')
}
