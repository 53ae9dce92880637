import { Message } from '../../core/index.ts'
import { copyBytes, writeNumber } from '../../wire/index.ts'
import type { StreamSource } from '../config/types.ts'
import { Mapping } from './mapping.ts'

const CR = 13
const LF = 10
const N = 78
const FIRST_LINE = Buffer.from('NATS/1.0\r\n')
const LINE_END = Buffer.from('\r\n')
const SOURCE = Buffer.from('Nats-Stream-Source: ')
/** What was expected of the origin, and batches, are no business of a copy. */
const NOT_COPIED = [Buffer.from('Nats-Expected-'), Buffer.from('Nats-Batch-')]
const OTHER_SOURCE = Buffer.from('Nats-Stream-Source:')
const FIRST_BYTES = 4096
/** Larger buffers are not kept for the next message. */
const KEPT_BYTES = 256 * 1024

/** Where a message of a source comes from, as its header says it: `<name> <sequence> <filters> <destinations> <subject> <identity>`. */
export interface Provenance {
  /** Name and space. */
  name: Buffer
  /** Filters and destinations with the spaces around them. */
  mapping: Buffer
  /** A space and the stream's identity; empty where that is not known. */
  identity: Buffer
}

/** Makes a copy of what is delivered, with the headers of a copy, in a buffer that is used again for the next one. */
export class CopiedMessage {
  private readonly mapping: Mapping
  private readonly copy = new Message(Buffer.alloc(0))
  private buffer = Buffer.allocUnsafeSlow(0)

  constructor(source: StreamSource) {
    this.mapping = new Mapping(source)
  }

  /** For a mirror: the message itself where nothing has to go and nothing is mapped. */
  ofMirror(given: Message): Message {
    const { body, bodyStart, headerLength, bodyEnd } = given
    if (headerLength === 0 || !hasLine(body, bodyStart, bodyStart + headerLength)) {
      return this.mapping.isEmpty ? given : this.mapped(given)
    }
    this.reserve(bodyEnd - bodyStart)
    const end = this.lines(body, bodyStart, bodyStart + headerLength, false)
    // Nothing but the first line: no headers.
    const isBare = end <= FIRST_LINE.length
    return this.finish(given, isBare ? 0 : copyBytes(LINE_END, 0, LINE_END.length, this.buffer, end))
  }

  /** For a source: with the header that says where it comes from, at the end of the others. */
  ofSource(given: Message, seq: number, from: Provenance): Message {
    const { body, bodyStart, headerLength, bodyEnd, subject, subjectStart, subjectEnd } = given
    const added =
      FIRST_LINE.length + SOURCE.length + from.name.length + from.mapping.length + from.identity.length + 32
    this.reserve(bodyEnd - bodyStart + added + subjectEnd - subjectStart)
    const { buffer } = this
    let at =
      headerLength > 0
        ? this.lines(body, bodyStart, bodyStart + headerLength, true)
        : copyBytes(FIRST_LINE, 0, FIRST_LINE.length, buffer, 0)
    at = copyBytes(SOURCE, 0, SOURCE.length, buffer, at)
    at = copyBytes(from.name, 0, from.name.length, buffer, at)
    at = writeNumber(buffer, at, seq)
    at = copyBytes(from.mapping, 0, from.mapping.length, buffer, at)
    at = copyBytes(subject, subjectStart, subjectEnd, buffer, at)
    at = copyBytes(from.identity, 0, from.identity.length, buffer, at)
    at = copyBytes(LINE_END, 0, LINE_END.length, buffer, at)
    return this.finish(given, copyBytes(LINE_END, 0, LINE_END.length, buffer, at))
  }

  private finish(given: Message, headerLength: number): Message {
    const { copy, buffer } = this
    this.takeSubject(given)
    copy.body = buffer
    copy.bodyStart = 0
    copy.headerLength = headerLength
    copy.bodyEnd = copyBytes(
      given.body,
      given.bodyStart + given.headerLength,
      given.bodyEnd,
      buffer,
      headerLength,
    )
    return copy
  }

  private mapped(given: Message): Message {
    const { copy } = this
    this.takeSubject(given)
    copy.body = given.body
    copy.bodyStart = given.bodyStart
    copy.headerLength = given.headerLength
    copy.bodyEnd = given.bodyEnd
    return copy
  }

  private takeSubject({ subject, subjectStart, subjectEnd }: Message): void {
    const { copy } = this
    copy.subject = subject
    copy.subjectStart = subjectStart
    copy.subjectEnd = subjectEnd
    if (!this.mapping.isEmpty) this.mapping.apply(copy)
  }

  /** Copies the lines that stay, without the empty one at the end; returns where they end. */
  private lines(body: Buffer, start: number, end: number, isSource: boolean): number {
    let at = 0
    for (let line = start; line < end; ) {
      const next = endOfLine(body, line, end)
      const isEmpty = body[line] === CR || body[line] === LF
      const goes = isNotCopied(body, line, end) || (isSource && startsWith(body, line, end, OTHER_SOURCE))
      if (!isEmpty && !goes) at = copyBytes(body, line, next, this.buffer, at)
      line = next
    }
    return at
  }

  private reserve(bytes: number): void {
    const kept = this.buffer.length <= KEPT_BYTES || bytes > KEPT_BYTES
    if (this.buffer.length >= bytes && kept) return
    this.buffer = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, bytes))
  }
}

function hasLine(body: Buffer, start: number, end: number): boolean {
  for (let line = start; line < end; line = endOfLine(body, line, end)) {
    if (isNotCopied(body, line, end)) return true
  }
  return false
}

function isNotCopied(body: Buffer, line: number, end: number): boolean {
  if (body[line] !== N) return false
  for (let i = 0; i < NOT_COPIED.length; i++) if (startsWith(body, line, end, NOT_COPIED[i])) return true
  return false
}

function startsWith(body: Buffer, at: number, end: number, prefix: Buffer): boolean {
  if (end - at < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (body[at + i] !== prefix[i]) return false
  return true
}

/** Behind the line's end. */
function endOfLine(body: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && body[at] !== LF) at++
  return Math.min(at + 1, end)
}
