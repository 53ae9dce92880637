import { createHash } from 'node:crypto'
import type { Account, Message, MessageHandler } from '../../core/index.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { sendNoResponders } from '../headers/status.ts'
import type { Streams } from './streams.ts'

const DOT = 46
/** `$JS.ACK.` */
const PREFIX_LENGTH = 8
/** Tokens of `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`. */
const SHORT_TOKENS = 9
const HASH_BYTES = 8
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Remembered consumers, by the bytes of stream and consumer. */
const SLOTS = 256

/** Finds the consumer that an ack is for, by the bytes of its subject. */
export class AckSubjects implements MessageHandler {
  private readonly account: Account
  private readonly streams: Streams
  private readonly consumers: (Consumer | null)[] = new Array(SLOTS).fill(null)
  private readonly keys: (Buffer | null)[] = new Array(SLOTS).fill(null)

  /** `<domain>.<hash of the account>.`, as the longer form has it. */
  private readonly place: Buffer

  constructor(account: Account, streams: Streams, domain: string) {
    this.account = account
    this.streams = streams
    this.place = Buffer.from(`${domain || '_'}.${hashOf(account.name)}.`)
  }

  onMessage(message: Message): void {
    const { subject, subjectEnd } = message
    const start = message.subjectStart + PREFIX_LENGTH
    let tokens = 2
    for (let i = start - 1; i < subjectEnd; i++) if (subject[i] === DOT) tokens++
    let at = start
    if (tokens > SHORT_TOKENS) at = this.skipPlace(subject, at, subjectEnd)
    const middle = this.skip(subject, at, subjectEnd)
    const offset = this.skip(subject, middle, subjectEnd)
    const isOurs = at > 0 && offset < subjectEnd
    const consumer = isOurs ? this.find(subject, at, middle, offset) : null
    if (consumer !== null) consumer.onAck(message, offset)
    else if (message.replyStart < message.replyEnd) this.tellNobody(message)
  }

  /** As by a server that has no subscription for it: the consumer would have one. */
  private tellNobody(message: Message): void {
    const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
    const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
    sendNoResponders(this.account, reply, subject)
  }

  /** The longer form has domain and account in front of the stream: behind them, or 0 when they are not ours. */
  private skipPlace(subject: Buffer, start: number, end: number): number {
    const behind = start + this.place.length
    return behind < end && isSame(this.place, subject, start, behind) ? behind : 0
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
    const stream = this.streams.get(subject.toString('utf8', start, middle - 1))
    const consumer = stream?.consumers.get(subject.toString('utf8', middle, offset - 1)) ?? null
    if (consumer === null) return null
    this.keys[slot] = Buffer.from(subject.subarray(start, offset))
    this.consumers[slot] = consumer
    return consumer
  }
}

/** How nats-server writes an account in subjects: eight of the bytes of its SHA-256, each as a digit. */
function hashOf(account: string): string {
  const bytes = createHash('sha256').update(account).digest().subarray(0, HASH_BYTES)
  return Array.from(bytes, (byte) => DIGITS[byte % DIGITS.length]).join('')
}

function isSame(key: Buffer, subject: Buffer, start: number, end: number): boolean {
  if (key.length !== end - start) return false
  for (let i = 0, j = start; j < end; i++, j++) if (key[i] !== subject[j]) return false
  return true
}
