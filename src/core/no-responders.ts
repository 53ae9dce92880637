import type { Message } from '../wire/index.ts'
import { copyBytes, writeNumber } from '../wire/index.ts'
import type { Output } from './output.ts'
import type { Subscription } from './subscription.ts'

const HEAD = Buffer.from('HMSG ')
const STATUS = Buffer.from('NATS/1.0 503\r\nNats-Subject: ')
const END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')
const SPACE = Buffer.from(' ')

/** Tells the requester, on its own subscription to the reply subject, that nobody listens (503, ADR-22). */
export function sendNoResponders(request: Message, subscription: Subscription, output: Output): void {
  const { subject, subjectStart, subjectEnd, reply, replyStart, replyEnd } = request
  const { sid } = subscription
  const size = STATUS.length + subjectEnd - subjectStart + END.length
  output.reserve(size + replyEnd - replyStart + sid.length + 64)
  const { buffer } = output
  let at = output.length
  const add = (bytes: Buffer, start = 0, end = bytes.length): void => {
    at = copyBytes(bytes, start, end, buffer, at)
  }
  add(HEAD)
  add(reply, replyStart, replyEnd)
  add(SPACE)
  add(sid)
  add(SPACE)
  at = writeNumber(buffer, at, size)
  add(SPACE)
  at = writeNumber(buffer, at, size)
  add(LINE_END)
  add(STATUS)
  add(subject, subjectStart, subjectEnd)
  add(END)
  add(LINE_END)
  output.length = at
}
