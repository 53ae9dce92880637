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

  constructor(buffer: Buffer) {
    this.subject = buffer
    this.reply = buffer
    this.body = buffer
  }
}
