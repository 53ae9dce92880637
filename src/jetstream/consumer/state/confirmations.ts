import { type Account, Message } from '../../../core/index.ts'

const SMALLEST_BYTES = 1024
const LENGTH_BYTES = 2
const NONE = Buffer.alloc(0)

/**
 * Reply subjects of acks that asked for a confirmation, in order, in one buffer. They are answered with an empty message
 * once the batch their ack is in is durable.
 */
export class Confirmations {
  private readonly account: Account
  private arena = NONE
  private start = 0
  private end = 0
  /** Confirmations since the last `seal`. */
  count = 0
  private readonly sealed: number[] = []
  private readonly message = new Message(Buffer.alloc(0))

  constructor(account: Account) {
    this.account = account
  }

  add(buffer: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.end + LENGTH_BYTES + length > this.arena.length) this.makeRoom(LENGTH_BYTES + length)
    this.arena.writeUInt16LE(length, this.end)
    buffer.copy(this.arena, this.end + LENGTH_BYTES, start, end)
    this.end += LENGTH_BYTES + length
    this.count++
  }

  /** What was added so far belongs to the batch that the next `release` stands for. */
  seal(): void {
    this.sealed.push(this.count)
    this.count = 0
  }

  /** Answers the oldest sealed group. */
  release(): void {
    const message = this.message
    for (let left = this.sealed.shift() ?? 0; left > 0; left--) {
      const length = this.arena.readUInt16LE(this.start)
      message.subject = this.arena
      message.subjectStart = this.start + LENGTH_BYTES
      message.subjectEnd = message.subjectStart + length
      this.start = message.subjectEnd
      this.account.publish(message)
    }
    if (this.start === this.end) {
      this.start = 0
      this.end = 0
    }
  }

  private makeRoom(bytes: number): void {
    const used = this.end - this.start
    const isHalfFree = used + bytes <= this.arena.length / 2
    const wanted = Math.max(this.arena.length * 2, used + bytes, SMALLEST_BYTES)
    const target = isHalfFree ? this.arena : Buffer.allocUnsafe(wanted)
    this.arena.copy(target, 0, this.start, this.end)
    this.arena = target
    this.start = 0
    this.end = used
  }
}
