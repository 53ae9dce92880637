/** `contrail move`: streams, with their consumers, from one place to another. */
import { parseArgs } from 'node:util'
import { CommandFailure, UsageFailure } from './failure.ts'
import { moveStream } from './transfer/mover.ts'
import { openPlace } from './transfer/place.ts'
import { chosenStreams } from './transfer/streams.ts'

export const help = `Usage: contrail move --from PLACE --to PLACE [--replicas N] [--dry-run] [NAME …]

Copies streams, consumers, key-value buckets and object stores, with their sequences, times and positions, and compares
every message at the end. PLACE is a URL (several of a cluster with commas) or the folder of a store that no server
has open. NAME is a stream or a bucket; without one all are moved.

A run that was stopped can be run again: what has arrived is compared and left as it is. Nothing is removed from where
it came from. What is published while it runs may be missing: stop the app first, and start it again on the other side.

  --from-creds FILE, --to-creds FILE   credentials; user and password may be in the URL
  --replicas N                         copies of each stream in the cluster it goes to
  --dry-run                            only say what would be moved

Examples:
  contrail move --from ./.contrail --to nats://10.0.0.5:4222
  contrail move --from ./.contrail --to nats://a:4222,nats://b:4222,nats://c:4222 --replicas 3
  contrail move --from nats://localhost:4222 --to ./copy ORDERS stock`

const MAX_REPLICAS = 5

export async function run(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      'from-creds': { type: 'string' },
      'to-creds': { type: 'string' },
      replicas: { type: 'string' },
      'dry-run': { type: 'boolean' },
    },
  })
  if (values.from === undefined || values.to === undefined) {
    throw new UsageFailure(
      'From where, and to where? For example: contrail move --from ./.contrail --to nats://host:4222',
    )
  }
  const replicas = values.replicas === undefined ? undefined : Number(values.replicas)
  if (replicas !== undefined && !(Number.isInteger(replicas) && replicas >= 1 && replicas <= MAX_REPLICAS)) {
    throw new UsageFailure(`--replicas: "${values.replicas}" is no whole number from 1 to ${MAX_REPLICAS}.`)
  }
  const from = await openPlace(values.from, { credentials: values['from-creds'] })
  try {
    const streams = await chosenStreams(from, positionals)
    if (streams.length === 0) console.error(`There are no streams in ${from.name}.`)
    if (values['dry-run']) {
      for (const { config, state } of streams) {
        console.log(
          `${config.name}: ${state.messages} messages, ${state.bytes} bytes, ${state.consumer_count} consumers`,
        )
      }
      return
    }
    const to = await openPlace(values.to, { credentials: values['to-creds'], mayCreate: true })
    try {
      const failed: string[] = []
      for (const stream of streams) {
        try {
          await moveStream(from, to, stream, { replicas })
        } catch (thrown) {
          console.error(`  ${(thrown as Error).message}`)
          failed.push(stream.config.name)
        }
      }
      if (failed.length > 0) {
        throw new CommandFailure(
          `${failed.length} of ${streams.length} streams were not moved (${failed.join(', ')}). What is different there has to be removed first; then run it again.`,
        )
      }
      console.log(`${streams.length} streams are in ${to.name}, compared message by message.`)
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}
