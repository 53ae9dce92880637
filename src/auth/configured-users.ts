/** Who may connect by the server's own configuration: users, a single user, a token. */
import type { Authenticator, Credentials, Identity, Peer } from '../core/index.ts'
import { userOfCertificate } from './certificate.ts'
import { type ConnectionType, mayComeBy } from './connection-types.ts'
import { isNonceSigned } from './nkey.ts'
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
  readonly connectionTypes: readonly ConnectionType[]
}

export interface Users {
  readonly users: readonly UserRecord[]
  /** Whoever shows nothing is this user, '' for nobody. */
  readonly noAuthUser: string
  /** Does INFO say that credentials are asked for? */
  readonly isAnnounced: boolean
  /** Is a client by TCP who its certificate says? */
  readonly mapsCertificates: boolean
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
  readonly admitsUnknown: boolean
  readonly needsNonce: boolean
  private readonly named = new Map<string, KnownUser>()
  private readonly keyed = new Map<string, KnownUser>()
  private readonly all: KnownUser[] = []
  private readonly mapsCertificates: boolean
  private readonly token: string
  private readonly noAuthUser: KnownUser | null

  constructor({ users, noAuthUser, isAnnounced, mapsCertificates, token }: Users) {
    for (const record of users) {
      const { name, account, permissions, isNkey } = record
      const identity = {
        account,
        user: name,
        permissions: permissions === null ? null : new RulePermissions(permissions),
      }
      const known = { record, identity }
      this.all.push(known)
      ;(isNkey ? this.keyed : this.named).set(name, known)
    }
    this.token = token
    this.mapsCertificates = mapsCertificates
    this.noAuthUser = this.named.get(noAuthUser) ?? this.keyed.get(noAuthUser) ?? null
    this.admitsUnknown = this.named.has(noAuthUser)
    this.isRequired = users.length > 0 || token !== ''
    this.isAnnounced = isAnnounced || token !== ''
    this.needsNonce = this.keyed.size > 0
  }

  authenticate(credentials: Credentials): Identity | null | Promise<Identity | null> {
    const { nkey, user, pass, auth_token: token, sig } = credentials.options
    if (!this.isRequired) return openIdentity
    const provesNothing = pass === '' && token === '' && sig === ''
    if (provesNothing && credentials.peer.kind === 'in-process') return this.inProcess(credentials)
    if (this.mapsCertificates && credentials.peer.kind === 'tcp' && nkey === '') {
      return this.byCertificate(credentials.peer)
    }
    if (nkey !== '' && this.keyed.size > 0) return this.byKey(credentials)
    if (user === '' && provesNothing && this.noAuthUser !== null) {
      return identityOf(this.noAuthUser, credentials.peer)
    }
    if (this.token !== '') return whenRight(isRight(token, this.token, credentials.hasLeft), openIdentity)
    return this.byPassword(credentials)
  }

  readonly hasUser = (name: string): boolean => this.named.has(name) || this.keyed.has(name)

  /** The name or key of the user somebody says to be, '' for none that is known. Nothing is proved by that. */
  nameOf({ options, peer }: Credentials): string {
    const { nkey, user, pass, auth_token: token } = options
    if (this.keyed.has(nkey)) return nkey
    if (this.mapsCertificates && peer.kind === 'tcp' && nkey === '')
      return this.byCertificate(peer)?.user ?? ''
    if (this.named.has(user)) return user
    const isSilent = user === '' && pass === '' && token === '' && nkey === ''
    return isSilent ? (this.noAuthUser?.record.name ?? '') : ''
  }

  /** In the process nothing has to be proved: who holds the server could do anything. */
  private inProcess({ options, peer }: Credentials): Identity | null {
    const name = options.user || options.nkey
    if (name !== '') return identityOf(this.named.get(name) ?? this.keyed.get(name), peer)
    if (this.noAuthUser !== null) return identityOf(this.noAuthUser, peer)
    if (this.token !== '') return openIdentity
    for (const known of this.all) if (mayComeBy(known.record.connectionTypes, peer)) return known.identity
    return null
  }

  private byCertificate(peer: Peer): Identity | null {
    const { certificate = null } = peer.tls ?? {}
    if (certificate === null) return null
    const allowed = this.all.filter(({ record }) => !record.isNkey && mayComeBy(record.connectionTypes, peer))
    const name = userOfCertificate(
      certificate,
      allowed.map(({ record }) => record.name),
    )
    return name === null ? null : (this.named.get(name)?.identity ?? null)
  }

  private byKey({ options, nonce, peer }: Credentials): Identity | null {
    const known = this.keyed.get(options.nkey)
    const identity = identityOf(known, peer)
    if (identity === null || known === this.noAuthUser) return identity
    return isNonceSigned(nonce, options.sig, options.nkey) ? identity : null
  }

  private byPassword({ options, peer, hasLeft }: Credentials): Identity | null | Promise<Identity | null> {
    const known = this.named.get(options.user)
    const identity = identityOf(known, peer)
    // Who has no password comes by a certificate only.
    if (known === undefined || identity === null || known.record.password === '') return null
    return whenRight(isRight(options.pass, known.record.password, hasLeft), identity)
  }
}

const openIdentity: Identity = { account: GLOBAL_ACCOUNT, user: '' }

/** The user's identity, if it may come this way. */
function identityOf(known: KnownUser | undefined, peer: Peer): Identity | null {
  return known !== undefined && mayComeBy(known.record.connectionTypes, peer) ? known.identity : null
}

function whenRight(
  isRight: boolean | Promise<boolean>,
  identity: Identity,
): Identity | null | Promise<Identity | null> {
  if (typeof isRight === 'boolean') return isRight ? identity : null
  return isRight.then((is) => (is ? identity : null))
}
