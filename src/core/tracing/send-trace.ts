import { gzipSync } from 'node:zlib'
import type { Clock } from '../../ports/index.ts'
import type { Account } from '../account.ts'
import type { LogLevel } from '../log.ts'
import type { MessageTrace } from './message-trace.ts'

/** What tracing needs of the bus. */
export interface TraceHost {
  readonly clock: Clock
  readonly systemAccount: string
  readonly log: (level: LogLevel, text: string) => void
  /** What messages of the server say of it. */
  describeServer: () => Record<string, unknown>
}

/** Publishes a trace as ADR-41 has it, from the server itself. Snappy is not written: who takes it reads plain JSON too. */
export function sendTrace(host: TraceHost, account: Account, trace: MessageTrace): void {
  const { request, events, destination } = trace
  const json = goText({ server: host.describeServer(), request, events })
  if (trace.encoding !== 'gzip') account.publishText(destination, json)
  else account.publishText(destination, gzipSync(json), '', 'NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n')
}

/** As Go writes JSON; what is no UTF-8 is told as such. */
function goText(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029\ufffd]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
