import type { Account, InternalSubscription, Message, MessageHandler, Origin } from '../../core/index.ts'
import type { Json } from '../../storage/index.ts'
import { type AccountTiers, UNLIMITED } from '../config/account-limits.ts'
import { apiError } from '../config/errors.ts'
import type { AccountView } from '../config/stream/check.ts'
import type { StreamConfig } from '../config/types.ts'
import { PubAcks } from '../publish/pub-acks.ts'
import { AccountUsage } from '../stream/account-usage.ts'
import type { StreamHost } from '../stream/host.ts'
import { AckSubjects } from './ack-subjects.ts'
import { Stream, type StreamOwner } from './stream.ts'
import { Streams } from './streams.ts'

/** Who answers requests to the API. */
export interface RequestHandler {
  /** `skippedTokens`: tokens of the subject in front of the verb, without `$JS`: `API`, or domain and `API`. */
  onRequest(message: Message, origin: Origin | null, skippedTokens: number): void
}

/** JetStream of one account: its streams, found by their names and by the acks of their consumers. */
export class JetStreamAccount implements StreamOwner {
  readonly host: StreamHost
  readonly account: Account
  readonly usage: AccountUsage
  readonly streams: Streams
  readonly pubAcks: PubAcks
  /** Has the account JetStream? Else it is only told so. */
  isEnabled = true
  /** Names of streams that are being restored. */
  readonly restoring = new Set<string>()
  /** Requests answered, and how many of them with an error. */
  apiTotal = 0
  apiErrors = 0
  private readonly subscriptions: InternalSubscription[] = []

  constructor(host: StreamHost, account: Account, tiers: AccountTiers = UNLIMITED) {
    this.host = host
    this.account = account
    this.usage = new AccountUsage(account.name, (text) => host.complaints.warn(text))
    this.usage.change(tiers)
    this.streams = new Streams(host, this.usage)
    this.pubAcks = new PubAcks(account)
  }

  /** Begins to take messages, acks and requests. */
  open(api: RequestHandler): void {
    const { account, host, subscriptions } = this
    subscriptions.push(account.subscribe('$JS.API.>', new Prefixed(api, 2)))
    if (host.domain !== '') {
      subscriptions.push(account.subscribe(`$JS.${host.domain}.API.>`, new Prefixed(api, 3)))
    }
    subscriptions.push(account.subscribe('$JS.ACK.>', new AckSubjects(account, this.streams, host.domain)))
    for (const stream of this.streams.values()) stream.open()
  }

  /** Makes a stream of a configuration that was checked, also by `checkNew`. Throws when its subjects don't fit. */
  createStream(config: StreamConfig): Stream {
    if (this.restoring.has(config.name)) throw apiError('JSStreamNameExistErr')
    if (this.overlaps(config, null)) throw apiError('JSStreamSubjectOverlapErr')
    const meta = { created: this.host.clock.now(), config }
    const inMemory = config.storage === 'memory'
    const log = this.host.store.createLog(`${this.account.name}/${config.name}`, meta as unknown as Json, {
      inMemory,
    })
    if ((config.first_seq ?? 0) > 1) log.skipTo(config.first_seq as number)
    const stream = new Stream(this, log, meta)
    this.streams.set(stream.name, stream)
    stream.open()
    this.streamMade(stream)
    return stream
  }

  /** Those that copy from it need not wait. */
  streamMade(stream: Stream): void {
    for (const copy of this.streams.copiesOf(stream.name)) copy.origins.streamMade(stream.name)
  }

  /** Do the subjects meet those of another stream than `self`? */
  overlaps(config: StreamConfig, self: Stream | null): boolean {
    return this.streams.overlap(config.subjects ?? [], self)
  }

  streamUpdated(stream: Stream): void {
    this.streams.updated(stream)
  }

  streamDeleted(stream: Stream): void {
    this.streams.delete(stream.name)
  }

  /** What the configuration of a stream is checked against. */
  get view(): AccountView {
    return { limits: this.usage.limitsOrNone, configOf: this.streams.configOf }
  }

  /**
   * Throws when the account or the server has no room for such a stream, beside the others. One without `max_bytes` asks for a
   * byte.
   */
  checkNew(config: StreamConfig): void {
    const { host, usage, streams } = this
    const existing = streams.get(config.name)
    usage.checkStreams(streams.size + this.restoring.size - (existing === undefined ? 0 : 1))
    const bytes = Math.max(config.max_bytes ?? 0, 1)
    const inMemory = host.isInMemory(config)
    const held = existing?.log.inMemory === inMemory ? Math.max(existing.config.max_bytes ?? 0, 0) : 0
    usage.checkStream(config, inMemory, bytes, held)
    host.checkReservation(inMemory, bytes, held)
  }

  /** The same, as far as bytes go, for one that is being restored and has as many by now. */
  checkRestored(config: StreamConfig, bytes: number): void {
    const promised = Math.max(config.max_bytes ?? 0, 1)
    this.usage.checkStream(config, this.host.isInMemory(config), promised + bytes, 0)
  }

  /** The same for a stream that is there. */
  checkUpdate(stream: Stream, config: StreamConfig): void {
    const held = Math.max(stream.config.max_bytes ?? 0, 0)
    const bytes = Math.max(config.max_bytes ?? 0, 0)
    const { inMemory } = stream.log
    this.usage.checkStream(config, inMemory, bytes, held)
    this.host.checkReservation(inMemory, bytes, held)
  }

  close(status: string): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe()
    this.subscriptions.length = 0
    for (const stream of this.streams.values()) stream.stop(status)
  }
}

/** Hands requests to the API without the tokens that only say that they are for it. */
class Prefixed implements MessageHandler {
  private readonly api: RequestHandler
  private readonly skippedTokens: number

  constructor(api: RequestHandler, skippedTokens: number) {
    this.api = api
    this.skippedTokens = skippedTokens
  }

  onMessage(message: Message, origin: Origin | null): void {
    this.api.onRequest(message, origin, this.skippedTokens)
  }
}
