import type { ConnectOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import type { Permissions } from './permissions.ts'

/** Who a client turned out to be. */
export interface Identity {
  /** Account name, "$G" where none are configured. */
  readonly account: string
  /** User name for monitoring and logs, '' for none. */
  readonly user: string
  /** What the user may do; left out or null: everything. */
  readonly permissions?: Permissions | null
}

/** Decides who may connect. */
export interface Authenticator {
  /** Are credentials asked for? */
  readonly isRequired: boolean
  /** Returns the identity, or null to refuse ("Authorization Violation"). */
  authenticate(options: ConnectOptions, connection: Connection): Identity | null
}

/** Everybody is welcome, in the global account. */
export const openAuthenticator: Authenticator = {
  isRequired: false,
  authenticate: () => ({ account: '$G', user: '' }),
}
