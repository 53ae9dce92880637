import type { Message } from '../../../core/index.ts'

const VERSION_LINE = 'NATS/1.0\r\n'
const CRLF_BYTES = 2

/** Gives messages one more header field. One buffer, used again for each message. */
export class AddedHeader {
  private readonly name: string
  private buffer = Buffer.allocUnsafe(512)

  constructor(name: string) {
    this.name = name
  }

  /** Replaces the message's body by a copy with the field. */
  apply(message: Message, value: string): void {
    const { body, bodyStart, headerLength, bodyEnd } = message
    const field = `${this.name}: ${value}\r\n\r\n`
    const needed = bodyEnd - bodyStart + VERSION_LINE.length + field.length
    if (needed > this.buffer.length) this.buffer = Buffer.allocUnsafe(needed * 2)
    const payloadStart = bodyStart + headerLength
    let at =
      headerLength > 0
        ? body.copy(this.buffer, 0, bodyStart, payloadStart - CRLF_BYTES)
        : this.buffer.write(VERSION_LINE, 0, 'latin1')
    at += this.buffer.write(field, at, 'latin1')
    message.headerLength = at
    at += body.copy(this.buffer, at, payloadStart, bodyEnd)
    message.body = this.buffer
    message.bodyStart = 0
    message.bodyEnd = at
  }
}
