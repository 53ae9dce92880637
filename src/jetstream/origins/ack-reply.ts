import { equalBytes, readNumber } from '../../wire/index.ts'

const DOT = 46
/** Tokens of `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`. */
const SHORT_TOKENS = 9
/** With domain and account in front of the stream, and maybe one more behind. */
const LONG_TOKENS = 11
const NS_DIGITS = 9
const PREFIX = Buffer.from('$JS.ACK.')

/** Reads the reply subject of a delivered message, by its bytes. One instance is used again and again. */
export class AckReply {
  deliveries = 0
  streamSeq = 0
  consumerSeq = 0
  sec = 0
  nsec = 0
  pending = 0
  private readonly starts = new Int32Array(LONG_TOKENS + 2)
  private buffer: Buffer = Buffer.alloc(0)

  /** False: it is none, or of another consumer. */
  read(buffer: Buffer, start: number, end: number, consumer: Buffer): boolean {
    if (
      end - start < PREFIX.length ||
      !equalBytes(buffer, start, start + PREFIX.length, PREFIX, 0, PREFIX.length)
    )
      return false
    const { starts } = this
    let tokens = 1
    starts[0] = start
    for (let i = start; i < end && tokens < starts.length - 1; i++)
      if (buffer[i] === DOT) starts[tokens++] = i + 1
    starts[tokens] = end + 1
    if (tokens !== SHORT_TOKENS && tokens < LONG_TOKENS) return false
    this.buffer = buffer
    const at = tokens === SHORT_TOKENS ? 3 : 5
    const name = starts[at]
    if (!equalBytes(buffer, name, starts[at + 1] - 1, consumer, 0, consumer.length)) return false
    this.deliveries = this.number(at + 1)
    this.streamSeq = this.number(at + 2)
    this.consumerSeq = this.number(at + 3)
    const time = starts[at + 4]
    const fraction = starts[at + 5] - 1 - NS_DIGITS
    this.sec = fraction > time ? readNumber(buffer, time, fraction) : 0
    this.nsec = fraction > time ? readNumber(buffer, fraction, starts[at + 5] - 1) : 0
    this.pending = this.number(at + 5)
    return this.streamSeq > 0 && this.consumerSeq > 0 && this.sec >= 0 && this.nsec >= 0
  }

  private number(token: number): number {
    return readNumber(this.buffer, this.starts[token], this.starts[token + 1] - 1)
  }
}
