import { isPublishableBytes } from '../../subjects/index.ts'
import type { Message } from '../../wire/index.ts'
import type { Account } from '../account.ts'
import type { Origin } from '../origin.ts'
import { MessageTrace, type TraceEncoding } from './message-trace.ts'
import { sendTrace, type TraceHost } from './send-trace.ts'
import { setHeader } from './set-header.ts'
import { readTraceHeaders, TRACE_DEST, TRACE_DISABLED } from './trace-headers.ts'

/** What a message is sampled of. */
const EVERY = 100

/** Whoever publishes a message that may have to be traced. */
export interface TracedPublisher extends Origin {
  readonly account: Account
  label(): string
  /** May it publish there? */
  mayTraceTo(destination: Buffer): boolean
}

/**
 * `none`: published as it is, maybe with its trace disabled. `nowhere`: not published, since it was to be traced only and can't be.
 * `denied`: neither, since the client may not publish to the destination.
 */
export type BegunTrace =
  | { readonly is: 'nowhere' | 'none' }
  | { readonly is: 'denied'; readonly destination: string }
  | { readonly is: 'traced'; readonly trace: MessageTrace }

const NONE = { is: 'none' } as const

/** Looks at a message's headers, and begins its trace where they and the account want one, as nats-server decides it. */
export function beginTrace(host: TraceHost, publisher: TracedPublisher, message: Message): BegunTrace {
  const { account } = publisher
  const { body, bodyStart, headerLength } = message
  const found = readTraceHeaders(body.subarray(bodyStart, bodyStart + headerLength))
  if (found === null) return NONE
  const { headers, isExternal, isOnly, isRefused } = found
  const untraced = { is: isOnly ? 'nowhere' : 'none' } as const
  const complain = (text: string): typeof untraced => {
    host.log('error', `${publisher.label()} - ${text}`)
    return untraced
  }
  if (isRefused) {
    if (!isOnly) setHeader(message, TRACE_DEST, TRACE_DISABLED)
    return complain('Message tracing disabled because of a header "Nats-Trace-Origin-Account"')
  }
  let { destination } = found
  if (isExternal) {
    if (account.tracing === null) return NONE
    destination = account.tracing.destination
    if (!isSampled(account.tracing.sampling)) {
      setHeader(message, TRACE_DEST, TRACE_DISABLED)
      return NONE
    }
  }
  const bytes = Buffer.from(destination)
  if (!isPublishableBytes(bytes, 0, bytes.length))
    return complain(`Destination ${JSON.stringify(destination)} is not valid, won't be able to trace events`)
  if (!publisher.mayTraceTo(bytes)) return { is: 'denied', destination }
  const how = {
    destination,
    isOnly,
    encoding: encodingOf(headers['Accept-Encoding']?.[0] ?? ''),
    systemAccount: host.systemAccount,
    request: { header: headers, msgsize: message.bodyEnd - bodyStart },
    now: () => host.clock.now(),
    send: (trace: MessageTrace) => sendTrace(host, account, trace),
  }
  const subject = message.subject.toString('utf8', message.subjectStart, message.subjectEnd)
  return { is: 'traced', trace: new MessageTrace(how, publisher, subject) }
}

/** Of a hundred; what is no share is all. */
export function isSampled(sampling: number): boolean {
  return sampling <= 0 || sampling >= EVERY || Math.floor(Math.random() * EVERY) <= sampling
}

function encodingOf(accepted: string): TraceEncoding {
  if (accepted === '') return ''
  const text = accepted.toLowerCase()
  if (text.includes('snappy') || text.includes('s2')) return 'snappy'
  return text.includes('gzip') ? 'gzip' : 'identity'
}
