/** The trace of one message (ADR-41): what happens to it, in the order in which it does. */
import type { Origin } from '../origin.ts'

/** nats-server's number for a client's connection. */
const CLIENT_KIND = 0

/** Why a subscription did not get a traced message, in nats-server's words. */
export const NOT_DELIVERED = {
  noEcho: 'Not delivered because of no echo',
  denied: 'Not delivered because subscription denies this subject',
  subscriptionClosed: 'Not delivered because subscription is closed',
  clientClosed: 'Not delivered because client is closed',
} as const

/** How the trace is told, as `Content-Encoding` names it; '': plainly, and nothing is said of it. */
export type TraceEncoding = 'gzip' | 'identity' | 'snappy' | ''

type Fields = Record<string, unknown>

/** The client that a message has come from, or goes to. */
export type TracedClient = Pick<Origin, 'accountName' | 'id' | 'options'>

export interface TraceRequest {
  readonly header: Readonly<Record<string, readonly string[]>>
  /** Bytes of headers and payload. */
  readonly msgsize: number
}

export class MessageTrace {
  /** The subject, in the account that the message was published in, that the trace is published to. */
  readonly destination: string
  /** Is the message not to be delivered? */
  readonly isOnly: boolean
  readonly encoding: TraceEncoding
  readonly systemAccount: string
  readonly request: TraceRequest
  readonly events: Fields[] = []
  private readonly ingress: Fields
  private readonly account: string
  private readonly now: () => number
  private readonly send: (trace: MessageTrace) => void
  /** What is still to happen: the publishing itself, and the streams that take the message. */
  private open = 1

  constructor(
    how: {
      destination: string
      isOnly: boolean
      encoding: TraceEncoding
      systemAccount: string
      request: TraceRequest
      now: () => number
      send: (trace: MessageTrace) => void
    },
    client: TracedClient,
    subject: string,
  ) {
    this.destination = how.destination
    this.isOnly = how.isOnly
    this.encoding = how.encoding
    this.systemAccount = how.systemAccount
    this.request = how.request
    this.now = how.now
    this.send = how.send
    this.account = client.accountName
    this.ingress = this.add('in', { ...connection(client), acc: client.accountName, subj: subject })
  }

  /** The message was not let in. */
  refused(error: string): void {
    this.ingress.error = error
  }

  mapped(to: string): void {
    this.add('sm', { to })
  }

  /** It goes to a service of another account. */
  serviceImport(account: string, from: string, to: string): void {
    this.add('si', { acc: account, from, to })
  }

  /** It is shared as a stream with another account. */
  streamExport(account: string, to: string): void {
    this.add('se', { acc: account, to })
  }

  /** A subscription gets it, or (`error`) doesn't. Pattern and queue as latin1 text. */
  egress(client: TracedClient, pattern: string, queue: string, error: string): void {
    this.add('eg', {
      ...connection(client),
      ...(client.accountName === this.account ? {} : { acc: client.accountName }),
      sub: utf8(pattern),
      ...(queue === '' ? {} : { queue: utf8(queue) }),
      ...(error === '' ? {} : { error }),
    })
  }

  /** A stream takes it: the trace waits until that has said what becomes of it. */
  stream(name: string): StreamTrace {
    this.open++
    const event = this.add('js', { stream: name })
    return {
      isOnly: this.isOnly,
      end: ({ subject = '', noInterest = false, error = '' }) => {
        event.ts = timeText(this.now())
        if (subject !== '') event.subject = subject
        if (noInterest) event.nointerest = true
        if (error !== '') event.error = error
        this.end()
      },
    }
  }

  /** Publishing is over. The trace is sent when the streams are done, too. */
  end(): void {
    if (--this.open === 0) this.send(this)
  }

  private add(type: string, fields: Fields): Fields {
    const event = { type, ts: timeText(this.now()), ...fields }
    this.events.push(event)
    return event
  }
}

/** What a stream says of a traced message, once. */
export interface StreamTrace {
  readonly isOnly: boolean
  end(outcome: { subject?: string; noInterest?: boolean; error?: string }): void
}

function connection({ id, options }: TracedClient): Fields {
  return { kind: CLIENT_KIND, cid: id, ...(options.name === '' ? {} : { name: options.name }) }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}

/** RFC 3339 to a microsecond. */
function timeText(ms: number): string {
  const whole = Math.floor(ms)
  const micros = Math.floor((ms - whole) * 1000)
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`
}
