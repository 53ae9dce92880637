/** A way between accounts that a message has come, and those before it. */
export interface Passed {
  readonly service: object
  readonly before: Passed | null
}

/**
 * A message on its way, as offsets into three buffers (often the same chunk, read from a socket).
 * One instance is used again and again: whoever wants to keep a part copies it during the call.
 */
export class Message {
  subject: Buffer
  subjectStart = 0
  subjectEnd = 0
  /** Reply subject; `replyStart === replyEnd` means none. */
  reply: Buffer
  replyStart = 0
  replyEnd = 0
  /** Headers (with their final empty line) and then the payload: `[bodyStart, bodyEnd)`. */
  body: Buffer
  bodyStart = 0
  /** Bytes of headers at the start of the body, 0 without headers. */
  headerLength = 0
  bodyEnd = 0
  /**
   * Where `body` also has what follows the subscription's id in a MSG or HMSG line, up to the CRLF behind the
   * payload, as the client sent it: `[wireStart, wireEnd)`. It is then forwarded in one copy. `wireEnd` is 0 when
   * it is not so; whoever changes the reply or the body of a message sets it to 0.
   */
  wireStart = 0
  wireEnd = 0

  /** Accounts it has come through as a request to a service. */
  hops = 0
  /** The services that it has come through, as a request or an answer; null: none. */
  via: Passed | null = null
  /** Its headers have the server's word of who asks. */
  hasRequestInfo = false

  constructor(buffer: Buffer) {
    this.subject = buffer
    this.reply = buffer
    this.body = buffer
  }

  /** Becomes the same message. */
  copyFrom(other: Message): void {
    this.subject = other.subject
    this.subjectStart = other.subjectStart
    this.subjectEnd = other.subjectEnd
    this.reply = other.reply
    this.replyStart = other.replyStart
    this.replyEnd = other.replyEnd
    this.body = other.body
    this.bodyStart = other.bodyStart
    this.headerLength = other.headerLength
    this.bodyEnd = other.bodyEnd
    this.wireStart = other.wireStart
    this.wireEnd = other.wireEnd
    this.hops = other.hops
    this.via = other.via
    this.hasRequestInfo = other.hasRequestInfo
  }
}
