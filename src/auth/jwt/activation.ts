/** What lets an account import something that is not for all: signed by the account that shares it. */
import { isPublicKey } from '../nkey.ts'
import { JwtError } from './fields.ts'
import type { Issues } from './issues.ts'
import { checkSubject } from './subjects.ts'
import { type ClaimsHead, decodeToken } from './token.ts'

export interface ActivationClaims {
  readonly head: ClaimsHead
  readonly subject: string
  /** `stream` or `service`. */
  readonly kind: string
  readonly issuerAccount: string
}

/** @throws JwtError */
export function decodeActivation(token: string): ActivationClaims {
  const { head, all, nats } = decodeToken(token)
  if (head.kind !== 'activation') throw new JwtError('not activation claim')
  const isOld = head.version === 1
  return {
    head,
    subject: nats.text('subject'),
    kind: nats.text(isOld ? 'type' : 'kind'),
    issuerAccount: (isOld ? all : nats).text('issuer_account'),
  }
}

/** Those of imports that were looked at: a signature takes its time. */
const decoded = new WeakMap<object, ActivationClaims | JwtError>()

/**
 * The activation of an import.
 * @throws JwtError
 */
export function activationOf(claim: { readonly token: string }): ActivationClaims {
  let found = decoded.get(claim)
  if (found === undefined) {
    try {
      found = decodeActivation(claim.token)
    } catch (error) {
      if (!(error instanceof JwtError)) throw error
      found = error
    }
    decoded.set(claim, found)
  }
  if (found instanceof JwtError) throw found
  return found
}

/** `nowMs`: null when the time doesn't matter. */
export function checkActivation(
  { head, subject, kind, issuerAccount }: ActivationClaims,
  nowMs: number | null,
  issues: Issues,
): void {
  if (nowMs !== null) issues.time(head, nowMs)
  if (kind !== 'service' && kind !== 'stream') issues.error(`invalid import type: ${JSON.stringify(kind)}`)
  checkSubject(subject, issues)
  if (issuerAccount !== '' && !isPublicKey(issuerAccount, 'account'))
    issues.error('account_id is not an account public key')
}
