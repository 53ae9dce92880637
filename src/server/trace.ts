/** The protocol trace of `-V`: every line a client sends or gets, as nats-server logs them. */
import type { ClientProtocol } from '../core/index.ts'
import { quoted } from '../wire/index.ts'

type Write = (text: string) => void

/** Longest line that is kept while its end has not come, bytes; what is longer is cut. */
const MAX_LINE_BYTES = 64 * 1024
const LF = 10

const payloadVerbs = new Set(['PUB', 'HPUB', 'MSG', 'HMSG'])

/** What is traced, and how much of it. May change while clients are followed. */
export interface TraceSettings {
  isOn: boolean
  /** Bytes of a payload that are shown; 0: all. */
  maxMessage: number
  /** Headers without the payload behind them. */
  headersOnly: boolean
  /** Clients of the system account too. */
  withSystem: boolean
}

/** Follows one direction of a connection, and tells its lines and payloads. */
export class LineTracer {
  private readonly arrow: string
  private readonly write: Write
  private readonly settings: Pick<TraceSettings, 'headersOnly' | 'maxMessage'>
  private line = Buffer.alloc(0)
  private payload: Buffer[] = []
  /** Bytes of the payload and its line end that are still to come; 0 while lines are read. */
  private missing = 0
  /** Of these, the first that are headers. */
  private headerBytes = 0

  /** `arrow`: `<<-` for what the client sends, `->>` for what it gets. */
  constructor(
    arrow: string,
    write: Write,
    settings: LineTracer['settings'] = { headersOnly: false, maxMessage: 0 },
  ) {
    this.arrow = arrow
    this.write = write
    this.settings = settings
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
    if (!payloadVerbs.has(verb)) return
    this.missing = Number(words.at(-1)) + 2 || 0
    this.headerBytes = verb.startsWith('H') ? Number(words.at(-2)) || 0 : 0
  }

  private endOfPayload(): void {
    const all = Buffer.concat(this.payload)
    this.payload = []
    const { headersOnly, maxMessage } = this.settings
    // Headers end with an empty line.
    const bytes = all.subarray(0, headersOnly ? Math.max(0, this.headerBytes - 4) : -2)
    if (bytes.length === 0) return
    const isCut = maxMessage > 0 && bytes.length > maxMessage
    const text = quoted((isCut ? bytes.subarray(0, maxMessage) : bytes).toString('utf8'))
    this.write(`${this.arrow} MSG_PAYLOAD: [${isCut ? `${text.slice(0, -1)}..."` : text}]`)
  }
}

/** Passwords, tokens and the like don't belong in a log. */
function redacted(line: string): string {
  const secret = /("(?:pass|auth_token|sig|jwt)"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^\s",}]+)/gi
  return line.replace(secret, '$1"[REDACTED]"')
}

/** Follows a client in both directions, from now on, while tracing is on. */
export function follow(protocol: ClientProtocol, settings: TraceSettings, log: Write): void {
  const { receive, session, output } = protocol
  const tell = (text: string) => log(`${session.label()} - ${text}`)
  const incoming = new LineTracer('<<-', tell, settings)
  const outgoing = new LineTracer('->>', tell, settings)
  const isShown = () => settings.isOn && (settings.withSystem || !session.isSystem)
  protocol.receive = (chunk, end = chunk.length) => {
    // Behind `end` the transport's buffer has what others sent. A closed connection's payloads are never kept.
    if (isShown() && !session.isClosed) incoming.feed(end === chunk.length ? chunk : chunk.subarray(0, end))
    receive.call(protocol, chunk, end)
  }
  output.onWrite = (bytes) => {
    if (isShown()) outgoing.feed(bytes)
  }
}
