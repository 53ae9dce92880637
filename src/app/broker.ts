/** A broker that runs: its connection, and what is built on it. */
import { readFile } from 'node:fs/promises'
import { type JetStreamClient, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { credsAuthenticator, errors, type NatsConnection } from '@nats-io/nats-core'
import { type BrokerOptions, type RemoteOptions, refuseEmptySecrets } from './broker-options.ts'
import { asContrailError } from './client-errors.ts'
import { type EmbeddedBroker, startEmbedded } from './embedded-broker.ts'
import { ContrailError, reasonOf } from './errors.ts'
import type { Log } from './log.ts'
import type { BrokerReport } from './metrics/metrics.ts'
import type { PublishMiddleware } from './middleware.ts'
import { Audience } from './publisher/audience.ts'
import { BrokerPublisher } from './publisher/broker-publisher.ts'
import type { ConnectionEvent } from './runtime.ts'
import { loginOf, withoutUser } from './server-urls.ts'
import { toMs } from './units.ts'

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000

export class Broker {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  readonly publisher: BrokerPublisher
  readonly #embedded: EmbeddedBroker | null
  readonly #ownsConnection: boolean
  readonly #log: Log
  readonly #listeners = new Set<(event: ConnectionEvent) => void>()
  #isClosing = false
  #isLost = false
  #reconnects = 0

  private constructor(parts: {
    nc: NatsConnection
    jsm: JetStreamManager
    publisher: BrokerPublisher
    embedded: EmbeddedBroker | null
    ownsConnection: boolean
    log: Log
  }) {
    this.nc = parts.nc
    this.jsm = parts.jsm
    this.js = parts.jsm.jetstream()
    this.publisher = parts.publisher
    this.#embedded = parts.embedded
    this.#ownsConnection = parts.ownsConnection
    this.#log = parts.log
    void this.#follow()
  }

  /** @throws ContrailError CANNOT_CONNECT, NOT_AUTHORIZED; of an embedded server CANNOT_LISTEN, STORE_IN_USE, CANNOT_OPEN_STORE */
  static async open(
    options: BrokerOptions,
    middleware: readonly PublishMiddleware[],
    log: Log,
    audience: Audience = new Audience(log),
  ): Promise<Broker> {
    refuseEmptySecrets(options)
    /** What takes back what is open so far, the first first. */
    const opened: Array<() => Promise<unknown>> = []
    try {
      let embedded: EmbeddedBroker | null = null
      let nc: NatsConnection
      if ('nc' in options) nc = options.nc
      else if ('servers' in options) nc = await connectTo(options, options)
      else {
        const server = await startEmbedded(options, log)
        opened.push(() => server.stop())
        nc = await server.connect({ name: options.name, ...options.connection }).catch((thrown) => {
          throw asContrailError(thrown, 'The app could not log in to its own embedded server', false)
        })
        embedded = server
      }
      const ownsConnection = !('nc' in options)
      if (ownsConnection) opened.push(() => nc.close())
      const jsm = await jetstreamManager(nc, { checkAPI: false })
      const publisher = new BrokerPublisher(nc, middleware, options.publish ?? {}, audience)
      return new Broker({ nc, jsm, publisher, embedded, ownsConnection, log })
    } catch (thrown) {
      // Why it failed is told, not what else goes wrong on the way back.
      for (const close of opened.reverse()) await close().catch(() => {})
      throw thrown
    }
  }

  /** Where others connect to the embedded server; null when there is none, or it has no port. */
  get url(): string | null {
    return this.#embedded?.url ?? null
  }

  get isConnected(): boolean {
    return !this.#isLost && !this.nc.isClosed()
  }

  /** Its figures so far. */
  report(): Omit<BrokerReport, 'broker'> {
    const { inMsgs, outMsgs, inBytes, outBytes } = this.nc.stats()
    return {
      connected: this.isConnected,
      reconnects: this.#reconnects,
      published: { ...this.publisher.counts },
      publishFailed: this.publisher.failed,
      unacknowledged: this.publisher.unanswered,
      inMessages: inMsgs,
      outMessages: outMsgs,
      inBytes,
      outBytes,
    }
  }

  onConnection(listener: (event: ConnectionEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Waits until all publications are answered, then closes what it has opened. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#isClosing = true
    if (this.isConnected) {
      await Promise.race([this.publisher.flush(), aborted(deadline)])
      await Promise.race([this.nc.flush().catch(() => {}), aborted(deadline)])
    }
    this.publisher.close()
    if (this.#ownsConnection) await this.nc.close()
    await this.#embedded?.stop()
  }

  async #follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      switch (status.type) {
        case 'disconnect':
          this.#isLost = true
          this.publisher.disconnected()
          if (!this.#isClosing)
            this.#log.warn({ server: status.server }, 'the connection is lost: reconnecting')
          this.#tell('disconnected')
          break
        case 'reconnect':
          this.#log.info({ server: status.server }, 'connected again')
          this.#isLost = false
          this.#reconnects++
          this.publisher.reconnected()
          this.#tell('reconnected')
          break
        case 'error': {
          const { error } = status
          if (error instanceof errors.PermissionViolationError && error.operation === 'publish') {
            this.publisher.notPermitted(error.subject, error)
          }
          this.#log.warn(
            { err: asContrailError(error, 'The server reports an error', false) },
            'the server reports an error',
          )
          break
        }
        case 'slowConsumer':
          this.#log.warn({ pending: status.pending }, 'messages come faster than they are taken')
          break
        case 'ldm':
          this.#log.info({ server: status.server }, 'the server is about to leave: moving to another')
          break
        default:
      }
    }
    this.#tell('closed')
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of [...this.#listeners]) listener(event)
  }
}

async function connectTo(remote: RemoteOptions, options: BrokerOptions): Promise<NatsConnection> {
  const { connect } = await import('@nats-io/transport-node')
  const given = typeof remote.servers === 'string' ? [remote.servers] : remote.servers
  const servers = given.map(withoutUser)
  const { user, password, token } = { ...loginOf(given), ...definedOf(remote) }
  const timeout =
    remote.connectTimeout === undefined
      ? DEFAULT_CONNECT_TIMEOUT_MS
      : toMs(remote.connectTimeout, 'connectTimeout')
  try {
    return await connect({
      servers,
      name: options.name,
      user,
      pass: password,
      token,
      authenticator:
        remote.credentials === undefined ? undefined : credsAuthenticator(await readFile(remote.credentials)),
      tls: remote.tls === true ? {} : remote.tls,
      timeout,
      maxReconnectAttempts: -1,
      ...options.connection,
    })
  } catch (thrown) {
    const sentence = `No connection to ${servers.join(', ')}`
    const code =
      asContrailError(thrown, sentence, false).code === 'NOT_AUTHORIZED' ? 'NOT_AUTHORIZED' : 'CANNOT_CONNECT'
    throw new ContrailError(code, `${sentence}: ${reasonOf(thrown)}.`, { cause: thrown })
  }
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** What the options say themselves goes before what the URL says. */
function definedOf({ user, password, token }: RemoteOptions): ReturnType<typeof loginOf> {
  if (user !== undefined || token !== undefined) return { user, password, token }
  return {}
}
