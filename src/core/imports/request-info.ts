/** `Nats-Request-Info`: who asks, as the service of another account is told. Only the server says it. */
import type { Message } from '../../wire/index.ts'
import type { Origin } from '../origin.ts'
import { replaceHeaders } from '../replace-headers.ts'

const NAME = 'Nats-Request-Info'
/** However a client may read it: any end of a line, white space around the name. */
const FORGED = /^\s*nats-request-info\s*:/i
const LINE = /[^\r\n]*(?:\r\n|\r|\n|$)/g
const FIRST_LINE = 'NATS/1.0\r\n'
const NANOS_PER_MS = 1e6

export type ClientInfo = Record<string, unknown>

/** What a service is told of a client: its account, and with `share` all about it. */
export function clientInfo(origin: Origin, share: boolean, serverName: string): ClientInfo {
  const { options } = origin
  const acc = origin.accountName
  const rtt = Math.round(origin.rttMs * NANOS_PER_MS)
  if (!share) return withoutEmpty({ acc, rtt })
  return withoutEmpty({
    start: new Date(origin.startedMs).toISOString(),
    host: origin.peer.host,
    id: origin.id,
    acc,
    user: origin.user,
    name: options.name,
    lang: options.lang,
    ver: options.version,
    rtt,
    server: serverName,
    kind: 'Client',
    client_type: 'nats',
  })
}

function withoutEmpty(info: ClientInfo): ClientInfo {
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== '' && value !== 0))
}

/**
 * Puts it in the message's headers in the place of any that are there; `info` null: what is there stays, as the server has put
 * it, and gets `service`.
 */
export function withRequestInfo(message: Message, info: ClientInfo | null, service: string): void {
  const lines = message.headerLength === 0 ? [FIRST_LINE] : linesOf(message)
  const before = lines.find(isOurs)
  const told = info ?? { ...parse(before?.slice(NAME.length + 1) ?? '{}'), svc: service }
  const others = lines.filter((line) => !isOurs(line))
  const text = Buffer.from(JSON.stringify(told)).toString('latin1')
  replaceHeaders(message, Buffer.from(`${wellEnded(others)}${NAME}: ${text}\r\n\r\n`, 'latin1'))
  message.hasRequestInfo = true
}

/** Takes it out of the message's headers, if somebody has written it there. */
export function withoutRequestInfo(message: Message): void {
  if (message.headerLength === 0) return
  const lines = linesOf(message)
  const others = lines.filter((line) => !isOurs(line))
  if (others.length === lines.length) return
  replaceHeaders(message, Buffer.from(`${wellEnded(others)}\r\n`, 'latin1'))
}

function linesOf({ body, bodyStart, headerLength }: Message): string[] {
  const head = body.toString('latin1', bodyStart, bodyStart + headerLength)
  return (head.match(LINE) ?? []).filter((line) => line.trim() !== '')
}

function isOurs(line: string): boolean {
  return FORGED.test(line)
}

/** Each line ends as headers do, so that none hides the last. */
function wellEnded(lines: readonly string[]): string {
  return lines.map((line) => `${line.replace(/[\r\n]+$/, '')}\r\n`).join('')
}

function parse(json: string): ClientInfo {
  try {
    return JSON.parse(Buffer.from(json, 'latin1').toString('utf8')) as ClientInfo
  } catch {
    return {}
  }
}
