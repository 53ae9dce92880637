/** The headers of a message that a stream publishes again. */
import { copyBytes, type Message, writeNumber, writePadded } from '../../wire/index.ts'

const VERSION = Buffer.from('NATS/1.0\r\n')
const SEQUENCE = Buffer.from('\r\nNats-Sequence: ')
const TIME = Buffer.from('\r\nNats-Time-Stamp: ')
const LAST_SEQUENCE = Buffer.from('\r\nNats-Last-Sequence: ')
const SIZE = Buffer.from('\r\nNats-Msg-Size: ')
const END = Buffer.from('\r\n\r\n')
const ZERO = 48
const DOT = 46
const ZULU = 90
/** Room for three numbers, a time and all names but the one that begins them. */
const LARGEST_REST = 200

/** Encodes the headers of one stream's messages. */
export class RepublishedHead {
  private readonly prefix: Buffer
  /** The same with the version in front, for messages without headers. */
  private readonly first: Buffer
  private readonly isHeadersOnly: boolean
  private second = -1
  private secondText = Buffer.alloc(0)

  constructor(stream: string, isHeadersOnly: boolean) {
    this.prefix = Buffer.from(`Nats-Stream: ${stream}\r\nNats-Subject: `)
    this.first = Buffer.concat([VERSION, this.prefix])
    this.isHeadersOnly = isHeadersOnly
  }

  /** More than the headers of a message take. */
  roomFor({ headerLength, subjectStart, subjectEnd }: Message): number {
    return (
      Math.max(headerLength, VERSION.length) + this.prefix.length + subjectEnd - subjectStart + LARGEST_REST
    )
  }

  /** Encodes at `at`, where there is room; returns the position behind. The message's own headers come first. */
  encode(
    to: Buffer,
    at: number,
    message: Message,
    seq: number,
    sec: number,
    nsec: number,
    lastSeq: number,
  ): number {
    const { body, bodyStart, bodyEnd, headerLength } = message
    let end = at
    if (headerLength > 0) end = copyBytes(body, bodyStart, bodyStart + headerLength - 2, to, at)
    const prefix = headerLength > 0 ? this.prefix : this.first
    end = copyBytes(prefix, 0, prefix.length, to, end)
    end = copyBytes(message.subject, message.subjectStart, message.subjectEnd, to, end)
    end = copyBytes(SEQUENCE, 0, SEQUENCE.length, to, end)
    end = writeNumber(to, end, seq)
    end = copyBytes(TIME, 0, TIME.length, to, end)
    end = this.time(to, end, sec, nsec)
    end = copyBytes(LAST_SEQUENCE, 0, LAST_SEQUENCE.length, to, end)
    end = writeNumber(to, end, lastSeq)
    if (this.isHeadersOnly) {
      end = copyBytes(SIZE, 0, SIZE.length, to, end)
      end = writeNumber(to, end, bodyEnd - bodyStart - headerLength)
    }
    return copyBytes(END, 0, END.length, to, end)
  }

  /** RFC 3339 in UTC, with as many digits of a second as are needed. */
  private time(to: Buffer, at: number, sec: number, nsec: number): number {
    if (sec !== this.second) {
      this.second = sec
      this.secondText = Buffer.from(new Date(sec * 1000).toISOString().slice(0, 19))
    }
    let end = copyBytes(this.secondText, 0, this.secondText.length, to, at)
    if (nsec > 0) {
      to[end] = DOT
      end = writePadded(to, end + 1, nsec, 9)
      while (to[end - 1] === ZERO) end--
    }
    to[end] = ZULU
    return end + 1
  }
}
