import { type MessageLog, ReadFailure, RecordView } from '../../../storage/index.ts'
import type { Message } from '../../../wire/index.ts'
import { type ApiError, apiError } from '../../config/errors.ts'
import { headerValue, readHeaderLines } from '../../headers/header-lines.ts'
import { INCR, type PublishHeaders, STREAM_SOURCE } from '../../headers/publish-headers.ts'
import type { StoredStream } from '../../stream/stored-stream.ts'
import { CountedMessage } from './counted-message.ts'
import { type CounterSources, encodeSources, readSources, readValue } from './counter-value.ts'
import { add, type Integer, integerOf, readInteger, subtract } from './integer.ts'

const SOURCES = 'Nats-Counter-Sources'
const SOURCES_BYTES = Buffer.from(`\r\n${SOURCES}:`)
/** Values read from disk that wait for the messages that need them: as many as an atomic batch has messages, and some. */
const MOST_LOADED = 4096
const MOST_LOADED_BYTES = 16 * 1024 * 1024
/** What the value, and a number of its own, add to a message. */
const ROOM = 64

/** How a counter stands: what its last message says. */
export interface Standing {
  /** Of the last message; 0: there is none. */
  seq: number
  value: Integer
  /** The header of its sources, as it stands there; '' without. */
  sources: string
  /** Its last message is no counter's. */
  isBroken: boolean
}

/** In a batch: how counters stand with the messages before. By subject (latin1). */
export type Totals = Map<string, Standing>

/**
 * The counters of a stream (`allow_msg_counter`, ADR-49): each message increments the value of its subject and holds the new one.
 * The last value may have to be read from disk first: `prepare` says so.
 */
export class Counters {
  /** The value that the message counted last has come to. */
  value: Integer = 0
  private readonly stream: StoredStream
  private readonly log: MessageLog
  private readonly maxPayloadBytes: number
  private readonly view = new RecordView()
  private readonly counted = new CountedMessage()
  /** Read from disk, by subject (latin1). */
  private readonly loaded = new Map<string, Standing>()
  private loadedBytes = 0

  constructor(stream: StoredStream) {
    this.stream = stream
    this.log = stream.log
    this.maxPayloadBytes = stream.host.bus.limits.maxPayloadBytes
  }

  /** null: what a message of this subject increments is at hand; else it is when the promise is fulfilled. */
  prepare({ subject, subjectStart, subjectEnd }: Message): Promise<void> | null {
    const seq = this.stream.lastSeqOf(subject, subjectStart, subjectEnd)
    if (seq === 0 || this.log.readStored(seq, this.view, NOBODY) !== 'wait') return null
    const key = subject.toString('latin1', subjectStart, subjectEnd)
    return this.loaded.get(key)?.seq === seq ? null : this.load(key)
  }

  /** The same for many, one after the other. */
  async prepareAll(messages: readonly Message[]): Promise<void> {
    for (const message of messages) await this.prepare(message)
  }

  /**
   * The message as it is to be stored, with the new value. Valid until the next call. `totals`: of the batch that it is in, and
   * changed. Its headers were checked: it has an increment.
   */
  count(message: Message, headers: PublishHeaders, totals: Totals | null = null): ApiError | Message {
    const { subject, subjectStart, subjectEnd } = message
    const key = totals === null ? '' : subject.toString('latin1', subjectStart, subjectEnd)
    const before = totals?.get(key) ?? this.standing(subject, subjectStart, subjectEnd)
    if (before === null) return apiError('JSInsufficientResourcesErr')
    if (before.isBroken) return apiError('JSMessageCounterBrokenErr')
    let increment = readInteger(headers.buffer, headers.start(INCR), headers.end(INCR)) ?? 0
    const { counted } = this
    counted.begin(message, ROOM)
    let sources = before.sources
    if (headers.has(STREAM_SOURCE)) {
      const gained = this.gainedFrom(message, headers, before.sources)
      if (gained === null) return apiError('JSMessageCounterBrokenErr')
      increment = gained.increment
      sources = gained.sources
      counted.setHeader('Nats-Incr', String(increment))
    } else if (sources !== '') {
      const parsed = readSources(sources)
      if (parsed === null) return apiError('JSMessageCounterBrokenErr')
      sources = parsed.size === 0 ? '' : encodeSources(parsed)
    }
    if (sources !== '') counted.setHeader(SOURCES, sources)
    this.value = add(before.value, increment)
    counted.end(this.value)
    if (counted.bodyEnd > this.maxPayloadBytes) return apiError('JSStreamMessageExceedsMaximumErr')
    totals?.set(key, { seq: before.seq, value: this.value, sources, isBroken: false })
    return counted
  }

  /** Of a message from another stream: what it has grown by since the last from there, and the header with what it has come to. */
  private gainedFrom(
    message: Message,
    headers: PublishHeaders,
    before: string,
  ): { increment: Integer; sources: string } | null {
    const there = readValue(message.body, message.bodyStart + message.headerLength, message.bodyEnd)
    const sources: CounterSources | null = before === '' ? new Map() : readSources(before)
    if (there === null || sources === null) return null
    const fields = headers.text(STREAM_SOURCE).split(' ')
    const stream = fields[0]
    const subject = fields[4] ?? message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
    const values = sources.get(stream) ?? new Map<string, string>()
    sources.set(stream, values)
    const increment = subtract(there, integerOf(values.get(subject) ?? ''))
    values.set(subject, String(there))
    return { increment, sources: encodeSources(sources) }
  }

  /** null: it can't be read now. */
  private standing(subject: Buffer, start: number, end: number): Standing | null {
    for (;;) {
      const seq = this.stream.lastSeqOf(subject, start, end)
      if (seq === 0) return NOTHING
      const result = this.log.readStored(seq, this.view, NOBODY)
      if (result === 'ok') return standingOf(this.view)
      if (result === 'wait') {
        const loaded = this.loaded.get(subject.toString('latin1', start, end))
        return loaded?.seq === seq ? loaded : null
      }
      if (result === 'failed') return null
      // It was damaged, and is set aside: the one before it is the last.
      if (this.stream.lastSeqOf(subject, start, end) === seq) return null
    }
  }

  private async load(key: string): Promise<void> {
    const subject = Buffer.from(key, 'latin1')
    const { log, stream } = this
    for (;;) {
      const seq = stream.lastSeqOf(subject, 0, subject.length)
      if (seq === 0) return
      const view = new RecordView()
      let isRead: boolean
      try {
        isRead = await readLast(log, seq, view)
      } catch (error) {
        // Whoever counts finds out.
        if (error instanceof ReadFailure) return
        throw error
      }
      if (isRead) {
        this.keep(key, standingOf(view))
        return
      }
      if (stream.lastSeqOf(subject, 0, subject.length) === seq) return
    }
  }

  private keep(key: string, standing: Standing): void {
    this.drop(key)
    this.loaded.set(key, standing)
    this.loadedBytes += bytesOf(key, standing)
    for (const oldest of this.loaded.keys()) {
      if (this.loaded.size <= MOST_LOADED && this.loadedBytes <= MOST_LOADED_BYTES) return
      this.drop(oldest)
    }
  }

  private drop(key: string): void {
    const standing = this.loaded.get(key)
    if (standing === undefined) return
    this.loaded.delete(key)
    this.loadedBytes -= bytesOf(key, standing)
  }
}

const NOTHING: Standing = { seq: 0, value: 0, sources: '', isBroken: false }
const NOBODY = { onLoaded(): void {} }

function bytesOf(key: string, { sources }: Standing): number {
  return key.length + sources.length + ROOM
}

function standingOf(view: RecordView): Standing {
  const { buffer, bodyStart, headerLength, bodyEnd } = view
  const payload = bodyStart + headerLength
  const value = readValue(buffer, payload, bodyEnd)
  const sources = buffer.subarray(bodyStart, payload).includes(SOURCES_BYTES)
    ? (headerValue(readHeaderLines(buffer, bodyStart, headerLength), SOURCES) ?? '')
    : ''
  return {
    seq: view.seq,
    value: value ?? 0,
    sources: Buffer.from(sources, 'latin1').toString(),
    isBroken: value === null,
  }
}

/** As `readRecord`, also of what may not be durable yet. */
function readLast(log: MessageLog, seq: number, out: RecordView): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const waiter = {
      onLoaded(): void {
        const result = log.readStored(seq, out, waiter)
        if (result === 'wait') return
        if (result === 'failed')
          reject(new ReadFailure(`message ${seq} of ${log.name}`, new Error('see the log')))
        else resolve(result === 'ok')
      },
    }
    waiter.onLoaded()
  })
}
