import { type Account, Message } from '../../core/index.ts'
import { copyBytes, digitCount, viewOf, writeNumber } from '../../wire/index.ts'
import { encodeJson } from '../config/json/encode.ts'

const FIRST_BYTES = 4096
/** Lengths of reply subject (16 bits) and body (24) before each ack. */
const LENGTHS = 5
const MAX_REPLY_BYTES = 0xffff
const DUPLICATE = Buffer.from(',"duplicate": true}')
const CLOSE = 125
const COMMA = 44
const MAX_BATCHES = 1024

/** The beginning of every PubAck of a stream, up to the sequence. */
export function pubAckPrefix(stream: string, domain: string): Buffer {
  const place = domain === '' ? '' : `,"domain":${JSON.stringify(domain)}`
  return Buffer.from(`{"stream":${JSON.stringify(stream)}${place},"seq":`)
}

/** A PubAck that is an error. */
export function pubAckError(stream: string, error: { toJSON(): object }): string {
  return encodeJson({ error: error.toJSON(), stream, seq: 0 })
}

/**
 * The PubAcks of one account that wait for their batch to be durable: reply subject and body of each, one behind the
 * other in one buffer, encoded when the message is stored and sent when the batch is committed.
 */
export class PubAcks {
  private readonly account: Account
  private arena = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private view = viewOf(this.arena)
  private start = 0
  private end = 0
  /** For each batch that has acks, oldest first: its number, and where its acks end, counted from the beginning. */
  private readonly batches = new Float64Array(MAX_BATCHES)
  private readonly ends = new Float64Array(MAX_BATCHES)
  private batchCount = 0
  /** Bytes given back so far: what `ends` counts from. */
  private released = 0
  private isSending = false
  private readonly message = new Message(Buffer.alloc(0))
  private readonly single = new Message(Buffer.alloc(0))

  constructor(account: Account) {
    this.account = account
  }

  /**
   * Queues an ack until `batch` is committed. Batches come in order. `counted`: a message whose payload is a JSON object that the ack
   * has the fields of, or null.
   */
  add(
    message: Message,
    prefix: Buffer,
    seq: number,
    isDuplicate: boolean,
    counted: Message | null,
    batch: number,
  ): void {
    const replyLength = message.replyEnd - message.replyStart
    if (replyLength > MAX_REPLY_BYTES) return
    const bodyLength = prefix.length + digitCount(seq) + endLength(isDuplicate, counted)
    const bytes = LENGTHS + replyLength + bodyLength
    if (this.end + bytes > this.arena.length) this.makeRoom(bytes)
    const arena = this.arena
    let at = this.end
    arena[at++] = replyLength & 255
    arena[at++] = replyLength >> 8
    arena[at++] = bodyLength & 255
    arena[at++] = bodyLength >> 8
    arena[at++] = bodyLength >> 16
    at = copyBytes(message.reply, message.replyStart, message.replyEnd, arena, at, this.view)
    this.end = encodeAck(arena, at, prefix, seq, isDuplicate, counted)
    this.mark(batch)
  }

  /** Sends an ack at once. */
  send(message: Message, prefix: Buffer, seq: number, isDuplicate: boolean, counted: Message | null): void {
    const bytes = prefix.length + 17 + endLength(isDuplicate, counted)
    if (this.end + bytes > this.arena.length) this.makeRoom(bytes)
    const ack = this.single
    ack.subject = message.reply
    ack.subjectStart = message.replyStart
    ack.subjectEnd = message.replyEnd
    ack.body = this.arena
    ack.bodyStart = this.end
    ack.bodyEnd = encodeAck(this.arena, this.end, prefix, seq, isDuplicate, counted)
    this.account.publish(ack)
  }

  /** Sends the acks of all batches up to this one. */
  release(batch: number): void {
    let sent = 0
    while (sent < this.batchCount && this.batches[sent] <= batch) sent++
    if (sent === 0) return
    const arena = this.arena
    const ack = this.message
    let at = this.start
    const stop = at + (this.ends[sent - 1] - this.released)
    this.start = stop
    this.released = this.ends[sent - 1]
    this.batchCount -= sent
    this.batches.copyWithin(0, sent, sent + this.batchCount)
    this.ends.copyWithin(0, sent, sent + this.batchCount)
    // A delivery may store a message and queue another ack: the arena stays as it is until all is sent.
    this.isSending = true
    while (at < stop) {
      const replyLength = arena[at] | (arena[at + 1] << 8)
      const bodyLength = arena[at + 2] | (arena[at + 3] << 8) | (arena[at + 4] << 16)
      ack.subject = arena
      ack.subjectStart = at + LENGTHS
      ack.subjectEnd = ack.subjectStart + replyLength
      ack.body = arena
      ack.bodyStart = ack.subjectEnd
      ack.bodyEnd = ack.bodyStart + bodyLength
      at = ack.bodyEnd
      this.account.publish(ack)
    }
    this.isSending = false
    if (this.start === this.end) {
      this.start = 0
      this.end = 0
    }
  }

  private mark(batch: number): void {
    const total = this.released + (this.end - this.start)
    const last = this.batchCount - 1
    if (last >= 0 && (this.batches[last] === batch || this.batchCount === MAX_BATCHES)) {
      this.batches[last] = batch
      this.ends[last] = total
      return
    }
    this.batches[this.batchCount] = batch
    this.ends[this.batchCount++] = total
  }

  private makeRoom(bytes: number): void {
    const used = this.end - this.start
    const isHalfFree = !this.isSending && used + bytes <= this.arena.length / 2
    const target = isHalfFree
      ? this.arena
      : Buffer.allocUnsafeSlow(Math.max(this.arena.length * 2, (used + bytes) * 2))
    this.arena.copy(target, 0, this.start, this.end)
    if (target !== this.arena) this.view = viewOf(target)
    this.arena = target
    this.start = 0
    this.end = used
  }
}

/** Bytes of an ack behind the sequence. */
function endLength(isDuplicate: boolean, counted: Message | null): number {
  if (isDuplicate) return DUPLICATE.length
  return counted === null ? 1 : counted.bodyEnd - counted.bodyStart - counted.headerLength
}

function encodeAck(
  buffer: Buffer,
  start: number,
  prefix: Buffer,
  seq: number,
  isDuplicate: boolean,
  counted: Message | null,
): number {
  // Without a view: it would take the place of the one of the chunk that messages are copied from.
  let at = copyBytes(prefix, 0, prefix.length, buffer, start)
  at = writeNumber(buffer, at, seq)
  if (isDuplicate) return copyBytes(DUPLICATE, 0, DUPLICATE.length, buffer, at)
  if (counted !== null) {
    buffer[at] = COMMA
    const payload = counted.bodyStart + counted.headerLength
    return copyBytes(counted.body, payload + 1, counted.bodyEnd, buffer, at + 1)
  }
  buffer[at] = CLOSE
  return at + 1
}
