/** /jsz: JetStream's accounts, streams and consumers. */
import { goTime } from './go-text.ts'
import { jetstreamDetail } from './jetstream-detail.ts'
import type { MonitoredServer } from './monitored-server.ts'
import type { Query } from './query.ts'

export function jsz(server: MonitoredServer, query: Query): Record<string, unknown> {
  const account = query.text('acc')
  const consumers = query.boolean('consumers')
  const streams = query.boolean('streams') || consumers
  const accounts = query.boolean('accounts') || streams
  const config = query.boolean('config')
  const raft = query.boolean('raft')
  // Whatever there is, this server leads it.
  for (const each of ['direct-consumers', 'leader-only', 'stream-leader-only']) query.boolean(each)
  const { offset, limit } = query.page()
  const head = { server_id: server.id, now: goTime(server.bus.clock.now()) }
  const { jetstream } = server
  if (jetstream === null) {
    return {
      ...noUsage,
      ...head,
      disabled: true,
      config: { max_memory: 0, max_storage: 0 },
      streams: 0,
      consumers: 0,
      messages: 0,
      bytes: 0,
      total: 0,
    }
  }
  const wanted = jetstream.accounts().filter((each) => account === '' || each.account.name === account)
  const shown = account !== '' || accounts ? wanted.slice(offset, offset + limit) : []
  const details = shown.map((each) => jetstreamDetail(each, { streams, consumers, config }))
  return {
    ...jetstream.usage(),
    ...head,
    ...jetstream.settings(),
    ...withLeaders(jetstream.totals(), raft),
    ...(details.length > 0 ? { account_details: details } : {}),
    total: jetstream.accounts().length,
  }
}

const noUsage = {
  memory: 0,
  storage: 0,
  reserved_memory: 0,
  reserved_storage: 0,
  accounts: 0,
  ha_assets: 0,
  api: { level: 0, total: 0, errors: 0 },
}

function withLeaders(totals: Record<string, number>, raft: boolean): Record<string, number> {
  if (!raft) return totals
  const { streams, consumers, ...rest } = totals
  return { streams, streams_leader: streams, consumers, consumers_leader: consumers, ...rest }
}
