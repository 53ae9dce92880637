/**
 * Bytes to operations: the client's half of NATS protocol 1. One parser per connection. Operations are
 * reported as offsets into the chunk; only what a chunk cuts in two is copied.
 */
import { copyBytes, readNumber } from './ascii.ts'
import { Message } from './message.ts'

const CR = 13
const LF = 10
const SPACE = 32
const TAB = 9

/** Why parsing ended. `text` is what the client is told ('' for nothing), `reason` what the log says. */
export interface ProtocolFailure {
  readonly text: string
  readonly reason: string
}

/** What a parser reports. All calls happen within `parse`; buffers are only valid during the call. */
export interface Operations {
  /** Bytes a payload (with headers) may have, and a control line. */
  readonly maxPayloadBytes: number
  readonly maxControlLineBytes: number
  /** False until CONNECT was seen on a server that asks for credentials: nothing else is accepted. */
  readonly mayOperate: boolean
  /** Did the client ask for headers? */
  readonly acceptsHeaders: boolean
  onConnect(json: string): void
  onPublish(message: Message): void
  onSubscribe(subject: string, queue: string, sid: string): void
  onUnsubscribe(sid: string, max: number): void
  onPing(): void
  onPong(): void
  /** The payload of `size` bytes is larger than allowed; the connection is to be closed. */
  onPayloadTooLarge(size: number): void
  /** The client broke the protocol; the connection is to be closed. */
  onFailure(failure: ProtocolFailure): void
  /** Something other than CONNECT came before it. */
  onUnauthenticated(): void
}

const UNKNOWN_OPERATION = 'Unknown Protocol Operation'

/** Arguments of a line, as offsets: `[starts[i], ends[i])`. One more than any verb takes. */
const MAX_ARGUMENTS = 6

/** Verbs, upper case, and how much of each decides. */
const PUB = 1
const HPUB = 2
const SUB = 3
const UNSUB = 4
const CONNECT = 5
const PING = 6
const PONG = 7
const INFO = 8
const PLUS_OK = 9
const MINUS_ERR = 10

const VERBS: readonly { readonly name: string; readonly verb: number }[] = [
  { name: 'PUB', verb: PUB },
  { name: 'HPUB', verb: HPUB },
  { name: 'SUB', verb: SUB },
  { name: 'UNSUB', verb: UNSUB },
  { name: 'CONNECT', verb: CONNECT },
  { name: 'PING', verb: PING },
  { name: 'PONG', verb: PONG },
  { name: 'INFO', verb: INFO },
  { name: '+OK', verb: PLUS_OK },
  { name: '-ERR', verb: MINUS_ERR },
]

/** Verbs that end with a space or tab before their arguments. */
function hasArguments(verb: number): boolean {
  return verb <= CONNECT || verb === INFO || verb === MINUS_ERR
}

export class Parser {
  private readonly operations: Operations
  private readonly message = new Message(Buffer.alloc(0))
  private readonly starts = new Int32Array(MAX_ARGUMENTS)
  private readonly ends = new Int32Array(MAX_ARGUMENTS)
  /** The beginning of a control line whose end has not arrived. */
  private carry: Buffer = EMPTY
  private carryLength = 0
  /** A payload (with its CRLF) of which a part has arrived; `payload === EMPTY` when there is none. */
  private payload: Buffer = EMPTY
  private payloadLength = 0
  private stopped = false

  constructor(operations: Operations) {
    this.operations = operations
  }

  /** Ignores everything from now on. */
  stop(): void {
    this.stopped = true
    this.carry = EMPTY
    this.payload = EMPTY
  }

  /** Takes the next bytes. The chunk may be used again by the caller afterwards. */
  parse(chunk: Buffer): void {
    let at = 0
    const end = chunk.length
    if (this.payload !== EMPTY) at = this.continuePayload(chunk)
    if (this.carryLength > 0 && at < end && !this.stopped) at = this.continueLine(chunk, at)
    while (at < end && !this.stopped) {
      let stop = at
      while (stop < end && chunk[stop] !== LF) stop++
      if (stop === end) {
        this.keepLine(chunk, at)
        return
      }
      at = this.line(chunk, at, stop, chunk, stop + 1)
    }
  }

  /** Keeps the beginning of a line, after a look at whether it can become a valid one. */
  private keepLine(chunk: Buffer, at: number): void {
    const added = chunk.length - at
    const limit = this.operations.maxControlLineBytes
    if (this.carryLength === 0 && !this.beginsWell(chunk, at, chunk.length)) return
    if (this.carryLength + added > limit + MAX_VERB) {
      this.fail('Maximum Control Line Exceeded', 'maximum control line exceeded')
      return
    }
    if (this.carryLength + added > this.carry.length) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(256, (this.carryLength + added) * 2), limit + MAX_VERB))
      this.carry.copy(larger, 0, 0, this.carryLength)
      this.carry = larger
    }
    chunk.copy(this.carry, this.carryLength, at)
    this.carryLength += added
    if (this.carryLength > added) this.beginsWell(this.carry, 0, this.carryLength)
  }

  private continueLine(chunk: Buffer, at: number): number {
    let stop = at
    while (stop < chunk.length && chunk[stop] !== LF) stop++
    if (stop === chunk.length) {
      this.keepLine(chunk, at)
      return stop
    }
    const length = this.carryLength
    const line = Buffer.allocUnsafe(length + stop - at)
    this.carry.copy(line, 0, 0, length)
    chunk.copy(line, length, at, stop)
    this.carryLength = 0
    this.carry = EMPTY
    return this.line(line, 0, line.length, chunk, stop + 1)
  }

  /** Takes the line `[start, stop)` (without LF); a payload follows at `chunk[at]`. Returns where to go on. */
  private line(line: Buffer, start: number, stop: number, chunk: Buffer, at: number): number {
    const end = stop > start && line[stop - 1] === CR ? stop - 1 : stop
    // The usual case first: PUB and a space.
    const first = line[start] | 0x20
    if (first === 0x70 && (line[start + 1] | 0x20) === 0x75 && (line[start + 2] | 0x20) === 0x62) {
      const c = line[start + 3]
      if ((c === SPACE || c === TAB) && start + 3 < end) {
        if (!this.operations.mayOperate) return this.unauthenticated(at)
        return this.publish(line, start + 4, end, chunk, at, false)
      }
    }
    const verb = this.verbAt(line, start, stop)
    if (verb === 0) {
      this.fail(UNKNOWN_OPERATION, 'unknown protocol operation')
      return at
    }
    if (verb !== CONNECT && !this.operations.mayOperate) return this.unauthenticated(at)
    let from = start + VERBS[verb - 1].name.length
    while (from < end && (line[from] === SPACE || line[from] === TAB)) from++
    if (end - from > this.operations.maxControlLineBytes) {
      this.fail('Maximum Control Line Exceeded', 'maximum control line exceeded')
      return at
    }
    switch (verb) {
      case HPUB:
        return this.publish(line, from, end, chunk, at, true)
      case PUB:
        return this.publish(line, from, end, chunk, at, false)
      case SUB:
        this.subscribe(line, from, end)
        return at
      case UNSUB:
        this.unsubscribe(line, from, end)
        return at
      case CONNECT:
        this.operations.onConnect(line.toString('utf8', from, end))
        return at
      case PING:
        this.operations.onPing()
        return at
      case PONG:
        this.operations.onPong()
        return at
      case MINUS_ERR:
        this.fail('', line.toString('utf8', from, end))
        return at
      default:
        return at
    }
  }

  private publish(line: Buffer, from: number, end: number, chunk: Buffer, at: number, headers: boolean): number {
    const { operations, starts, ends, message } = this
    if (end - from > operations.maxControlLineBytes) {
      this.fail('Maximum Control Line Exceeded', 'maximum control line exceeded')
      return at
    }
    if (headers && !operations.acceptsHeaders) {
      this.fail('', 'message headers not supported')
      return at
    }
    const count = this.split(line, from, end)
    const sizes = headers ? 2 : 1
    if (count !== sizes + 1 && count !== sizes + 2) {
      this.fail('', `${headers ? 'processHeaderPub' : 'processPub'} Parse Error`)
      return at
    }
    const size = readNumber(line, starts[count - 1], ends[count - 1])
    const headerLength = headers ? readNumber(line, starts[count - 2], ends[count - 2]) : 0
    if (size < 0 || headerLength < 0 || headerLength > size) {
      this.fail('', `${headers ? 'processHeaderPub' : 'processPub'} Bad or Missing Size`)
      return at
    }
    if (size > operations.maxPayloadBytes) {
      operations.onPayloadTooLarge(size)
      return at
    }
    const hasReply = count === sizes + 2
    message.subject = line
    message.subjectStart = starts[0]
    message.subjectEnd = ends[0]
    message.reply = line
    message.replyStart = hasReply ? starts[1] : 0
    message.replyEnd = hasReply ? ends[1] : 0
    message.headerLength = headerLength
    const bodyEnd = at + size
    if (bodyEnd + 2 <= chunk.length || (bodyEnd < chunk.length && chunk[bodyEnd] === LF)) {
      message.body = chunk
      message.bodyStart = at
      message.bodyEnd = bodyEnd
      return this.deliver(chunk, bodyEnd)
    }
    this.keepPayload(line, chunk, at, size)
    return chunk.length
  }

  /** The payload ends at `end`: its CRLF is checked, the message reported. Returns where to go on. */
  private deliver(buffer: Buffer, end: number): number {
    const isCr = buffer[end] === CR
    const next = isCr ? end + 1 : end
    if (buffer[next] !== LF) {
      this.fail(UNKNOWN_OPERATION, 'unknown protocol operation')
      return buffer.length
    }
    this.operations.onPublish(this.message)
    return next + 1
  }

  private keepPayload(line: Buffer, chunk: Buffer, at: number, size: number): void {
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
    this.payload = Buffer.allocUnsafeSlow(size + 2)
    this.payloadLength = copyBytes(chunk, at, chunk.length, this.payload, 0)
    this.checkPayloadEnd()
  }

  /** A wrong byte behind the payload is refused at once, not only when the next one comes. */
  private checkPayloadEnd(): boolean {
    const size = this.payload.length - 2
    if (this.payloadLength > size && this.payload[size] !== CR && this.payload[size] !== LF) {
      this.fail(UNKNOWN_OPERATION, 'unknown protocol operation')
      return false
    }
    return true
  }

  private continuePayload(chunk: Buffer): number {
    const { payload, message } = this
    const size = payload.length - 2
    const wanted = payload.length - this.payloadLength
    const taken = Math.min(wanted, chunk.length)
    chunk.copy(payload, this.payloadLength, 0, taken)
    this.payloadLength += taken
    const isWhole = this.payloadLength > size && (this.payloadLength === size + 2 || payload[size] === LF)
    if (!isWhole) {
      this.checkPayloadEnd()
      return taken
    }
    const surplus = payload[size] === LF ? this.payloadLength - size - 1 : 0
    message.body = payload
    message.bodyStart = 0
    message.bodyEnd = size
    this.payload = EMPTY
    this.deliver(payload, size)
    message.body = EMPTY
    return taken - surplus
  }

  private subscribe(line: Buffer, from: number, end: number): void {
    const count = this.split(line, from, end)
    if (count !== 2 && count !== 3) {
      this.fail('', 'processSub Parse Error')
      return
    }
    const queue = count === 3 ? this.text(line, 1) : ''
    this.operations.onSubscribe(this.text(line, 0), queue, this.text(line, count - 1))
  }

  private unsubscribe(line: Buffer, from: number, end: number): void {
    const count = this.split(line, from, end)
    if (count !== 1 && count !== 2) {
      this.fail('', 'processUnsub Parse Error')
      return
    }
    const max = count === 2 ? readNumber(line, this.starts[1], this.ends[1]) : -1
    this.operations.onUnsubscribe(this.text(line, 0), max)
  }

  /** Splits into arguments; returns how many (at most MAX_ARGUMENTS are noted). */
  private split(line: Buffer, from: number, end: number): number {
    const { starts, ends } = this
    let count = 0
    let start = -1
    for (let i = from; i < end; i++) {
      const c = line[i]
      if (c !== SPACE && c !== TAB) {
        if (start < 0) start = i
      } else if (start >= 0) {
        if (count === MAX_ARGUMENTS) return count
        starts[count] = start
        ends[count++] = i
        start = -1
      }
    }
    if (start >= 0 && count < MAX_ARGUMENTS) {
      starts[count] = start
      ends[count++] = end
    }
    return count
  }

  /** An argument as latin1 text of its bytes. */
  private text(line: Buffer, index: number): string {
    return line.toString('latin1', this.starts[index], this.ends[index])
  }

  private verbAt(line: Buffer, start: number, stop: number): number {
    for (const { name, verb } of VERBS) {
      if (stop - start < name.length || !matchesVerb(line, start, name, name.length)) continue
      if (!hasArguments(verb)) return verb
      const c = line[start + name.length]
      if (start + name.length >= stop) continue
      if (c === SPACE || c === TAB) return isOnlySpace(line, start + name.length, stop) ? 0 : verb
    }
    return 0
  }

  /** Can the incomplete line become a verb? Refuses it otherwise, as early as nats-server does. */
  private beginsWell(buffer: Buffer, start: number, end: number): boolean {
    const length = end - start
    for (const { name, verb } of VERBS) {
      if (!matchesVerb(buffer, start, name, Math.min(length, name.length))) continue
      if (verb !== CONNECT && !this.operations.mayOperate) break
      if (length <= name.length || !hasArguments(verb)) return true
      const c = buffer[start + name.length]
      if (c === SPACE || c === TAB) return true
    }
    if (!this.operations.mayOperate && (buffer[start] | 0x20) !== 0x63) this.unauthenticated(0)
    else this.fail(UNKNOWN_OPERATION, 'unknown protocol operation')
    return false
  }

  private unauthenticated(at: number): number {
    this.operations.onUnauthenticated()
    this.stop()
    return at
  }

  private fail(text: string, reason: string): void {
    this.operations.onFailure({ text, reason })
    this.stop()
  }
}

const EMPTY = Buffer.alloc(0)
/** Room for the longest verb and its space, beside the arguments that the limit is for. */
const MAX_VERB = 16

function matchesVerb(buffer: Buffer, start: number, name: string, length: number): boolean {
  for (let i = 0; i < length; i++) {
    const c = buffer[start + i]
    const upper = c >= 97 && c <= 122 ? c - 32 : c
    if (upper !== name.charCodeAt(i)) return false
  }
  return true
}

function isOnlySpace(line: Buffer, start: number, stop: number): boolean {
  for (let i = start; i < stop; i++) {
    const c = line[i]
    if (c !== SPACE && c !== TAB && c !== CR) return false
  }
  return true
}
