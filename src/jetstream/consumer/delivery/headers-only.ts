import type { Message } from '../../../core/index.ts'
import type { RecordView } from '../../../storage/index.ts'
import { writeNumber } from '../../../wire/ascii.ts'

const VERSION_LINE = Buffer.from('NATS/1.0\r\n')
const SIZE_FIELD = Buffer.from('Nats-Msg-Size: ')
const CRLF_BYTES = 2
const NUMBER_BYTES = 20
const NONE = Buffer.alloc(0)

/** Replaces payloads by their size, told in a header (`Nats-Msg-Size`). One buffer, used again for each message. */
export class HeadersOnly {
  private buffer = NONE

  /** Fills the message's body from a stored record. */
  apply(record: RecordView, message: Message): void {
    const needed =
      Math.max(record.headerLength, VERSION_LINE.length) + SIZE_FIELD.length + NUMBER_BYTES + 2 * CRLF_BYTES
    if (needed > this.buffer.length) this.buffer = Buffer.allocUnsafe(needed * 2)
    const buffer = this.buffer
    let at: number
    if (record.headerLength > 0) {
      const end = record.bodyStart + record.headerLength - CRLF_BYTES
      at = record.buffer.copy(buffer, 0, record.bodyStart, end)
    } else at = VERSION_LINE.copy(buffer, 0)
    at += SIZE_FIELD.copy(buffer, at)
    at = writeNumber(buffer, at, record.bodyEnd - record.bodyStart - record.headerLength)
    for (let i = 0; i < 2; i++) {
      buffer[at++] = 13
      buffer[at++] = 10
    }
    message.body = buffer
    message.bodyStart = 0
    message.headerLength = at
    message.bodyEnd = at
  }
}
