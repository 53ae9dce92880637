/** /subsz: the interest of all clients, filtered and paged. */
import { isLiteralSubject, subjectFilter } from '../../subjects/index.ts'
import { showSubscription, utf8 } from './connection-record.ts'
import { goTime } from './go-text.ts'
import type { MonitoredServer } from './monitored-server.ts'
import { BadQuery, type Query } from './query.ts'

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
  if (listed || test !== '') {
    for (const connection of bus.connections.values()) {
      if (account !== '' && connection.account.name !== account) continue
      for (const subscription of connection.subscriptions.values()) {
        if (test !== '' && !subjectFilter([utf8(subscription.subject)]).matches(probe, 0, probe.length))
          continue
        const name = connection.account.name
        details.push({ account: name, account_tag: name, ...showSubscription(subscription, connection) })
      }
    }
  }
  const page = details.slice(offset, offset + limit)
  return {
    server_id: server.id,
    now: goTime(bus.clock.now()),
    ...interest(server),
    total: details.length,
    offset,
    limit,
    ...(page.length > 0 ? { subscriptions_list: page } : {}),
  }
}

/** Figures of the interest index, over all accounts. */
function interest(server: MonitoredServer): Record<string, number> {
  return {
    num_subscriptions: server.bus.subscriptions,
    num_cache: 0,
    num_inserts: server.bus.subscriptions,
    num_removes: 0,
    num_matches: server.bus.inMessages,
    cache_hit_rate: 0,
    max_fanout: 0,
    avg_fanout: 0,
  }
}
