/** A stream as a backup, sent in chunks that the receiver acknowledges; never more of it in memory than is on its way. */
import { ArchiveWriter, S2Encoder } from '../../archive/index.ts'
import type { Message, Origin } from '../../core/index.ts'
import { RecordView } from '../../storage/index.ts'
import type { Stream } from '../account/stream.ts'
import { streamState } from '../account/stream-info.ts'
import { formatMs } from '../config/time-text.ts'
import type { StreamState } from '../config/types.ts'
import { uniqueId } from '../config/unique-id.ts'
import { eventHead } from '../stream/advisories.ts'
import { describeClient } from '../stream/client.ts'
import { readRecord } from '../stream/read-record.ts'
import { consumerBackup } from './consumer-state.ts'

export interface SnapshotRequest {
  deliver_subject?: string
  no_consumers?: boolean
  chunk_size?: number
  window_size?: number
  jsck?: boolean
}

/** Bounds of what a request may ask for, as nats-server has them. */
const CHUNK = { least: 1024, most: 1024 * 1024, usual: 128 * 1024 }
const WINDOW = { least: 1024, most: 32 * 1024 * 1024, usual: 8 * 1024 * 1024 }
const ACK_WAIT_MS = 5000
const INTEREST_WAIT_MS = 2000
const INTEREST_CHECK_MS = 20
const ID_LENGTH = 22
const NS_PER_S = 1_000_000_000n
const NS_PER_MS = 1_000_000

export class Snapshot {
  readonly state: StreamState
  private readonly stream: Stream
  /** Who asked. */
  private readonly origin: Origin | null
  private readonly asked: SnapshotRequest
  private readonly lastSeq: number
  private readonly beganMs: number
  private readonly ackSubject: string
  /** Chunks that have not been acknowledged. */
  private inFlight = 0
  private ackedMs = 0
  private wake: () => void = () => {}

  constructor(stream: Stream, origin: Origin | null, asked: SnapshotRequest) {
    this.stream = stream
    this.origin = origin
    this.asked = asked
    this.lastSeq = stream.log.lastSeq
    this.state = { ...streamState(stream), ...(asked.no_consumers ? { consumer_count: 0 } : {}) }
    this.beganMs = stream.clock.now()
    this.ackSubject = `$JS.SNAPSHOT.ACK.${stream.name}.${uniqueId(ID_LENGTH)}`
  }

  /** Sends everything; resolves when the last chunk is out, or it was given up. */
  async send(): Promise<void> {
    const { stream } = this
    const { account } = stream
    this.tell('CREATE', { state: this.state })
    const acks = account.subscribe(`${this.ackSubject}.>`, { onMessage: (message) => this.onAck(message) })
    let failure: string | null = null
    try {
      await this.untilInterest()
      await this.sendChunks()
      this.publish('', '', this.chunks > 0 ? 'NATS/1.0 204\r\n\r\n' : '')
    } catch (thrown) {
      failure = (thrown as Error).message
      const code = thrown instanceof Stalled ? `408 ${thrown.status}` : `500 ${failure}`
      this.publish('', '', `NATS/1.0 ${code.replace(/[\r\n]+/g, ' ')}\r\n\r\n`)
    } finally {
      acks.unsubscribe()
    }
    this.tell('COMPLETE', {
      start: formatMs(this.beganMs),
      end: formatMs(stream.clock.now()),
      ...(failure === null ? {} : { error: failure }),
    })
  }

  private chunks = 0
  private pieces: Buffer[] = []
  private pieceBytes = 0

  private async sendChunks(): Promise<void> {
    const chunkBytes = bounded(this.asked.chunk_size, CHUNK)
    const window = Math.max(bounded(this.asked.window_size, WINDOW), chunkBytes)
    const mostInFlight = Math.floor(window / chunkBytes)
    const encoder = new S2Encoder((chunk) => {
      this.pieces.push(chunk)
      this.pieceBytes += chunk.length
    })
    const writer = new ArchiveWriter((bytes) => encoder.write(bytes))
    for await (const _ of this.entries(writer)) {
      if (this.pieceBytes >= chunkBytes) await this.drain(chunkBytes, mostInFlight)
    }
    writer.end()
    encoder.flush()
    await this.drain(chunkBytes, mostInFlight)
    // The last chunk, shorter than the others, needs no acknowledgement.
    const last = Buffer.concat(this.pieces)
    if (last.length > 0) this.publish(last, '', '')
  }

  /** Writes one entry after the other. */
  private async *entries(writer: ArchiveWriter): AsyncGenerator<void> {
    const { stream, asked, lastSeq } = this
    const nowNs = BigInt(Math.floor(stream.clock.now() * NS_PER_MS))
    const consumers = asked.no_consumers
      ? []
      : [...stream.consumers.values()].filter((one) => !one.config.direct)
    const state = { ...this.state, consumer_count: consumers.length }
    writer.entry(Buffer.from('state.json'), nowNs, 0, 0, Buffer.from(JSON.stringify(state)))
    for (const consumer of consumers) {
      const text = consumerBackup(consumer, lastSeq)
      writer.entry(Buffer.from(`consumers/${consumer.name}`), nowNs, 0, 0, Buffer.from(text))
      yield
    }
    const { log } = stream
    const view = new RecordView()
    for (let seq = log.next(null, log.firstSeq); seq > 0 && seq <= lastSeq; seq = log.next(null, seq + 1)) {
      const found = readRecord(log, seq, view)
      // What is gone since the beginning is not in the backup.
      if (!(typeof found === 'boolean' ? found : await found)) continue
      if (stream.isClosed) throw new Error('the stream was deleted')
      const { buffer, sec, nsec, headerLength } = view
      const subject = Buffer.from(buffer.subarray(view.subjectStart, view.subjectEnd))
      const body = Buffer.from(buffer.subarray(view.bodyStart, view.bodyEnd))
      writer.entry(subject, BigInt(sec) * NS_PER_S + BigInt(nsec), seq, headerLength, body)
      yield
    }
  }

  /** Sends what makes whole chunks, as acknowledgements allow. */
  private async drain(chunkBytes: number, mostInFlight: number): Promise<void> {
    let all = Buffer.concat(this.pieces)
    while (all.length >= chunkBytes) {
      await this.untilRoom(mostInFlight)
      const chunk = all.subarray(0, chunkBytes)
      all = all.subarray(chunkBytes)
      this.chunks++
      this.inFlight++
      this.publish(chunk, `${this.ackSubject}.${chunk.length}.${this.chunks}`, '')
    }
    this.pieces = [all]
    this.pieceBytes = all.length
  }

  private async untilRoom(mostInFlight: number): Promise<void> {
    const { clock } = this.stream
    this.ackedMs = clock.now()
    while (this.inFlight >= mostInFlight) {
      if (!this.stream.account.hasExactInterest(this.asked.deliver_subject ?? '')) {
        throw new Stalled('no interest', 'No Interest')
      }
      const leftMs = this.ackedMs + ACK_WAIT_MS - clock.now()
      if (leftMs <= 0) throw new Stalled('no flow response', 'No Flow Response')
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(resolve, Math.min(leftMs, 500))
        this.wake = () => {
          timer.clear()
          resolve()
        }
      })
    }
  }

  private onAck(_message: Message): void {
    if (this.inFlight > 0) this.inFlight--
    this.ackedMs = this.stream.clock.now()
    this.wake()
  }

  /** Who asked may subscribe a moment later; the inbox of its request, a wildcard, hears it before that. */
  private async untilInterest(): Promise<void> {
    const { clock, account } = this.stream
    const endMs = clock.now() + INTEREST_WAIT_MS
    while (!account.hasExactInterest(this.asked.deliver_subject ?? '') && clock.now() < endMs) {
      await new Promise<void>((resolve) => clock.setTimer(resolve, INTEREST_CHECK_MS))
    }
  }

  private publish(body: Buffer | string, reply: string, headers: string): void {
    this.stream.account.publishText(this.asked.deliver_subject ?? '', body, reply, headers)
  }

  private tell(what: 'CREATE' | 'COMPLETE', fields: object): void {
    const { stream, origin } = this
    const { account } = stream
    const subject = `$JS.EVENT.ADVISORY.STREAM.SNAPSHOT_${what}.${stream.name}`
    if (!account.hasInterest(subject)) return
    const event = {
      ...eventHead(`io.nats.jetstream.advisory.v1.snapshot_${what.toLowerCase()}`, stream.clock.now()),
      stream: stream.name,
      ...fields,
      client: describeClient(stream.host, account, origin),
      ...(stream.host.domain === '' ? {} : { domain: stream.host.domain }),
    }
    account.publishText(subject, JSON.stringify(event))
  }
}

/** The receiver does not take part any more. */
class Stalled extends Error {
  readonly status: string

  constructor(message: string, status: string) {
    super(message)
    this.status = status
  }
}

function bounded(asked: number | undefined, { least, most, usual }: typeof CHUNK): number {
  return Math.min(Math.max(asked || usual, least), most)
}
