/** How each contender's server is started, over a store of its own in a temporary folder. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ContenderName, Contest } from '../row.ts'
import { removeFolder, temporaryFolder } from './ending.ts'
import { type ServerCommand, ServerProcess } from './server-process.ts'

const alwaysSettings: Partial<Record<ContenderName, string>> = { always: 'sync_interval: always' }

/** A contender's store folder, and the server that may be started over it again and again. */
export class Place {
  readonly folder: string
  readonly #command: ServerCommand

  /** `settings`: lines for the `jetstream` block of a configuration file. */
  constructor(contest: Contest, jetstream = true, settings = alwaysSettings[contest.contender]) {
    this.folder = temporaryFolder(contest.contender)
    this.#command = serverCommand(contest, jetstream ? join(this.folder, 'store') : null, settings)
  }

  start(): Promise<ServerProcess> {
    return ServerProcess.start(this.#command)
  }

  /** Removes the store. */
  remove(): void {
    removeFolder(this.folder)
  }
}

function serverCommand(contest: Contest, store: string | null, settings = ''): ServerCommand {
  const { contender, tools } = contest
  const contrail = [...contest.nodeFlags, ...tools.contrail.args]
  const { command, args } =
    contender === 'contrail'
      ? { command: tools.contrail.command, args: contrail }
      : { command: tools.natsServer, args: [] }
  const jetstream = jetStreamFlags(store, settings)
  return { command, args: (port) => [...args, '-a', '127.0.0.1', '-p', String(port), ...jetstream] }
}

function jetStreamFlags(store: string | null, settings: string): string[] {
  if (store === null) return []
  if (settings === '') return ['-js', '-sd', store]
  const config = `${store}.conf`
  writeFileSync(config, `jetstream { store_dir: ${JSON.stringify(store)}, ${settings} }\n`)
  return ['-c', config]
}
