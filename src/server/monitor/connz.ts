/** /connz: the connections, filtered, sorted and paged. */
import { subjectsCollide, utf8Of } from '../../subjects/index.ts'
import { type ConnectionRecord, ownAccount, recordOf, showRecord, subscribedTo } from './connection-record.ts'
import { goTime } from './go-text.ts'
import type { MonitoredServer } from './monitored-server.ts'
import { BadQuery, type Query } from './query.ts'

type Order = (a: ConnectionRecord, b: ConnectionRecord) => number

const largestFirst =
  (value: (record: ConnectionRecord) => number): Order =>
  (a, b) =>
    value(b) - value(a)
const byId: Order = (a, b) => a.id - b.id

/** Maps, so that no name of every object (`constructor`, `__proto__`) is taken for one of ours. */
function orders(nowMs: number): ReadonlyMap<string, Order> {
  const table: Record<string, Order> = {
    '': byId,
    cid: byId,
    start: byId,
    subs: largestFirst((record) => record.subscriptions),
    pending: largestFirst((record) => record.pendingBytes),
    msgs_to: largestFirst((record) => record.outMessages),
    msgs_from: largestFirst((record) => record.inMessages),
    bytes_to: largestFirst((record) => record.outBytes),
    bytes_from: largestFirst((record) => record.inBytes),
    last: largestFirst((record) => record.lastActivityMs),
    idle: largestFirst((record) => (record.stoppedMs || nowMs) - record.lastActivityMs),
    uptime: largestFirst((record) => (record.stoppedMs || nowMs) - record.startedMs),
    stop: largestFirst((record) => record.stoppedMs),
    reason: (a, b) => (a.reason < b.reason ? -1 : a.reason > b.reason ? 1 : 0),
    rtt: largestFirst((record) => record.rttMs),
  }
  return new Map(Object.entries(table))
}

const states: ReadonlyMap<string, 'all' | 'closed' | 'open'> = new Map([
  ['', 'open'],
  ['open', 'open'],
  ['closed', 'closed'],
  ['any', 'all'],
  ['all', 'all'],
])

export function connz(server: MonitoredServer, query: Query): Record<string, unknown> {
  const { bus } = server
  const nowMs = bus.clock.now()
  const sort = query.text('sort')
  const auth = query.boolean('auth')
  const detailed = query.text('subs').toLowerCase() === 'detail'
  const listed = !detailed && query.boolean('subs')
  const id = query.integer('cid', 'uint64')
  const { offset, limit } = query.page()
  const state = states.get(query.text('state').toLowerCase())
  if (state === undefined) throw new BadQuery(`Error decoding state for ${query.text('state')}`)
  const order = orders(nowMs).get(sort)
  if (order === undefined) throw new BadQuery(`invalid sorting option: ${sort}`)
  if (state !== 'closed' && (sort === 'stop' || sort === 'reason')) {
    throw new BadQuery(`sort by ${sort} only valid on closed connections`)
  }
  const user = query.text('user')
  const account = query.text('acc')
  const mqttClient = query.text('mqtt_client')
  const filter = query.text('filter_subject')
  if (filter !== '' && filter !== '>' && account === '')
    throw new BadQuery('filter by subject only valid with account filtering')
  if (account !== '' && !bus.accounts.has(account)) {
    // nats-server gives up before it has said its id.
    return {
      server_id: '',
      now: goTime(nowMs),
      num_connections: 0,
      total: 0,
      offset,
      limit,
      connections: null,
    }
  }
  const found: ConnectionRecord[] = []
  if (state !== 'closed') for (const each of bus.connections.values()) found.push(recordOf(each, 0, ''))
  if (state !== 'open') found.push(...server.closedConnections.all())
  const wanted = found.filter(
    (record) =>
      (id === 0 || record.id === id) &&
      (user === '' || record.user === user) &&
      (account === '' || record.account === account) &&
      (mqttClient === '' || record.mqttClient === mqttClient) &&
      (filter === '' || wants(record, filter)),
  )
  wanted.sort(order)
  const page = wanted.slice(offset, offset + limit)
  return {
    server_id: server.id,
    now: goTime(nowMs),
    num_connections: page.length,
    total: wanted.length,
    offset,
    limit,
    connections: page.map((record) => ({
      ...showRecord(record, nowMs, auth),
      ...subscriptions(record, listed, detailed),
      ...(auth && (record.stoppedMs === 0 || ownAccount(record) !== '') ? { name_tag: record.nameTag } : {}),
    })),
  }

  /** Is the client subscribed to something that the filter meets? */
  function wants(record: ConnectionRecord, filter: string): boolean {
    const session = bus.connections.get(record.id)
    const all = session === undefined ? [] : [...session.subscriptions.values()]
    return all.some(({ subject }) => subjectsCollide(filter, utf8Of(subject)))
  }

  function subscriptions(
    record: ConnectionRecord,
    listed: boolean,
    detailed: boolean,
  ): Record<string, unknown> {
    if (!listed && !detailed) return {}
    const session = bus.connections.get(record.id)
    const all = record.subscribed ?? (session === undefined ? [] : subscribedTo(session, false))
    if (all.length === 0) return {}
    if (detailed) return { subscriptions_list_detail: all }
    return { subscriptions_list: all.map((each) => each.subject) }
  }
}
