/** Where an app's messages live. */
import type { NatsConnection } from '@nats-io/nats-core'
import type { NodeConnectionOptions } from '@nats-io/transport-node'
import { EMBEDDED_OPTIONS, type EmbeddedOptions } from './embedded-broker.ts'
import { ContrailError } from './errors.ts'
import { checkOptions, duration, either, listOf, object, shape, type Table, text, whole } from './options.ts'
import { BROKER_PUBLISHER_OPTIONS, type BrokerPublisherOptions } from './publisher/broker-publisher.ts'
import { type Duration, toMs } from './units.ts'

/** One that runs elsewhere. */
export interface RemoteOptions {
  /** `nats://host:port`, several for a cluster. `nats://user:password@host` and `nats://token@host` work too. */
  servers: string | readonly string[]
  user?: string
  password?: string
  token?: string
  /** Path of a `.creds` file. */
  credentials?: string
  /** TLS: true for the system's certificates, or paths of files. */
  tls?: true | { caFile?: string; certFile?: string; keyFile?: string }
  /** How long the first connection may take. Default: 10 s. */
  connectTimeout?: Duration
}

interface CommonOptions {
  /** Name of the connection, as monitoring shows it. */
  name?: string
  /** Copies of streams and buckets in a cluster, where their declaration doesn't say. Default: 1. */
  replicas?: number
  /** Limits of what is published. */
  publish?: BrokerPublisherOptions
  /** Options of the official client, over all others. */
  connection?: Partial<NodeConnectionOptions>
}

/** A server in this process, one by URL, or a connection that is there already (which stays open at the end). */
export type BrokerOptions = (EmbeddedOptions | RemoteOptions | { nc: NatsConnection }) & CommonOptions

type Connected = { nc: NatsConnection }

const COMMON: Table<CommonOptions> = {
  name: text,
  replicas: whole(1, 5),
  publish: shape<BrokerPublisherOptions>(BROKER_PUBLISHER_OPTIONS),
  connection: object,
}
const EMBEDDED: Table<EmbeddedOptions & CommonOptions> = { ...COMMON, ...EMBEDDED_OPTIONS }
const REMOTE: Table<RemoteOptions & CommonOptions> = {
  ...COMMON,
  servers: either(text, listOf(text, "['nats://host:4222']")),
  user: text,
  password: text,
  token: text,
  credentials: text,
  tls: {
    takes: (value) => value === true || object.takes(value),
    isNot: 'is neither true nor { caFile, certFile, keyFile }',
    shape: { caFile: text, certFile: text, keyFile: text },
  },
  connectTimeout: duration,
}
const CONNECTED: Table<Connected & CommonOptions> = { ...COMMON, nc: object }

const DEFAULT_PREFIX = 'CONTRAIL'
const SECRETS = ['KEY', 'PREV_KEY', 'PASSWORD', 'TOKEN']

/** Short forms: one URL, or several of a cluster. */
export type BrokerArgument = string | readonly string[] | BrokerOptions

/**
 * Options from the environment: those of a server where CONTRAIL_URL or NATS_URL is set, else of an embedded broker.
 * docs/framework/apps.md has the names. Empty is not set; an empty secret is an error.
 * @param prefix what names begin with; another than CONTRAIL for a second broker: 'EU' reads EU_URL, EU_USER …
 * @throws ContrailError INVALID_OPTION when a number is none, or a secret is empty
 */
export function brokerFromEnvironment(
  environment: NodeJS.ProcessEnv = process.env,
  prefix = DEFAULT_PREFIX,
): BrokerOptions {
  // The names that the `nats` command line knows count for the first broker.
  const read = (name: string, natsName?: string): string | undefined =>
    environment[`${prefix}_${name}`] ||
    (natsName !== undefined && prefix === DEFAULT_PREFIX ? environment[natsName] : undefined) ||
    undefined
  for (const name of SECRETS) if (environment[`${prefix}_${name}`] === '') throw empty(`${prefix}_${name}`)
  const number = (name: string): number | undefined => wholeNumber(`${prefix}_${name}`, read(name))
  const url = read('URL', 'NATS_URL')
  if (url === undefined) {
    if (read('MEMORY') === '1') return { memory: true, port: number('PORT'), host: read('HOST') }
    const key = read('KEY')
    const encryption = key === undefined ? {} : { encryption: { key, previousKey: read('PREV_KEY') } }
    // What others need who connect to the port; not what the `nats` command line is told about other servers.
    const cert = read('TLS_CERT_FILE')
    const privateKey = read('TLS_KEY_FILE')
    const security = {
      user: read('USER'),
      password: read('PASSWORD'),
      token: read('TOKEN'),
      ...(cert === undefined || privateKey === undefined ? {} : { tls: { cert, key: privateKey } }),
    }
    return { dir: read('DIR'), port: number('PORT'), host: read('HOST'), ...encryption, ...security }
  }
  const caFile = read('TLS_CA_FILE', 'NATS_CA')
  const certFile = read('TLS_CERT_FILE', 'NATS_CERT')
  const keyFile = read('TLS_KEY_FILE', 'NATS_KEY')
  const hasFiles = caFile !== undefined || certFile !== undefined || keyFile !== undefined
  return {
    servers: url.split(',').map((one) => one.trim()),
    user: read('USER', 'NATS_USER'),
    password: read('PASSWORD', 'NATS_PASSWORD'),
    token: read('TOKEN', 'NATS_TOKEN'),
    credentials: read('CREDENTIALS', 'NATS_CREDS'),
    tls: hasFiles ? { caFile, certFile, keyFile } : read('TLS') === '1' ? true : undefined,
    connectTimeout: durationOf(`${prefix}_CONNECT_TIMEOUT`, read('CONNECT_TIMEOUT')),
    replicas: number('REPLICAS'),
  }
}

/**
 * An empty secret is no secret: the store would be plain text, the login nobody's.
 * @throws ContrailError INVALID_OPTION
 */
export function refuseEmptySecrets(options: BrokerOptions): void {
  const { encryption } = options as EmbeddedOptions
  const { user, password, token } = options as RemoteOptions
  const secrets: Record<string, unknown> = {
    'encryption.key': encryption === undefined ? undefined : (encryption.key ?? ''),
    'encryption.previousKey': encryption?.previousKey,
    user,
    password,
    token,
  }
  for (const [name, secret] of Object.entries(secrets)) if (secret === '') throw empty(name)
}

function empty(name: string): ContrailError {
  const sentence = `${name} is empty: leave it out if there is none (is an environment variable not set?).`
  return new ContrailError('INVALID_OPTION', sentence)
}

/** A duration of the environment. @throws ContrailError INVALID_OPTION */
function durationOf(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : toMs(text, name)
}

/** A number of the environment. @throws ContrailError INVALID_OPTION */
export function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  if (!/^\d+$/.test(text)) {
    throw new ContrailError('INVALID_OPTION', `${name}: ${JSON.stringify(text)} is no whole number.`)
  }
  return Number(text)
}

/** @throws ContrailError INVALID_OPTION */
export function settleBroker(argument: BrokerArgument | undefined): BrokerOptions {
  if (argument === undefined) return brokerFromEnvironment()
  const options = typeof argument === 'string' || isList(argument) ? { servers: argument } : argument
  checkBroker(options)
  return options
}

function checkBroker(options: BrokerOptions): void {
  const isKind = (name: string) => options !== null && typeof options === 'object' && name in options
  if (isKind('nc')) checkOptions('a broker whose connection is there', options, CONNECTED)
  else if (isKind('servers')) {
    checkOptions('a broker with servers', options, REMOTE)
    checkServers((options as RemoteOptions).servers)
  } else checkOptions('an embedded broker', options, EMBEDDED)
}

/** Nothing, and what is no address, would be looked for at the client's default address or as a strange host. */
function checkServers(servers: string | readonly string[]): void {
  const urls = isList(servers as readonly string[]) ? servers : [servers as string]
  if (urls.length === 0) throw new ContrailError('INVALID_OPTION', 'servers: the list is empty.')
  for (const url of urls) {
    if (url.trim() === '') throw empty('The URL of the server')
    // Without its user and password, which a message must not have.
    const address = url.trim().replace(/^(?:[a-z]+:\/\/)?(?:[^@/]*@)?/i, '')
    // The client takes IPv6 without brackets too.
    if (!URL.canParse(`http://${address}`) && !URL.canParse(`http://[${address}]`))
      throw new ContrailError('INVALID_OPTION', `servers: "${address}" is no address (nats://host:4222).`)
  }
}

function isList(argument: readonly string[] | BrokerOptions): argument is readonly string[] {
  return Array.isArray(argument)
}
