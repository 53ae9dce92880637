/** How each contender's server is started, over a store of its own in a temporary folder. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contest } from '../row.ts'
import { removeFolder, temporaryFolder } from './ending.ts'
import { type ServerCommand, ServerProcess } from './server-process.ts'

/** A contender's store folder, and the server that may be started over it again and again. */
export class Place {
  readonly folder: string
  readonly #command: ServerCommand

  constructor(contest: Contest, jetstream = true) {
    this.folder = temporaryFolder(contest.contender)
    this.#command = serverCommand(contest, jetstream ? join(this.folder, 'store') : null)
  }

  start(): Promise<ServerProcess> {
    return ServerProcess.start(this.#command)
  }

  /** Removes the store. */
  remove(): void {
    removeFolder(this.folder)
  }
}

function serverCommand(contest: Contest, store: string | null): ServerCommand {
  const { contender, tools } = contest
  const jetstream = store === null ? [] : ['-js', '-sd', store]
  const listen = (port: number) => ['-a', '127.0.0.1', '-p', String(port)]
  if (contender === 'contrail') {
    const { command, args } = tools.contrail
    return { command, args: (port) => [...contest.nodeFlags, ...args, ...listen(port), ...jetstream] }
  }
  if (contender === 'default') {
    return { command: tools.natsServer, args: (port) => [...listen(port), ...jetstream] }
  }
  if (store === null) throw new Error('sync always means JetStream')
  const config = `${store}.conf`
  writeFileSync(config, `jetstream { store_dir: ${JSON.stringify(store)}, sync_interval: always }\n`)
  return { command: tools.natsServer, args: (port) => [...listen(port), '-c', config] }
}
