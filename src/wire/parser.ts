/**
 * Bytes to operations: the client's half of NATS protocol 1. One parser per connection. Operations are
 * reported as offsets into the chunk; only what a chunk cuts in two is copied.
 */
import { readSize } from './ascii.ts'
import {
  badArguments,
  badInfo,
  clientError,
  controlLineTooLong,
  headersNotSupported,
  type ProtocolFailure,
  tooMuchHeld,
  unknownOperation,
} from './failures.ts'
import { Message } from './message.ts'
import { givePayloadBuffer, takePayloadBuffer } from './payload-buffers.ts'
import * as verbs from './verbs.ts'

const CR = 13
const LF = 10
const SPACE = 32
const TAB = 9
const EMPTY = Buffer.alloc(0)
/** Arguments of a line that are noted: one more than any verb takes. */
const MAX_ARGUMENTS = 5
/** Room for a verb and its space beside the arguments, which the limit is for. */
const VERB_ROOM = 16
/** Beside an operation of the largest size, what may have been read before the feeding stopped. */
const HELD_ROOM = 256 * 1024

/** What a parser reports. All calls happen within `parse`; buffers are only valid during the call. */
export interface Operations {
  /** Bytes a payload (with headers) may have, and the arguments of a control line. */
  readonly maxPayloadBytes: number
  readonly maxControlLineBytes: number
  /** False until CONNECT was seen on a server that asks for credentials: nothing else is accepted. */
  readonly mayOperate: boolean
  /** Did the client ask for headers? */
  readonly acceptsHeaders: boolean
  onConnect(json: string): void
  onPublish(message: Message): void
  /** The same for HPUB. */
  onPublishWithHeaders(message: Message): void
  onSubscribe(subject: string, queue: string, sid: string): void
  /** `max` is -1 when none (or an unreadable one) was given. */
  onUnsubscribe(sid: string, max: number): void
  onPing(): void
  onPong(): void
  /**
   * The payload of `size` bytes is larger than allowed; the connection is to be closed. `message` has the subject, and of the headers
   * what has come already.
   */
  onPayloadTooLarge(size: number, message: Message): void
  /** The client broke the protocol; the connection is to be closed. */
  onFailure(failure: ProtocolFailure): void
  /**
   * Something other than CONNECT comes before it. False: the connection is to be closed. True: `mayOperate` is set, or the parser is
   * held until it is known.
   */
  onUnauthenticated(): boolean
}

export class Parser {
  private readonly operations: Operations
  private readonly message = new Message(EMPTY)
  private readonly starts = new Int32Array(MAX_ARGUMENTS)
  private readonly ends = new Int32Array(MAX_ARGUMENTS)
  /** The beginning of a control line whose end has not arrived. */
  private carry: Buffer = EMPTY
  private carryLength = 0
  private carriesArguments = false
  /** A bare verb the end of whose line has not arrived, 0 for none. */
  private unended = 0
  /** Has room for a payload (with its CRLF) of which a part has arrived; `EMPTY` when there is none. */
  private payload: Buffer = EMPTY
  private payloadBytes = 0
  private payloadLength = 0
  /** Nothing more is taken: stopped for good, or held. */
  private isHalted = false
  private isHeld = false
  /** What has arrived while it is held. */
  private held: Buffer = EMPTY

  constructor(operations: Operations) {
    this.operations = operations
  }

  /** Ignores everything from now on. */
  stop(): void {
    this.isHalted = true
    this.isHeld = false
    this.held = EMPTY
    this.carry = EMPTY
    this.carryLength = 0
    this.payload = EMPTY
  }

  /** Called within an operation: what follows is kept, and waits until `release`. Whoever feeds the parser soon stops. */
  hold(): void {
    if (this.isHalted) return
    this.isHalted = true
    this.isHeld = true
  }

  /** Goes on with what was kept. */
  release(): void {
    if (!this.isHeld) return
    const { held } = this
    this.isHalted = false
    this.isHeld = false
    this.held = EMPTY
    if (held.length > 0) this.parse(held)
  }

  /** Takes the next bytes. The chunk may be used again by the caller afterwards. */
  parse(chunk: Buffer): void {
    const end = chunk.length
    let at = 0
    if (this.isHalted) {
      this.keepHeld(chunk, 0)
      return
    }
    if (this.payload !== EMPTY) at = this.continuePayload(chunk)
    if (this.unended !== 0) at = this.endLine(this.unended, chunk, at)
    while (this.carryLength > 0 && at < end) at = this.continueLine(chunk, at)
    while (at < end && !this.isHalted) {
      const next = this.publishWhole(chunk, at, end)
      at = next > 0 ? next : this.command(chunk, at, end, chunk, 0)
    }
    if (this.isHalted && at < end) this.keepHeld(chunk, at)
  }

  private keepHeld(chunk: Buffer, at: number): void {
    if (!this.isHeld) return
    const { maxControlLineBytes, maxPayloadBytes } = this.operations
    const length = this.held.length + chunk.length - at
    if (length > maxControlLineBytes + maxPayloadBytes + HELD_ROOM) {
      this.operations.onFailure(tooMuchHeld(length))
      this.stop()
    } else this.held = Buffer.concat([this.held, chunk.subarray(at)])
  }

  /**
   * The usual case in one pass: `PUB subject [reply] size` and its payload, whole in the chunk. Returns the
   * position behind it; 0 for everything else, which `command` takes from the start.
   */
  private publishWhole(chunk: Buffer, start: number, end: number): number {
    if ((chunk[start] | 32) !== 112 || end - start < 12) return 0
    if ((chunk[start + 1] | 32) !== 117 || (chunk[start + 2] | 32) !== 98 || chunk[start + 3] !== SPACE)
      return 0
    const { operations, message } = this
    let at = start + 4
    let c = chunk[at]
    while (c > SPACE && at + 1 < end) c = chunk[++at]
    if (c !== SPACE || at === start + 4) return 0
    const subjectEnd = at++
    let replyStart = at
    let replyEnd = at
    let size = 0
    let digits = at
    c = chunk[at]
    while (c >= 48 && c <= 57 && at + 1 < end) {
      size = size * 10 + c - 48
      c = chunk[++at]
    }
    if (c !== CR) {
      while (c > SPACE && at + 1 < end) c = chunk[++at]
      if (c !== SPACE || at === replyStart) return 0
      replyEnd = at++
      size = 0
      digits = at
      c = chunk[at]
      while (c >= 48 && c <= 57 && at + 1 < end) {
        size = size * 10 + c - 48
        c = chunk[++at]
      }
      if (c !== CR) return 0
    } else {
      replyStart = 0
      replyEnd = 0
    }
    const digitCount = at - digits
    if (digitCount === 0 || digitCount > 9 || at - start - 4 > operations.maxControlLineBytes) return 0
    const bodyStart = at + 2
    const bodyEnd = bodyStart + size
    if (bodyEnd + 2 > end || chunk[at + 1] !== LF || chunk[bodyEnd] !== CR || chunk[bodyEnd + 1] !== LF)
      return 0
    if (size > operations.maxPayloadBytes || !operations.mayOperate) return 0
    message.subject = chunk
    message.subjectStart = start + 4
    message.subjectEnd = subjectEnd
    message.reply = chunk
    message.replyStart = replyStart
    message.replyEnd = replyEnd
    message.body = chunk
    message.headerLength = 0
    message.bodyStart = bodyStart
    message.bodyEnd = bodyEnd
    message.wireStart = subjectEnd + 1
    message.wireEnd = bodyEnd + 2
    operations.onPublish(message)
    return bodyEnd + 2
  }

  /**
   * Takes the command at the start of `line[start, end)`: the chunk, or a line carried over, behind which the
   * chunk goes on at `chunkAt`. Returns the position in the chunk where the next begins.
   */
  private command(line: Buffer, start: number, end: number, chunk: Buffer, chunkAt: number): number {
    const { operations } = this
    if (!operations.mayOperate && (line[start] | 32) !== 99) {
      if (!operations.onUnauthenticated()) {
        this.stop()
        return chunk.length
      }
      // The first byte is never one that was carried over.
      if (this.isHeld) return start
    }
    const verb = verbs.verbAt(line, start, end)
    if (verb === verbs.UNKNOWN) return this.fail(unknownOperation(line, start, end), chunk)
    if (verb === verbs.UNDECIDED) return this.keepLine(line, start, end, chunk)
    const verbEnd = start + verbs.VERB_BYTES[verb]
    if (verbs.isBare(verb)) {
      const at = line === chunk ? verbEnd : chunkAt
      // What a carried line brought up to its end is skipped with it.
      if (line !== chunk && line[end - 1] === LF) return this.bare(verb, chunkAt)
      return this.endLine(verb, chunk, at)
    }
    let from = verbEnd
    while (from < end && (line[from] === SPACE || line[from] === TAB)) from++
    // The first byte belongs to the arguments, even if it is a line's end: so does nats-server take it.
    const stop = from < end ? indexOf(line, LF, from + 1, end) : -1
    const limit = operations.maxControlLineBytes
    const length = (stop < 0 ? end : stop) - from
    if (length > limit + 1 || (length > limit && line[from + length - 1] !== CR)) {
      return this.fail(controlLineTooLong(limit, length), chunk)
    }
    if (stop < 0) return this.keepLine(line, start, end, chunk, verbEnd, from)
    const argumentsEnd = stop > from + 1 && line[stop - 1] === CR ? stop - 1 : stop
    return this.run(verb, line, from, argumentsEnd, chunk, line === chunk ? stop + 1 : chunkAt)
  }

  private run(verb: number, line: Buffer, from: number, end: number, chunk: Buffer, next: number): number {
    const { operations } = this
    switch (verb) {
      case verbs.PUB:
        return this.publish(line, from, end, chunk, next, false)
      case verbs.HPUB:
        return this.publish(line, from, end, chunk, next, true)
      case verbs.SUB:
        return this.subscribe(line, from, end, chunk, next)
      case verbs.UNSUB:
        return this.unsubscribe(line, from, end, chunk, next)
      case verbs.CONNECT:
        operations.onConnect(line.toString('utf8', from, end))
        return next
      case verbs.INFO:
        // Ignored, but it has to be what it claims to be.
        if (!isJsonObject(line.toString('utf8', from, end))) return this.fail(badInfo(), chunk)
        return next
      case verbs.MINUS_ERR:
        return this.fail(clientError(line.toString('latin1', from, end)), chunk)
      default:
        return next
    }
  }

  private publish(
    line: Buffer,
    from: number,
    end: number,
    chunk: Buffer,
    at: number,
    hasHeaders: boolean,
  ): number {
    const { operations, starts, ends, message } = this
    if (hasHeaders && !operations.acceptsHeaders) return this.fail(headersNotSupported(), chunk)
    const what = hasHeaders ? 'processHeaderPub' : 'processPub'
    const count = this.split(line, from, end, false)
    const sizes = hasHeaders ? 2 : 1
    if (count !== sizes + 1 && count !== sizes + 2) {
      return this.fail(badArguments(`${what} Parse Error`, line, from, end), chunk)
    }
    const size = readSize(line, starts[count - 1], ends[count - 1])
    const headerLength = hasHeaders ? readSize(line, starts[count - 2], ends[count - 2]) : 0
    if (headerLength < 0)
      return this.fail(badArguments(`${what} Bad or Missing Header Size`, line, from, end), chunk)
    if (size < 0) {
      const missing = hasHeaders ? 'Bad or Missing Total Size' : 'Bad or Missing Size'
      return this.fail(badArguments(`${what} ${missing}`, line, from, end), chunk)
    }
    if (headerLength > size) {
      return this.fail(badArguments(`${what} Header Size larger then TotalSize`, line, from, end), chunk)
    }
    if (size > operations.maxPayloadBytes) {
      message.subject = line
      message.subjectStart = starts[0]
      message.subjectEnd = ends[0]
      message.body = chunk
      message.bodyStart = at
      message.headerLength = Math.min(headerLength, chunk.length - at)
      message.bodyEnd = at + message.headerLength
      operations.onPayloadTooLarge(size, message)
      this.stop()
      return chunk.length
    }
    const hasReply = count === sizes + 2
    message.subject = line
    message.subjectStart = starts[0]
    message.subjectEnd = ends[0]
    message.reply = line
    message.replyStart = hasReply ? starts[1] : 0
    message.replyEnd = hasReply ? ends[1] : 0
    message.headerLength = headerLength
    message.wireEnd = 0
    const bodyEnd = at + size
    if (bodyEnd + 2 > chunk.length) return this.keepPayload(line, chunk, at, size)
    if (chunk[bodyEnd] !== CR || chunk[bodyEnd + 1] !== LF) {
      return this.fail(unknownOperation(chunk, bodyEnd, chunk.length), chunk)
    }
    message.body = chunk
    message.bodyStart = at
    message.bodyEnd = bodyEnd
    if (line === chunk && hasHeaders === headerLength > 0 && this.isPlain(chunk, from, end, at, count)) {
      message.wireStart = starts[1]
      message.wireEnd = bodyEnd + 2
    }
    if (hasHeaders) operations.onPublishWithHeaders(message)
    else operations.onPublish(message)
    return bodyEnd + 2
  }

  /** Are the arguments written as they are sent on: single spaces, and CRLF at once behind the last? */
  private isPlain(chunk: Buffer, from: number, end: number, at: number, count: number): boolean {
    const { starts, ends } = this
    if (starts[0] !== from || ends[count - 1] !== end || end !== at - 2 || chunk[end] !== CR) return false
    for (let i = 1; i < count; i++) {
      if (starts[i] !== ends[i - 1] + 1 || chunk[ends[i - 1]] !== SPACE) return false
    }
    return true
  }

  /** The chunk ends within a payload: what there is of it is kept in a buffer of the right size. */
  private keepPayload(line: Buffer, chunk: Buffer, at: number, size: number): number {
    const { message } = this
    if (line === chunk) {
      // The chunk is gone when the rest arrives.
      const stop = Math.max(message.subjectEnd, message.replyEnd)
      const offset = message.subjectStart
      const kept = Buffer.from(chunk.subarray(offset, stop))
      message.subject = kept
      message.subjectStart -= offset
      message.subjectEnd -= offset
      message.reply = kept
      if (message.replyEnd > 0) {
        message.replyStart -= offset
        message.replyEnd -= offset
      }
    }
    this.payloadBytes = size + 2
    this.payload = takePayloadBuffer(size + 2)
    this.payloadLength = 0
    message.body = this.payload
    message.bodyStart = 0
    message.bodyEnd = size
    this.addToPayload(chunk, at)
    return chunk.length
  }

  private continuePayload(chunk: Buffer): number {
    const taken = this.addToPayload(chunk, 0)
    const { payload, message } = this
    if (payload === EMPTY || this.payloadLength < this.payloadBytes) return taken
    this.payload = EMPTY
    if (message.headerLength > 0) this.operations.onPublishWithHeaders(message)
    else this.operations.onPublish(message)
    message.body = EMPTY
    givePayloadBuffer(payload)
    message.subject = EMPTY
    message.reply = EMPTY
    return taken
  }

  /** Copies from the chunk what the payload lacks; its CRLF is checked as it comes. Returns where it ends. */
  private addToPayload(chunk: Buffer, at: number): number {
    const { payload } = this
    const length = this.payloadLength
    const stop = Math.min(at + this.payloadBytes - length, chunk.length)
    chunk.copy(payload, length, at, stop)
    this.payloadLength = length + stop - at
    const size = this.payloadBytes - 2
    if (
      (this.payloadLength > size && payload[size] !== CR) ||
      (this.payloadLength > size + 1 && payload[size + 1] !== LF)
    ) {
      this.fail(unknownOperation(payload, size, this.payloadLength), chunk)
      return chunk.length
    }
    return stop
  }

  private subscribe(line: Buffer, from: number, end: number, chunk: Buffer, next: number): number {
    const count = this.split(line, from, end, true)
    if (count !== 2 && count !== 3) {
      return this.fail(badArguments('processSub Parse Error', line, from, end), chunk)
    }
    const queue = count === 3 ? this.text(line, 1) : ''
    this.operations.onSubscribe(this.text(line, 0), queue, this.text(line, count - 1))
    return next
  }

  private unsubscribe(line: Buffer, from: number, end: number, chunk: Buffer, next: number): number {
    const count = this.split(line, from, end, true)
    if (count !== 1 && count !== 2) {
      return this.fail(badArguments('processUnsub Parse Error', line, from, end), chunk)
    }
    const max = count === 2 ? readSize(line, this.starts[1], this.ends[1]) : -1
    this.operations.onUnsubscribe(this.text(line, 0), max)
    return next
  }

  /** Ends the line of a bare verb and reports it, or waits for the end. */
  private endLine(verb: number, chunk: Buffer, at: number): number {
    const stop = indexOf(chunk, LF, at, chunk.length)
    if (stop < 0) {
      this.unended = verb
      return chunk.length
    }
    return this.bare(verb, stop + 1)
  }

  private bare(verb: number, next: number): number {
    this.unended = 0
    if (verb === verbs.PING) this.operations.onPing()
    else if (verb === verbs.PONG) this.operations.onPong()
    return next
  }

  /**
   * Keeps the beginning of a line until its end arrives. Spaces between the verb and its arguments, of which
   * there may be any number, are not kept.
   */
  private keepLine(
    line: Buffer,
    start: number,
    end: number,
    chunk: Buffer,
    verbEnd = end,
    from = end,
  ): number {
    const head = verbEnd < from ? verbEnd + 1 - start : verbEnd - start
    const length = head + end - from
    const kept =
      line === this.carry && length <= line.length ? line : Buffer.allocUnsafe(Math.max(length, 64))
    line.copy(kept, 0, start, start + head)
    line.copy(kept, head, from, end)
    this.carry = kept
    this.carryLength = length
    this.carriesArguments = from < end
    return chunk.length
  }

  /**
   * Adds to the line that was carried over, up to the next line's end: byte by byte while the verb is incomplete,
   * and without the spaces behind it.
   */
  private continueLine(chunk: Buffer, start: number): number {
    let at = start
    let next = at + 1
    const last = this.carry[this.carryLength - 1]
    const isSpaced = last === SPACE || last === TAB
    if (this.carriesArguments || isSpaced) {
      if (!this.carriesArguments) while (at < chunk.length && (chunk[at] === SPACE || chunk[at] === TAB)) at++
      if (at === chunk.length) return at
      const stop = indexOf(chunk, LF, at, chunk.length)
      next = stop < 0 ? chunk.length : stop + 1
    }
    const length = this.carryLength + next - at
    const limit = this.operations.maxControlLineBytes
    if (length > limit + VERB_ROOM) return this.fail(controlLineTooLong(limit, length), chunk)
    let line = this.carry
    if (length > line.length) {
      line = Buffer.allocUnsafe(Math.min(length * 2, limit + VERB_ROOM))
      this.carry.copy(line, 0, 0, this.carryLength)
    }
    chunk.copy(line, this.carryLength, at, next)
    // The line may become the message's; a new one is made for the next.
    this.carry = EMPTY
    this.carryLength = 0
    const after = this.command(line, 0, length, chunk, next)
    return this.carryLength > 0 ? next : after
  }

  /** Splits into arguments and returns how many; `starts` and `ends` have the first of them. */
  private split(line: Buffer, from: number, end: number, splitsAtLineEnds: boolean): number {
    const { starts, ends } = this
    let count = 0
    let start = -1
    for (let i = from; i < end; i++) {
      const c = line[i]
      if (c !== SPACE && c !== TAB && !(splitsAtLineEnds && (c === CR || c === LF))) {
        if (start < 0) start = i
      } else if (start >= 0) {
        if (count < MAX_ARGUMENTS) {
          starts[count] = start
          ends[count] = i
        }
        count++
        start = -1
      }
    }
    if (start >= 0) {
      if (count < MAX_ARGUMENTS) {
        starts[count] = start
        ends[count] = end
      }
      count++
    }
    return count
  }

  /** An argument as latin1 text of its bytes. */
  private text(line: Buffer, index: number): string {
    return line.toString('latin1', this.starts[index], this.ends[index])
  }

  private fail(failure: ProtocolFailure, chunk: Buffer): number {
    this.operations.onFailure(failure)
    this.stop()
    return chunk.length
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value)
  } catch {
    return false
  }
}

function indexOf(buffer: Buffer, byte: number, start: number, end: number): number {
  for (let i = start; i < end; i++) if (buffer[i] === byte) return i
  return -1
}
