/** The JSON of a request to the system account, as the parameters of the monitoring's page that answers it. */
import { Query } from '../monitor/query.ts'

type Options = Readonly<Record<string, unknown>>

/** A request that can't be read. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
}

/** Names of nats-server's options, and the parameters they are here. What is not named has the same name. */
const parameterNames: Readonly<Record<string, string>> = {
  account: 'acc',
  consumer: 'consumers',
  direct_consumer: 'direct-consumers',
  include_unused: 'unused',
  leader_only: 'leader-only',
  stream_leader_only: 'stream-leader-only',
  filter: 'queues',
}
/** Of /healthz, which keeps nats-server's names. */
const asTheyAre = new Set(['HEALTHZ'])
const states = ['open', 'closed', 'all']

/**
 * Reads a request; an empty one asks for nothing in particular.
 * @throws BadRequest
 */
export function readOptions(body: string): Options {
  if (body.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    throw new BadRequest((error as Error).message)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BadRequest('json: cannot unmarshal the request into an object')
  return value as Options
}

export function queryOf(page: string, options: Options): Query {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(options)) {
    if (key === 'subscriptions_detail') continue
    if (key === 'subscriptions') parameters.set('subs', String(value === true))
    else if (key === 'state') parameters.set('state', typeof value === 'number' ? (states[value] ?? 'x') : '')
    else if (key === 'accounts' && Array.isArray(value))
      for (const each of value) parameters.append('accounts', String(each))
    else if (typeof value !== 'object') parameters.set(asTheyAre.has(page) ? key : nameOf(key), String(value))
  }
  if (options.subscriptions_detail === true) parameters.set('subs', page === 'CONNZ' ? 'detail' : 'true')
  return new Query(parameters)
}

/** Whom a request to all servers is for. */
interface Addressee {
  name: string
  host: string
  domain: string
  tags: readonly string[]
}

/** Is this server meant? */
export function isMeant(options: Options, { name, host, domain, tags }: Addressee): boolean {
  const isExact = options.exact_match === true
  const fits = (wanted: unknown, is: string): boolean =>
    typeof wanted !== 'string' || wanted === '' || (isExact ? is === wanted : is.includes(wanted))
  const wantedTags = Array.isArray(options.tags) ? options.tags.map(String) : []
  return (
    fits(options.server_name, name) &&
    fits(options.host, host) &&
    fits(options.cluster, '') &&
    (typeof options.domain !== 'string' || options.domain === '' || options.domain === domain) &&
    wantedTags.every((tag) => tags.includes(tag.toLowerCase()))
  )
}

function nameOf(key: string): string {
  return Object.hasOwn(parameterNames, key) ? parameterNames[key] : key
}
