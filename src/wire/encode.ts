/** Messages to bytes: MSG and HMSG lines, straight into an output buffer. */
import { writeNumber } from './ascii.ts'
import { copyBytes } from './copy.ts'
import type { Message } from './message.ts'

const CR = 13
const LF = 10
const SPACE = 32
/** `HMSG `, the spaces, two sizes and line ends around a message's parts. */
const FRAME_BYTES = 64

/** What is written into: there is room for `encodedBytes` at `buffer[length]`. */
export interface FrameSink {
  buffer: Buffer
  /** Of the whole buffer. */
  view: DataView
  length: number
}

/** At least as many bytes as the message takes with this subscription id. */
export function encodedBytes(message: Message, sid: Buffer): number {
  return (
    FRAME_BYTES +
    sid.length +
    (message.subjectEnd - message.subjectStart) +
    (message.replyEnd - message.replyStart) +
    (message.bodyEnd - message.bodyStart)
  )
}

/** Appends the message to the sink. Without `withHeaders` its headers are left out. */
export function encodeMessage(message: Message, sid: Buffer, withHeaders: boolean, sink: FrameSink): void {
  const { buffer: out, view } = sink
  const { headerLength } = message
  const hasHeaders = headerLength > 0 && withHeaders
  let at = sink.length
  if (hasHeaders) out[at++] = 72
  out[at] = 77
  out[at + 1] = 83
  out[at + 2] = 71
  out[at + 3] = SPACE
  at = copyBytes(message.subject, message.subjectStart, message.subjectEnd, out, at + 4, view)
  out[at++] = SPACE
  for (let i = 0; i < sid.length; i++) out[at++] = sid[i]
  out[at++] = SPACE
  if (message.wireEnd > 0 && (headerLength === 0 || withHeaders)) {
    sink.length = copyBytes(message.body, message.wireStart, message.wireEnd, out, at, view)
    return
  }
  if (message.replyStart < message.replyEnd) {
    at = copyBytes(message.reply, message.replyStart, message.replyEnd, out, at, view)
    out[at++] = SPACE
  }
  const bodyStart = hasHeaders ? message.bodyStart : message.bodyStart + headerLength
  if (hasHeaders) {
    at = writeNumber(out, at, headerLength)
    out[at++] = SPACE
  }
  at = writeNumber(out, at, message.bodyEnd - bodyStart)
  out[at++] = CR
  out[at++] = LF
  at = copyBytes(message.body, bodyStart, message.bodyEnd, out, at, view)
  out[at++] = CR
  out[at++] = LF
  sink.length = at
}
