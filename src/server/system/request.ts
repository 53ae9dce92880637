import type { Account, Session } from '../../core/index.ts'

/** What a request may do to the server. */
export interface SystemActions {
  /** Reads the options anew. Throws when there are none to read, or they can't be taken. */
  reload(): void
}

export interface Request {
  /** Tokens of the subject behind `$SYS.REQ.`. */
  readonly tokens: readonly string[]
  readonly body: string
  /** Its headers as they came, '' without any. */
  readonly head: string
  readonly session: Session | null
  /** Of the account it came from. */
  readonly account: Account
}
