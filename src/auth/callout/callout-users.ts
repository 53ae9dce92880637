/** Users of a configuration, and a service that is asked about the others. */
import type { Authenticator, Credentials, Identity, Permissions } from '../../core/index.ts'
import type { ConfiguredUsers } from '../configured-users.ts'
import { connectionType, mayComeBy } from '../connection-types.ts'
import { JwtError, rulesOf, timeLeftMs, type UserClaims } from '../jwt/index.ts'
import type { PermissionRules } from '../permission-rules.ts'
import { RulePermissions } from '../rule-permissions.ts'
import { CALLOUT_SUBJECT, type Callout } from './callout.ts'
import { shownUser } from './request.ts'

const GLOBAL_ACCOUNT = '$G'
const ONLY_NOT_THERE: PermissionRules = {
  publish: { allow: null, deny: [CALLOUT_SUBJECT] },
  subscribe: { allow: null, deny: [] },
  responses: null,
}

export interface CalloutSettings {
  /** Public key of who signs the answers. */
  readonly issuer: string
  /** Where the service is. */
  readonly account: string
  /** Users, by name or public nkey, that are not asked about: the service itself. */
  readonly users: readonly string[]
  /** Public key that requests are sealed for; '' for none. */
  readonly xkey: string
  /** Accounts whose users are asked about besides those of `$G` and unknown ones; none: all. */
  readonly allowedAccounts: readonly string[]
}

export class CalloutUsers implements Authenticator {
  private readonly users: ConfiguredUsers
  private readonly callout: Callout
  private readonly settings: CalloutSettings
  private readonly hasAccount: (name: string) => boolean

  constructor(
    users: ConfiguredUsers,
    callout: Callout,
    settings: CalloutSettings,
    hasAccount: (name: string) => boolean,
  ) {
    this.users = users
    this.callout = callout
    this.settings = settings
    this.hasAccount = hasAccount
  }

  get isRequired(): boolean {
    return this.users.isRequired
  }

  get isAnnounced(): boolean {
    return this.users.isAnnounced
  }

  get admitsUnknown(): boolean {
    return this.users.admitsUnknown
  }

  get needsNonce(): boolean {
    return this.users.needsNonce
  }

  readonly hasUser = (name: string): boolean => this.users.hasUser(name)

  async authenticate(shown: Credentials): Promise<Identity | null> {
    // JWTs are of no use without operators.
    const credentials = { ...shown, options: { ...shown.options, jwt: '' } }
    const known = await this.users.authenticate(credentials)
    const identity = this.isAsked(credentials, known) ? await this.ask(credentials) : known
    if (identity === null || identity.account !== this.settings.account) return identity
    return { ...identity, permissions: withoutCallout(identity.permissions ?? null) }
  }

  /** Who holds the server needs to ask nobody. */
  private isAsked(credentials: Credentials, known: Identity | null): boolean {
    const { users, allowedAccounts } = this.settings
    if (credentials.peer.kind === 'in-process' && known !== null) return false
    const account = known?.account ?? GLOBAL_ACCOUNT
    const isInScope =
      account === GLOBAL_ACCOUNT || allowedAccounts.length === 0 || allowedAccounts.includes(account)
    return isInScope && !users.includes(this.users.nameOf(credentials))
  }

  private async ask(credentials: Credentials): Promise<Identity | null> {
    const { issuer, account, xkey } = this.settings
    const { host } = this.callout
    try {
      const claims = await this.callout.ask({
        account,
        subject: issuer,
        xkey,
        credentials,
        user: shownUser(credentials),
        nameTag: '',
        tags: [],
        signerMistake: (by) => (by === issuer ? '' : 'auth callout signing key is unknown'),
      })
      return claims === null ? null : this.identityOf(claims, credentials)
    } catch (error) {
      if (!(error instanceof JwtError)) throw error
      host.log('warn', error.message.charAt(0).toUpperCase() + error.message.slice(1))
      return null
    }
  }

  /** @throws JwtError when the user may not be, or not come */
  private identityOf(claims: UserClaims, credentials: Credentials): Identity {
    const { issuer, account } = this.settings
    const { head, rights, issuerAccount } = claims
    if (issuerAccount !== '')
      throw new JwtError(`error non operator mode account "${account}": attempted to use issuer_account`)
    if (head.issuer !== issuer)
      throw new JwtError(
        `wrong issuer for auth callout response on account "${account}", expected "${issuer}" got "${head.issuer}"`,
      )
    if (!this.hasAccount(head.audience))
      throw new JwtError(
        `no valid account "${head.audience}" for auth callout response on account "${account}": account missing`,
      )
    const rules = rulesOf(rights.permissions)
    return {
      account: head.audience,
      user: head.name || shownUser(credentials),
      permissions: rules === null ? null : new RulePermissions(rules),
      expiresMs: expiryOf(claims, credentials, account, this.callout.host.clock.now()),
      isSettled: true,
    }
  }
}

/**
 * When a user that was let in has to go.
 * @throws JwtError when it may not come now, or this way
 */
export function expiryOf(
  { head, rights }: UserClaims,
  { peer }: Credentials,
  account: string,
  nowMs: number,
): number {
  const leftMs = timeLeftMs(rights.times, rights.timeZone, nowMs)
  if (leftMs === 0)
    throw new JwtError(`authorized user on account "${account}" outside of valid connect times`)
  const types = rights.connectionTypes.map(connectionType).filter((type) => type !== null)
  if (types.length === 0 && rights.connectionTypes.length > 0)
    throw new JwtError(`authorized user on account "${account}" using invalid connection type`)
  if (!mayComeBy(types, peer))
    throw new JwtError(`authorized user on account "${account}" not allowed to use connection type`)
  return Math.min(nowMs + leftMs, head.expires === 0 ? Number.POSITIVE_INFINITY : head.expires * 1000)
}

/** The same, but nobody may ask in the server's place. */
export function withoutCallout(permissions: Permissions | null): Permissions {
  return permissions instanceof RulePermissions
    ? permissions.denying(CALLOUT_SUBJECT)
    : new RulePermissions(ONLY_NOT_THERE)
}
