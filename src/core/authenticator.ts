import type { ConnectOptions } from './connect-options.ts'

/** Who a client turned out to be. */
export interface Identity {
  /** Account name, "$G" where none are configured. */
  readonly account: string
  /** User name for monitoring, '' for none. */
  readonly user: string
}

/** Decides who may connect. */
export interface Authenticator {
  /** Are credentials asked for? */
  readonly isRequired: boolean
  /** Returns the identity, or null to refuse ("Authorization Violation"). */
  authenticate(options: ConnectOptions): Identity | null
}

/** Everybody is welcome, in the global account. */
export const openAuthenticator: Authenticator = {
  isRequired: false,
  authenticate: () => ({ account: '$G', user: '' }),
}
