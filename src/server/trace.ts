/** The protocol trace of `-V`: every line a client sends or gets, as nats-server logs them. */
import type { ClientProtocol, Transport } from '../core/index.ts'

type Write = (text: string) => void

/** Longest line that is kept while its end has not come, bytes; what is longer is cut. */
const MAX_LINE_BYTES = 64 * 1024
const LF = 10

const payloadVerbs = new Set(['PUB', 'HPUB', 'MSG', 'HMSG'])

/** Follows one direction of a connection, and tells its lines and payloads. */
export class LineTracer {
  private readonly arrow: string
  private readonly write: Write
  private line = Buffer.alloc(0)
  private payload: Buffer[] = []
  /** Bytes of the payload and its line end that are still to come; 0 while lines are read. */
  private missing = 0

  /** `arrow`: `<<-` for what the client sends, `->>` for what it gets. */
  constructor(arrow: string, write: Write) {
    this.arrow = arrow
    this.write = write
  }

  feed(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.missing > 0) {
        const part = chunk.subarray(at, at + this.missing)
        // The transport uses its buffer again.
        this.payload.push(Buffer.from(part))
        this.missing -= part.length
        at += part.length
        if (this.missing === 0) this.endOfPayload()
        continue
      }
      const end = chunk.indexOf(LF, at)
      const part = chunk.subarray(at, end === -1 ? chunk.length : end)
      if (this.line.length < MAX_LINE_BYTES) this.line = Buffer.concat([this.line, part])
      if (end === -1) return
      at = end + 1
      this.endOfLine()
    }
  }

  private endOfLine(): void {
    const text = this.line.toString('utf8').trimEnd()
    this.line = Buffer.alloc(0)
    if (text === '') return
    const words = text.split(/[ \t]+/)
    const verb = words[0].toUpperCase()
    if (verb === 'INFO') return
    this.write(`${this.arrow} [${redacted(text)}]`)
    if (payloadVerbs.has(verb)) this.missing = Number(words.at(-1)) + 2 || 0
  }

  private endOfPayload(): void {
    const bytes = Buffer.concat(this.payload).subarray(0, -2)
    this.payload = []
    if (bytes.length > 0) this.write(`${this.arrow} MSG_PAYLOAD: [${JSON.stringify(bytes.toString('utf8'))}]`)
  }
}

/** Passwords, tokens and the like don't belong in a log. */
function redacted(line: string): string {
  return line.replace(/("(?:pass|auth_token|sig|jwt)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi, '$1"[REDACTED]"')
}

/** A transport that tells what goes out through it. Call `follow` with its protocol. */
export class TracedTransport implements Transport {
  private readonly transport: Transport
  private readonly tell: Write
  private protocol: ClientProtocol | null = null
  private readonly outgoing: LineTracer

  constructor(transport: Transport, log: Write) {
    this.transport = transport
    this.tell = (text) => log(`${this.protocol?.session.label() ?? ''} - ${text}`)
    this.outgoing = new LineTracer('->>', this.tell)
  }

  /** Follows what the protocol is fed with, too. */
  follow(protocol: ClientProtocol): void {
    this.protocol = protocol
    const incoming = new LineTracer('<<-', this.tell)
    const { receive, session } = protocol
    protocol.receive = (chunk, end = chunk.length) => {
      // Behind `end` the transport's buffer has what others sent. A closed connection's payloads are never kept.
      if (!session.isClosed) incoming.feed(end === chunk.length ? chunk : chunk.subarray(0, end))
      receive.call(protocol, chunk, end)
    }
  }

  write(bytes: Buffer): boolean {
    this.outgoing.feed(bytes)
    return this.transport.write(bytes)
  }

  pause(): void {
    this.transport.pause()
  }

  resume(): void {
    this.transport.resume()
  }

  close(flush: boolean): void {
    this.transport.close(flush)
  }
}
