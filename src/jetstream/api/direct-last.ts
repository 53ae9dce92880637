import { Message } from '../../core/index.ts'
import { RecordView } from '../../storage/index.ts'
import type { JetStreamAccount } from '../account/account.ts'
import type { Stream } from '../account/stream.ts'
import { DirectMessage } from './direct-message.ts'

const VERB = Buffer.from('DIRECT.GET.')
const DOT = 46
const STAR = 42
const REST = 62
const NONE = Buffer.alloc(0)

/**
 * The usual direct get, `DIRECT.GET.<stream>.<subject>` without a body, as key-value stores ask for a key: answered from bytes at once
 * where the message is in memory and nothing has to become durable first. All others go the long way (`directGet`).
 */
export class DirectLast {
  private readonly account: JetStreamAccount
  private readonly record = new RecordView()
  private readonly answer = new Message(NONE)
  private readonly encoded = new DirectMessage()
  private isBusy = false
  /** The name asked for last, as bytes and text. */
  private nameBytes = NONE
  private name = ''

  constructor(account: JetStreamAccount) {
    this.account = account
  }

  /** Answers, or returns false. `skippedTokens`: how many are in front of the verb, with `$JS`. */
  serve(message: Message, skippedTokens: number): boolean {
    if (this.isBusy || message.bodyEnd > message.bodyStart || message.replyEnd === message.replyStart)
      return false
    const { subject, subjectEnd } = message
    const verbAt = behindTokens(subject, message.subjectStart, subjectEnd, skippedTokens)
    for (let i = 0; i < VERB.length; i++) if (subject[verbAt + i] !== VERB[i]) return false
    const nameAt = verbAt + VERB.length
    const keyAt = behindTokens(subject, nameAt, subjectEnd, 1)
    if (keyAt >= subjectEnd || !isLiteral(subject, keyAt, subjectEnd)) return false
    const stream = this.streamOf(subject, nameAt, keyAt - 1)
    if (stream === undefined || !stream.config.allow_direct || !stream.host.store.isSettled) return false
    if (this.account.streams.isCopied(stream.name)) return false
    const { log } = stream
    const seq = log.lastSeqOf(subject, keyAt, subjectEnd)
    if (seq === 0 || log.read(seq, this.record, null) !== 'ok') return false
    const { answer } = this
    answer.subject = message.reply
    answer.subjectStart = message.replyStart
    answer.subjectEnd = message.replyEnd
    this.encoded.fill(answer, stream.name, this.record)
    this.isBusy = true
    try {
      this.account.account.publish(answer)
    } finally {
      this.isBusy = false
    }
    return true
  }

  private streamOf(subject: Buffer, start: number, end: number): Stream | undefined {
    const { nameBytes } = this
    if (nameBytes.length !== end - start || nameBytes.compare(subject, start, end) !== 0) {
      this.nameBytes = Buffer.from(subject.subarray(start, end))
      this.name = this.nameBytes.toString()
    }
    return this.account.streams.get(this.name)
  }
}

/** Where the token begins that has so many before it; `end` when there is none. */
function behindTokens(subject: Buffer, start: number, end: number, tokens: number): number {
  let left = tokens
  for (let i = start; i < end; i++) if (subject[i] === DOT && --left === 0) return i + 1
  return end
}

/** Is none of the tokens empty or a wildcard? */
function isLiteral(subject: Buffer, start: number, end: number): boolean {
  let tokenAt = start
  for (let i = start; i <= end; i++) {
    if (i < end && subject[i] !== DOT) continue
    if (i === tokenAt) return false
    if (i === tokenAt + 1 && (subject[tokenAt] === STAR || subject[tokenAt] === REST)) return false
    tokenAt = i + 1
  }
  return true
}
