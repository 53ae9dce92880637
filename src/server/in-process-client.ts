/**
 * `server.connect()`: a client of `@nats-io/nats-core` over an in-process transport.
 *
 * nats-core takes its transport from one factory for the whole process, which every `connect` of
 * `@nats-io/transport-node` and every `wsconnect` sets anew and which a reconnect asks again. So ours is not put
 * there, where it would carry away the program's TCP clients, and theirs ours. Each in-process client has its
 * own `transport` property instead, which puts an in-process transport in the place of whatever the factory of
 * the moment makes.
 */
import type { ConnectionOptions, NatsConnection, ServerInfo } from '@nats-io/nats-core'
import type { Bus } from '../core/index.ts'
import type { Admission } from './admission.ts'
import type { Guard } from './guard.ts'
import { type InProcessHost, InProcessTransport } from './in-process-transport.ts'

type Internals = typeof import('@nats-io/nats-core/internal')
type Handler = Internals['ProtocolHandler']['prototype']

let loading: Promise<Internals> | null = null

/** nats-core, loaded when the first client asks for it. */
function internals(): Promise<Internals> {
  loading ??= import('@nats-io/nats-core/internal')
  return loading
}

/** The in-process clients of one server. */
export class InProcessClients {
  private bus: Bus | null
  private readonly handlers = new Set<Handler>()

  private readonly admission: Admission
  private readonly guard: Guard

  constructor(bus: Bus, admission: Admission, guard: Guard) {
    this.bus = bus
    this.admission = admission
    this.guard = guard
  }

  /**
   * Connects a new client.
   * @throws Error when the server refuses it or has stopped
   */
  async connect(options: ConnectionOptions): Promise<NatsConnection> {
    const nats = await internals()
    const clients = this
    const host: InProcessHost = {
      get bus() {
        return clients.bus
      },
      admission: this.admission,
      guard: this.guard,
      checkOptions: (info: ServerInfo, wanted) => nats.checkOptions(info, wanted),
    }
    if (this.bus === null) throw new Error('the server has stopped')
    // `servers` is only a name here; a resolver has nothing to resolve.
    const connection = newConnection(nats, {
      ...options,
      servers: ['127.0.0.1'],
      port: undefined,
      resolve: false,
    })
    const handler = new nats.ProtocolHandler(connection.options, connection)
    ownTransport(nats, handler, host)
    this.handlers.add(handler)
    handler.closed.then(() => this.handlers.delete(handler))
    try {
      await handler.dialLoop()
    } catch (error) {
      this.handlers.delete(handler)
      throw error
    }
    connection.protocol = handler
    return connection
  }

  /** No more of them; those there stay, and find nobody when they come back. */
  refuse(): void {
    this.bus = null
  }

  /** The server is stopping for good: its clients close instead of trying to come back. */
  stop(): void {
    this.bus = null
    for (const handler of this.handlers) handler.options.reconnect = false
  }

  /** Ends all at once, whatever state the server is in. */
  destroy(): void {
    this.stop()
    for (const handler of this.handlers) (handler.transport as InProcessTransport | undefined)?.disconnect()
  }
}

type ConnectionImpl = Internals['NatsConnectionImpl']['prototype']

/** The constructor is private to TypeScript only: `NatsConnectionImpl.connect` would make the handler itself. */
function newConnection(nats: Internals, options: ConnectionOptions): ConnectionImpl {
  const Constructor = nats.NatsConnectionImpl as unknown as new (given: ConnectionOptions) => ConnectionImpl
  return new Constructor(options)
}

function ownTransport(nats: Internals, handler: Handler, host: InProcessHost): void {
  let current: InProcessTransport | undefined
  Object.defineProperty(handler, 'transport', {
    configurable: true,
    enumerable: true,
    get: () => current,
    set: () => {
      current = new InProcessTransport(host)
    },
  })
  // Making a transport fails where the program has set no factory at all, or one that refuses.
  const dialing = handler as unknown as { prepare(): unknown }
  const prepare = dialing.prepare
  dialing.prepare = () => {
    try {
      return prepare.call(handler)
    } catch {
      nats.setTransportFactory({
        factory: () => new InProcessTransport({ ...host, bus: null }),
      })
      return prepare.call(handler)
    }
  }
}
