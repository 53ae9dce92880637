/** Finds the programs the bench drives: nats-server, the `nats` CLI, and our own server. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { temporaryFolder } from './ending.ts'

export interface Tools {
  readonly natsServer: string
  readonly nats: string
  /**
   * Our server: Node and `bin/contrail-server`; `$CONTRAIL_SERVER` names any other program with the same
   * flags.
   */
  readonly contrail: { readonly command: string; readonly args: readonly string[] }
  readonly versions: { readonly natsServer: string; readonly nats: string; readonly contrail: string }
}

/** The repository's folder, seen from `build/bench/servers`. */
export const rootFolder = join(import.meta.dirname, '..', '..', '..')

/**
 * Looks in `$NATS_SERVER` / `$NATS_CLI`, in `.peers/bin` (where `npm run peers` puts them) and on the PATH.
 * Throws with a sentence that says what to do when something is missing.
 */
export function findTools(): Tools {
  const natsServer = find('nats-server', process.env.NATS_SERVER)
  const nats = find('nats', process.env.NATS_CLI)
  const contrail = contrailCommand()
  return {
    natsServer,
    nats,
    contrail,
    versions: {
      natsServer: version(natsServer),
      nats: version(nats),
      contrail: process.env.CONTRAIL_SERVER ? version(contrail.command) : packageVersion(),
    },
  }
}

function contrailCommand(): Tools['contrail'] {
  const named = process.env.CONTRAIL_SERVER
  if (named) return { command: named, args: [] }
  return { command: process.execPath, args: [join(snapshot(), 'bin', 'contrail-server')] }
}

/** A copy of what is built, inside the project (where node_modules is found): a build during the bench changes nothing. */
function snapshot(): string {
  const folder = temporaryFolder('built', join(rootFolder, 'build'))
  for (const part of ['bin', 'dist', 'package.json'])
    cpSync(join(rootFolder, part), join(folder, part), { recursive: true })
  return folder
}

function find(name: string, named: string | undefined): string {
  const file = process.platform === 'win32' ? `${name}.exe` : name
  const folders = [join(rootFolder, '.peers', 'bin'), ...(process.env.PATH ?? '').split(delimiter)]
  const candidates = named ? [named] : folders.map((folder) => join(folder, file))
  for (const candidate of candidates) if (existsSync(candidate)) return candidate
  throw new Error(`no ${name}: run npm run peers, or put it on the PATH`)
}

function version(command: string): string {
  const text = execFileSync(command, ['--version'], { encoding: 'utf8' })
  return /v?\d+\.\d+\.\d+\S*/.exec(text)?.[0] ?? text.trim()
}

function packageVersion(): string {
  const text = readFileSync(join(rootFolder, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
