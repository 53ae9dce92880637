/** What an operator's JWT says: who may sign accounts. */
import { JwtError } from './fields.ts'
import { type ClaimsHead, decodeToken } from './token.ts'

export interface OperatorClaims {
  readonly head: ClaimsHead
  readonly signingKeys: readonly string[]
  readonly accountServerUrl: string
  readonly systemAccount: string
  readonly assertedVersion: string
  /** Accounts are signed by signing keys only, and so are users. */
  readonly isStrict: boolean
}

/** A JWT as files have it: by itself, or between lines of dashes. */
export function undecorated(text: string): string {
  const found = /-{3,}.*-{3,}\r?\n([\w\-.=]+)\r?\n-{3,}.*-{3,}(?:\r?\n|$)/.exec(text)
  return found === null ? text : found[1]
}

/** @throws JwtError */
export function decodeOperator(token: string): OperatorClaims {
  const { head, nats } = decodeToken(token)
  if (head.kind !== 'operator') throw new JwtError('not operator claim')
  return {
    head,
    signingKeys: nats.texts('signing_keys'),
    accountServerUrl: nats.text('account_server_url'),
    systemAccount: nats.text('system_account'),
    assertedVersion: nats.text('assert_server_version'),
    isStrict: nats.flag('strict_signing_key_usage'),
  }
}
