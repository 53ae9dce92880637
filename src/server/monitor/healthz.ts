/** /healthz: can the server do its work? */
import type { JetStreamAccount, Stream } from '../../jetstream/index.ts'
import type { MonitoredServer } from './monitored-server.ts'
import type { Query } from './query.ts'

export interface Health {
  status: number
  body: Record<string, unknown>
}

const BAD_REQUEST = 400
const NOT_FOUND = 404
const UNAVAILABLE = 503
const MOST_WARNINGS = 100

export function healthz(server: MonitoredServer, query: Query): Health {
  const details = query.boolean('details')
  const enabled = query.boolean('js-enabled') || query.boolean('js-enabled-only')
  query.boolean('js-server-only')
  query.boolean('js-meta-only')
  const account = query.text('account')
  const stream = query.text('stream')
  const consumer = query.text('consumer')
  const { jetstream } = server
  const bad = (status: number, error: string, about: Record<string, string>): Health => {
    if (details) return { status, body: { status: 'error', errors: [{ ...about, error }] } }
    return { status, body: { status: status === BAD_REQUEST ? 'error' : 'unavailable', error } }
  }
  if (stream !== '' && account === '') {
    return bad(BAD_REQUEST, '"account" must not be empty when checking stream health', {
      type: 'BAD_REQUEST',
    })
  }
  if (consumer !== '' && stream === '') {
    return bad(BAD_REQUEST, '"stream" must not be empty when checking consumer health', {
      type: 'BAD_REQUEST',
    })
  }
  if (jetstream === null) {
    return enabled
      ? bad(UNAVAILABLE, 'JetStream not enabled', { type: 'JETSTREAM' })
      : { status: 200, body: ok() }
  }
  const failure = jetstream.failure()
  if (failure !== null)
    return bad(UNAVAILABLE, `JetStream store failed: ${failure.message}`, { type: 'JETSTREAM' })
  const shortage = jetstream.shortage()
  if (shortage !== null)
    return bad(UNAVAILABLE, `JetStream store has no space: ${shortage.message}`, { type: 'JETSTREAM' })
  if (account === '') return { status: 200, body: ok(damage(jetstream.accounts())) }
  const found = jetstream.accounts().find((each) => each.account.name === account)
  if (found === undefined)
    return bad(NOT_FOUND, `JetStream account "${account}" not found`, { type: 'ACCOUNT', account })
  if (stream === '') return { status: 200, body: ok(damage([found])) }
  const held = found.streams.get(stream)
  if (held === undefined) {
    const error = `JetStream stream "${stream}" not found on account "${account}"`
    return bad(NOT_FOUND, error, { type: 'STREAM', account, stream })
  }
  if (consumer !== '' && !held.consumers.has(consumer)) {
    const error = `JetStream consumer "${consumer}" not found for stream "${stream}" on account "${account}"`
    return bad(NOT_FOUND, error, { type: 'CONSUMER', account, stream, consumer })
  }
  return { status: 200, body: ok(damageOf(held)) }
}

/**
 * Messages lost to damage don't make the server unfit: what is there is served. They are told beside, since a server
 * that is called unhealthy is started again, over and over.
 */
function ok(warnings: Record<string, unknown>[] = []): Record<string, unknown> {
  return {
    status: 'ok',
    ...(warnings.length === 0 ? {} : { warnings: warnings.slice(0, MOST_WARNINGS) }),
  }
}

function damage(accounts: readonly JetStreamAccount[]): Record<string, unknown>[] {
  return accounts.flatMap((each) => [...each.streams.values()].flatMap(damageOf))
}

function damageOf(stream: Stream): Record<string, unknown>[] {
  const { count } = stream.log.lost
  if (count === 0) return []
  const account = stream.account.name
  return [
    {
      type: 'DAMAGE',
      account,
      stream: stream.name,
      error: `${count} messages are lost to damage on the disk`,
    },
  ]
}
