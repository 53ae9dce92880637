/** A stream made from a backup that comes in chunks. It is there when all of it is durable, or not at all. */
import { type ArchiveEntry, ArchiveReader, S2Decoder } from '../../archive/index.ts'
import { type InternalSubscription, Message, type Origin } from '../../core/index.ts'
import type { Timer } from '../../ports/index.ts'
import type { Json } from '../../storage/index.ts'
import type { JetStreamAccount } from '../account/account.ts'
import { Stream } from '../account/stream.ts'
import { streamInfo } from '../account/stream-info.ts'
import { ApiError, apiError } from '../config/errors.ts'
import { encodeJson } from '../config/json/encode.ts'
import { MAX_SEQUENCE, sequenceRange } from '../config/ranges.ts'
import { formatMs } from '../config/time-text.ts'
import type { StreamConfig, StreamState } from '../config/types.ts'
import { uniqueId } from '../config/unique-id.ts'
import { PublishHeaders, STREAM_SOURCE } from '../headers/publish-headers.ts'
import { eventHead } from '../stream/advisories.ts'
import { describeClient } from '../stream/client.ts'
import type { StreamMeta } from '../stream/stream-log.ts'
import { type ConsumerBackup, readConsumerBackup, restoreConsumer } from './consumer-state.ts'

const ID_LENGTH = 22
/** Nothing came for so long: whoever sent it is gone. */
const IDLE_MS = 5000
/** Records keep the seconds in 32 bits. */
const MAX_TIME_NS = 2n ** 32n * 1_000_000_000n
const NS_PER_S = 1_000_000_000n
/** States of consumers are kept until the messages are there. */
const MAX_CONSUMERS = 100_000

export class Restore {
  readonly deliverSubject: string
  private readonly account: JetStreamAccount
  private readonly config: StreamConfig
  /** Who asked. */
  private readonly origin: Origin | null
  private readonly meta: StreamMeta
  private readonly stream: Stream
  private readonly decoder: S2Decoder
  private readonly reader = new ArchiveReader()
  private readonly headers = new PublishHeaders()
  private readonly consumers: Array<{ name: string; backup: ConsumerBackup }> = []
  private readonly subscription: InternalSubscription
  private readonly beganMs: number
  private timer: Timer | null = null
  private state: StreamState | null = null
  private isComplete = false
  private isOver = false
  private bytes = 0

  /** Begins to take chunks. The configuration was checked. */
  constructor(account: JetStreamAccount, config: StreamConfig, origin: Origin | null) {
    const { host } = account
    this.account = account
    this.config = config
    this.origin = origin
    this.beganMs = host.clock.now()
    this.meta = { created: host.clock.now(), config, isRestoring: true }
    const log = host.store.createLog(`${account.account.name}/${config.name}`, this.meta as unknown as Json, {
      inMemory: config.storage === 'memory',
    })
    this.stream = new Stream(account, log, this.meta)
    account.restoring.add(config.name)
    this.decoder = new S2Decoder((bytes) => this.unpacked(bytes))
    this.deliverSubject = `$JS.SNAPSHOT.RESTORE.${config.name}.${uniqueId(ID_LENGTH)}`
    this.subscription = account.account.subscribe(this.deliverSubject, {
      onMessage: (message) => this.onChunk(message),
    })
    this.tell('CREATE', {})
    this.rest()
  }

  private onChunk(message: Message): void {
    if (this.isOver) return
    const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
    if (reply === '') {
      this.fail(
        '',
        new Error(`restore for stream '${this.config.name}' requires reply subject for each chunk`),
      )
      return
    }
    try {
      const start = message.bodyStart + message.headerLength
      if (start === message.bodyEnd) {
        this.finish(reply)
        return
      }
      const chunk = message.body.subarray(start, message.bodyEnd)
      this.bytes += chunk.length
      if (!this.isComplete) this.decoder.write(chunk)
    } catch (thrown) {
      this.fail(reply, thrown)
      return
    }
    this.rest()
    // Asked for more when this part is on disk: what is on its way stays within the sender's window.
    this.account.host.store.barrier(() => this.account.account.publishText(reply, ''))
  }

  private unpacked(bytes: Buffer): void {
    this.reader.write(bytes)
    for (let entry = this.reader.next(); entry !== null; entry = this.reader.next()) this.take(entry)
  }

  private take(entry: ArchiveEntry): void {
    if (this.isComplete) throw new Error('the backup goes on behind its end')
    if (this.state === null) this.takeState(entry)
    else if (entry.name.startsWith('consumers/') && entry.seq === 0) this.takeConsumer(entry)
    else if (entry.seq > 0) this.takeMessage(entry)
    else if (entry.name === '' && entry.timeNs === 0n && entry.body.length === 0) this.isComplete = true
    else throw new Error('expected message sequence')
  }

  private takeState(entry: ArchiveEntry): void {
    if (entry.name !== 'state.json') throw new Error('expected state.json first')
    const state = JSON.parse(entry.body.toString()) as StreamState
    const isNumber = (value: unknown) =>
      Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_SEQUENCE
    if (![state.first_seq, state.last_seq, state.consumer_count].every(isNumber)) {
      throw new Error('error in state.json: sequences are missing')
    }
    this.state = state
    if (state.first_seq > 1) this.stream.log.skipTo(state.first_seq)
  }

  private takeConsumer(entry: ArchiveEntry): void {
    const name = entry.name.slice('consumers/'.length)
    if (this.consumers.length >= MAX_CONSUMERS) throw new Error('the backup has too many consumers')
    this.consumers.push({ name, backup: readConsumerBackup(entry.body.toString(), name) })
  }

  private takeMessage(entry: ArchiveEntry): void {
    const { stream, account } = this
    const { log } = stream
    const { seq, headerLength, body } = entry
    if (account.host.isExhausted(log.inMemory)) throw apiError('JSInsufficientResourcesErr')
    account.checkRestored(this.config, log.bytes + body.length)
    const most = this.config.max_msg_size ?? -1
    if (most >= 0 && body.length > most)
      throw new Error(`message sequence ${seq} exceeds maximum message size`)
    if (seq > MAX_SEQUENCE) throw new Error(sequenceRange('message sequence'))
    if (entry.timeNs < 0n || entry.timeNs >= MAX_TIME_NS)
      throw new Error(`message sequence ${seq} has no valid time`)
    if (seq <= log.lastSeq) throw new Error(`message sequence ${seq} out of order`)
    this.headers.found = 0
    if (headerLength > 0) this.headers.parse(body, 0, headerLength)
    const message = new Message(Buffer.from(entry.name))
    message.subjectEnd = message.subject.length
    message.body = body
    message.headerLength = headerLength
    message.bodyEnd = body.length
    const sec = Number(entry.timeNs / NS_PER_S)
    if (this.headers.has(STREAM_SOURCE)) stream.origins.restored(this.headers.text(STREAM_SOURCE))
    stream.ingest.apply.storeCopy(message, this.headers, seq, sec, Number(entry.timeNs % NS_PER_S))
    stream.appended()
  }

  private finish(reply: string): void {
    const { stream, account, config } = this
    this.decoder.end()
    if (!this.isComplete || this.state === null) throw new Error('backup was truncated')
    // Deleted messages at the end: their sequences are not used again.
    if (stream.log.lastSeq < this.state.last_seq) stream.log.skipTo(this.state.last_seq + 1)
    account.checkRestored(config, stream.log.bytes)
    if (account.overlaps(config, null)) throw apiError('JSStreamSubjectOverlapErr')
    for (const { name, backup } of this.consumers) restoreConsumer(stream, name, backup)
    const { isRestoring: _, ...meta } = this.meta
    stream.log.setMeta(meta as unknown as Json)
    account.host.store.barrier(() => {
      this.end()
      account.streams.set(stream.name, stream)
      stream.open()
      account.streamMade(stream)
      stream.advisories.action('create')
      this.tell('COMPLETE', this.times())
      const info = { type: 'io.nats.jetstream.api.v1.stream_create_response', ...streamInfo(stream) }
      account.account.publishText(reply, encodeJson(info))
    })
  }

  private fail(reply: string, thrown: unknown): void {
    if (this.isOver) return
    const { account, stream } = this
    this.end()
    stream.delete()
    const text = (thrown as Error).message
    account.account.bus.log('warn', `Restore failed for stream '${this.config.name}': ${text}`)
    this.tell('COMPLETE', this.times())
    if (reply === '') return
    const error = thrown instanceof ApiError ? thrown : apiError('JSStreamRestoreErrF', { err: text })
    const answer = { type: 'io.nats.jetstream.api.v1.stream_create_response', error: error.toJSON() }
    account.account.publishText(reply, encodeJson(answer))
  }

  private end(): void {
    this.isOver = true
    this.timer?.clear()
    this.subscription.unsubscribe()
    this.account.restoring.delete(this.config.name)
  }

  private rest(): void {
    this.timer?.clear()
    this.timer = this.stream.clock.setTimer(() => this.fail('', new Error('restore has stalled')), IDLE_MS)
  }

  private times(): object {
    return {
      start: formatMs(this.beganMs),
      end: formatMs(this.stream.clock.now()),
      bytes: this.bytes,
    }
  }

  private tell(what: 'CREATE' | 'COMPLETE', fields: object): void {
    const { host, account } = this.account
    const subject = `$JS.EVENT.ADVISORY.STREAM.RESTORE_${what}.${this.config.name}`
    if (!account.hasInterest(subject)) return
    const event = {
      ...eventHead(`io.nats.jetstream.advisory.v1.restore_${what.toLowerCase()}`, host.clock.now()),
      stream: this.config.name,
      ...fields,
      client: describeClient(host, account, this.origin),
      ...(host.domain === '' ? {} : { domain: host.domain }),
    }
    account.publishText(subject, JSON.stringify(event))
  }
}
