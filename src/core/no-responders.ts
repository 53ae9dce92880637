import { Message } from '../wire/message.ts'

/** The 503 status for a request on whose subject nobody listens (ADR-22). */
export function noRespondersStatus(request: Message): Message {
  const subject = request.subject.toString('latin1', request.subjectStart, request.subjectEnd)
  const status = new Message(Buffer.from(request.reply.subarray(request.replyStart, request.replyEnd)))
  status.subjectEnd = status.subject.length
  status.body = Buffer.from(`NATS/1.0 503\r\nNats-Subject: ${subject}\r\n\r\n`, 'latin1')
  status.headerLength = status.body.length
  status.bodyEnd = status.body.length
  return status
}
