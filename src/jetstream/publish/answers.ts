import type { Message } from '../../core/index.ts'
import type { ApiError } from '../config/errors.ts'
import { encodeJson } from '../config/json/encode.ts'
import type { StreamConfig } from '../config/types.ts'
import type { StreamLog } from '../stream/stream-log.ts'
import { type PubAcks, pubAckError, pubAckPrefix } from './pub-acks.ts'

/** What the publishers of a stream are told, where they want an answer. */
export class Answers {
  private readonly stream: StreamLog
  private readonly acks: PubAcks
  private readonly prefix: Buffer
  private isSilent = false
  private acksAtOnce = false
  /** The last refusal and its text: a flood is refused for one reason. */
  private lastRefusal: ApiError | null = null
  private refusalText = ''
  /** Told of each refusal, while a message is traced. */
  onRefusal: ((error: ApiError) => void) | null = null

  constructor(stream: StreamLog, acks: PubAcks) {
    this.stream = stream
    this.acks = acks
    this.prefix = pubAckPrefix(stream.name, stream.host.domain)
  }

  configure(config: StreamConfig): void {
    this.isSilent = config.no_ack === true
    this.acksAtOnce = this.stream.log.inMemory || config.persist_mode === 'async'
  }

  /** What is wrong. */
  refuse(message: Message, error: ApiError): void {
    this.onRefusal?.(error)
    if (message.replyStart === message.replyEnd || this.isSilent) return
    if (error !== this.lastRefusal) {
      this.lastRefusal = error
      this.refusalText = pubAckError(this.stream.name, error)
    }
    this.answer(message, this.refusalText)
  }

  answer(message: Message, text: string): void {
    if (message.replyStart === message.replyEnd || this.isSilent) return
    this.stream.account.publishText(replyOf(message), text)
  }

  /** The same once all that was stored so far is durable. */
  answerWhenDurable(message: Message, text: string): void {
    if (message.replyStart === message.replyEnd || this.isSilent) return
    const { account, host } = this.stream
    const reply = replyOf(message)
    if (this.acksAtOnce) account.publishText(reply, text)
    else host.store.barrier(() => account.publishText(reply, text))
  }

  /** A PubAck with further fields. */
  ackText(seq: number, fields: object): string {
    return `${this.prefix.toString()}${seq},${encodeJson(fields).slice(1)}`
  }

  /** Sends the PubAck once the message is durable. `counted`: with the value that a counter has come to, which is its payload. */
  acknowledge(message: Message, seq: number, isDuplicate: boolean, counted: Message | null = null): void {
    if (message.replyStart === message.replyEnd || this.isSilent) return
    const { store } = this.stream.host
    if (this.acksAtOnce || (isDuplicate && (seq <= this.stream.log.committedSeq || store.isIdle))) {
      this.acks.send(message, this.prefix, seq, isDuplicate, counted)
    } else this.acks.add(message, this.prefix, seq, isDuplicate, counted, store.lastBatch)
  }
}

function replyOf(message: Message): string {
  return message.reply.toString('utf8', message.replyStart, message.replyEnd)
}
