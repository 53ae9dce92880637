/** `contrail backup`: streams to a folder, in the layout of `nats backup stream`. */
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CommandFailure, UsageFailure } from './failure.ts'
import { Fingerprint } from './transfer/fingerprint.ts'
import { openPlace } from './transfer/place.ts'
import { Progress } from './transfer/progress.ts'
import { type Described, takeSnapshot } from './transfer/snapshot.ts'
import { chosenStreams } from './transfer/streams.ts'

export const help = `Usage: contrail backup --from PLACE DIR [NAME …]

Writes streams with their consumers to DIR, a folder each, as \`nats backup stream\` does; \`nats backup restore\` and
\`contrail restore\` read them. PLACE is a URL or the folder of a store that no server has open. NAME is a stream or a
bucket; without one all are backed up.

  --creds FILE    credentials; user and password may be in the URL

Examples:
  contrail backup --from ./.contrail ./backup
  contrail backup --from nats://localhost:4222 ./backup ORDERS stock`

/** Names of the files, as the nats command line has them. */
export const DATA_FILE = 'stream.arc.s2'
export const META_FILE = 'backup.json'

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { from: { type: 'string' }, creds: { type: 'string' } },
  })
  const [folder, ...names] = positionals
  if (values.from === undefined || folder === undefined) {
    throw new UsageFailure(
      'From where, and into which folder? For example: contrail backup --from ./.contrail ./backup',
    )
  }
  const place = await openPlace(values.from, { credentials: values.creds })
  try {
    for (const { config, state } of await chosenStreams(place, names)) {
      const target = join(folder, config.name)
      if (existsSync(target)) throw new CommandFailure(`${target} is there already.`)
      const partial = `${target}.partial`
      rmSync(partial, { recursive: true, force: true })
      mkdirSync(partial, { recursive: true })
      const progress = new Progress(config.name, state.messages)
      const file = createWriteStream(join(partial, DATA_FILE), { flush: true })
      const read = new Fingerprint()
      let described: Described | undefined
      await takeSnapshot(
        place.nc,
        config.name,
        { consumers: true },
        async (found) => {
          described = found
        },
        async (chunk) => {
          read.write(chunk)
          await new Promise<void>((resolve, reject) => {
            file.write(chunk, (error) => (error ? reject(error) : resolve()))
          })
          progress.update(read.count)
        },
      )
      await new Promise<void>((resolve, reject) =>
        file.end((error?: Error | null) => (error ? reject(error) : resolve())),
      )
      writeFileSync(join(partial, META_FILE), JSON.stringify(described, null, 2))
      // A folder of its name is a whole backup.
      renameSync(partial, target)
      progress.end(`${read.count.toLocaleString('en')} messages in ${target}`)
    }
  } finally {
    await place.close()
  }
}
