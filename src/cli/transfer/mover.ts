/** Moves one stream, and proves that it has arrived. */
import type { ConsumerInfo, StreamConfig, StreamInfo } from '@nats-io/jetstream'
import { Fingerprint } from './fingerprint.ts'
import type { Place } from './place.ts'
import { Progress } from './progress.ts'
import { type Described, SnapshotReceiver, takeSnapshot } from './snapshot.ts'

const CONSUMER_WAIT_MS = 15_000
const CONSUMER_ASK_MS = 200

export interface MoveOptions {
  /** Copies of the stream there; undefined: as it is. */
  replicas?: number
}

/** What became of a stream. */
export type Outcome = 'moved' | 'was there already'

/** @throws Error that says what is different, or why it failed */
export async function moveStream(
  from: Place,
  to: Place,
  stream: StreamInfo,
  options: MoveOptions,
): Promise<Outcome> {
  const { name } = stream.config
  const progress = new Progress(name, stream.state.messages)
  const original = new Fingerprint()
  try {
    const isThere = await exists(to, name)
    let receiver: SnapshotReceiver | null = null
    await takeSnapshot(
      from.nc,
      name,
      { consumers: true },
      async (described) => {
        if (!isThere) receiver = await SnapshotReceiver.begin(to.nc, forTarget(described, options))
      },
      async (chunk) => {
        original.write(chunk)
        await receiver?.write(chunk)
        progress.update(original.count)
      },
    )
    await (receiver as SnapshotReceiver | null)?.end()
    await verify(from, to, stream, original)
    const outcome = isThere ? 'was there already' : 'moved'
    progress.end(`${outcome}, ${original.count.toLocaleString('en')} messages compared`)
    return outcome
  } catch (thrown) {
    progress.end('failed')
    throw thrown
  }
}

/** The configuration for the other server: without what this one says about itself. */
function forTarget({ config, state }: Described, { replicas }: MoveOptions): Described {
  const metadata = Object.fromEntries(
    Object.entries(config.metadata ?? {}).filter(([key]) => !key.startsWith('_nats.')),
  )
  const changed: StreamConfig = { ...config, metadata }
  if (replicas !== undefined) changed.num_replicas = replicas
  return { config: changed, state }
}

async function exists(place: Place, name: string): Promise<boolean> {
  return place.jsm.streams.info(name).then(
    () => true,
    (thrown: Error) => {
      if (/stream not found/.test(thrown.message)) return false
      throw thrown
    },
  )
}

/** Reads back what is there: every message, and where every consumer stands. @throws Error */
async function verify(from: Place, to: Place, stream: StreamInfo, original: Fingerprint): Promise<void> {
  const { name, max_age, allow_msg_ttl } = stream.config
  const copy = new Fingerprint()
  let state: Described['state'] | undefined
  await takeSnapshot(
    to.nc,
    name,
    { consumers: false },
    async (described) => {
      state = described.state
    },
    async (chunk) => copy.write(chunk),
  )
  const difference = original.compare(copy, max_age > 0 || allow_msg_ttl === true)
  if (difference !== null) throw new Error(`${name} in ${to.name} is not the same: ${difference}`)
  if (state !== undefined && state.last_seq < stream.state.last_seq) {
    throw new Error(`${name} in ${to.name} ends at ${state.last_seq} instead of ${stream.state.last_seq}`)
  }
  for await (const consumer of from.jsm.consumers.list(name)) {
    const difference = await consumerDifference(to, name, consumer)
    if (difference !== null)
      throw new Error(`consumer ${consumer.name} of ${name} ${difference} in ${to.name}`)
  }
}

/** In a cluster a consumer's leader may have its state a moment later than the stream is there. */
async function consumerDifference(to: Place, stream: string, consumer: ConsumerInfo): Promise<string | null> {
  const floor = consumer.ack_floor.stream_seq
  const end = performance.now() + CONSUMER_WAIT_MS
  for (;;) {
    const there = await to.jsm.consumers.info(stream, consumer.name).catch(() => null)
    if (there?.ack_floor.stream_seq === floor) return null
    if (performance.now() > end) {
      return there === null ? 'is missing' : `stands at ${there.ack_floor.stream_seq} instead of ${floor}`
    }
    await new Promise((resolve) => setTimeout(resolve, CONSUMER_ASK_MS))
  }
}
