import { type Account, Message, type Target } from '../../core/index.ts'

/** Names of headers in status messages (ADR-13, ADR-15). */
export const PENDING_MESSAGES = 'Nats-Pending-Messages'
export const PENDING_BYTES = 'Nats-Pending-Bytes'
export const LAST_CONSUMER = 'Nats-Last-Consumer'
export const LAST_STREAM = 'Nats-Last-Stream'
export const CONSUMER_STALLED = 'Nats-Consumer-Stalled'

const EMPTY = Buffer.alloc(0)

/** Header block of a status, for example `NATS/1.0 404 No Messages`. */
export function statusHeader(status: string, fields: readonly [string, string | number][] = []): string {
  let text = `NATS/1.0 ${status}\r\n`
  for (const [name, value] of fields) text += `${name}: ${value}\r\n`
  return `${text}\r\n`
}

/** Sends a message that has nothing but headers to a consumer's client. Rare, so it may make objects. */
export function sendStatus(target: Target, header: string, reply = ''): void {
  const message = new Message(EMPTY)
  message.subject = Buffer.from(target.subject, 'utf8')
  message.subjectEnd = message.subject.length
  message.body = Buffer.from(header, 'utf8')
  message.headerLength = message.body.length
  message.bodyEnd = message.body.length
  if (reply !== '') {
    message.reply = Buffer.from(reply, 'utf8')
    message.replyEnd = message.reply.length
  }
  target.deliver(message)
}

/** Tells a client that nobody answers requests on `subject`, as core does where nobody listens (ADR-22). */
export function sendNoResponders(account: Account, reply: string, subject: string): void {
  sendStatus(account.target(reply), statusHeader('503', [['Nats-Subject', subject]]))
}
