import { consumerError } from '../config/consumer/errors.ts'
import type { ConsumerConfig } from '../config/types.ts'
import type { ConsumerState } from './state/consumer-state.ts'

/** Fields that stay as they are for a consumer's whole life, and what is said about them. */
const FIXED = [
  ['deliver_policy', 'deliver policy can not be updated'],
  ['mem_storage', 'storage type can not be updated'],
  ['direct', 'direct can not be updated'],
  ['sourcing', 'sourcing can not be updated'],
  ['opt_start_seq', 'start sequence can not be updated'],
  ['opt_start_time', 'start time can not be updated'],
  ['ack_policy', 'ack policy can not be updated'],
  ['replay_policy', 'replay policy can not be updated'],
  ['idle_heartbeat', 'heart beats can not be updated'],
  ['flow_control', 'flow control can not be updated'],
] as const

function differs(a: unknown, b: unknown): boolean {
  const plain = (value: unknown) => (value === undefined || value === 0 || value === '' ? false : value)
  return plain(a) !== plain(b)
}

/** Refuses a change that nats-server refuses. The new configuration is checked on its own before. */
export function checkUpdate(consumer: ConsumerState, config: ConsumerConfig): void {
  const before = consumer.config
  const refuse = (err: string) => consumerError('JSConsumerCreateErrF', { err })
  for (const [field, reason] of FIXED) if (differs(before[field], config[field])) throw refuse(reason)
  const subject = before.deliver_subject ?? ''
  const newSubject = config.deliver_subject ?? ''
  if (subject !== newSubject) {
    if (subject === '') throw refuse('can not update pull consumer to push based')
    if (newSubject === '') throw refuse('can not update push consumer to pull based')
    if (consumer.stream.account.hasInterest(subject)) throw consumerError('JSConsumerNameExistErr')
  }
  if (differs(before.max_waiting, config.max_waiting)) throw refuse('max waiting can not be updated')
}

/** Do two configurations say the same? */
export function isSameConfig(a: ConsumerConfig, b: ConsumerConfig): boolean {
  return canonical(a) === canonical(b)
}

function canonical(config: ConsumerConfig): string {
  const metadata = Object.entries(config.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const fields = Object.entries({ ...config, metadata: undefined })
    .filter(([, value]) => differs(value, false) && !(Array.isArray(value) && value.length === 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([fields, metadata])
}
