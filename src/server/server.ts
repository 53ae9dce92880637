import type { ConnectionOptions, NatsConnection } from '@nats-io/nats-core'
import type { Callout } from '../auth/index.ts'
import { Bus, type LogLevel } from '../core/index.ts'
import { realFileSystem } from '../ports/real-file-system.ts'
import { openAccounts } from './account-settings.ts'
import { bind, hostPort, urlHost } from './address.ts'
import { Admission } from './admission.ts'
import { Guard, GuardedClock, type ServerFault } from './guard.ts'
import { GuardedFiles } from './guarded-files.ts'
import { ServerIdentity } from './identity.ts'
import { InProcessClients } from './in-process-client.ts'
import { serverInfo } from './info.ts'
import { JetStreamService } from './jetstream-service.ts'
import { LameDuck } from './lame-duck.ts'
import { LineLogger, type Logger, warningLogger } from './logger.ts'
import { calloutComplaints, calloutOf, usersOf } from './login.ts'
import { ClosedConnections, recordOf } from './monitor/connection-record.ts'
import type { Monitor } from './monitor/index.ts'
import type { MonitoredServer } from './monitor/monitored-server.ts'
import { OperatorMode } from './operator/index.ts'
import { type ServerOptions, type Settings, settle } from './options.ts'
import type { Ports } from './process-files.ts'
import { changesOf, reloaded, same } from './reload.ts'
import type { SecuritySettings } from './security.ts'
import { SystemAccount } from './system/index.ts'
import { TcpListener } from './tcp-listener.ts'
import type { TlsHandshakes } from './tls-handshakes.ts'
import type { TraceSettings } from './trace.ts'
import { COMPATIBLE_VERSION, CONTRAIL_VERSION } from './versions.ts'
import type { WebSocketListener } from './websocket-listener.ts'
import type { WebSocketSettings } from './websocket-options.ts'

/** Lines of a fault's stack in the log. */
const STACK_LINES = 20

/**
 * A NATS server in this process.
 *
 * ```ts
 * await using server = await Server.start({ storeDir: './data' })
 * const connection = await server.connect()
 * ```
 */
export class Server {
  /** The id clients see in INFO: 56 letters and digits. */
  readonly id: string
  /** The name clients see in INFO. */
  readonly name: string
  /**
   * Resolves when the server has stopped. Rejects when it has ended by a fault of its own (a `ServerFault`: something in it
   * threw where nobody catches; nothing was written to the store from then on), or could not close its store. Nobody has
   * to listen: a rejection is never left unhandled.
   */
  readonly closed: Promise<void>
  /** Reads the options anew, for a reload that is asked for over the network. Null: there is nothing to read. */
  reloadSource: (() => void) | null = null
  private settings: Settings
  private readonly logger: Logger
  private readonly guard = new Guard()
  private readonly files: GuardedFiles
  private readonly bus: Bus
  private readonly admission: Admission
  /** Takes away what goes between accounts. */
  private closeAccounts: () => void
  private readonly clients: InProcessClients
  private readonly identity: ServerIdentity
  private readonly callout: Callout
  private readonly operator: OperatorMode | null
  private jetstream: JetStreamService | null = null
  private listener: TcpListener | null = null
  private handshakes: TlsHandshakes | null = null
  private webSocketListener: WebSocketListener | null = null
  private boundWebSocketPort: number | null = null
  private monitor: Monitor | null = null
  private system: SystemAccount | null = null
  private boundPort: number | null = null
  /** When the options were taken that hold now. */
  private loadedMs: number
  private lame: LameDuck | null = null
  private stopping: Promise<void> | null = null
  private tellClosed: (ended: Promise<void>) => void = () => {}
  private unhook: () => void = () => {}
  private rejectFaulted: (ended: Promise<void>) => void = () => {}
  /** Rejects after a fault, when all that was open has been given back. */
  private readonly faulted = new Promise<void>((resolve) => {
    this.rejectFaulted = resolve
  })

  private constructor(settings: Settings, logger: Logger) {
    const { guard } = this
    this.settings = { ...settings, clock: new GuardedClock(settings.clock, guard) }
    this.logger = logger
    this.identity = new ServerIdentity()
    this.id = this.identity.id
    this.name = settings.name === '' ? this.id : settings.name
    this.closed = new Promise((resolve) => {
      this.tellClosed = resolve
    })
    this.closed.catch(() => {})
    this.faulted.catch(() => {})
    this.files = new GuardedFiles(settings.storage.fileSystem ?? realFileSystem, guard)
    this.bus = new Bus({
      clock: this.settings.clock,
      limits: settings.limits,
      systemAccount: settings.security.systemAccount,
      log: (level: LogLevel, text: string) => logger.log(level, text),
      onFault: guard.report,
    })
    this.closeAccounts = openAccounts(this.bus, settings.security.accounts)
    const { operator } = settings.security
    this.callout = calloutOf(this.bus, this.identity, this.name, () => this.settings)
    this.operator = operator === null ? null : new OperatorMode(this.bus, operator, this.callout)
    this.bus.authenticator = this.operator?.users ?? usersOf(this.bus, this.callout, settings)
    for (const complaint of calloutComplaints(this.bus, settings)) logger.log('error', complaint)
    this.loadedMs = this.bus.startedMs
    this.admission = new Admission(this.bus, traceOf(settings))
    this.clients = new InProcessClients(this.bus, this.admission, guard)
    guard.onFault = (fault) => this.fail(fault)
  }

  /**
   * Starts a server; it is ready when the promise resolves.
   * @throws Error when options contradict each other, the port is taken (`code` EADDRINUSE), or the store can't be
   * opened (in use by another process, not writable, of another version); nothing is left running then
   */
  static async start(options: ServerOptions = {}): Promise<Server> {
    options.signal?.throwIfAborted()
    const server = new Server(settle(options), new LineLogger(options.logger ?? warningLogger))
    try {
      await Promise.race([server.open(), server.closed])
      if (server.guard.fault !== null) throw server.guard.fault
      options.signal?.throwIfAborted()
    } catch (error) {
      // Why it did not start is told, not what else went wrong with it on the way back.
      await server.stop().catch(() => {})
      throw error
    }
    server.stopWith(options.signal)
    return server
  }

  /** `nats://host:port` for clients. Throws when the server has no port. */
  get url(): string {
    if (this.boundPort === null)
      throw new Error('this server has no port: use server.connect(), or start it with a port')
    return `nats://${urlHost(this.settings.host)}:${this.boundPort}`
  }

  /** The TCP port for clients, null when there is none. */
  get port(): number | null {
    return this.boundPort
  }

  /** The port for clients by WebSocket, null when there is none. */
  get websocketPort(): number | null {
    return this.boundWebSocketPort
  }

  /** `ws://host:port` or `wss://host:port`, null when there is no WebSocket. */
  get websocketUrl(): string | null {
    const { websocket } = this.settings
    if (websocket === null || this.boundWebSocketPort === null) return null
    const scheme = websocket.tls === null ? 'ws' : 'wss'
    return `${scheme}://${urlHost(websocket.host)}:${this.boundWebSocketPort}`
  }

  /** The port of the monitoring, null when there is none. */
  get monitorPort(): number | null {
    return this.monitor?.port ?? null
  }

  /** `http://host:port` (or `https://…`) of the monitoring, null when there is none. */
  get monitorUrl(): string | null {
    const { monitorPort } = this
    const { monitorHost, monitorIsSecure } = this.settings
    const scheme = monitorIsSecure ? 'https' : 'http'
    return monitorPort === null ? null : `${scheme}://${urlHost(monitorHost)}:${monitorPort}`
  }

  /**
   * Connects a client in this process, without a socket. It is closed when the server stops. It needs no password or signature
   * (who holds the server could do anything): `user` says which user it is, by name or public nkey. Without that it is
   * `noAuthUser`, and else the first of all users.
   * @param options those of `@nats-io/nats-core`; `servers`, `port` and `resolve` have no meaning here
   */
  connect(options: ConnectionOptions = {}): Promise<NatsConnection> {
    return this.clients.connect(options)
  }

  /** Where it listens, and what is spoken there. */
  ports(): Ports {
    const { host, monitorHost, monitorIsSecure } = this.settings
    const { port, monitorPort } = this
    return {
      ...(port === null ? {} : { nats: { scheme: 'nats', host, port } }),
      ...(monitorPort === null
        ? {}
        : {
            monitoring: { scheme: monitorIsSecure ? 'https' : 'http', host: monitorHost, port: monitorPort },
          }),
    }
  }

  /** Is it ending in lame duck mode? */
  get isLameDuck(): boolean {
    return this.lame !== null
  }

  /**
   * Takes other options while it runs, all of them or none. What may change: limits (but those of pending bytes and of
   * subscriptions), users, `trace` and what goes with it, `tags`, `metadata`, `clientAdvertise`, `jetstreamLimits`, larger `maxMemoryStore` and
   * `maxFileStore`. Clients that may no longer log in are disconnected.
   * @param options all of them, as for `start`; `logger`, `signal`, `clock` and `storage` stay what they are
   * @param onTaken called when nothing can be refused any more, before the log is told
   * @throws Error for an option that contradicts another, or can't change; nothing has changed then
   */
  reload(options: ServerOptions, onTaken: () => void = () => {}): void {
    if (this.stopping !== null) throw new Error('the server has stopped')
    const { settings: now, bus, logger } = this
    const next = reloaded(now, settle(options))
    this.settings = next
    onTaken()
    this.advertise()
    bus.info.max_payload = next.limits.maxPayloadBytes
    bus.changeLimits(next.limits)
    this.admission.changeTrace(traceOf(next))
    if (!same(now.security.accounts, next.security.accounts)) {
      this.closeAccounts()
      this.closeAccounts = openAccounts(bus, next.security.accounts)
      logger.log('info', 'Reloaded: accounts')
    }
    const known = ({ users, callout }: SecuritySettings): unknown => [users, callout]
    if (this.operator === null && !same(known(now.security), known(next.security))) {
      const authenticator = usersOf(bus, this.callout, next)
      if (authenticator.isAnnounced) bus.info.auth_required = true
      else delete bus.info.auth_required
      bus.changeAuthenticator(authenticator)
      logger.log('info', 'Reloaded: authorization')
    }
    const { operator } = next.security
    if (operator !== null && !same(now.security.operator, operator)) {
      this.operator?.reload(operator).catch(bus.fault)
      logger.log('info', 'Reloaded: accounts')
    }
    if (next.tls !== null && this.handshakes !== null) this.handshakes.change(next.tls)
    if (next.tls !== null) this.monitor?.changeTls(next.tls)
    this.jetstream?.changeLimits(next)
    if (operator === null && !same(jetstreamOf(now.security), jetstreamOf(next.security))) {
      try {
        this.jetstream?.changeAccounts(next.security).catch(bus.fault)
      } catch (error) {
        logger.log('error', (error as Error).message)
      }
    }
    for (const line of changesOf(now, next)) logger.log('info', line)
    this.loadedMs = bus.clock.now()
    const digest = next.configDigest === '' ? '' : ` (${next.configDigest})`
    logger.log('info', `Reloaded server configuration${digest}`)
  }

  /**
   * Ends in its own time: no client is taken in any more, those there are told (INFO with `ldm`), and closed one by one over
   * `lameDuckDuration`. Then it stops. Resolves when it has; calling it again waits for the same end.
   * @throws as `stop`
   */
  async lameDuck(): Promise<void> {
    if (this.lame === null && this.stopping === null) {
      const { bus, logger, settings } = this
      logger.log('info', 'Entering lame duck mode, stop accepting new clients')
      const lame = new LameDuck(bus, settings.clock)
      this.lame = lame
      this.system?.events.lameDuck()
      this.listener?.stopAccepting()
      this.webSocketListener?.stopAccepting()
      this.clients.refuse()
      void lame.run(settings).then(() => {
        if (this.stopping === null) logger.log('info', 'Initiating Shutdown...')
        this.stop().catch(() => {})
      })
    }
    await this.closed
  }

  /**
   * Stops: clients are disconnected, the store is closed with everything in it durable. Calling it again waits
   * for the same end.
   * @throws what `closed` rejects with: the store could not be closed, or the server has ended by a fault before
   */
  stop(): Promise<void> {
    if (this.stopping === null) {
      this.stopping = Promise.race([this.close(), this.faulted])
      this.tellClosed(this.stopping)
    }
    return this.stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  private async open(): Promise<void> {
    const { settings, bus, logger } = this
    logger.log('info', 'Starting contrail-server')
    logger.log('info', `  Version:  ${CONTRAIL_VERSION} (nats-server ${COMPATIBLE_VERSION})`)
    logger.log('info', `  Name:     ${this.name}`)
    logger.log('info', `  ID:       ${this.id}`)
    const info = serverInfo({
      curveKey: this.identity.curveKey,
      id: this.id,
      name: this.name,
      host: settings.host,
      port: settings.port ?? 0,
      maxPayloadBytes: settings.limits.maxPayloadBytes,
      headers: !settings.limits.withoutHeaders,
      jetstream: settings.jetstream,
      authRequired: bus.authenticator.isAnnounced ?? bus.authenticator.isRequired,
      domain: settings.jetstream ? settings.domain : '',
    })
    Object.assign(bus.info, info)
    const seen = this.seen()
    if (!settings.noSystemAccount) this.openSystemAccount(seen)
    if (settings.monitorPort !== null) await this.openMonitor(seen, settings.monitorPort)
    if (settings.jetstream) {
      this.jetstream = await JetStreamService.open({
        bus,
        settings,
        fileSystem: this.files.fileSystem,
        serverId: this.id,
        serverName: this.name,
        logger,
      })
    }
    const { system } = this
    await this.operator?.start(this.jetstream, system === null ? null : () => system.record.next())
    if (settings.tls !== null) {
      // Loaded here: OpenSSL takes its time.
      const { TlsHandshakes } = await import('./tls-handshakes.ts')
      this.handshakes = new TlsHandshakes(settings.tls)
    }
    if (settings.port !== null) {
      const listener = new TcpListener(
        bus,
        this.admission,
        this.guard,
        this.handshakes,
        settings.proxyProtocol,
      )
      const wanted = hostPort(settings.host, settings.port)
      const listening = listener.listen(settings.host, settings.port)
      const failure = `Error listening on port: ${wanted}`
      this.boundPort = await bind(listening, (why) => `${failure}, "listen tcp ${wanted}: ${why}"`)
      this.listener = listener
      this.advertise()
      this.logger.log(
        'info',
        `Listening for client connections on ${hostPort(settings.host, this.boundPort)}`,
      )
      if (settings.proxyProtocol) logger.log('info', 'PROXY protocol enabled for client connections')
    }
    if (settings.websocket !== null) await this.openWebSocket(settings.websocket)
    logger.log('info', 'Server is ready')
  }

  private async openWebSocket(settings: WebSocketSettings): Promise<void> {
    // Loaded here: node:http and ws take their time.
    const { WebSocketListener } = await import('./websocket-listener.ts')
    const listener = new WebSocketListener(this.bus, this.admission, this.guard, settings)
    const wanted = hostPort(settings.host, settings.port)
    const failure = `Unable to listen for websocket connections: listen tcp ${wanted}`
    this.boundWebSocketPort = await bind(listener.listen(), (why) => `${failure}: ${why}`)
    this.webSocketListener = listener
    const scheme = settings.tls === null ? 'ws' : 'wss'
    const where = hostPort(settings.host, this.boundWebSocketPort)
    this.logger.log('info', `Listening for websocket clients on ${scheme}://${where}`)
    if (settings.tls === null) {
      this.logger.log('warn', 'Websocket not configured with TLS. DO NOT USE IN PRODUCTION!')
    }
  }

  /** Clients are told where the server listens, or what it was told to tell them. */
  private advertise(): void {
    const { bus, settings, boundPort } = this
    const { host, port } = settings.clientAdvertise ?? { host: settings.host, port: 0 }
    bus.info.host = host
    bus.info.port = port || (boundPort ?? 0)
  }

  /** What the monitoring and the system account see of it. */
  private seen(): MonitoredServer {
    const { bus, id, name, settings } = this
    const server = this
    const closedConnections = new ClosedConnections(settings.maxClosedClients)
    this.admission.onClosed((gone, reason) => closedConnections.add(recordOf(gone, bus.clock.now(), reason)))
    return {
      id,
      name,
      bus,
      closedConnections,
      requests: {},
      get settings() {
        return server.settings
      },
      get loadedMs() {
        return server.loadedMs
      },
      get jetstream() {
        return server.jetstream
      },
      get operatorAccounts() {
        return server.operator?.accounts ?? null
      },
      get monitorPort() {
        return server.monitorPort
      },
    }
  }

  private openSystemAccount(seen: MonitoredServer): void {
    const reload = (): void => {
      if (this.reloadSource === null) throw new Error('there is no configuration file to reload')
      this.reloadSource()
    }
    const system = new SystemAccount(seen, { reload })
    this.system = system
  }

  private async openMonitor(seen: MonitoredServer, wanted: number): Promise<void> {
    const { settings } = this
    // Loaded here: node:http takes its time.
    const { Monitor } = await import('./monitor/index.ts')
    const monitor = new Monitor(seen, settings.monitorIsSecure ? settings.tls : null)
    const failure = `Can't start monitoring: can't listen to the monitor port: listen tcp`
    const listening = monitor.listen(settings.monitorHost, wanted)
    const port = await bind(
      listening,
      (why) => `${failure} ${hostPort(settings.monitorHost, wanted)}: ${why}`,
    )
    this.monitor = monitor
    const protocol = settings.monitorIsSecure ? 'https' : 'http'
    this.logger.log('info', `Starting ${protocol} monitor on ${hostPort(settings.monitorHost, port)}`)
  }

  /** Every step, in the reverse of their order at the start, whatever fails on the way. Throws what failed first. */
  private async close(): Promise<void> {
    const failures: unknown[] = []
    const step = async (undo: () => unknown): Promise<void> => {
      try {
        await undo()
      } catch (error) {
        failures.push(error)
      }
    }
    await step(() => this.unhook())
    await step(() => this.lame?.end())
    await step(() => this.clients.stop())
    const listenersClosed = Promise.all([
      step(() => this.listener?.close()),
      step(() => this.webSocketListener?.close()),
    ])
    await step(() => this.operator?.end())
    await step(() => this.system?.close())
    await step(() => this.jetstream?.stopServing())
    await step(() => this.bus.close())
    await step(() => this.jetstream?.close())
    // Whom a step that failed has left.
    await step(() => this.bus.abandon())
    await listenersClosed
    await step(() => this.monitor?.close())
    await step(() => this.files.abandon())
    if (failures.length > 0) throw failures[0]
  }

  /** Something in here threw where nobody catches: all ends at once, and nothing more is written. */
  private fail(fault: ServerFault): void {
    const { cause } = fault
    this.logger.log('fatal', fault.message)
    const stack = cause instanceof Error ? (cause.stack ?? '') : ''
    for (const line of stack.split('\n').slice(0, STACK_LINES)) this.logger.log('fatal', line)
    this.rejectFaulted(this.tearDown(fault))
    this.stopping ??= this.faulted
    this.tellClosed(this.faulted)
  }

  /** Rejects at the end, with the fault. */
  private async tearDown(fault: ServerFault): Promise<void> {
    const { bus } = this
    const steps = [
      () => this.unhook(),
      () => this.lame?.end(),
      () => bus.abandon(),
      () => this.clients.destroy(),
      () => this.listener?.destroy(),
      () => this.webSocketListener?.destroy(),
      () => this.monitor?.close(),
      () => this.files.abandon(),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch {
        // What is broken can't be asked to end in order.
      }
    }
    throw fault
  }

  private stopWith(signal: AbortSignal | undefined): void {
    if (signal === undefined) return
    // Whether it stopped well is told by `closed`.
    const stop = () => void this.stop().catch(() => {})
    signal.addEventListener('abort', stop, { once: true })
    this.unhook = () => signal.removeEventListener('abort', stop)
  }
}

/** What JetStream has to know of accounts. */
function jetstreamOf({ accounts, jetstreamAccounts }: SecuritySettings): unknown {
  return [accounts.map(({ name }) => name), jetstreamAccounts]
}

function traceOf({ trace, maxTracedMessage, traceHeaders, traceSystem }: Settings): TraceSettings {
  return { isOn: trace, maxMessage: maxTracedMessage, headersOnly: traceHeaders, withSystem: traceSystem }
}
