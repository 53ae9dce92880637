/** Answers of an auth callout: a JWT with the user's JWT in it, or with the reason why there is none. */
import { quoted } from '../../wire/index.ts'
import { checkUserClaims, decodeUserClaims, Issues, JwtError, type UserClaims } from '../jwt/index.ts'
import { decodeToken } from '../jwt/token.ts'
import { isPublicKey } from '../nkey.ts'

export interface ExpectedAnswer {
  /** The key of the user that was asked about. */
  readonly userKey: string
  readonly serverId: string
  /** The account it comes from. */
  readonly account: string
  /** It came sealed, so who sealed it needs no other proof. */
  readonly isSealed: boolean
  /** Why who has signed it may not; '' when it may. */
  signerMistake(issuer: string, issuerAccount: string): string
}

/**
 * The user that an answer lets in.
 * @throws JwtError in nats-server's words, but for the first letter
 */
export function readAnswer(text: string, expected: ExpectedAnswer, nowMs: number): UserClaims {
  if (text === '')
    throw new JwtError(`auth callout violation: "no reason supplied" on account ${quoted(expected.account)}`)
  const { head, nats } = decodeToken(text)
  if (head.kind !== 'authorization_response') throw new JwtError('not an authorization request claim')
  const answer = {
    jwt: nats.text('jwt'),
    error: nats.text('error'),
    issuerAccount: nats.text('issuer_account'),
  }
  const issues = new Issues()
  if (!isPublicKey(head.subject, 'user')) issues.error('Subject must be a user public key')
  if (!isPublicKey(head.audience, 'server')) issues.error('Audience must be a server public key')
  if (answer.error === '' && answer.jwt === '') issues.error('Error or Jwt is required')
  if (answer.error !== '' && answer.jwt !== '') issues.error('Only Error or Jwt can be set')
  if (answer.issuerAccount !== '' && !isPublicKey(answer.issuerAccount, 'account'))
    issues.error('issuer_account is not an account public key')
  issues.time(head, nowMs)
  if (issues.all.length > 0)
    throw new JwtError(`authorization response had validation errors: ${issues.all[0].text}`)
  const violation = 'auth callout violation: auth callout response is not for'
  if (head.subject !== expected.userKey) throw new JwtError(`${violation} expected user`)
  if (head.audience !== expected.serverId) throw new JwtError(`${violation} server`)
  const mistake = expected.isSealed ? '' : expected.signerMistake(head.issuer, answer.issuerAccount)
  if (mistake !== '') throw new JwtError(mistake)
  if (answer.error !== '') throw new JwtError(`auth callout service returned an error: ${answer.error}`)
  return userOf(answer.jwt, expected, nowMs)
}

function userOf(jwt: string, { userKey, account }: ExpectedAnswer, nowMs: number): UserClaims {
  const claims = decodeUserClaims(jwt)
  // Proxies are not served.
  if (claims.rights.needsProxy) throw new JwtError('proxy required')
  const issues = new Issues()
  checkUserClaims(claims, nowMs, issues)
  if (issues.all.length > 0) throw new JwtError(`Error validating user JWT: ${issues.all[0].text}`)
  const { subject } = claims.head
  if (subject !== userKey)
    throw new JwtError(
      `Expected authorized user of ${quoted(userKey)} but got ${quoted(subject)} on account ${quoted(account)}`,
    )
  return claims
}
