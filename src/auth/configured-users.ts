/** Who may connect by the server's own configuration: users, a single user, a token. */
import type { Authenticator, Credentials, Identity } from '../core/index.ts'
import { type ConnectionType, mayComeBy } from './connection-types.ts'
import { isSigned } from './nkey.ts'
import { isRight } from './password.ts'
import type { PermissionRules } from './permission-rules.ts'
import { RulePermissions } from './rule-permissions.ts'

const GLOBAL_ACCOUNT = '$G'

/** A user with a name and a password, or with a public nkey instead. */
export interface UserRecord {
  /** Name, or the public nkey. */
  readonly name: string
  readonly isNkey: boolean
  /** Plain, or a bcrypt hash; '' with an nkey. */
  readonly password: string
  readonly account: string
  /** Null: everything. */
  readonly permissions: PermissionRules | null
  /** None: any. */
  readonly connectionTypes: ReadonlySet<ConnectionType>
}

export interface Users {
  readonly users: readonly UserRecord[]
  /** Whoever shows nothing is this user, '' for nobody. */
  readonly noAuthUser: string
  /** A token is asked for instead of a user, '' for none. */
  readonly token: string
}

interface KnownUser {
  readonly record: UserRecord
  readonly identity: Identity
}

/** The authenticator of a configuration. */
export class ConfiguredUsers implements Authenticator {
  readonly isRequired: boolean
  readonly isAnnounced: boolean
  readonly needsNonce: boolean
  private readonly named = new Map<string, KnownUser>()
  private readonly keyed = new Map<string, KnownUser>()
  private readonly token: string
  private readonly noAuthUser: KnownUser | null

  constructor({ users, noAuthUser, token }: Users) {
    for (const record of users) {
      const { name, account, permissions, isNkey } = record
      const identity = {
        account,
        user: name,
        permissions: permissions === null ? null : new RulePermissions(permissions),
      }
      ;(isNkey ? this.keyed : this.named).set(name, { record, identity })
    }
    this.token = token
    this.noAuthUser = this.named.get(noAuthUser) ?? this.keyed.get(noAuthUser) ?? null
    this.isRequired = users.length > 0 || token !== ''
    this.isAnnounced = this.isRequired && this.noAuthUser === null
    this.needsNonce = this.keyed.size > 0
  }

  authenticate(credentials: Credentials): Identity | null | Promise<Identity | null> {
    const { nkey, user, pass, auth_token: token } = credentials.options
    if (!this.isRequired) return { account: GLOBAL_ACCOUNT, user: '' }
    if (nkey !== '' && this.keyed.size > 0) return this.byKey(credentials)
    if (user === '' && pass === '' && token === '' && this.noAuthUser !== null) {
      const { record, identity } = this.noAuthUser
      return mayComeBy(record.connectionTypes, credentials.peer) ? identity : null
    }
    if (user !== '') return this.byPassword(credentials)
    if (this.token === '') return null
    return whenRight(isRight(token, this.token), { account: GLOBAL_ACCOUNT, user: '' })
  }

  private byKey({ options, nonce, peer }: Credentials): Identity | null {
    const known = this.keyed.get(options.nkey)
    if (known === undefined || !mayComeBy(known.record.connectionTypes, peer)) return null
    if (known === this.noAuthUser) return known.identity
    return isSigned(nonce, options.sig, options.nkey, 'user') ? known.identity : null
  }

  private byPassword({ options, peer }: Credentials): Identity | null | Promise<Identity | null> {
    const known = this.named.get(options.user)
    if (known === undefined || !mayComeBy(known.record.connectionTypes, peer)) return null
    return whenRight(isRight(options.pass, known.record.password), known.identity)
  }
}

function whenRight(
  isRight: boolean | Promise<boolean>,
  identity: Identity,
): Identity | null | Promise<Identity | null> {
  if (typeof isRight === 'boolean') return isRight ? identity : null
  return isRight.then((is) => (is ? identity : null))
}
