import type { Identity, Permissions } from '../../core/index.ts'
import { withoutCallout } from '../callout/callout-users.ts'
import {
  applyTemplate,
  NO_LIMIT,
  rulesOf,
  timeLeftMs,
  type UserClaims,
  type UserRights,
  type UserScope,
} from '../jwt/index.ts'
import type { PermissionRules } from '../permission-rules.ts'
import { RulePermissions } from '../rule-permissions.ts'
import type { ClaimAccount } from './claim-account.ts'

/** What becomes of a client when the JWT of its account is another. */
export type Revision = 'closed' | 'refused' | 'revoked' | OperatorIdentity

/** Who a client is by its JWT. */
export class OperatorIdentity implements Identity {
  readonly account: string
  readonly user: string
  readonly permissions: Permissions | null
  readonly expiresMs: number
  readonly maxSubscriptions: number
  readonly maxPayloadBytes: number
  readonly nameTag: string
  readonly tags: readonly string[]
  readonly shown: Readonly<Record<string, string>>
  readonly claims: UserClaims
  /** With what the template of a scoped key says. */
  readonly rights: UserRights
  /** What the account said when the client was let in: its JWT may have changed twice since. */
  private readonly scope: UserScope | null | undefined
  private readonly defaults: PermissionRules | null

  /** `jwt`: what it has shown. */
  constructor(account: ClaimAccount, claims: UserClaims, rights: UserRights, nowMs: number, jwt: string) {
    this.scope = account.scopeOf(claims.head.issuer)
    this.defaults = defaultsOf(account)
    const rules = rulesOf(rights.permissions) ?? this.defaults
    this.account = account.name
    this.user = claims.head.subject
    this.claims = claims
    this.rights = rights
    this.nameTag = claims.head.name
    this.tags = claims.tags
    // Whoever has a bearer token is its user.
    this.shown = {
      jwt: rights.isBearer ? '' : jwt,
      issuer_key: claims.issuerAccount === '' ? account.name : claims.head.issuer,
    }
    const permissions = rules === null ? null : new RulePermissions(rules)
    this.permissions = account.hasCallout ? withoutCallout(permissions) : permissions
    this.maxSubscriptions = rights.maxSubscriptions
    this.maxPayloadBytes = rights.maxPayloadBytes
    const { expires } = claims.head
    const until = nowMs + timeLeftMs(rights.times, rights.timeZone, nowMs)
    this.expiresMs = Math.min(until, expires === 0 ? Number.POSITIVE_INFINITY : expires * 1000)
  }

  /** May it stay in the account as it is now? */
  revised(account: ClaimAccount, nowMs: number): Revision {
    const { claims, rights } = this
    const { issuer, subject, issuedAt } = claims.head
    if (rights.isBearer && account.refusesBearer) return 'refused'
    if (account.hasRevoked(subject, issuedAt)) return 'revoked'
    const scope = account.scopeOf(issuer)
    if (scope === undefined || !same(this.scope, scope)) return 'closed'
    return same(this.defaults, defaultsOf(account))
      ? this
      : new OperatorIdentity(account, claims, rights, nowMs, this.shown.jwt)
  }
}

/** Who a client is by the word of an auth callout. Its limits are those of the account. */
export class CalloutIdentity extends OperatorIdentity {
  override readonly user: string
  override readonly maxSubscriptions = NO_LIMIT
  override readonly maxPayloadBytes = NO_LIMIT

  constructor(account: ClaimAccount, claims: UserClaims, rights: UserRights, nowMs: number, user: string) {
    super(account, claims, rights, nowMs, '')
    this.user = user
  }

  override revised(account: ClaimAccount, nowMs: number): Revision {
    const revision = super.revised(account, nowMs)
    return revision instanceof OperatorIdentity && revision !== this
      ? new CalloutIdentity(account, this.claims, this.rights, nowMs, this.user)
      : revision
  }
}

/**
 * The rights of a user whose signer the account knows.
 * @throws Error when a scoped key has signed rights of its own, or its template can't be filled in
 */
export function rightsOf(claims: UserClaims, account: ClaimAccount): UserRights {
  const scope = account.scopeOf(claims.head.issuer)
  if (scope === undefined) throw new Error('User JWT issuer is not known')
  if (scope === null) return claims.rights
  if (!claims.rights.isEmpty) throw new Error('scoped users require no permissions or limits set')
  return applyTemplate(scope.rights, claims, account)
}

function defaultsOf({ claims }: ClaimAccount): PermissionRules | null {
  return claims === null ? null : rulesOf(claims.defaultPermissions)
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
