import type { Message, MessageHandler } from '../core/index.ts'
import type { JetStreamAccount } from './account.ts'
import type { Consumer } from './consumer/consumer.ts'
import { sendNoResponders } from './consumer/status.ts'

const DOT = 46
/** `$JS.ACK.` */
const PREFIX_LENGTH = 8
/** Tokens of `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`. */
const SHORT_TOKENS = 9
/** Remembered consumers, by the bytes of stream and consumer. */
const SLOTS = 256

/** Finds the consumer that an ack is for, by the bytes of its subject. */
export class AckSubjects implements MessageHandler {
  private readonly account: JetStreamAccount
  private readonly consumers: (Consumer | null)[] = new Array(SLOTS).fill(null)
  private readonly keys: (Buffer | null)[] = new Array(SLOTS).fill(null)

  constructor(account: JetStreamAccount) {
    this.account = account
  }

  onMessage(message: Message): void {
    const { subject, subjectEnd } = message
    const start = message.subjectStart + PREFIX_LENGTH
    let tokens = 2
    for (let i = start - 1; i < subjectEnd; i++) if (subject[i] === DOT) tokens++
    let at = start
    // The longer form has a domain and an account's hash in front of the stream.
    if (tokens > SHORT_TOKENS) at = this.skip(subject, this.skip(subject, at, subjectEnd), subjectEnd)
    const middle = this.skip(subject, at, subjectEnd)
    const offset = this.skip(subject, middle, subjectEnd)
    const consumer = offset >= subjectEnd ? null : this.find(subject, at, middle, offset)
    if (consumer !== null) consumer.onAck(message, offset)
    else if (message.replyStart < message.replyEnd) this.tellNobody(message)
  }

  /** As by a server that has no subscription for it: the consumer would have one. */
  private tellNobody(message: Message): void {
    const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
    const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
    sendNoResponders(this.account.account, reply, subject)
  }

  /** Behind the next dot. */
  private skip(subject: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && subject[at] !== DOT) at++
    return at + 1
  }

  private find(subject: Buffer, start: number, middle: number, offset: number): Consumer | null {
    let hash = 0
    for (let i = start; i < offset; i++) hash = (Math.imul(hash, 31) + subject[i]) | 0
    const slot = (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SLOTS - 1)
    const key = this.keys[slot]
    const known = this.consumers[slot]
    if (key !== null && known !== null && !known.isClosed && isSame(key, subject, start, offset)) return known
    const stream = this.account.streams.get(subject.toString('utf8', start, middle - 1))
    const consumer = stream?.consumers.get(subject.toString('utf8', middle, offset - 1)) ?? null
    if (consumer === null) return null
    this.keys[slot] = Buffer.from(subject.subarray(start, offset))
    this.consumers[slot] = consumer
    return consumer
  }
}

function isSame(key: Buffer, subject: Buffer, start: number, end: number): boolean {
  if (key.length !== end - start) return false
  for (let i = 0, j = start; j < end; i++, j++) if (key[i] !== subject[j]) return false
  return true
}
