/** What the system account is told: who comes, goes and is turned away, how many an account has, how the server is. */
import type { Account, LoginObserver, Session } from '../../core/index.ts'
import type { Timer } from '../../ports/index.ts'
import { accountStatistics } from '../monitor/accounts.ts'
import { goTime } from '../monitor/go-text.ts'
import type { MonitoredServer } from '../monitor/monitored-server.ts'
import { newEventId } from './event-id.ts'
import type { ServerRecord } from './server-record.ts'
import { statsz } from './statsz.ts'

const STATSZ_MS = 10_000
/** nats-server tells nothing of it. */
const GLOBAL_ACCOUNT = '$G'
const AUTHENTICATION_FAILURE = 'Authentication Failure'
const NANOS_PER_MS = 1e6

/** Events are made only when somebody is interested. */
export class SystemEvents implements LoginObserver {
  private readonly server: MonitoredServer
  private readonly account: Account
  private readonly record: ServerRecord
  private timer: Timer | null = null
  /** Who was let in. */
  private readonly known = new WeakSet<Session>()
  private readonly unlisten: () => void

  constructor(server: MonitoredServer, account: Account, record: ServerRecord) {
    this.server = server
    this.account = account
    this.record = record
    this.unlisten = account.onInterestChange(() => this.watchStatsz())
  }

  loggedIn(session: Session): void {
    const { account } = session
    if (account.name === GLOBAL_ACCOUNT) return
    this.known.add(session)
    this.connections(account)
    this.tell(`$SYS.ACCOUNT.${account.name}.CONNECT`, () => ({
      ...this.head('io.nats.server.advisory.v1.client_connect'),
      client: this.client(session, 0),
    }))
  }

  left(session: Session): void {
    const { account, closeReason } = session
    if (account.name === GLOBAL_ACCOUNT) return
    if (this.known.has(session)) this.connections(account)
    this.tell(`$SYS.ACCOUNT.${account.name}.DISCONNECT`, () => this.disconnect(session, closeReason))
  }

  refused(session: Session): void {
    const make = (): unknown => this.disconnect(session, AUTHENTICATION_FAILURE)
    this.tell(`$SYS.SERVER.${this.server.id}.CLIENT.AUTH.ERR`, make)
    this.tell(`$SYS.ACCOUNT.${session.account.name}.DISCONNECT`, make)
  }

  lameDuck(): void {
    this.tell(`$SYS.SERVER.${this.server.id}.LAMEDUCK`, () => this.record.next())
  }

  shutdown(): void {
    this.unlisten()
    this.timer?.clear()
    this.timer = null
    this.tell(`$SYS.SERVER.${this.server.id}.SHUTDOWN`, () => this.record.next())
  }

  /** How many clients an account has. */
  connectionsOf(account: Account): unknown {
    return {
      ...this.head('io.nats.server.advisory.v1.account_connections'),
      ...accountStatistics(account),
    }
  }

  private connections(account: Account): void {
    const { name } = account
    for (const subject of [`$SYS.SERVER.ACCOUNT.${name}.CONNS`, `$SYS.ACCOUNT.${name}.SERVER.CONNS`])
      this.tell(subject, () => this.connectionsOf(account))
  }

  private disconnect(session: Session, reason: string): unknown {
    const { inMessages, inBytes, outMessages, outBytes } = session
    return {
      ...this.head('io.nats.server.advisory.v1.client_disconnect'),
      client: this.client(session, this.server.bus.clock.now()),
      sent: { msgs: inMessages, bytes: inBytes },
      received: { msgs: outMessages, bytes: outBytes },
      reason,
    }
  }

  private client(session: Session, stoppedMs: number): Record<string, unknown> {
    const { id, peer, user, account, options, rttMs, identity } = session
    const { tags = [], shown: how = {} } = identity ?? {}
    const shown = user === '' ? options.user : user
    return {
      start: goTime(session.startedMs),
      host: peer.host,
      id,
      acc: account.name,
      ...(shown === '' ? {} : { user: shown }),
      ...(options.name === '' ? {} : { name: options.name }),
      ...(options.lang === '' ? {} : { lang: options.lang }),
      ...(options.version === '' ? {} : { ver: options.version }),
      ...(stoppedMs === 0 ? {} : { rtt: Math.round(rttMs * NANOS_PER_MS), stop: goTime(stoppedMs) }),
      ...Object.fromEntries(Object.entries(how).filter(([, value]) => value !== '')),
      ...(tags.length === 0 ? {} : { tags }),
      name_tag: account.nameTag,
      kind: 'Client',
      client_type: 'nats',
    }
  }

  private head(type: string): Record<string, unknown> {
    const timestamp = goTime(this.server.bus.clock.now())
    return { type, id: newEventId(), timestamp, server: this.record.next() }
  }

  private tell(subject: string, make: () => unknown): void {
    const { account } = this
    if (account.hasInterest(subject)) account.publishText(subject, JSON.stringify(make()))
  }

  /** Begins when somebody listens, and ends when nobody does: an idle process has no timers. */
  private watchStatsz(): void {
    const subject = `$SYS.SERVER.${this.server.id}.STATSZ`
    if (this.timer !== null || !this.account.hasInterest(subject)) return
    this.timer = this.server.bus.clock.setTimer(() => {
      this.timer = null
      this.tell(subject, () => ({ server: this.record.next(), statsz: statsz(this.server) }))
      this.watchStatsz()
    }, STATSZ_MS)
  }
}
