/** Pausing a queue in all processes: the consumers of its lanes are paused at the server, which outlives everybody. */
import type { JetStreamManager } from '@nats-io/jetstream'
import { CONSUMER_NOT_FOUND, isApiError } from '../client-errors.ts'
import type { QueueNames } from './names.ts'

export async function pauseLanes(
  jsm: JetStreamManager,
  names: QueueNames,
  lanes: readonly string[],
  until: Date,
): Promise<void> {
  for (const lane of lanes) await jsm.consumers.pause(names.stream, lane, until)
}

export async function resumeLanes(
  jsm: JetStreamManager,
  names: QueueNames,
  lanes: readonly string[],
): Promise<void> {
  for (const lane of lanes) await jsm.consumers.resume(names.stream, lane)
}

/** What the server says of the lanes; of those that are not there, nothing. */
export async function lanesInfo(jsm: JetStreamManager, names: QueueNames, lanes: readonly string[]) {
  const all = await Promise.all(
    lanes.map((lane) =>
      jsm.consumers.info(names.stream, lane).catch((thrown) => {
        if (isApiError(thrown, CONSUMER_NOT_FOUND)) return undefined
        throw thrown
      }),
    ),
  )
  return all.filter((one) => one !== undefined)
}
