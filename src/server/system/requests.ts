/** From a request of the system account to its answer. */
import type { Account } from '../../core/index.ts'
import { accstatz } from '../monitor/accounts.ts'
import { goJson } from '../monitor/go-text.ts'
import type { MonitoredServer } from '../monitor/monitored-server.ts'
import { BadQuery } from '../monitor/query.ts'
import { accountPages, kick, lameDuckOf, serverPages, userInfo } from './answers.ts'
import { encode, encodingHeader, encodingOf } from './encoding.ts'
import type { SystemEvents } from './events.ts'
import { BadRequest, isMeant, queryOf, readOptions } from './options.ts'
import type { Request, SystemActions } from './request.ts'
import type { ServerRecord } from './server-record.ts'
import { statsz } from './statsz.ts'

const BAD_REQUEST = 400
const FAILED = 500

export interface Answering {
  server: MonitoredServer
  record: ServerRecord
  events: SystemEvents
  actions: SystemActions
}

type Options = ReturnType<typeof readOptions>

/** Null: nobody is answered, since another server is meant. */
export function answerTo(request: Request, answering: Answering): unknown {
  const { record } = answering
  let options: Options
  try {
    options = readOptions(request.body)
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error
    return { server: record.next(), error: { code: BAD_REQUEST, description: error.message } }
  }
  const [kind, whose, page = 'STATSZ'] = request.tokens
  if (kind === 'USER') return userAnswer(request, answering)
  if (kind === 'ACCOUNT') return accountAnswer(request, whose, page, options, answering)
  return serverAnswer(request, whose, page, options, answering)
}

/** An answer as it goes out: packed where that is asked for, and it is one with data. */
export function published(
  answer: unknown,
  { head }: Request,
): { body: string | Uint8Array; headers: string } {
  const text = goJson(answer, false)
  const isPage = typeof answer === 'object' && answer !== null && 'server' in answer && !('statsz' in answer)
  const encoding = !isPage || 'error' in answer ? null : encodingOf(head)
  if (encoding === null) return { body: text, headers: '' }
  return { body: encode(text, encoding), headers: encodingHeader(encoding) }
}

function userAnswer({ session }: Request, { record, server }: Answering): unknown {
  const nowMs = server.bus.clock.now()
  return session === null ? null : { server: record.next(), data: userInfo(session, nowMs) }
}

function serverAnswer(
  { account }: Request,
  whose: string,
  page: string,
  options: Options,
  { server, record, actions }: Answering,
): unknown {
  if (whose === 'PING' && !isMeant(options, addressee(server))) return null
  if (page === 'IDZ') return record.id()
  if (page === 'STATSZ') return { server: record.next(), statsz: statsz(server) }
  switch (page) {
    case 'RELOAD':
      return command(record, () => actions.reload())
    case 'KICK':
      return command(record, () => kick(server, options.cid))
    case 'LDM':
      return command(record, () => lameDuckOf(server, options.cid))
  }
  const wanted = isSystem(account, server) ? options : ofAccount(account.name, options)
  return shown(record, () => serverPages.get(page)?.(server, queryOf(page, wanted)))
}

function accountAnswer(
  { account }: Request,
  whose: string,
  page: string,
  options: Options,
  { server, record, events }: Answering,
): unknown {
  const isAsked = isSystem(account, server)
  if (whose === 'PING' && page === 'STATZ' && isAsked)
    return shown(record, () => accountStatistics(server, options))
  const name = isAsked ? whose : account.name
  if (page === 'CONNS') {
    const found = server.bus.accounts.get(name)
    return found === undefined ? null : events.connectionsOf(found)
  }
  // Of one account subscriptions are listed without being asked for.
  const listed = page === 'SUBSZ' ? { subscriptions: true } : {}
  const wanted = ofAccount(name, { ...options, ...listed })
  return shown(record, () => accountPages.get(page)?.(server, queryOf(page, wanted)))
}

/** Of this account, whatever the request says: it may say so by two names, more than once. */
function ofAccount(name: string, options: Options): Options {
  const { acc: _acc, account: _account, ...others } = options
  return { ...others, acc: name }
}

function isSystem({ name }: Account, { bus }: MonitoredServer): boolean {
  return name === bus.systemAccount
}

/** Of all accounts that are used. */
function accountStatistics(server: MonitoredServer, options: Options): unknown {
  return accstatz(server, queryOf('STATZ', options))
}

function shown(record: ServerRecord, page: () => unknown): unknown {
  try {
    return { server: record.next(), data: page() ?? null }
  } catch (error) {
    const code =
      error instanceof BadQuery && error.message.startsWith('Error decoding') ? BAD_REQUEST : FAILED
    const nothing = code === FAILED ? { data: null } : {}
    return { server: record.next(), ...nothing, error: { code, description: (error as Error).message } }
  }
}

function command(record: ServerRecord, run: () => void): unknown {
  try {
    run()
    return { server: record.next() }
  } catch (error) {
    return { server: record.next(), error: { code: FAILED, description: (error as Error).message } }
  }
}

function addressee({ name, settings }: MonitoredServer) {
  return { name, host: settings.host, domain: settings.domain, tags: settings.tags }
}
