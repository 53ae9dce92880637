/** Where an app's messages live. */
import type { NatsConnection } from '@nats-io/nats-core'
import type { NodeConnectionOptions } from '@nats-io/transport-node'
import type { EmbeddedOptions } from './embedded-broker.ts'
import type { BrokerPublisherOptions } from './publisher/broker-publisher.ts'
import type { Duration } from './units.ts'

/** One that runs elsewhere. */
export interface RemoteOptions {
  /** `nats://host:port`, several for a cluster. */
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

/** Short forms: one URL, or several of a cluster. */
export type BrokerArgument = string | readonly string[] | BrokerOptions

/** Options from the environment: a URL in CONTRAIL_URL or NATS_URL, else the embedded broker. */
export function brokerFromEnvironment(environment: NodeJS.ProcessEnv = process.env): BrokerOptions {
  const replicas = environment.CONTRAIL_REPLICAS ? Number(environment.CONTRAIL_REPLICAS) : undefined
  const url = environment.CONTRAIL_URL || environment.NATS_URL
  if (url) {
    return {
      servers: url.split(',').map((one) => one.trim()),
      user: environment.CONTRAIL_USER || environment.NATS_USER || undefined,
      password: environment.CONTRAIL_PASSWORD || environment.NATS_PASSWORD || undefined,
      token: environment.CONTRAIL_TOKEN || undefined,
      credentials: environment.CONTRAIL_CREDENTIALS || environment.NATS_CREDS || undefined,
      replicas,
    }
  }
  if (environment.CONTRAIL_MEMORY === '1') return { memory: true }
  const port = environment.CONTRAIL_PORT ? Number(environment.CONTRAIL_PORT) : undefined
  return { dir: environment.CONTRAIL_DIR || undefined, port }
}

export function settleBroker(argument: BrokerArgument | undefined): BrokerOptions {
  if (argument === undefined) return brokerFromEnvironment()
  if (typeof argument === 'string') return { servers: argument }
  return isList(argument) ? { servers: argument } : argument
}

function isList(argument: readonly string[] | BrokerOptions): argument is readonly string[] {
  return Array.isArray(argument)
}
