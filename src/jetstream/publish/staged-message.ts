import { Message } from '../../core/index.ts'

/** A copy of the message without its reply subject; `removed`: a header line that the copy lacks. */
export function copyMessage(message: Message, removed: [start: number, end: number] | null = null): Message {
  const copy = new Message(Buffer.from(message.subject.subarray(message.subjectStart, message.subjectEnd)))
  copy.subjectEnd = copy.subject.length
  copy.replyEnd = 0
  const { body, bodyStart, bodyEnd } = message
  if (removed === null) {
    copy.body = Buffer.from(body.subarray(bodyStart, bodyEnd))
    copy.headerLength = message.headerLength
  } else {
    const [start, end] = removed
    copy.body = Buffer.concat([body.subarray(bodyStart, start), body.subarray(end, bodyEnd)])
    copy.headerLength = message.headerLength - (end - start)
  }
  copy.bodyEnd = copy.body.length
  return copy
}

/** Adds a line to the headers of a copied message. */
export function addHeader(message: Message, line: string): void {
  // The headers end with an empty line, in front of which it goes.
  const at = message.headerLength - 2
  const added = Buffer.from(`${line}\r\n`)
  message.body = Buffer.concat([message.body.subarray(0, at), added, message.body.subarray(at)])
  message.headerLength += added.length
  message.bodyEnd = message.body.length
}

/** The whole line of a header whose value is `[start, end)`. */
export function lineOf(buffer: Buffer, start: number, end: number): [start: number, end: number] {
  let begin = start
  while (begin > 0 && buffer[begin - 1] !== 10) begin--
  return [begin, end + 2]
}
