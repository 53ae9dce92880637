import { writeNumber, writePadded } from '../../../wire/ascii.ts'

const DOT = 46
/** Room for five numbers of at most 20 digits and their dots. */
const NUMBERS_BYTES = 5 * 21

/**
 * Writes the reply subject of a delivered message,
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<timestamp ns>.<pending>`, into one buffer
 * that is used again for the next message.
 */
export class AckSubject {
  readonly buffer: Buffer
  private readonly prefixEnd: number
  private lastSec = -1
  private readonly secDigits = Buffer.alloc(20)
  private secLength = 0

  constructor(stream: string, consumer: string) {
    const prefix = Buffer.from(`$JS.ACK.${stream}.${consumer}.`, 'utf8')
    this.buffer = Buffer.alloc(prefix.length + NUMBERS_BYTES)
    prefix.copy(this.buffer)
    this.prefixEnd = prefix.length
  }

  /** Fills the buffer from 0; returns the end. */
  write(
    deliveries: number,
    streamSeq: number,
    consumerSeq: number,
    sec: number,
    nsec: number,
    pending: number,
  ): number {
    const buffer = this.buffer
    let at = writeNumber(buffer, this.prefixEnd, deliveries)
    buffer[at++] = DOT
    at = writeNumber(buffer, at, streamSeq)
    buffer[at++] = DOT
    at = writeNumber(buffer, at, consumerSeq)
    buffer[at++] = DOT
    if (sec !== this.lastSec) {
      this.lastSec = sec
      this.secLength = writeNumber(this.secDigits, 0, sec)
    }
    for (let i = 0; i < this.secLength; i++) buffer[at++] = this.secDigits[i]
    at = writePadded(buffer, at, nsec, 9)
    buffer[at++] = DOT
    return writeNumber(buffer, at, pending)
  }
}
