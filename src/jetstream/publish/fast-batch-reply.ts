import { readNumber } from '../../wire/index.ts'

const DOT = 46
const SUFFIX = Buffer.from('.$FI')

/** What a message of a fast batch is for. */
export const START = 0
export const APPEND = 1
export const COMMIT = 2
export const COMMIT_EOB = 3
export const PING = 4

/**
 * The reply subject of a message of a fast batch, taken apart in bytes:
 * `<prefix>.<id>.<flow>.<ok|fail>.<sequence>.<operation>.$FI`.
 */
export class FastBatchReply {
  buffer: Buffer = SUFFIX
  idStart = 0
  idEnd = 0
  /** How often the publisher wants to hear, in messages. */
  flow = 0
  isGapOk = false
  seq = 0
  operation = START

  /** Is it one at all? */
  static isOne(buffer: Buffer, start: number, end: number): boolean {
    if (end - start <= SUFFIX.length) return false
    for (let i = 1; i <= SUFFIX.length; i++) if (buffer[end - i] !== SUFFIX[SUFFIX.length - i]) return false
    return true
  }

  /** False when it is not well formed. */
  parse(buffer: Buffer, start: number, end: number): boolean {
    this.buffer = buffer
    let stop = end - SUFFIX.length
    let begin = before(buffer, start, stop)
    if (begin < 0) return false
    this.operation = readNumber(buffer, begin, stop)
    if (this.operation < START || this.operation > PING) return false
    stop = begin - 1
    begin = before(buffer, start, stop)
    if (begin < 0) return false
    this.seq = readNumber(buffer, begin, stop)
    if (this.seq < 1 || !this.isInOrder()) return false
    stop = begin - 1
    begin = before(buffer, start, stop)
    if (begin < 0) return false
    const mode = buffer.toString('latin1', begin, stop)
    if (mode !== 'ok' && mode !== 'fail') return false
    this.isGapOk = mode === 'ok'
    stop = begin - 1
    begin = before(buffer, start, stop)
    if (begin < 0) return false
    const flow = readNumber(buffer, begin, stop)
    this.flow = flow <= 0 ? 10 : Math.min(flow, 0xffff)
    this.idEnd = begin - 1
    this.idStart = before(buffer, start, this.idEnd)
    return this.idStart >= 0
  }

  private isInOrder(): boolean {
    if (this.operation === START) return this.seq === 1
    return (this.operation !== APPEND && this.operation !== COMMIT_EOB) || this.seq > 1
  }
}

/** Begin of the token that ends at `end`; -1 when no dot is in front of it. */
function before(buffer: Buffer, start: number, end: number): number {
  let at = end
  while (at > start && buffer[at - 1] !== DOT) at--
  return at > start ? at : -1
}
