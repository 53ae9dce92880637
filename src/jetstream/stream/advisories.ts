import { formatMs } from '../config/time-text.ts'
import { uniqueId } from '../config/unique-id.ts'
import type { StreamLog } from './stream-log.ts'

const EVENT_ID_LENGTH = 22
const ACTIONS = { create: 'CREATED', modify: 'UPDATED', delete: 'DELETED' } as const

/** What every event begins with. */
export function eventHead(type: string, nowMs: number): { type: string; id: string; timestamp: string } {
  return { type, id: uniqueId(EVENT_ID_LENGTH), timestamp: formatMs(nowMs) }
}

/** What a stream tells on `$JS.EVENT.ADVISORY.STREAM.…`, when somebody listens. */
export class StreamAdvisories {
  private readonly stream: StreamLog

  constructor(stream: StreamLog) {
    this.stream = stream
  }

  action(action: keyof typeof ACTIONS): void {
    const { stream } = this
    const { account } = stream
    const subject = `$JS.EVENT.ADVISORY.STREAM.${ACTIONS[action]}.${stream.name}`
    if (!account.hasInterest(subject)) return
    const event = {
      ...eventHead('io.nats.jetstream.advisory.v1.stream_action', stream.clock.now()),
      stream: stream.name,
      action,
      ...(stream.host.domain === '' ? {} : { domain: stream.host.domain }),
    }
    account.publishText(subject, JSON.stringify(event))
  }

  /** An atomic batch was given up. */
  batchAbandoned(batch: string, reason: string): void {
    const { stream } = this
    const { account } = stream
    const subject = `$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.${stream.name}`
    if (!account.hasInterest(subject)) return
    const event = {
      ...eventHead('io.nats.jetstream.advisory.v1.stream_batch_abandoned', stream.clock.now()),
      stream: stream.name,
      ...(stream.host.domain === '' ? {} : { domain: stream.host.domain }),
      batch,
      reason,
    }
    account.publishText(subject, JSON.stringify(event))
  }
}
