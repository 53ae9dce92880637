import { equalBytes } from '../../wire/index.ts'

/** Headers of a publish that the stream looks at; the index is the position of its value in `PublishHeaders`. */
export const HEADER_NAMES = [
  'Nats-Msg-Id',
  'Nats-Expected-Stream',
  'Nats-Expected-Last-Sequence',
  'Nats-Expected-Last-Msg-Id',
  'Nats-Expected-Last-Subject-Sequence',
  'Nats-Expected-Last-Subject-Sequence-Subject',
  'Nats-Rollup',
  'Nats-TTL',
  'Nats-Incr',
  'Nats-Batch-Id',
  'Nats-Schedule',
  'Nats-Schedule-Next',
  'Nats-Scheduler',
  'Nats-Stream-Source',
  'Nats-Batch-Sequence',
  'Nats-Batch-Commit',
  'Nats-Required-Api-Level',
] as const

export const MSG_ID = 0
export const EXPECTED_STREAM = 1
export const EXPECTED_LAST_SEQ = 2
export const EXPECTED_LAST_MSG_ID = 3
export const EXPECTED_LAST_SUBJECT_SEQ = 4
export const EXPECTED_LAST_SUBJECT_SEQ_SUBJECT = 5
export const ROLLUP = 6
export const TTL = 7
export const INCR = 8
export const BATCH_ID = 9
export const SCHEDULE = 10
export const SCHEDULE_NEXT = 11
export const SCHEDULER = 12
export const STREAM_SOURCE = 13
export const BATCH_SEQUENCE = 14
export const BATCH_COMMIT = 15
export const REQUIRED_API_LEVEL = 16

const NAMES = HEADER_NAMES.map((name) => Buffer.from(name))
const CR = 13
const LF = 10
const COLON = 58
const SPACE = 32
const N = 78
const MINUS = 45

/** Where the values of the headers above are in a message. Names match exactly; the first of a name counts. */
export class PublishHeaders {
  buffer: Buffer = Buffer.alloc(0)
  private readonly starts = new Int32Array(NAMES.length)
  private readonly ends = new Int32Array(NAMES.length)
  /** One bit for each header that is there and not empty. */
  found = 0

  /** Takes in the headers `[start, end)`; what was there before is forgotten. */
  parse(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer
    this.found = 0
    let at = start
    while (at < end) {
      let stop = at
      while (stop < end && buffer[stop] !== CR && buffer[stop] !== LF) stop++
      if (buffer[at] === N && at > start && buffer[at + 4] === MINUS) this.line(at, stop)
      at = stop + 1
      if (at < end && buffer[at] === LF) at++
    }
  }

  has(header: number): boolean {
    return (this.found & (1 << header)) !== 0
  }

  /** From now on it is as if the header was not there. */
  forget(header: number): void {
    this.found &= ~(1 << header)
  }

  start(header: number): number {
    return this.starts[header]
  }

  end(header: number): number {
    return this.ends[header]
  }

  text(header: number): string {
    return this.has(header) ? this.buffer.toString('utf8', this.starts[header], this.ends[header]) : ''
  }

  /** The value as a number; -1 when it is none. */
  number(header: number): number {
    let value = 0
    for (let i = this.starts[header]; i < this.ends[header]; i++) {
      const digit = this.buffer[i] - 48
      if (digit < 0 || digit > 9) return -1
      value = value * 10 + digit
    }
    return value
  }

  equals(header: number, bytes: Buffer): boolean {
    return equalBytes(this.buffer, this.starts[header], this.ends[header], bytes, 0, bytes.length)
  }

  private line(start: number, end: number): void {
    let colon = start
    while (colon < end && this.buffer[colon] !== COLON) colon++
    if (colon === end) return
    const length = colon - start
    for (let i = 0; i < NAMES.length; i++) {
      const name = NAMES[i]
      if (name.length !== length || !equalBytes(this.buffer, start, colon, name, 0, length)) continue
      if (this.has(i)) return
      let value = colon + 1
      while (value < end && this.buffer[value] === SPACE) value++
      if (value === end) return
      this.starts[i] = value
      this.ends[i] = end
      this.found |= 1 << i
      return
    }
  }
}
