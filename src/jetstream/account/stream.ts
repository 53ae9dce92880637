import type { InternalSubscription } from '../../core/index.ts'
import type { MessageLog } from '../../storage/index.ts'
import type { StreamConfig } from '../config/types.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { Consumers } from '../consumer/consumers.ts'
import type { ConsumerStream } from '../consumer/state/stream.ts'
import type { CopyingStream } from '../origins/copying-stream.ts'
import { Origins } from '../origins/origins.ts'
import { Ingest } from '../publish/ingest.ts'
import type { PubAcks } from '../publish/pub-acks.ts'
import { Schedules } from '../schedules/schedules.ts'
import { StoredStream } from '../stream/stored-stream.ts'
import type { LogOwner, StreamMeta } from '../stream/stream-log.ts'

/** The account of a stream, as the stream knows it. */
export interface StreamOwner extends LogOwner {
  readonly pubAcks: PubAcks
  /** The stream has another configuration than before. */
  streamUpdated(stream: Stream): void
  streamDeleted(stream: Stream): void
}

/** One stream: what it stores, the way in, and its consumers. */
export class Stream extends StoredStream implements ConsumerStream {
  /** By name. */
  readonly consumers: Consumers
  readonly ingest: Ingest
  readonly schedules: Schedules
  readonly origins: Origins
  private readonly owner: StreamOwner
  private readonly subscriptions = new Map<string, InternalSubscription>()

  constructor(owner: StreamOwner, log: MessageLog, meta: StreamMeta) {
    const consumers = new Consumers(log)
    super(owner, log, meta, consumers)
    this.owner = owner
    this.consumers = consumers
    this.schedules = new Schedules(this)
    this.ingest = new Ingest(this, this.schedules, owner.pubAcks)
    this.schedules.store = (message, ends) => this.ingest.publishGenerated(message, ends)
    this.markers.store = (marker) => this.ingest.publishGenerated(marker, null)
    this.origins = new Origins(copyingStream(this))
  }

  /** Begins to take messages. */
  open(): void {
    this.ingest.open()
    for (const subject of this.config.subjects ?? []) this.listenTo(subject)
    this.openLimits()
    this.schedules.arm()
    this.origins.open()
  }

  /** Takes over a checked configuration. */
  update(config: StreamConfig): void {
    const before = this.config
    this.reconfigure(config)
    this.owner.streamUpdated(this)
    const subjects = new Set(before.subjects)
    for (const subject of config.subjects ?? []) if (!subjects.delete(subject)) this.listenTo(subject)
    for (const subject of subjects) this.subscriptions.get(subject)?.unsubscribe()
    this.ingest.configure(config)
    this.origins.configure(config)
    this.applyLimits(before)
  }

  /** The stream and all it holds are no more. */
  delete(): void {
    this.origins.close(true)
    this.close()
    for (const consumer of [...this.consumers.values()]) consumer.delete('409 Consumer Deleted')
    this.owner.streamDeleted(this)
    this.host.store.deleteLog(this.log)
    this.ingest.ids.delete()
    this.discountBytes()
  }

  /** Stops taking messages; what is stored stays. `status`: what waiting requests are told. */
  stop(status: string): void {
    this.close()
    for (const consumer of this.consumers.values()) consumer.stop(status)
  }

  override beforeCommit(): void {
    this.ingest.ids.flush()
    this.origins.flush()
  }

  override republish(): void {
    this.ingest.republish()
  }

  // What consumers tell

  settled(consumer: Consumer, seq: number, done: (seq: number) => void): boolean {
    return this.retention.settled(consumer, consumer.isCopy, seq, done)
  }

  consumerDeleted(consumer: Consumer): void {
    if (this.consumers.get(consumer.name) !== consumer) return
    this.consumers.delete(consumer.name)
    this.retention.consumerDeleted()
  }

  wantedAnew(): void {
    this.retention.wantedAnew()
  }

  private listenTo(subject: string): void {
    this.subscriptions.get(subject)?.unsubscribe()
    this.subscriptions.set(subject, this.account.subscribe(subject, this.ingest))
  }

  private close(): void {
    this.closeLimits()
    this.origins.close(false)
    for (const subscription of this.subscriptions.values()) subscription.unsubscribe()
    this.subscriptions.clear()
    this.ingest.close()
    this.schedules.close()
  }
}

/** What copying from other streams is to know of the stream. */
function copyingStream(stream: Stream): CopyingStream {
  const { host, account, log, clock, name } = stream
  return {
    name,
    log,
    clock,
    store: host.store,
    pace: host.askPace,
    bus: account,
    domain: host.domain,
    fault: host.bus.fault,
    get config() {
      return stream.config
    },
    copy: (message, sec, nsec) => stream.ingest.copies.take(message, sec, nsec),
    needsCommit: () => host.commits.defer(),
    positionsMoved: () => host.commits.prepare(stream),
  }
}
