import { formatMs } from '../../config/time-text.ts'
import { uniqueId } from '../../config/unique-id.ts'
import type { ConsumerStream } from './stream.ts'

const EVENT_ID_LENGTH = 22
const ADVISORY = '$JS.EVENT.ADVISORY.CONSUMER'
const ADVISORY_TYPE = 'io.nats.jetstream.advisory.v1'

/** Who tells. */
interface Teller {
  readonly name: string
  readonly stream: ConsumerStream
  readonly samplePercent: number
}

/** What a consumer tells on `$JS.EVENT.…`, when somebody listens. */
export class Advisories {
  private readonly consumer: Teller
  private readonly subjects = new Map<string, string>()

  constructor(consumer: Teller) {
    this.consumer = consumer
  }

  created(): void {
    this.send(`${ADVISORY}.CREATED`, `${ADVISORY_TYPE}.consumer_action`, () => ({ action: 'create' }))
  }

  deleted(): void {
    this.send(`${ADVISORY}.DELETED`, `${ADVISORY_TYPE}.consumer_action`, () => ({ action: 'delete' }))
  }

  /** The consumer was paused, or goes on. `untilMs`: 0 without a deadline. */
  paused(untilMs: number): void {
    this.send(`${ADVISORY}.PAUSE`, `${ADVISORY_TYPE}.consumer_pause`, () => ({
      paused: untilMs > this.consumer.stream.clock.now(),
      pause_until: untilMs === 0 ? '0001-01-01T00:00:00Z' : formatMs(untilMs),
    }))
  }

  naked(streamSeq: number, consumerSeq: number, deliveries: number): void {
    this.send(`${ADVISORY}.MSG_NAKED`, `${ADVISORY_TYPE}.nak`, () => ({
      consumer_seq: consumerSeq,
      stream_seq: streamSeq,
      deliveries,
    }))
  }

  terminated(streamSeq: number, consumerSeq: number, deliveries: number, reason: string): void {
    this.send(`${ADVISORY}.MSG_TERMINATED`, `${ADVISORY_TYPE}.terminated`, () => ({
      consumer_seq: consumerSeq,
      stream_seq: streamSeq,
      deliveries,
      ...(reason === '' ? {} : { reason }),
    }))
  }

  maxDeliveries(streamSeq: number, deliveries: number): void {
    this.send(`${ADVISORY}.MAX_DELIVERIES`, `${ADVISORY_TYPE}.max_deliver`, () => ({
      stream_seq: streamSeq,
      deliveries,
    }))
  }

  /** An ack; told for the share of acks that `sample_freq` names. */
  sampled(streamSeq: number, consumerSeq: number, deliveries: number, deliveredMs: number): void {
    const percent = this.consumer.samplePercent
    if (percent <= 0 || (percent < 100 && Math.random() * 100 > percent)) return
    this.send('$JS.EVENT.METRIC.CONSUMER.ACK', 'io.nats.jetstream.metric.v1.consumer_ack', () => ({
      consumer_seq: consumerSeq,
      stream_seq: streamSeq,
      ack_time: Math.round((this.consumer.stream.clock.now() - deliveredMs) * 1e6),
      deliveries,
    }))
  }

  /** Of several clients one is served alone from now on. */
  pinned(group: string, id: string): void {
    this.send(
      `${ADVISORY}.PINNED`,
      `${ADVISORY_TYPE}.consumer_group_pinned`,
      () => ({ group, pinned_id: id }),
      true,
    )
  }

  unpinned(group: string, reason: string): void {
    this.send(
      `${ADVISORY}.UNPINNED`,
      `${ADVISORY_TYPE}.consumer_group_unpinned`,
      () => ({ group, reason }),
      true,
    )
  }

  private send(prefix: string, type: string, fields: () => object, namesAccount = false): void {
    const { stream, name } = this.consumer
    let subject = this.subjects.get(prefix)
    if (subject === undefined) {
      subject = `${prefix}.${stream.name}.${name}`
      this.subjects.set(prefix, subject)
    }
    const account = stream.account
    if (!account.hasInterest(subject)) return
    const event = {
      type,
      id: uniqueId(EVENT_ID_LENGTH),
      timestamp: formatMs(stream.clock.now()),
      ...(namesAccount ? { account: account.name } : {}),
      stream: stream.name,
      consumer: name,
      ...fields(),
      ...(stream.host.domain ? { domain: stream.host.domain } : {}),
    }
    account.publishText(subject, JSON.stringify(event))
  }
}
