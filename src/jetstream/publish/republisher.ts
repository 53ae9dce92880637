import type { Account, TurnTask } from '../../core/index.ts'
import type { MessageLog } from '../../storage/index.ts'
import { isPublishableBytes, SubjectBuffer, SubjectTransform } from '../../subjects/index.ts'
import { copyBytes, Message, viewOf } from '../../wire/index.ts'
import type { Republish } from '../config/types.ts'
import type { StoredStream } from '../stream/stored-stream.ts'
import { RepublishedHead } from './republished-head.ts'

const FIRST_BYTES = 4096
/** An arena this large is given back when it is empty. */
const LARGE_BYTES = 1024 * 1024
/** Before each message: lengths of its subject, its headers and its payload, and its sequence (a double). */
const HEAD_BYTES = 20

/**
 * Copies of what a stream stores for other subjects (`republish`): encoded when a message is stored, since it may be gone when it is
 * durable, and published then. Nothing is made of a message that nobody listens for.
 */
export class Republisher implements TurnTask {
  /** Owned by the Turn. */
  deferred = false
  private readonly account: Account
  private readonly log: MessageLog
  private readonly stream: StoredStream
  /** null: nothing is published again any more. */
  private transform: SubjectTransform | null = null
  private head: RepublishedHead
  private isHeadersOnly = false
  private readonly subject = new SubjectBuffer()
  private readonly message = new Message(Buffer.alloc(0))
  private arena: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private view = viewOf(this.arena)
  private start = 0
  private end = 0
  private isWanted = false
  private lastSeq = 0
  private isSending = false
  private hasWarned = false

  constructor(stream: StoredStream) {
    this.account = stream.account
    this.log = stream.log
    this.stream = stream
    this.head = new RepublishedHead(stream.name, false)
  }

  /** Takes over a checked configuration. What was stored before goes where it was to go. */
  configure(wanted: Republish | undefined): void {
    this.transform = wanted === undefined ? null : SubjectTransform.compile(wanted.src ?? '', wanted.dest)
    this.isHeadersOnly = wanted?.headers_only === true
    this.head = new RepublishedHead(this.stream.name, this.isHeadersOnly)
    this.hasWarned = false
  }

  get isEmpty(): boolean {
    return this.start === this.end
  }

  /** A message is about to be stored: does anybody listen where it would go, and what is before it on its subject? */
  beforeStored({ subject, subjectStart, subjectEnd }: Message): void {
    if (this.transform === null) return
    const to = this.subject
    const length = this.transform.apply(subject, subjectStart, subjectEnd, to)
    this.isWanted = length > 0 && this.isValid(length) && this.account.isAwaited(to.bytes, 0, length)
    if (this.isWanted) this.lastSeq = this.stream.lastSeqOf(subject, subjectStart, subjectEnd)
  }

  /** It was stored. Its buffers are others' after the call. */
  stored(message: Message, seq: number, sec: number, nsec: number): void {
    if (!this.isWanted) return
    this.isWanted = false
    const { subject, head } = this
    const payload = message.bodyStart + message.headerLength
    const payloadLength = this.isHeadersOnly ? 0 : message.bodyEnd - payload
    this.makeRoom(HEAD_BYTES + subject.length + head.roomFor(message) + payloadLength)
    const { arena, view } = this
    const subjectEnd = copyBytes(subject.bytes, 0, subject.length, arena, this.end + HEAD_BYTES)
    const headEnd = head.encode(arena, subjectEnd, message, seq, sec, nsec, this.lastSeq)
    view.setUint32(this.end, subject.length)
    view.setUint32(this.end + 4, headEnd - subjectEnd)
    view.setUint32(this.end + 8, payloadLength)
    view.setFloat64(this.end + 12, seq)
    this.end = copyBytes(message.body, payload, payload + payloadLength, arena, headEnd, view)
  }

  /** Publishes what is durable. What that brings to be published again, by this stream or another, comes later. */
  committed(): void {
    if (this.isEmpty) return
    const { host } = this.stream
    if (host.isRepublishing) {
      host.bus.turn.deferWork(this)
      return
    }
    const { arena, view } = this
    let at = this.start
    const stop = this.endOfCommitted()
    // What is stored meanwhile may move what is left; the arena of these stays as it is.
    this.start = stop
    this.isSending = true
    host.isRepublishing = true
    try {
      while (at < stop) at = this.send(arena, view, at)
    } finally {
      this.isSending = false
      host.isRepublishing = false
    }
    if (this.isEmpty) this.clear()
  }

  run(): void {
    this.committed()
  }

  private endOfCommitted(): number {
    const { view, end } = this
    const { committedSeq } = this.log
    let at = this.start
    while (at < end && view.getFloat64(at + 12) <= committedSeq) at = endOf(view, at)
    return at
  }

  /** Publishes the message at `at`; returns where it ends. */
  private send(arena: Buffer, view: DataView, at: number): number {
    const { message } = this
    message.subject = arena
    message.subjectStart = at + HEAD_BYTES
    message.subjectEnd = message.subjectStart + view.getUint32(at)
    message.body = arena
    message.bodyStart = message.subjectEnd
    message.headerLength = view.getUint32(at + 4)
    message.bodyEnd = endOf(view, at)
    const end = message.bodyEnd
    this.account.publish(message)
    return end
  }

  private clear(): void {
    this.start = 0
    this.end = 0
    if (this.arena.length >= LARGE_BYTES) this.use(Buffer.allocUnsafeSlow(FIRST_BYTES))
  }

  /** A mapping may leave tokens empty. */
  private isValid(length: number): boolean {
    if (isPublishableBytes(this.subject.bytes, 0, length)) return true
    if (!this.hasWarned) {
      this.hasWarned = true
      const subject = JSON.stringify(this.subject.toString())
      this.account.bus.log(
        'warn',
        `stream ${this.stream.name} does not republish to ${subject}, which is no valid subject`,
      )
    }
    return false
  }

  private use(arena: Buffer): void {
    this.arena = arena
    this.view = viewOf(arena)
  }

  private makeRoom(bytes: number): void {
    if (this.end + bytes <= this.arena.length) return
    const used = this.end - this.start
    // What is being sent stays where it is.
    const target =
      !this.isSending && used + bytes <= this.arena.length / 2
        ? this.arena
        : Buffer.allocUnsafeSlow(Math.max(this.arena.length * 2, (used + bytes) * 2))
    this.arena.copy(target, 0, this.start, this.end)
    if (target !== this.arena) this.use(target)
    this.start = 0
    this.end = used
  }
}

function endOf(view: DataView, at: number): number {
  return at + HEAD_BYTES + view.getUint32(at) + view.getUint32(at + 4) + view.getUint32(at + 8)
}
