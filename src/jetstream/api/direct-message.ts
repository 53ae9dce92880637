import type { Message } from '../../core/index.ts'
import type { RecordView } from '../../storage/index.ts'
import { copyBytes, viewOf, writeNumber } from '../../wire/index.ts'
import { TimeBytes } from '../config/time-bytes.ts'

const VERSION_LINE = Buffer.from('NATS/1.0\r\n')
const SEQUENCE_FIELD = Buffer.from('\r\nNats-Sequence: ')
const TIME_FIELD = Buffer.from('\r\nNats-Time-Stamp: ')
const NONE = Buffer.alloc(0)
const CRLF_BYTES = 2
/** What the headers that say which message it is take beside the names of stream and subject, at most. */
const FIELDS_BYTES = 128
const FIRST_BYTES = 1024
/** A larger buffer is not kept for the next message. */
const KEPT_BYTES = 128 * 1024

/** Encodes what a direct get answers with: a stored message and headers that say which it is (ADR-31). */
export class DirectMessage {
  private buffer = NONE
  private view = viewOf(NONE)
  private readonly time = new TimeBytes()
  private streamName = ''
  private streamField = NONE

  /**
   * Fills the message's body; it is valid until the next call. `more`: further headers with their line ends.
   */
  fill(message: Message, stream: string, record: RecordView, more = ''): void {
    if (stream !== this.streamName) this.remember(stream)
    const { streamField } = this
    const { headerLength, bodyStart, bodyEnd } = record
    const subjectBytes = record.subjectEnd - record.subjectStart
    const needed =
      VERSION_LINE.length +
      streamField.length +
      subjectBytes +
      FIELDS_BYTES +
      more.length * 3 +
      bodyEnd -
      bodyStart
    this.makeRoom(needed)
    const { buffer, view } = this
    // The stored headers end with an empty line, in front of which the others go.
    let at =
      headerLength > 0
        ? copyBytes(record.buffer, bodyStart, bodyStart + headerLength - CRLF_BYTES, buffer, 0, view)
        : copyBytes(VERSION_LINE, 0, VERSION_LINE.length, buffer, 0, view)
    at = copyBytes(streamField, 0, streamField.length, buffer, at, view)
    // As bytes: a mapping may have cut it within a letter.
    at = copyBytes(record.buffer, record.subjectStart, record.subjectEnd, buffer, at, view)
    at = copyBytes(SEQUENCE_FIELD, 0, SEQUENCE_FIELD.length, buffer, at, view)
    at = writeNumber(buffer, at, record.seq)
    at = copyBytes(TIME_FIELD, 0, TIME_FIELD.length, buffer, at, view)
    at = this.time.write(buffer, at, record.sec, record.nsec)
    at = lineEnd(buffer, at)
    if (more !== '') at += buffer.write(more, at)
    at = lineEnd(buffer, at)
    message.body = buffer
    message.bodyStart = 0
    message.headerLength = at
    message.bodyEnd = copyBytes(record.buffer, bodyStart + headerLength, bodyEnd, buffer, at, view)
  }

  private remember(stream: string): void {
    this.streamName = stream
    this.streamField = Buffer.from(`Nats-Stream: ${stream}\r\nNats-Subject: `)
  }

  private makeRoom(bytes: number): void {
    const { length } = this.buffer
    if (length >= bytes && (length <= KEPT_BYTES || bytes > KEPT_BYTES)) return
    this.buffer = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, bytes <= KEPT_BYTES / 2 ? bytes * 2 : bytes))
    this.view = viewOf(this.buffer)
  }
}

function lineEnd(buffer: Buffer, at: number): number {
  buffer[at] = 13
  buffer[at + 1] = 10
  return at + CRLF_BYTES
}
