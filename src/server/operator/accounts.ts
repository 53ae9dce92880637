/** Accounts that come with their JWTs: fetched when somebody needs them, and made of the bus what they say. */
import {
  type AccountClaims,
  ClaimAccount,
  type ClaimAccounts,
  checkAccountClaims,
  decodeAccountClaims,
  Issues,
  isPublicKey,
  JwtError,
  OperatorIdentity,
  type TrustSettings,
} from '../../auth/index.ts'
import {
  type Account,
  type Bus,
  ChangingShares,
  CloseReason,
  type ImportDefinition,
  Session,
} from '../../core/index.ts'
import type { Timer } from '../../ports/index.ts'
import { mappingsOf } from '../account-settings.ts'
import { activationEndMs, sharesOf } from './claim-shares.ts'
import type { Resolver } from './resolver.ts'

/** An expired account is asked for anew after so long at the soonest. */
const ASK_AGAIN_MS = 1000
/** Accounts that are imported from are fetched so many at a time, and waited for so long. */
const LANES = 16
const EXPORTERS_MS = 1900
/** Timers can't be longer. */
const LONGEST_MS = 2 ** 31 - 1
const NONE_ALLOWED = { maxConnections: 0, maxSubscriptions: 0, maxPayloadBytes: 0 }

export interface OperatorAccountsOptions {
  readonly bus: Bus
  readonly trust: TrustSettings
  readonly resolver: Resolver
  /** JetStream of an account is to be what its JWT says; null: it has none. */
  readonly onJetStream: (name: string, limits: AccountClaims['limits'] | null) => Promise<void>
}

interface Known {
  account: ClaimAccount
  /** '' for the system account, until there is one. */
  jwt: string
  updatedMs: number
  isIncomplete: boolean
  timer: Timer | null
}

export class OperatorAccounts implements ClaimAccounts {
  private readonly options: OperatorAccountsOptions
  private readonly known = new Map<string, Known>()
  private readonly loading = new Map<string, Promise<ClaimAccount | null>>()
  private readonly shares: ChangingShares

  constructor(options: OperatorAccountsOptions) {
    this.options = options
    this.shares = new ChangingShares(options.bus)
  }

  /** The account of a JWT that was taken before; undefined: it wasn't used yet. */
  get(name: string): ClaimAccount | undefined {
    return this.known.get(name)?.account
  }

  /** Those that were used. */
  names(): string[] {
    return [...this.known.keys()]
  }

  /** What an account imports. */
  importsOf(name: string): readonly ImportDefinition[] {
    return this.shares.importsOf(name)
  }

  jwtOf(name: string): string {
    return this.known.get(name)?.jwt ?? ''
  }

  isComplete(name: string): boolean {
    return !this.known.get(name)?.isIncomplete
  }

  updatedMs(name: string): number {
    return this.known.get(name)?.updatedMs ?? 0
  }

  async find(name: string): Promise<ClaimAccount | null> {
    const known = this.known.get(name)
    if (known === undefined) return this.load(name)
    if (known.account.isExpired) await this.refresh(name, known)
    return known.account
  }

  /** The system account: without a JWT, when there is none yet that it could be told by. */
  async openSystem(name: string): Promise<boolean> {
    const { trust, bus, onJetStream } = this.options
    if ((await this.load(name)) !== null) return true
    const account = new ClaimAccount(name, trust.first?.key ?? trust.keys[0], null, false)
    this.known.set(name, { account, jwt: '', updatedMs: bus.clock.now(), isIncomplete: false, timer: null })
    await onJetStream(name, null)
    return false
  }

  /**
   * Takes another JWT for an account that is used.
   * @throws Error when it can't be taken
   */
  async update(name: string, jwt: string): Promise<void> {
    const known = this.known.get(name)
    if (known === undefined || (known.jwt === jwt && !known.isIncomplete)) return
    const claims = this.verify(jwt)
    if (claims.head.subject !== name) throw new JwtError('account validation failed')
    await this.take(name, claims, jwt)
  }

  /** The account is gone: its clients are, too. */
  remove(name: string): void {
    const known = this.known.get(name)
    if (known === undefined) return
    const { bus, onJetStream } = this.options
    bus.account(name).limits = NONE_ALLOWED
    known.timer?.clear()
    known.jwt = ''
    this.shares.remove(name)
    this.expire(known)
    onJetStream(name, null).catch(bus.fault)
  }

  end(): void {
    for (const { timer } of this.known.values()) timer?.clear()
    this.shares.end()
  }

  /**
   * The claims of a JWT that a trusted operator has signed.
   * @throws Error
   */
  verify(jwt: string): AccountClaims {
    const { trust, bus } = this.options
    const claims = decodeAccountClaims(jwt)
    // Nobody's claims are looked at before who has signed them is known.
    if (!trust.keys.includes(claims.head.issuer)) throw new JwtError('account validation failed')
    const issues = new Issues()
    checkAccountClaims(claims, bus.clock.now(), issues)
    if (issues.isBlocking) throw new JwtError('account validation failed')
    return claims
  }

  private load(name: string): Promise<ClaimAccount | null> {
    let loading = this.loading.get(name)
    if (loading === undefined) {
      loading = this.fetch(name).finally(() => this.loading.delete(name))
      this.loading.set(name, loading)
    }
    return loading
  }

  private async fetch(name: string): Promise<ClaimAccount | null> {
    const { bus } = this.options
    const jwt = await this.ask(name)
    if (jwt === null || bus.isClosed) return null
    try {
      const claims = this.verify(jwt)
      if (claims.head.subject !== name) throw new JwtError('account validation failed')
      return await this.take(name, claims, jwt)
    } catch (error) {
      if (!(error instanceof JwtError)) throw error
      bus.log('debug', `Account [${name}]: ${error.message}`)
      return null
    }
  }

  private async ask(name: string): Promise<string | null> {
    const { bus, resolver } = this.options
    let reason = 'will only fetch valid account keys'
    try {
      if (isPublicKey(name, 'account')) {
        const jwt = await resolver.fetch(name)
        if (jwt !== null) return jwt
        reason = 'account missing'
      }
    } catch (error) {
      reason = (error as Error).message
    }
    bus.log('warn', `Account fetch failed: ${reason}`)
    return null
  }

  private async refresh(name: string, known: Known): Promise<void> {
    const { bus } = this.options
    if (!known.isIncomplete && bus.clock.now() - known.updatedMs < ASK_AGAIN_MS) return
    known.updatedMs = bus.clock.now()
    const jwt = await this.ask(name)
    if (jwt === null) return
    await this.update(name, jwt).catch((error: Error) => {
      if (!(error instanceof JwtError)) throw error
      bus.log('debug', `Account [${name}]: ${error.message}`)
    })
  }

  /** Makes the account what its JWT says. */
  private async take(name: string, claims: AccountClaims, jwt: string): Promise<ClaimAccount> {
    const { bus, trust, onJetStream } = this.options
    const isStrict = trust.strictKeys.includes(claims.head.issuer)
    const account = new ClaimAccount(name, claims.head.issuer, claims, isStrict)
    const before = this.known.get(name)
    before?.timer?.clear()
    const known: Known = { account, jwt, updatedMs: bus.clock.now(), isIncomplete: false, timer: null }
    this.known.set(name, known)
    this.describe(bus.account(name), claims)
    this.watch(known)
    await this.loadExporters(claims)
    // Another one may have come meanwhile.
    if (this.known.get(name) !== known) return account
    this.share(known)
    try {
      await onJetStream(name, claims.limits)
    } catch (error) {
      known.isIncomplete = true
      bus.log('error', `Error configuring jetstream for account [${name}]: ${(error as Error).message}`)
    }
    if (before !== undefined) this.revise(account)
    return account
  }

  /**
   * The accounts it imports from, a few at a time. Who takes too long is not waited for, since somebody wants to log in: what is
   * imported begins when the other account comes.
   */
  private async loadExporters({ imports }: AccountClaims): Promise<void> {
    const { clock, fault } = this.options.bus
    const isWanted = (name: string): boolean => !this.known.has(name) && !this.loading.has(name)
    const names = new Set(imports.map(({ account }) => account).filter(isWanted))
    if (names.size === 0) return
    const left = names.values()
    const lane = async (): Promise<void> => {
      for (const name of left) if (isWanted(name)) await this.load(name)
    }
    const lanes = Promise.all(Array.from({ length: Math.min(LANES, names.size) }, lane)).catch(fault)
    await new Promise<void>((done) => {
      const timer = clock.setTimer(done, EXPORTERS_MS)
      void lanes.then(() => {
        timer.clear()
        done()
      })
    })
  }

  private describe(account: Account, { head, limits, mappings }: AccountClaims): void {
    const { bus } = this.options
    account.nameTag = head.name || account.name
    account.limits = {
      maxConnections: limits.connections,
      maxSubscriptions: limits.subscriptions,
      maxPayloadBytes: limits.payloadBytes,
    }
    try {
      // Those for clusters are not for one server.
      const entries = [...mappings].map(([from, to]) => [
        from,
        to
          .filter(({ cluster }) => cluster === '')
          .map(({ subject, weight }) => ({ destination: subject, weight })),
      ])
      account.mappings = mappingsOf(Object.fromEntries(entries))
    } catch (error) {
      bus.log('error', `account [${account.name}]: ${(error as Error).message}`)
    }
  }

  private share(known: Known): void {
    const { bus } = this.options
    const failed = this.shares.set(sharesOf(known.account, () => bus.clock.now()))
    known.isIncomplete = failed.length > 0
    for (const { wanted, error } of failed)
      bus.log(
        'debug',
        `Error adding ${wanted.kind} import to account [${known.account.name}]: ${error.message}`,
      )
  }

  /** The next thing that happens by time: the account expires, or an activation of its imports. */
  private watch(known: Known): void {
    const { claims } = known.account
    if (claims === null) return
    const { clock, isClosed } = this.options.bus
    const nowMs = clock.now()
    const endMs = claims.head.expires === 0 ? Number.POSITIVE_INFINITY : claims.head.expires * 1000
    if (endMs <= nowMs) {
      this.expire(known)
      return
    }
    const nextMs = Math.min(endMs, activationEndMs(claims, nowMs))
    if (nextMs === Number.POSITIVE_INFINITY || isClosed) return
    known.timer = clock.setTimer(
      () => {
        this.share(known)
        this.watch(known)
      },
      Math.min(nextMs - nowMs, LONGEST_MS),
    )
  }

  private expire({ account }: Known): void {
    account.isExpired = true
    for (const session of this.sessionsOf(account.name)) session.expire('Account')
  }

  /** What becomes of those that are connected. */
  private revise(account: ClaimAccount): void {
    const { bus } = this.options
    const { maxConnections } = bus.account(account.name).limits
    for (const [at, session] of this.sessionsOf(account.name).entries()) {
      const { identity } = session
      if (maxConnections >= 0 && at >= maxConnections) {
        session.refuse('maximum account active connections exceeded', CloseReason.maxAccountConnections)
        continue
      }
      session.applyLimits()
      if (session.isClosed || !(identity instanceof OperatorIdentity)) continue
      const revision = identity.revised(account, bus.clock.now())
      if (revision === 'revoked') session.end('User Authentication Revoked', CloseReason.revoked)
      else if (revision === 'refused')
        session.end('Authorization Violation', CloseReason.authenticationFailure)
      else if (revision === 'closed') session.close(CloseReason.authenticationFailure)
      else if (revision !== identity) session.logInAgain(revision)
    }
  }

  /** In the order in which they have come. */
  private sessionsOf(name: string): Session[] {
    const members = [...this.options.bus.account(name).members]
    return members.filter((member) => member instanceof Session).sort((a, b) => a.id - b.id)
  }
}
