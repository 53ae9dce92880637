/** A consumer in a backup: its configuration and how far it has come, as nats-server writes them. */

import type { Json } from '../../storage/index.ts'
import type { Stream } from '../account/stream.ts'
import { checkConfig } from '../config/consumer/check.ts'
import { applyDefaults } from '../config/consumer/defaults.ts'
import { CONSUMER_FIELDS, encodeConfig, withDefaults } from '../config/consumer/fields.ts'
import { stampMetadata } from '../config/consumer/metadata.ts'
import { decodeRequest } from '../config/json/decode.ts'
import { MAX_DURATION_NS, MAX_SEQUENCE } from '../config/ranges.ts'
import type { ConsumerConfig } from '../config/types.ts'
import { ackModeOf, Consumer } from '../consumer/consumer.ts'
import type { ConsumerMeta } from '../consumer/state/consumer-state.ts'
import { Progress } from '../consumer/state/progress.ts'
import { encodeProgress, restoreEntry } from '../consumer/state/progress-log.ts'

interface SequencePair {
  consumer_seq: number
  stream_seq: number
}

/** Sequences are of the stream, as texts where they are names. */
interface ConsumerState {
  delivered: SequencePair
  ack_floor: SequencePair
  /** By stream sequence: the sequence of its first delivery, and when it was delivered (ns). */
  pending?: Record<string, { Sequence: number; Timestamp: number }>
  /** By stream sequence: how often it was delivered again. */
  redelivered?: Record<string, number>
}

export interface ConsumerBackup {
  config: ConsumerConfig
  state: ConsumerState
}

const NS_PER_MS = 1_000_000n

/** The state, bounded to what the backup has of the stream. Timestamps are numbers that no double holds: JSON is written here. */
export function consumerBackup(consumer: Consumer, lastSeq: number): string {
  const { progress, config } = consumer
  const { pending, redelivered } = progress
  const bounded = (consumerSeq: number, streamSeq: number): SequencePair => ({
    consumer_seq: consumerSeq,
    stream_seq: Math.min(streamSeq, lastSeq),
  })
  const state: string[] = [
    `"delivered":${JSON.stringify(bounded(progress.consumerSeq, progress.deliveredStreamSeq))}`,
    `"ack_floor":${JSON.stringify(bounded(progress.ackFloorConsumerSeq, progress.ackFloorStreamSeq))}`,
  ]
  const waiting: string[] = []
  for (let row = pending.first; row !== -1; row = pending.next[row]) {
    const seq = pending.streamSeq[row]
    if (seq > lastSeq) break
    const timeNs = BigInt(Math.floor(pending.timeMs[row])) * NS_PER_MS
    waiting.push(`"${seq}":{"Sequence":${pending.consumerSeq[row]},"Timestamp":${timeNs}}`)
  }
  if (waiting.length > 0) state.push(`"pending":{${waiting.join(',')}}`)
  const again = [...redelivered].filter(([seq, times]) => seq <= lastSeq && times > 0)
  if (again.length > 0) state.push(`"redelivered":${JSON.stringify(Object.fromEntries(again))}`)
  const shown = { ...encodeConfig(config), name: consumer.name }
  return `{"config":${JSON.stringify(shown)},"state":{${state.join(',')}}}`
}

/** Reads what a backup has of a consumer. @throws Error */
export function readConsumerBackup(text: string, name: string): ConsumerBackup {
  const { config, state } = JSON.parse(text) as Partial<ConsumerBackup>
  if (config === null || typeof config !== 'object') throw new Error(`consumer "${name}" is missing config`)
  if (state === null || typeof state !== 'object') throw new Error(`consumer "${name}" is missing state`)
  const read = decodeRequest<Partial<ConsumerConfig>>(
    JSON.stringify(config),
    CONSUMER_FIELDS,
    'ConsumerConfig',
  )
  return { config: withDefaults(read), state }
}

/** Makes the consumer, at the place that the backup has. The stream has its messages already. @throws ApiError, Error */
export function restoreConsumer(stream: Stream, name: string, { config, state }: ConsumerBackup): void {
  const { limits } = stream.host
  const { maxAckPending } = stream.usage.limits
  applyDefaults(config, stream.config, limits, false, maxAckPending)
  checkConfig(config, stream.config, limits, maxAckPending)
  stampMetadata(config)
  const progress = progressOf(state, config)
  const meta: ConsumerMeta = { created: stream.clock.now(), config: { ...config, name } }
  const isStored = config.mem_storage !== true && !stream.log.inMemory && config.direct !== true
  if (!isStored) {
    stream.consumers.set(name, new Consumer(stream, name, meta, progress, null))
    return
  }
  const ledger = stream.log.createLedger(name, meta as unknown as Json)
  const entry = restoreEntry(progress, 1)
  ledger.append(entry, 0, entry.length, false)
  // From here on as after a restart, with that entry as the last one.
  ledger.recovered = { snapshot: encodeProgress(progress, 1), entries: [] }
  stream.consumers.set(name, Consumer.recover(stream, ledger))
}

function progressOf(state: ConsumerState, config: ConsumerConfig): Progress {
  const progress = new Progress(ackModeOf(config))
  const { delivered, ack_floor: floor } = state
  progress.startAt(whole(delivered.stream_seq) + 1)
  progress.consumerSeq = whole(delivered.consumer_seq)
  progress.ackFloorStreamSeq = whole(floor.stream_seq)
  progress.ackFloorConsumerSeq = whole(floor.consumer_seq)
  const waiting = Object.entries(state.pending ?? {}).map(([seq, { Sequence, Timestamp }]) => ({
    seq: whole(Number(seq)),
    consumerSeq: whole(Sequence),
    timeMs: timeOf(Timestamp),
  }))
  waiting.sort((left, right) => left.seq - right.seq)
  for (const { seq, consumerSeq, timeMs } of waiting) progress.pending.add(seq, consumerSeq, timeMs)
  for (const [seq, times] of Object.entries(state.redelivered ?? {})) {
    progress.redelivered.set(whole(Number(seq)), whole(times))
  }
  return progress
}

function whole(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= MAX_SEQUENCE) return value
  throw new Error(`${JSON.stringify(value)} is no sequence`)
}

/** Milliseconds of a time in nanoseconds. @throws Error */
function timeOf(timestampNs: number): number {
  if (Number.isFinite(timestampNs) && Math.abs(timestampNs) <= MAX_DURATION_NS)
    return Math.floor(timestampNs / 1e6)
  throw new Error(`${JSON.stringify(timestampNs)} is no time`)
}
