/** What /connz knows of one connection, open or closed. */
import type { Session, Subscription } from '../../core/index.ts'
import { utf8Of } from '../../subjects/index.ts'
import { goDuration, goTime, uptime } from './go-text.ts'

const GLOBAL_ACCOUNT = '$G'
/** Of a client that is gone so many subscriptions are kept. */
const MOST_SHOWN = 1024

export interface ConnectionRecord {
  id: number
  type: string
  ip: string
  port: number
  startedMs: number
  lastActivityMs: number
  /** 0 while it is open. */
  stoppedMs: number
  reason: string
  rttMs: number
  pendingBytes: number
  inMessages: number
  outMessages: number
  inBytes: number
  outBytes: number
  subscriptions: number
  name: string
  lang: string
  version: string
  user: string
  account: string
  nameTag: string
  tags: readonly string[]
  /** How it has logged in. */
  shown: Readonly<Record<string, string>>
  /** '' without TLS. */
  tlsVersion: string
  tlsCipher: string
  /** The client's id over MQTT. */
  mqttClient: string
  /** What it was subscribed to when it went; undefined while it is there. */
  subscribed?: Record<string, unknown>[]
}

const TYPES: Readonly<Record<Session['peer']['kind'], string>> = {
  'in-process': 'in_process',
  tcp: 'nats',
  websocket: 'websocket',
}

export function recordOf(connection: Session, stoppedMs: number, reason: string): ConnectionRecord {
  const { peer, options } = connection
  return {
    id: connection.id,
    type: TYPES[peer.kind],
    tlsVersion: peer.tls?.version ?? '',
    tlsCipher: peer.tls?.cipher ?? '',
    ip: peer.host,
    port: peer.port,
    startedMs: connection.startedMs,
    lastActivityMs: connection.lastActivityMs,
    stoppedMs,
    reason,
    rttMs: connection.rttMs,
    pendingBytes: connection.pendingBytes,
    inMessages: connection.inMessages,
    outMessages: connection.outMessages,
    inBytes: connection.inBytes,
    outBytes: connection.outBytes,
    subscriptions: connection.subscriptions.size,
    name: options.name,
    lang: options.lang,
    version: options.version,
    user: connection.user,
    account: connection.account.name,
    nameTag: connection.account.nameTag,
    tags: connection.identity?.tags ?? [],
    shown: connection.identity?.shown ?? {},
    mqttClient: '',
    ...(stoppedMs === 0 ? {} : { subscribed: subscribedTo(connection, true) }),
  }
}

/** The record as /connz shows it; `auth`: with user and account. */
export function showRecord(record: ConnectionRecord, nowMs: number, auth: boolean): Record<string, unknown> {
  const endMs = record.stoppedMs === 0 ? nowMs : record.stoppedMs
  return {
    cid: record.id,
    kind: 'Client',
    type: record.type,
    ip: record.ip,
    port: record.port,
    start: goTime(record.startedMs),
    last_activity: goTime(record.lastActivityMs),
    ...(record.stoppedMs === 0 ? {} : { stop: goTime(record.stoppedMs), reason: record.reason }),
    rtt: goDuration(record.rttMs),
    uptime: uptime(endMs - record.startedMs),
    idle: uptime(endMs - record.lastActivityMs),
    pending_bytes: record.pendingBytes,
    in_msgs: record.inMessages,
    out_msgs: record.outMessages,
    in_bytes: record.inBytes,
    out_bytes: record.outBytes,
    subscriptions: record.subscriptions,
    ...textIf('name', record.name),
    ...textIf('lang', record.lang),
    ...textIf('version', record.version),
    ...textIf('tls_version', record.tlsVersion),
    ...textIf('tls_cipher_suite', record.tlsCipher),
    ...(auth ? loginOf(record) : {}),
  }
}

function loginOf(record: ConnectionRecord): Record<string, unknown> {
  const { user, shown, tags } = record
  return {
    ...textIf('authorized_user', user),
    ...textIf('account', ownAccount(record)),
    ...Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== '')),
    ...(tags.length === 0 ? {} : { tags }),
  }
}

/** The account, where it is not that of everybody. */
export function ownAccount({ account }: ConnectionRecord): string {
  return account === GLOBAL_ACCOUNT ? '' : account
}

/** What a client is subscribed to, as /connz?subs=detail shows it; `withAccount`: as it does of those that are gone. */
export function subscribedTo(connection: Session, withAccount: boolean): Record<string, unknown>[] {
  const { name } = connection.account
  const account = withAccount ? { account: name, account_tag: name } : {}
  return [...connection.subscriptions.values()]
    .slice(0, MOST_SHOWN)
    .map((each) => ({ ...account, ...showSubscription(each, connection.id) }))
}

/** One subscription as /subsz and /connz?subs=detail show it. */
export function showSubscription(subscription: Subscription, cid: number): Record<string, unknown> {
  return {
    subject: utf8Of(subscription.subject),
    ...textIf('qgroup', utf8Of(subscription.queue)),
    sid: subscription.sid.toString('latin1'),
    msgs: subscription.delivered,
    ...(subscription.max > 0 ? { max: subscription.max } : {}),
    cid,
  }
}

function textIf(key: string, text: string): Record<string, string> {
  return text === '' ? {} : { [key]: text }
}

/** The latest connections that are gone. */
export class ClosedConnections {
  private readonly records: ConnectionRecord[] = []
  private next = 0
  private readonly limit: number

  /** `limit`: how many are kept. */
  constructor(limit: number) {
    this.limit = limit
  }

  add(record: ConnectionRecord): void {
    if (this.limit <= 0) return
    if (this.records.length < this.limit) this.records.push(record)
    else this.records[this.next] = record
    this.next = (this.next + 1) % this.limit
  }

  /** The oldest first. */
  all(): ConnectionRecord[] {
    if (this.records.length < this.limit) return [...this.records]
    return [...this.records.slice(this.next), ...this.records.slice(0, this.next)]
  }
}
