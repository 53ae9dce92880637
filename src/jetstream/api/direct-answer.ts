import { Message } from '../../core/index.ts'
import type { RecordView } from '../../storage/index.ts'
import type { Stream } from '../account/stream.ts'
import { DirectMessage } from './direct-message.ts'
import type { ApiRequest } from './request.ts'

/** Where the messages that a direct get finds are sent. */
export class DirectAnswer {
  private readonly request: ApiRequest
  private readonly message_: Message
  private readonly encoded = new DirectMessage()

  constructor(request: ApiRequest) {
    this.request = request
    this.message_ = new Message(Buffer.from(request.reply))
    this.message_.subjectEnd = this.message_.subject.length
  }

  /** A status line; `headers` with their line ends. */
  status(status: string, headers = ''): void {
    this.send(Buffer.from(`NATS/1.0 ${status}\r\n${headers}\r\n`), 0, 0, Buffer.alloc(0))
  }

  /** A message; `more`: further headers with their line ends, null for no headers at all. */
  message(stream: Stream, view: RecordView, more: string | null): void {
    const payloadStart = view.bodyStart + view.headerLength
    if (more === null) {
      this.send(Buffer.alloc(0), payloadStart, view.bodyEnd, view.buffer)
      return
    }
    this.encoded.fill(this.message_, stream.name, view, more)
    this.request.account.account.publish(this.message_)
  }

  private send(headers: Buffer, start: number, end: number, payload: Buffer): void {
    const message = this.message_
    message.body = Buffer.concat([headers, payload.subarray(start, end)])
    message.bodyStart = 0
    message.headerLength = headers.length
    message.bodyEnd = message.body.length
    this.request.account.account.publish(message)
  }
}
