import type { Clock } from '../../ports/index.ts'
import type { Account } from '../account.ts'
import type { LogLevel } from '../log.ts'
import type { MessageTrace, TraceEncoding } from './message-trace.ts'

/** What tracing needs of the bus. */
export interface TraceHost {
  readonly clock: Clock
  readonly systemAccount: string
  readonly log: (level: LogLevel, text: string) => void
  /** What messages of the server say of it. */
  describeServer: () => Record<string, unknown>
  /** Packs a text, with the headers that say how; null: it can't. */
  encode: (
    text: string,
    encoding: Exclude<TraceEncoding, ''>,
  ) => { readonly body: Uint8Array; readonly headers: string } | null
}

/** Publishes a trace as ADR-41 has it, from the server itself, packed as the message's `Accept-Encoding` wants it. */
export function sendTrace(host: TraceHost, account: Account, trace: MessageTrace): void {
  const { request, events, destination, encoding } = trace
  const json = goText({ server: host.describeServer(), request, events })
  const packed = encoding === '' ? null : host.encode(json, encoding)
  if (packed === null) account.publishText(destination, json)
  else account.publishText(destination, packed.body, '', packed.headers)
}

/** As Go writes JSON; what is no UTF-8 is told as such. */
function goText(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029\ufffd]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
