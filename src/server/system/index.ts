/** The system account: requests about the server and its accounts, and events. */
import {
  type Account,
  type InternalSubscription,
  type Message,
  type Origin,
  Session,
} from '../../core/index.ts'
import type { MonitoredServer } from '../monitor/monitored-server.ts'
import { servePurges } from './account-purge.ts'
import { SystemEvents } from './events.ts'
import type { Request, SystemActions } from './request.ts'
import { ServerRecord } from './server-record.ts'

const PAGES =
  'STATSZ VARZ SUBSZ CONNZ ROUTEZ GATEWAYZ LEAFZ ACCOUNTZ JSZ HEALTHZ PROFILEZ EXPVARZ IPQUEUESZ RAFTZ IDZ'
/** Only of one server, by its id. */
const COMMANDS = 'RELOAD KICK LDM'
const ACCOUNT_PAGES = 'CONNZ SUBSZ LEAFZ JSZ INFO STATZ CONNS'

export class SystemAccount {
  readonly events: SystemEvents
  readonly record: ServerRecord
  private readonly server: MonitoredServer
  private readonly system: Account
  private readonly actions: SystemActions
  private readonly subscriptions: InternalSubscription[] = []

  constructor(server: MonitoredServer, actions: SystemActions) {
    const { bus } = server
    const system = bus.account(bus.systemAccount)
    this.server = server
    this.system = system
    this.actions = actions
    this.record = new ServerRecord(server)
    this.events = new SystemEvents(server, system, this.record)
    bus.observer = this.events
    for (const subject of this.subjects()) this.serve(system, subject)
    if (server.settings.jetstream) this.subscriptions.push(servePurges(server, system))
    bus.onAccount((account) => this.serveAccount(account))
  }

  /** The server ends: tells so, and answers nobody any more. */
  close(): void {
    this.events.shutdown()
    for (const each of this.subscriptions) each.unsubscribe()
    this.subscriptions.length = 0
  }

  private subjects(): string[] {
    const { id } = this.server
    const ofServer = (server: string, pages: string) =>
      pages.split(' ').map((page) => `$SYS.REQ.SERVER.${server}.${page}`)
    return [
      '$SYS.REQ.SERVER.PING',
      ...ofServer('PING', PAGES),
      ...ofServer(id, `${PAGES} ${COMMANDS}`),
      ...ACCOUNT_PAGES.split(' ').map((page) => `$SYS.REQ.ACCOUNT.*.${page}`),
    ]
  }

  /** What everybody may ask, about themselves. */
  private serveAccount(account: Account): void {
    this.serve(account, '$SYS.REQ.USER.INFO')
    if (account === this.system) return
    for (const subject of ['ACCOUNT.PING.CONNZ', 'ACCOUNT.PING.STATZ', 'SERVER.PING.CONNZ'])
      this.serve(account, `$SYS.REQ.${subject}`)
  }

  private serve(account: Account, subject: string): void {
    const onMessage = (message: Message, origin: Origin | null): void => {
      const reply = message.reply.toString('utf8', message.replyStart, message.replyEnd)
      const request: Request = {
        tokens: message.subject
          .toString('utf8', message.subjectStart, message.subjectEnd)
          .split('.')
          .slice(2),
        body: message.body.toString('utf8', message.bodyStart + message.headerLength, message.bodyEnd),
        head: message.body.toString('latin1', message.bodyStart, message.bodyStart + message.headerLength),
        session: origin instanceof Session ? origin : null,
        account,
      }
      // Commands without a reply are carried out too.
      void this.answer(request, account, reply).catch(this.server.bus.fault)
    }
    this.subscriptions.push(account.subscribe(subject, { onMessage }))
  }

  private async answer(request: Request, account: Account, reply: string): Promise<void> {
    // Most servers are never asked: the pages are loaded when the first request comes.
    const { answerTo, published } = await import('./requests.ts')
    const { server, record, events, actions } = this
    const answer = answerTo(request, { server, record, events, actions })
    if (answer === null || reply === '' || server.bus.isClosed) return
    const { body, headers } = published(answer, request)
    account.publishText(reply, body, '', headers)
  }
}
