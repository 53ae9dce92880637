import type { Account, Connection, InternalSubscription, Message, MessageHandler } from '../../core/index.ts'
import type { Json } from '../../storage/index.ts'
import { Api } from '../api/dispatch.ts'
import { apiError } from '../config/errors.ts'
import type { StreamConfig } from '../config/types.ts'
import type { JetStream } from '../jetstream.ts'
import { PubAcks } from '../publish/pub-acks.ts'
import { AckSubjects } from './ack-subjects.ts'
import { Stream } from './stream.ts'
import { Streams } from './streams.ts'

/** JetStream of one account: its streams, and its API. */
export class JetStreamAccount {
  readonly js: JetStream
  readonly account: Account
  readonly streams = new Streams()
  readonly pubAcks: PubAcks
  /** Names of streams that are being restored. */
  readonly restoring = new Set<string>()
  /** Requests answered, and how many of them with an error. */
  apiTotal = 0
  apiErrors = 0
  private readonly subscriptions: InternalSubscription[] = []

  constructor(js: JetStream, account: Account) {
    this.js = js
    this.account = account
    this.pubAcks = new PubAcks(account)
  }

  /** Begins to answer. */
  open(): void {
    const api = new Api(this)
    this.subscriptions.push(this.account.subscribe('$JS.API.>', new Prefixed(api, 2)))
    if (this.js.domain !== '') {
      this.subscriptions.push(this.account.subscribe(`$JS.${this.js.domain}.API.>`, new Prefixed(api, 3)))
    }
    this.subscriptions.push(this.account.subscribe('$JS.ACK.>', new AckSubjects(this)))
    for (const stream of this.streams.values()) stream.open()
  }

  /** Makes a stream of a checked configuration. Throws when its subjects or its size don't fit. */
  createStream(config: StreamConfig): Stream {
    if (this.restoring.has(config.name)) throw apiError('JSStreamNameExistErr')
    if (this.overlaps(config, null)) throw apiError('JSStreamSubjectOverlapErr')
    this.js.checkReservation(config, 0)
    const meta = { created: this.js.clock.now(), config }
    const inMemory = config.storage === 'memory'
    const log = this.js.store.createLog(`${this.account.name}/${config.name}`, meta as unknown as Json, {
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

  /** Bytes that streams have stored, or have been promised. */
  usage(): { memory: number; storage: number; reservedMemory: number; reservedStorage: number } {
    const { reservedMemory, reservedStorage } = this.streams
    const usage = { memory: 0, storage: 0, reservedMemory, reservedStorage }
    for (const { log } of this.streams.values()) {
      if (log.inMemory) usage.memory += log.bytes
      else usage.storage += log.bytes
    }
    return usage
  }

  close(status: string): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe()
    this.subscriptions.length = 0
    for (const stream of this.streams.values()) stream.stop(status)
  }
}

/** Hands requests to the API without the tokens that only say that they are for it. */
class Prefixed implements MessageHandler {
  private readonly api: Api
  private readonly skippedTokens: number

  constructor(api: Api, skippedTokens: number) {
    this.api = api
    this.skippedTokens = skippedTokens
  }

  onMessage(message: Message, origin: Connection | null): void {
    this.api.onRequest(message, origin, this.skippedTokens)
  }
}
