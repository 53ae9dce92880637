/** What this program was called as: scripts that know nats-server find its name, in sentences and in the names of files. */
import { basename } from 'node:path'

const OWN_NAME = 'contrail-server'
const ALIAS = 'nats-server'

/** `contrail-server`, `nats-server`, or the name of another link to them. */
export const programName = nameOf(process.argv[1] ?? '')

/** Does it stand in for nats-server, by its name? */
export const isAlias = programName === ALIAS

function nameOf(path: string): string {
  const name = basename(path).replace(/\.(cmd|exe|[cm]?js)$/i, '')
  // `contrail server`, and the compiled file itself.
  return name === '' || name === 'contrail' || name === 'main' ? OWN_NAME : name
}

const secretFlag = /^--?(user|pass|auth)(=.*)?$/

/**
 * Shows the program under its name in lists of processes, where it would be `node`, and without what `--user`, `--pass` and
 * `--auth` say. Then `-sl` and `pgrep` find it.
 */
export function showProgram(words: readonly string[]): void {
  const shown = [...words]
  for (const [i, word] of shown.entries()) {
    if (!secretFlag.test(word)) continue
    if (word.includes('=')) shown[i] = `${word.slice(0, word.indexOf('='))}=[REDACTED]`
    else if (i + 1 < shown.length) shown[i + 1] = '[REDACTED]'
  }
  process.title = [programName, ...shown].join(' ')
}
