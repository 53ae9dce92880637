/** Who may connect by JWTs: users signed for by accounts, which operators have signed for. */
import type { Authenticator, Credentials, Identity } from '../../core/index.ts'
import { quoted } from '../../wire/index.ts'
import type { Callout } from '../callout/callout.ts'
import { expiryOf } from '../callout/callout-users.ts'
import { shownUser } from '../callout/request.ts'
import { connectionType, mayComeBy } from '../connection-types.ts'
import {
  checkUserClaims,
  decodeUserClaims,
  Issues,
  isWithin,
  JwtError,
  timeLeftMs,
  type UserClaims,
  type UserRights,
} from '../jwt/index.ts'
import { isNonceSigned } from '../nkey.ts'
import type { ClaimAccount } from './claim-account.ts'
import { CalloutIdentity, OperatorIdentity, rightsOf } from './operator-identity.ts'
import type { TrustSettings } from './trusted.ts'

/** Where accounts are found. */
export interface ClaimAccounts {
  /** Null: there is none, or its JWT can't be taken. */
  find(name: string): Promise<ClaimAccount | null>
}

export interface OperatorUsersOptions {
  readonly trust: TrustSettings
  readonly accounts: ClaimAccounts
  readonly now: () => number
  /** Accounts that may be used; null: all. */
  readonly pinned: ReadonlySet<string> | null
  /** The JWT of those who show none; '' for none. */
  readonly defaultSentinel: string
  /** Asks services of accounts that have one. */
  readonly callout: Callout
  /** Why somebody is refused: for the log alone. */
  readonly tell: (level: 'debug' | 'error' | 'warn', text: string) => void
}

/** Somebody is refused. */
class Refusal extends Error {
  readonly level: 'debug' | 'error'

  constructor(text: string, level: 'debug' | 'error' = 'debug') {
    super(text)
    this.level = level
  }
}

/** A user whose JWT, account and signature are good. */
export interface ShownUser {
  readonly account: ClaimAccount
  readonly jwt: string
  readonly claims: UserClaims
  readonly rights: UserRights
}

export class OperatorUsers implements Authenticator {
  readonly isRequired = true
  readonly needsNonce = true
  private readonly options: OperatorUsersOptions

  constructor(options: OperatorUsersOptions) {
    this.options = options
  }

  async authenticate(credentials: Credentials): Promise<Identity | null> {
    const { tell, now } = this.options
    try {
      const shown = await this.show(credentials)
      const { account, jwt, claims, rights } = shown
      const { users = [] } = account.claims?.authorization ?? {}
      return account.hasCallout && !users.includes(claims.head.subject)
        ? await this.askAbout(shown, credentials)
        : new OperatorIdentity(account, claims, rights, now(), jwt)
    } catch (error) {
      if (error instanceof Refusal) tell(error.level, error.message)
      else if (error instanceof JwtError) tell('warn', capitalised(error.message))
      else throw error
      return null
    }
  }

  /** @throws Refusal */
  private async show(credentials: Credentials): Promise<ShownUser> {
    const { jwt, claims } = this.readUser(credentials)
    const { issuerAccount, head } = claims
    const account = await this.accountOf(issuerAccount || head.issuer)
    const rights = this.checkUser(claims, account, credentials)
    return { account, jwt, claims, rights }
  }

  /** @throws Refusal */
  private checkUser(claims: UserClaims, account: ClaimAccount, credentials: Credentials): UserRights {
    const { head } = claims
    const rights = attempt('User JWT is not valid', () => rightsOf(claims, account))
    if (account.isExpired) throw new Refusal('Account JWT has expired')
    if (rights.isBearer && account.refusesBearer) throw new Refusal('Account does not allow bearer tokens')
    // Proxies are not served.
    if (rights.needsProxy) throw new Refusal('proxy required')
    checkWay(rights, credentials)
    if (!rights.isBearer) checkSignature(claims, credentials)
    if (account.hasRevoked(head.subject, head.issuedAt)) throw new Refusal('User authentication revoked')
    if (!isWithin(rights.sources, credentials.peer.host))
      throw new Refusal(`Bad src Ip ${credentials.peer.host}`, 'error')
    if (timeLeftMs(rights.times, rights.timeZone, this.options.now()) === 0)
      throw new Refusal('Outside connect times', 'error')
    return rights
  }

  /**
   * The service of the account decides who it is.
   * @throws JwtError when it lets nobody in, or may not let in whom it does
   */
  private async askAbout(
    { account, jwt, claims: shown }: ShownUser,
    credentials: Credentials,
  ): Promise<Identity | null> {
    const { name, claims: asked, scopeOf } = account
    const { callout, accounts, now } = this.options
    const { xkey = '', allowedAccounts = [] } = asked?.authorization ?? {}
    const claims = await callout.ask({
      account: name,
      subject: name,
      xkey,
      credentials: { ...credentials, options: { ...credentials.options, jwt } },
      user: credentials.options.nkey || credentials.options.user || shown.head.subject,
      nameTag: shown.head.name,
      tags: shown.tags,
      signerMistake: (issuer, issuerAccount) => {
        if (issuerAccount !== '' && issuerAccount !== name)
          return `auth callout response issuer account ${quoted(issuerAccount)} is not the callout account`
        return issuer === name || scopeOf(issuer) !== undefined ? '' : 'auth callout signing key is unknown'
      },
    })
    if (claims === null) return null
    // Meanwhile the user may have been revoked, or the account be another.
    const still = await this.accountOf(name)
    if (still !== account) this.checkUser(shown, still, credentials)
    const { head, issuerAccount } = claims
    const placement = issuerAccount || head.issuer
    const mayPlace = placement === name || allowedAccounts.includes(placement) || isAny(allowedAccounts)
    if (!mayPlace)
      throw new JwtError(
        `account ${quoted(head.issuer)} not permitted as valid account option for auth callout for account ${quoted(name)}`,
      )
    const target = await accounts.find(placement)
    if (target === null || target.isExpired)
      throw new JwtError(
        `no valid account ${quoted(placement)} for auth callout response on account ${quoted(name)}`,
      )
    const rights = attempt('user JWT is not valid', () => rightsOf(claims, target))
    expiryOf({ ...claims, rights }, credentials, name, now())
    return new CalloutIdentity(target, claims, rights, now(), head.name || shownUser(credentials))
  }

  /** Of the JWT it has shown, or that those have who show none. */
  private readUser({ options }: Credentials): { jwt: string; claims: UserClaims } {
    const { now, defaultSentinel } = this.options
    let jwt = options.jwt
    let claims: UserClaims
    try {
      claims = decodeUserClaims(jwt)
    } catch {
      jwt = defaultSentinel
      if (jwt === '') throw new Refusal('Authentication requires a user JWT')
      claims = attempt('User JWT not valid', () => decodeUserClaims(jwt))
    }
    const issues = new Issues()
    checkUserClaims(claims, now(), issues)
    if (issues.isBlocking) throw new Refusal(`User JWT no longer valid: ${issues.all[0].text}`)
    return { jwt, claims }
  }

  private async accountOf(name: string): Promise<ClaimAccount> {
    const { accounts, pinned, trust } = this.options
    if (pinned !== null && !pinned.has(name))
      throw new Refusal(`Account ${name} not listed as operator pinned account`)
    const account = await accounts.find(name)
    if (account === null) throw new Refusal('Account JWT lookup error')
    if (!trust.keys.includes(account.issuer)) throw new Refusal('Account JWT not signed by trusted operator')
    return account
  }
}

function checkWay({ connectionTypes }: UserRights, { peer }: Credentials): void {
  if (connectionTypes.length === 0) return
  // Types that nobody knows don't open the other ways.
  const known = connectionTypes.map(connectionType).filter((type) => type !== null)
  if (known.length === 0 || !mayComeBy(known, peer)) throw new Refusal('Connection type not allowed')
}

function checkSignature({ head }: UserClaims, { options, nonce }: Credentials): void {
  if (options.sig === '') throw new Refusal('Signature missing')
  if (!isNonceSigned(nonce, options.sig, head.subject)) throw new Refusal('Signature not verified')
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function isAny(allowedAccounts: readonly string[]): boolean {
  return allowedAccounts.length === 1 && allowedAccounts[0] === '*'
}

function attempt<Result>(what: string, run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    throw new Refusal(`${what}: ${(error as Error).message}`)
  }
}
