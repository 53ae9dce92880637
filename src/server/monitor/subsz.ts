/** /subsz: the interest of all clients, filtered and paged. */
import { type Account, Session } from '../../core/index.ts'
import { isLiteralSubject, subjectFilter, utf8Of } from '../../subjects/index.ts'
import { showSubscription } from './connection-record.ts'
import { goTime } from './go-text.ts'
import type { MonitoredServer } from './monitored-server.ts'
import { BadQuery, type Query } from './query.ts'

/** The id shown for what the server itself subscribes to. */
const SERVER_ITSELF = 0

export function subsz(server: MonitoredServer, query: Query): Record<string, unknown> {
  const { bus } = server
  const listed = query.boolean('subs')
  const { offset, limit } = query.page()
  const test = query.text('test')
  const account = query.text('acc')
  if (test !== '' && !isLiteralSubject(test)) {
    throw new BadQuery(`invalid test subject, must be valid publish subject: ${test}`)
  }
  const probe = Buffer.from(test, 'utf8')
  const details: Record<string, unknown>[] = []
  if (listed) {
    for (const { name, interest } of bus.accounts.values()) {
      if (account !== '' && name !== account) continue
      for (const subscription of interest.all()) {
        if (test !== '' && !subjectFilter([utf8Of(subscription.subject)]).matches(probe, 0, probe.length))
          continue
        const { receiver } = subscription
        const cid = receiver instanceof Session ? receiver.id : SERVER_ITSELF
        details.push({ account: name, account_tag: name, ...showSubscription(subscription, cid) })
      }
    }
  }
  const page = details.slice(offset, offset + limit)
  return {
    server_id: server.id,
    now: goTime(bus.clock.now()),
    ...interestFigures(
      account === ''
        ? bus.accounts.values()
        : [...bus.accounts.values()].filter((each) => each.name === account),
    ),
    total: details.length,
    offset,
    limit,
    ...(page.length > 0 ? { subscriptions_list: page } : {}),
  }
}

/** Figures of the interest of some accounts. Nobody counts how often a remembered route is found: that is each message. */
export function interestFigures(accounts: Iterable<Account>): Record<string, number> {
  let [size, inserts, matches] = [0, 0, 0]
  for (const { interest } of accounts) {
    size += interest.size
    inserts += interest.inserts
    matches += interest.cacheMisses
  }
  return {
    num_subscriptions: size,
    num_cache: 0,
    num_inserts: inserts,
    num_removes: inserts - size,
    num_matches: matches,
    cache_hit_rate: 0,
    max_fanout: 0,
    avg_fanout: 0,
  }
}
