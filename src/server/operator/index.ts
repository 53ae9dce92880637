/** Operator mode of a server: the resolver, the accounts that come with it, who may connect, and requests about them. */
import { type Callout, JwtError, OperatorUsers } from '../../auth/index.ts'
import type { Bus } from '../../core/index.ts'
import type { JetStreamService } from '../jetstream-service.ts'
import { OperatorAccounts } from './accounts.ts'
import { ClaimsRequests } from './claims-requests.ts'
import { JwtFolder } from './jwt-folder.ts'
import type { OperatorSettings, ResolverSettings } from './options.ts'
import { MemoryResolver, type Resolver } from './resolver.ts'
import { UrlResolver } from './url-resolver.ts'

export class OperatorMode {
  readonly users: OperatorUsers
  readonly accounts: OperatorAccounts
  private readonly bus: Bus
  private readonly settings: OperatorSettings
  private readonly resolver: Resolver
  private jetstream: JetStreamService | null = null
  private requests: ClaimsRequests | null = null

  /** @throws Error when the folder of the resolver can't be used */
  constructor(bus: Bus, settings: OperatorSettings, callout: Callout) {
    const { trust, resolver, preload, pinned, defaultSentinel } = settings
    const now = (): number => bus.clock.now()
    this.bus = bus
    this.settings = settings
    this.resolver = resolverOf(resolver, now)
    for (const [name, jwt] of Object.entries(preload)) this.resolver.keep(name, jwt)
    this.accounts = new OperatorAccounts({
      bus,
      trust,
      resolver: this.resolver,
      onJetStream: async (name, limits) => this.jetstream?.changeAccount(name, limits),
    })
    this.users = new OperatorUsers({
      trust,
      accounts: this.accounts,
      now,
      pinned: pinned === null ? null : new Set(pinned),
      defaultSentinel,
      callout,
      tell: (level, text) => bus.log(level, text),
    })
  }

  /**
   * Loads what is needed from the start: the system account, and accounts that have streams. `server`: what is said of it in
   * answers; null: there are no system services.
   * @throws Error when there is no system account
   */
  async start(jetstream: JetStreamService | null, server: (() => unknown) | null): Promise<void> {
    const { bus, settings, resolver, accounts } = this
    const { systemAccount, trust } = settings
    this.jetstream = jetstream
    if (systemAccount === '') bus.log('warn', 'Trusted Operators should utilize a System Account')
    else if (!(await accounts.openSystem(systemAccount))) {
      if (resolver instanceof MemoryResolver)
        throw new Error('error resolving system account: account missing')
      bus.log('info', 'Using bootstrapping system account')
    }
    for (const name of jetstream?.storedAccounts() ?? []) await accounts.find(name)
    if (server === null) return
    const folder = resolver instanceof JwtFolder ? resolver : null
    const type = settings.resolver.type === 'cache' ? 'cache' : 'full'
    this.requests = new ClaimsRequests({ bus, trust, accounts, folder, type, server })
    if (folder !== null)
      bus.log('info', `Managing ${type === 'full' ? 'all' : 'some'} jwt in exclusive directory`)
  }

  /** Other JWTs were preloaded: accounts that are used are what these say, and those that are no more there have gone. */
  async reload({ preload }: OperatorSettings): Promise<void> {
    const { resolver, accounts, bus } = this
    if (!(resolver instanceof MemoryResolver)) {
      for (const [name, jwt] of Object.entries(preload)) resolver.keep(name, jwt)
      return
    }
    resolver.replace(preload)
    for (const name of accounts.names()) {
      try {
        if (!Object.hasOwn(preload, name)) throw new JwtError('removed')
        await accounts.update(name, preload[name])
      } catch (error) {
        if (!(error instanceof JwtError)) throw error
        bus.log('info', `Reloaded: deleting account [${error.message}]: ${name}`)
        accounts.remove(name)
      }
    }
  }

  end(): void {
    this.requests?.close()
    this.accounts.end()
  }
}

function resolverOf(settings: ResolverSettings, now: () => number): Resolver {
  switch (settings.type) {
    case 'memory':
      return new MemoryResolver()
    case 'url':
      return new UrlResolver(settings.url, settings.timeoutMs)
    default:
      return new JwtFolder(settings, now)
  }
}
