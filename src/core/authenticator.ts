import type { ConnectOptions } from './connect-options.ts'
import type { Peer } from './origin.ts'
import type { Permissions } from './permissions.ts'

/** Who a client turned out to be. */
export interface Identity {
  /** Account name, "$G" where none are configured. */
  readonly account: string
  /** User name for monitoring and logs, '' for none. */
  readonly user: string
  /** What the user may do; left out or null: everything. */
  readonly permissions?: Permissions | null
  /** What people call it; left out: nothing. */
  readonly nameTag?: string
  readonly tags?: readonly string[]
  /** What else monitoring shows of how it has logged in. */
  readonly shown?: Readonly<Record<string, string>>
  /** When it is told `User Authentication Expired` and cut off; left out: never. */
  readonly expiresMs?: number
  /** Decided by somebody who isn't asked again when the server's configuration changes. Left out: no. */
  readonly isSettled?: boolean
  /** Limits of this user; left out or -1: none of its own. */
  readonly maxSubscriptions?: number
  readonly maxPayloadBytes?: number
}

/** What a client shows to be let in. */
export interface Credentials {
  readonly options: ConnectOptions
  readonly peer: Peer
  /** What INFO asked to be signed, '' for nothing. */
  readonly nonce: string
  /** Its number on this server. Left out: 0. */
  readonly id?: number
  /** Has the client left meanwhile, so that nobody waits for the answer? Left out: no. */
  readonly hasLeft?: () => boolean
  /** Has this called when the client leaves, so that nothing is kept for it. Left out: nobody is told. */
  readonly onLeft?: (listener: () => void) => void
}

/** Decides who may connect. */
export interface Authenticator {
  /** Are credentials asked for? Then CONNECT comes first. */
  readonly isRequired: boolean
  /** Does INFO say so? Default: when they are required. */
  readonly isAnnounced?: boolean
  /** Is somebody who sends something else than CONNECT asked about, too? Default: no, it is refused. */
  readonly admitsUnknown?: boolean
  /** Does INFO give something to sign? */
  readonly needsNonce?: boolean
  /** Is there a user of this name, or public nkey? Left out: users are not known by these. */
  readonly hasUser?: (name: string) => boolean
  /** Returns the identity, or null to refuse ("Authorization Violation"). Nothing of the client is read until it is there. */
  authenticate(credentials: Credentials): Identity | null | Promise<Identity | null>
}

/** Everybody is welcome, in the global account. */
export const openAuthenticator: Authenticator = {
  isRequired: false,
  authenticate: () => ({ account: '$G', user: '' }),
}
