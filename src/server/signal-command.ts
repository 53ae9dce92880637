/** `-sl command[=pid or pid file]`: tells a server that runs to stop, reload, and the like. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { CommandError } from './flags.ts'
import { programName } from './program.ts'

const commands: ReadonlyMap<string, NodeJS.Signals> = new Map([
  ['stop', 'SIGKILL'],
  ['quit', 'SIGINT'],
  ['term', 'SIGTERM'],
  ['reopen', 'SIGUSR1'],
  ['reload', 'SIGHUP'],
  ['ldm', 'SIGUSR2'],
])

/** Node ends a process by these on Windows; the others it can't send there. */
const onWindows = new Set(['stop', 'quit', 'term'])

/**
 * Sends what is asked for. Without a pid to the only server of this name; a pid may end with `*`.
 * @throws CommandError in nats-server's words
 */
export async function sendSignal(text: string): Promise<void> {
  const [command, target = '', ...rest] = text.split('=')
  if (rest.length > 0) throw new CommandError(`invalid signal parameters: [${rest.join(' ')}]`)
  const wanted = fromFile(target)
  const isPattern = wanted.endsWith('*')
  const prefix = isPattern ? wanted.slice(0, -1) : wanted
  if (prefix !== '' && !/^\d+$/.test(prefix)) throw new CommandError(`invalid pid: ${prefix}`)
  let pids = prefix === '' || isPattern ? await running() : [Number(prefix)]
  if (pids.length > 1 && !isPattern)
    throw new CommandError(`multiple ${programName} processes running:\n${pids.join('\n')}`)
  if (pids.length === 0) throw new CommandError(`no ${programName} processes running`)
  const signal = commands.get(command)
  if (signal === undefined) throw new CommandError(`unknown signal ${JSON.stringify(command)}`)
  if (process.platform === 'win32' && !onWindows.has(command))
    throw new CommandError(`there is no signal for ${JSON.stringify(command)} on Windows`)
  pids = pids.filter((pid) => String(pid).startsWith(prefix))
  const failures = pids.flatMap((pid) => failure(command, pid, signal))
  if (failures.length > 0) throw new CommandError(failures.map((each) => `\n${each}`).join(''))
}

function failure(command: string, pid: number, signal: NodeJS.Signals): string[] {
  try {
    process.kill(pid, signal)
    return []
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = (code !== undefined && killFailures[code]) || message
    return [`signal ${JSON.stringify(command)} ${pid}: ${why}`]
  }
}

const killFailures: Readonly<Record<string, string>> = {
  ESRCH: 'no such process',
  EPERM: 'operation not permitted',
}

/** The content of the file, where there is one. */
function fromFile(target: string): string {
  if (target === '') return ''
  try {
    return readFileSync(target, 'utf8').trim()
  } catch {
    return target
  }
}

/** The servers of this name. */
async function running(): Promise<number[]> {
  let output: string
  try {
    // As `ps` shows them, since the kernel keeps 15 letters of a name only.
    output = (await promisify(execFile)('pgrep', ['-f', `^${programName}( |$)`])).stdout
  } catch (error) {
    // It ends with 1 where it finds none.
    if ((error as { code?: unknown }).code === 1) return []
    throw new CommandError('unable to resolve pid, try providing one')
  }
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map(Number)
    .filter((pid) => pid !== process.pid)
}
