/** Which streams a command is for. */
import type { StreamInfo } from '@nats-io/jetstream'
import { CommandFailure } from '../failure.ts'
import type { Place } from './place.ts'

/** Those that are named, or all. @throws CommandFailure when one is not there */
export async function chosenStreams(place: Place, names: readonly string[]): Promise<StreamInfo[]> {
  const all: StreamInfo[] = []
  for await (const stream of place.jsm.streams.list()) all.push(stream)
  if (names.length === 0) return all
  return names.map((name) => {
    // Buckets are named as people know them, too.
    const found = all.find(({ config }) => [name, `KV_${name}`, `OBJ_${name}`].includes(config.name))
    if (found !== undefined) return found
    const known = all.map(({ config }) => config.name).join(', ') || 'none'
    throw new CommandFailure(`There is no stream "${name}" in ${place.name}. There is: ${known}.`)
  })
}
