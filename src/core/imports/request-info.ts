/** `Nats-Request-Info`: who asks, as the service of another account is told. Only the server says it. */
import type { Message } from '../../wire/index.ts'
import type { Origin } from '../origin.ts'

const NAME = 'Nats-Request-Info'
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
  const lines = headerLength === 0 ? [FIRST_LINE] : head.split(/(?<=\r\n)/).filter((line) => line !== '\r\n')
  const isOurs = (line: string): boolean => line.toLowerCase().startsWith(`${NAME.toLowerCase()}:`)
  const before = lines.find(isOurs)
  const told = info ?? { ...parse(before?.slice(NAME.length + 1) ?? '{}'), svc: service }
  const others = lines.filter((line) => !isOurs(line))
  const text = Buffer.from(JSON.stringify(told)).toString('latin1')
  const headers = Buffer.from(`${others.join('')}${NAME}: ${text}\r\n\r\n`, 'latin1')
  message.body = Buffer.concat([headers, body.subarray(bodyStart + headerLength, message.bodyEnd)])
  message.bodyStart = 0
  message.bodyEnd = message.body.length
  message.headerLength = headers.length
  message.wireEnd = 0
  message.hasRequestInfo = true
}

function parse(json: string): ClientInfo {
  try {
    return JSON.parse(Buffer.from(json, 'latin1').toString('utf8')) as ClientInfo
  } catch {
    return {}
  }
}
