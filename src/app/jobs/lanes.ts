/** The lanes of a queue at the server: a durable consumer each. */
import type { JetStreamManager } from '@nats-io/jetstream'
import { isApiError, STREAM_NOT_FOUND, translated } from '../client-errors.ts'
import { declareConsumer } from '../consumer/declaring.ts'
import { type ConsumeOptions, consumerConfig } from '../consumer/options.ts'
import { ContrailError } from '../errors.ts'
import type { Runtime } from '../runtime.ts'
import { SubjectPattern } from '../subject-pattern.ts'
import type { QueueNames } from './names.ts'
import type { QueueSettings } from './options.ts'

/** Jobs that are handled, or wait to be tried again, in all processes together. */
const MAX_ACK_PENDING = 100_000

/** What a lane's consumer is made of. */
export function laneOptions(lane: string, settings: QueueSettings): ConsumeOptions {
  return {
    durable: lane,
    ackWait: settings.ackWaitMs,
    // In order: one after the other, and what is tried again counts as being handled.
    maxAckPending: settings.isOrdered ? 1 : MAX_ACK_PENDING,
  }
}

/** Makes the consumers that are not there yet. */
export async function makeLanes(runtime: Runtime, names: QueueNames, settings: QueueSettings): Promise<void> {
  for (const lane of settings.lanes) {
    const pattern = new SubjectPattern(names.subject(lane, '*'))
    const config = consumerConfig([pattern], laneOptions(lane, settings))
    await declareConsumer(runtime, names.stream, config, 'create')
  }
}

/** How many messages a lane has in the stream. */
export async function countOf(jsm: JetStreamManager, names: QueueNames, lane: string): Promise<number> {
  const { state } = await jsm.streams.info(names.stream, { subjects_filter: names.subject(lane, '*') })
  return Object.keys(state.subjects ?? {}).length
}

const MARK = 'contrail.lanes'

/** How jobs are spread over lanes, as the stream's metadata says it: all processes have to agree. */
export function lanesMark({ isOrdered, lanes }: QueueSettings): Record<string, string> {
  return { [MARK]: isOrdered ? `${lanes.length} partitions` : 'priorities' }
}

/** @throws ContrailError STREAM_MISMATCH where jobs are there that were spread otherwise: the order would be lost, or nobody would look for them */
export async function checkLanes(
  runtime: Runtime,
  names: QueueNames,
  settings: QueueSettings,
): Promise<void> {
  const there = await translated(`The queue "${names.queue}" can't be looked up`, () =>
    runtime.jsm.streams.info(names.stream).catch((thrown) => {
      if (isApiError(thrown, STREAM_NOT_FOUND)) return undefined
      throw thrown
    }),
  )
  const has = there?.config.metadata?.[MARK]
  const wanted = lanesMark(settings)[MARK]
  if (there === undefined || has === undefined || has === wanted || there.state.messages === 0) return
  throw new ContrailError(
    'STREAM_MISMATCH',
    `The queue "${names.queue}" has ${there.state.messages} jobs that are spread over ${has}, not ${wanted}: let them be handled first.`,
  )
}
