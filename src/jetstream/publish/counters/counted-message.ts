import { copyBytes, Message } from '../../../wire/index.ts'
import { payloadOf } from './counter-value.ts'
import type { Integer } from './integer.ts'

const FIRST_BYTES = 512
const END = 2

/** A message of a counter as it is stored: its headers, some of them with other values, and the new value. Used again for the next. */
export class CountedMessage extends Message {
  private at = 0

  constructor() {
    super(Buffer.allocUnsafe(FIRST_BYTES))
  }

  /** Takes subject, reply and headers of a message over. */
  begin(message: Message, room: number): void {
    const { body, bodyStart, headerLength } = message
    this.subject = message.subject
    this.subjectStart = message.subjectStart
    this.subjectEnd = message.subjectEnd
    this.reply = message.reply
    this.replyStart = message.replyStart
    this.replyEnd = message.replyEnd
    if (this.body.length < headerLength + room) this.body = Buffer.allocUnsafe((headerLength + room) * 2)
    this.at = copyBytes(body, bodyStart, bodyStart + headerLength, this.body, 0)
    this.headerLength = this.at
    this.bodyEnd = this.at
  }

  /** Gives a header another value, behind all others where it is not there. */
  setHeader(name: string, value: string): void {
    const head = this.body.toString('latin1', 0, this.headerLength - END)
    const bytes = Buffer.from(value).toString('latin1')
    const found = head.indexOf(`\r\n${name}:`)
    let text = `${head}${name}: ${bytes}\r\n\r\n`
    if (found >= 0) {
      const colon = found + name.length + 3
      const begin = head[colon] === ' ' ? colon + 1 : colon
      const end = head.indexOf('\r\n', begin)
      text = `${head.slice(0, begin)}${bytes}${head.slice(end)}\r\n`
    }
    if (this.body.length < text.length + FIRST_BYTES)
      this.body = Buffer.allocUnsafe(text.length + FIRST_BYTES)
    this.at = this.body.write(text, 0, 'latin1')
    this.headerLength = this.at
  }

  /** The value is the payload. */
  end(value: Integer): void {
    const payload = payloadOf(value)
    if (this.body.length < this.at + payload.length) {
      const larger = Buffer.allocUnsafe(this.at + payload.length + FIRST_BYTES)
      this.body.copy(larger, 0, 0, this.at)
      this.body = larger
    }
    this.bodyEnd = this.at + this.body.write(payload, this.at, 'latin1')
  }
}
