/** `contrail restore`: streams from the folder of a backup. */
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DATA_FILE, META_FILE } from './backup.ts'
import { CommandFailure, UsageFailure } from './failure.ts'
import { openPlace } from './transfer/place.ts'
import { Progress } from './transfer/progress.ts'
import { type Described, SnapshotReceiver } from './transfer/snapshot.ts'

export const help = `Usage: contrail restore --to PLACE DIR [--replicas N]

Restores streams with their consumers from DIR: a backup of one stream, or a folder of them, written by
\`contrail backup\` or \`nats backup stream\` (servers from 2.15 on). PLACE is a URL or the folder of a store that no
server has open; it is made when it is not there.

  --creds FILE    credentials; user and password may be in the URL
  --replicas N    copies of each stream in a cluster

Examples:
  contrail restore --to nats://localhost:4222 ./backup
  contrail restore --to ./.contrail ./backup/ORDERS`

const CHUNK_BYTES = 256 * 1024

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { to: { type: 'string' }, creds: { type: 'string' }, replicas: { type: 'string' } },
  })
  const [folder] = positionals
  if (values.to === undefined || folder === undefined) {
    throw new UsageFailure(
      'To where, from which folder? For example: contrail restore --to nats://host:4222 ./backup',
    )
  }
  const backups = backupsIn(folder)
  const place = await openPlace(values.to, { credentials: values.creds, mayCreate: true })
  try {
    for (const path of backups) await restoreOne(place, path, values.replicas)
  } finally {
    await place.close()
  }
}

function backupsIn(folder: string): string[] {
  if (!existsSync(folder)) throw new CommandFailure(`There is no folder ${folder}.`)
  const isBackup = (path: string) => existsSync(join(path, META_FILE)) && existsSync(join(path, DATA_FILE))
  if (isBackup(folder)) return [folder]
  const found = readdirSync(folder)
    .map((name) => join(folder, name))
    .filter(isBackup)
  if (found.length > 0) return found
  throw new CommandFailure(`There is no backup in ${folder} (${META_FILE} and ${DATA_FILE}).`)
}

async function restoreOne(
  place: Awaited<ReturnType<typeof openPlace>>,
  path: string,
  replicas: string | undefined,
): Promise<void> {
  const described = JSON.parse(readFileSync(join(path, META_FILE), 'utf8')) as Described
  if (replicas !== undefined) described.config.num_replicas = Number(replicas)
  const { name } = described.config
  const data = join(path, DATA_FILE)
  const progress = new Progress(name, statSync(data).size)
  try {
    const receiver = await SnapshotReceiver.begin(place.nc, described)
    let bytes = 0
    for await (const chunk of createReadStream(data, { highWaterMark: CHUNK_BYTES })) {
      await receiver.write(chunk)
      bytes += chunk.length
      progress.update(bytes)
    }
    await receiver.end()
  } catch (thrown) {
    progress.end('failed')
    throw new CommandFailure(`${name} was not restored: ${(thrown as Error).message}.`)
  }
  const { state } = await place.jsm.streams.info(name)
  progress.end(`${state.messages.toLocaleString('en')} messages, ${state.consumer_count} consumers`)
}
