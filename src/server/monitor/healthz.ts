/** /healthz: can the server do its work? */
import type { MonitoredServer } from './monitored-server.ts'
import type { Query } from './query.ts'

export interface Health {
  status: number
  body: Record<string, unknown>
}

const NOT_FOUND = 404
const UNAVAILABLE = 503

export function healthz(server: MonitoredServer, query: Query): Health {
  const details = query.boolean('details')
  const enabled = query.boolean('js-enabled') || query.boolean('js-enabled-only')
  query.boolean('js-server-only')
  const account = query.text('account')
  const stream = query.text('stream')
  const consumer = query.text('consumer')
  const { jetstream } = server
  const bad = (status: number, error: string, about: Record<string, string>): Health => {
    if (!details)
      return { status, body: { status: status === NOT_FOUND ? 'unavailable' : 'unavailable', error } }
    return { status, body: { status: 'error', status_code: status, errors: [{ ...about, error }] } }
  }
  if (stream !== '' && account === '') {
    return bad(400, '"account" must not be empty when checking stream health', { type: 'BAD_REQUEST' })
  }
  if (consumer !== '' && stream === '') {
    return bad(400, '"stream" must not be empty when checking consumer health', { type: 'BAD_REQUEST' })
  }
  if (jetstream === null) {
    return enabled
      ? bad(UNAVAILABLE, 'JetStream not enabled', { type: 'JETSTREAM' })
      : { status: 200, body: ok(details) }
  }
  const failure = jetstream.failure()
  if (failure !== null)
    return bad(UNAVAILABLE, `JetStream store failed: ${failure.message}`, { type: 'JETSTREAM' })
  if (account === '') return { status: 200, body: ok(details) }
  const found = jetstream.accounts().find((each) => each.account.name === account)
  if (found === undefined)
    return bad(NOT_FOUND, `JetStream account "${account}" not found`, { type: 'ACCOUNT', account })
  if (stream === '') return { status: 200, body: ok(details) }
  const held = found.streams.get(stream)
  if (held === undefined) {
    const error = `JetStream stream "${stream}" not found on account "${account}"`
    return bad(NOT_FOUND, error, { type: 'STREAM', account, stream })
  }
  if (consumer !== '' && !held.consumers.has(consumer)) {
    const error = `JetStream consumer "${consumer}" not found on account "${account}" for stream "${stream}"`
    return bad(NOT_FOUND, error, { type: 'CONSUMER', account, stream, consumer })
  }
  return { status: 200, body: ok(details) }
}

function ok(details: boolean): Record<string, unknown> {
  return details ? { status: 'ok', status_code: 200 } : { status: 'ok' }
}
