/** `Nats-Request-Info`: who asks, as the service of another account is told. Only the server says it. */
import type { Message } from '../../wire/index.ts'
import type { Origin } from '../origin.ts'

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
  const known: ClientInfo = { acc: origin.accountName, rtt: Math.round(origin.rttMs * NANOS_PER_MS) }
  if (!share) return withoutEmpty(known)
  return withoutEmpty({
    start: new Date(origin.startedMs).toISOString(),
    host: origin.peer.host,
    id: origin.id,
    ...known,
    user: origin.user,
    name: options.name,
    lang: options.lang,
    ver: options.version,
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
  const { body, bodyStart, headerLength } = message
  const head = body.toString('latin1', bodyStart, bodyStart + headerLength)
  const lines =
    headerLength === 0 ? [FIRST_LINE] : (head.match(LINE) ?? []).filter((line) => line.trim() !== '')
  const isOurs = (line: string): boolean => FORGED.test(line)
  const before = lines.find(isOurs)
  const told = info ?? { ...parse(before?.slice(NAME.length + 1) ?? '{}'), svc: service }
  // Each line ends as headers do, so that none hides the last.
  const others = lines.filter((line) => !isOurs(line)).map((line) => `${line.replace(/[\r\n]+$/, '')}\r\n`)
  const text = Buffer.from(JSON.stringify(told)).toString('latin1')
  const headers = Buffer.from(`${others.join('')}${NAME}: ${text}\r\n\r\n`, 'latin1')
  message.body = Buffer.concat([headers, body.subarray(bodyStart + headerLength, message.bodyEnd)])
  message.bodyStart = 0
  message.bodyEnd = message.body.length
  message.headerLength = headers.length
  message.wireEnd = 0
  message.hasRequestInfo = true
}

/** Takes it out of the message's headers, if somebody has written it there. */
export function withoutRequestInfo(message: Message): void {
  const { body, bodyStart, headerLength } = message
  if (headerLength === 0) return
  const lines = body.toString('latin1', bodyStart, bodyStart + headerLength).match(LINE) ?? []
  if (!lines.some((line) => FORGED.test(line))) return
  const others = lines.filter((line) => line.trim() !== '' && !FORGED.test(line))
  const text = others.map((line) => `${line.replace(/[\r\n]+$/, '')}\r\n`).join('')
  const headers = Buffer.from(`${text}\r\n`, 'latin1')
  message.body = Buffer.concat([headers, body.subarray(bodyStart + headerLength, message.bodyEnd)])
  message.bodyStart = 0
  message.bodyEnd = message.body.length
  message.headerLength = headers.length
  message.wireEnd = 0
}

function parse(json: string): ClientInfo {
  try {
    return JSON.parse(Buffer.from(json, 'latin1').toString('utf8')) as ClientInfo
  } catch {
    return {}
  }
}
