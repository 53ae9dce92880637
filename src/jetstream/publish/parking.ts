import { Message } from '../../core/index.ts'
import { Slices } from '../stream/slices.ts'

/** Bounds of what waits on one stream. */
export interface ParkingLimits {
  messages: number
  bytes: number
}

/** As nats-server has them for what a stream has not looked at yet. */
export const PARKING_LIMITS: ParkingLimits = { messages: 100_000, bytes: 128 * 1024 * 1024 }

/** So many messages, or bytes, are taken between two looks at the clock. */
const MESSAGES_A_LOOK = 128
const BYTES_A_LOOK = 1024 * 1024

/**
 * The messages of one stream that wait because one of them needs something from the disk first, such as the last value of a counter. They
 * keep their order; messages of other streams go on. Nothing is made for a message while none waits.
 */
export class Parking {
  private readonly take: (message: Message) => void
  /** What is thrown while they are taken. */
  private readonly onFault: (error: unknown) => void
  private readonly limits: ParkingLimits
  private waiting: Message[] = []
  /** The first that waits; what is before it is taken. */
  private first = 0
  private bytes = 0
  private isReading = false
  private isClosed = false

  /** `take` gets each message when it has its turn; it may hold it again. */
  constructor(
    take: (message: Message) => void,
    onFault: (error: unknown) => void,
    limits: ParkingLimits = PARKING_LIMITS,
  ) {
    this.limits = limits
    this.take = take
    this.onFault = onFault
  }

  /** Must a message wait for its turn? */
  get isOccupied(): boolean {
    return this.isReading || this.size > 0
  }

  /** Is one held that was being taken? */
  get isHolding(): boolean {
    return this.isReading
  }

  /** Messages that wait. */
  get size(): number {
    return this.waiting.length - this.first
  }

  /** Puts a message at the end, as a copy. False when there is no room. */
  add(message: Message): boolean {
    const bytes = sizeOf(message)
    if (this.size >= this.limits.messages || this.bytes + bytes > this.limits.bytes) return false
    this.waiting.push(copyOf(message))
    this.bytes += bytes
    return true
  }

  /**
   * The message that is being taken can't go on before `reading` is done: it is taken again then, from the beginning, and after it those
   * that came meanwhile. Also when `reading` fails; whoever takes the message finds out.
   */
  hold(message: Message, reading: Promise<unknown>): void {
    const copy = copyOf(message)
    this.isReading = true
    const goOn = (): undefined | Promise<void> => {
      this.isReading = false
      if (this.isClosed) return
      this.tryTake(copy)
      return this.run()
    }
    reading.then(goOn, goOn).catch(this.onFault)
  }

  /** Forgets what waits: the stream is closed. */
  close(): void {
    this.isClosed = true
    this.waiting = []
    this.first = 0
    this.bytes = 0
  }

  /** Takes what waits until one has to read, in slices: they may be many. */
  private async run(): Promise<void> {
    const slices = new Slices()
    let looked = 0
    let lookedBytes = 0
    while (!this.isReading && this.size > 0) {
      const message = this.next()
      looked++
      lookedBytes += sizeOf(message)
      this.tryTake(message)
      if (looked < MESSAGES_A_LOOK && lookedBytes < BYTES_A_LOOK) continue
      looked = 0
      lookedBytes = 0
      if (slices.isOver) await slices.next()
    }
  }

  private next(): Message {
    const message = this.waiting[this.first++]
    this.bytes -= sizeOf(message)
    if (this.first === this.waiting.length) {
      this.waiting = []
      this.first = 0
    }
    return message
  }

  /** One that throws does not keep those behind it. */
  private tryTake(message: Message): void {
    try {
      this.take(message)
    } catch (error) {
      this.onFault(error)
    }
  }
}

function sizeOf(message: Message): number {
  const { subjectStart, subjectEnd, replyStart, replyEnd, bodyStart, bodyEnd } = message
  return subjectEnd - subjectStart + replyEnd - replyStart + bodyEnd - bodyStart
}

/** The message with its reply subject, in buffers of its own. */
function copyOf(message: Message): Message {
  const { subject, subjectStart, subjectEnd, reply, replyStart, replyEnd, body, bodyStart, bodyEnd } = message
  const copy = new Message(Buffer.from(subject.subarray(subjectStart, subjectEnd)))
  copy.subjectEnd = copy.subject.length
  copy.reply = Buffer.from(reply.subarray(replyStart, replyEnd))
  copy.replyEnd = copy.reply.length
  copy.body = Buffer.from(body.subarray(bodyStart, bodyEnd))
  copy.headerLength = message.headerLength
  copy.bodyEnd = copy.body.length
  copy.traced = message.traced
  return copy
}
