/** What is answered to requests of the system account: the monitoring's pages, and what changes the server. */
import { CloseReason, type Session } from '../../core/index.ts'
import { accountDetail, accountStatistics, accountz, accstatz } from '../monitor/accounts.ts'
import { connz } from '../monitor/connz.ts'
import { gatewayz, ipqueuesz, leafz, routez } from '../monitor/fixed.ts'
import { healthz } from '../monitor/healthz.ts'
import { jetstreamDetail } from '../monitor/jetstream-detail.ts'
import { jsz } from '../monitor/jsz.ts'
import type { MonitoredServer } from '../monitor/monitored-server.ts'
import { debugVars } from '../monitor/process-pages.ts'
import type { Query } from '../monitor/query.ts'
import { subsz } from '../monitor/subsz.ts'
import { varz } from '../monitor/varz.ts'

const MS_PER_S = 1000
const NANOS_PER_S = 1e9

type Page = (server: MonitoredServer, query: Query) => unknown

/** By the last token of `$SYS.REQ.SERVER.<id>.<page>`. */
export const serverPages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ['VARZ', varz],
  ['CONNZ', connz],
  ['SUBSZ', subsz],
  ['ROUTEZ', routez],
  ['GATEWAYZ', gatewayz],
  ['LEAFZ', leafz],
  ['ACCOUNTZ', accountz],
  ['JSZ', jsz],
  ['HEALTHZ', health],
  ['IPQUEUESZ', ipqueuesz],
  ['RAFTZ', () => ({})],
  ['EXPVARZ', () => JSON.parse(debugVars())],
  ['PROFILEZ', () => ({ profile: null, error: "profiles are Go's: Node has --cpu-prof and --heap-prof" })],
])

function health(server: MonitoredServer, query: Query): unknown {
  const { status, body } = healthz(server, query)
  return { ...body, status_code: status }
}

/** By the last token of `$SYS.REQ.ACCOUNT.<account>.<page>`; the account is in the query. */
export const accountPages: ReadonlyMap<string, Page> = new Map<string, Page>([
  ['CONNZ', connz],
  ['SUBSZ', subsz],
  ['LEAFZ', leafz],
  ['JSZ', accountJsz],
  ['INFO', accountInfo],
  ['STATZ', accountStatz],
])

function accountJsz(server: MonitoredServer, query: Query): unknown {
  const name = query.text('acc')
  const found = server.jetstream?.accounts().find((each) => each.account.name === name)
  if (found === undefined || server.jetstream === null)
    throw new Error(`account ${JSON.stringify(name)} not jetstream enabled`)
  const consumers = query.boolean('consumers')
  const wanted = {
    streams: query.boolean('streams') || consumers,
    consumers,
    config: query.boolean('config'),
  }
  return jetstreamDetail(found, wanted)
}

function accountInfo(server: MonitoredServer, query: Query): unknown {
  const name = query.text('acc')
  const account = server.bus.accounts.get(name)
  if (account === undefined) throw new Error(`Account ${name} does not exist`)
  return accountDetail(server, account)
}

/** Of one account, whether it is used or not. */
function accountStatz(server: MonitoredServer, query: Query): unknown {
  const account = server.bus.accounts.get(query.text('acc'))
  const { server_id, now } = accstatz(server, query)
  return { server_id, now, account_statz: account === undefined ? [] : [accountStatistics(account)] }
}

/** `$SYS.REQ.USER.INFO`: who asks. */
export function userInfo({ user, account, permissions, identity }: Session, nowMs: number): unknown {
  const rules = permissions?.describe?.()
  const { nameTag = '', expiresMs = Number.POSITIVE_INFINITY } = identity ?? {}
  const leftS = Math.trunc((expiresMs - nowMs) / MS_PER_S)
  return {
    user: user === '' ? '[none]' : user,
    account: account.name,
    account_name: account.nameTag,
    ...(nameTag === '' ? {} : { user_name: nameTag }),
    ...(rules === undefined ? {} : { permissions: rules }),
    ...(Number.isFinite(leftS) && leftS !== 0 ? { expires: leftS * NANOS_PER_S } : {}),
  }
}

/**
 * `KICK` and `LDM` of one client.
 * @throws Error in nats-server's words
 */
export function kick({ bus }: MonitoredServer, cid: unknown): void {
  clientOf(bus.connections, cid, 'no such client or leafnode id').close(CloseReason.kicked)
}

export function lameDuckOf({ bus }: MonitoredServer, cid: unknown): void {
  const session = clientOf(bus.connections, cid, 'no such client id')
  bus.info.ldm = true
  session.announceInfo()
  delete bus.info.ldm
}

function clientOf(connections: ReadonlyMap<number, Session>, cid: unknown, otherwise: string): Session {
  const session = typeof cid === 'number' ? connections.get(cid) : undefined
  if (session === undefined) throw new Error(otherwise)
  return session
}
