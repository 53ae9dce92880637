import { type AccountClaims, isRevoked, type UserScope } from '../jwt/index.ts'

/** An account as its JWT describes it, for those who log in to it. */
export class ClaimAccount {
  readonly name: string
  /** Null: the system account, until its JWT is there. */
  readonly claims: AccountClaims | null
  /** Who has signed it. */
  readonly issuer: string
  isExpired = false
  private readonly signers: ReadonlyMap<string, UserScope | null>

  /** `isStrict`: users are signed by signing keys only. */
  constructor(name: string, issuer: string, claims: AccountClaims | null, isStrict: boolean) {
    this.name = name
    this.issuer = issuer
    this.claims = claims
    const signers = new Map(claims?.signingKeys ?? [])
    if (!isStrict) signers.set(name, null)
    this.signers = signers
  }

  get nameTag(): string {
    return this.claims?.head.name ?? ''
  }

  get tags(): readonly string[] {
    return this.claims?.tags ?? []
  }

  get refusesBearer(): boolean {
    return this.claims?.limits.refusesBearer ?? false
  }

  /** Does the key sign for the account? Its scope, null: all rights; undefined: it doesn't. */
  readonly scopeOf = (key: string): UserScope | null | undefined => this.signers.get(key)

  hasRevoked(user: string, issuedAt: number): boolean {
    return this.claims !== null && isRevoked(this.claims.revocations, user, issuedAt)
  }

  /** Who logs in to it is asked about elsewhere. */
  get hasCallout(): boolean {
    return (this.claims?.authorization.users.length ?? 0) > 0
  }
}
