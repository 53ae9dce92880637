/** What an account shares and takes, by its JWT. */
import {
  type AccountClaims,
  activationOf,
  type ClaimAccount,
  checkActivation,
  checkImportClaim,
  type ExportClaim,
  type ImportClaim,
  Issues,
  isRevoked,
} from '../../auth/index.ts'
import type {
  AccountShares,
  ExportDefinition,
  ImportDefinition,
  ResponseType,
  ShareKind,
} from '../../core/index.ts'
import { withWildcards } from '../../subjects/index.ts'

const RESPONSE_THRESHOLD_MS = 120_000
const responseTypes = new Map<string, ResponseType>([
  ['Stream', 'stream'],
  ['Chunked', 'chunked'],
])

/** An import with its claim, which an activation is checked by. */
interface ClaimedImport extends ImportDefinition {
  readonly claim: ImportClaim
}

export function sharesOf(account: ClaimAccount, now: () => number): AccountShares {
  const { name, claims } = account
  return {
    name,
    exports: (claims?.exports ?? []).map((each) => exportOf(each, account, now)),
    imports: (claims?.imports ?? []).map(importOf),
  }
}

/** When the first of its activations expires, so that imports have to be looked at anew; infinite: never. */
export function activationEndMs({ imports }: AccountClaims, nowMs: number): number {
  const ends = imports
    .filter(({ token }) => token !== '')
    .map((claim) => {
      try {
        return activationOf(claim).head.expires * 1000
      } catch {
        return 0
      }
    })
  return ends.filter((end) => end > nowMs).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
}

function exportOf(claim: ExportClaim, exporter: ClaimAccount, now: () => number): ExportDefinition {
  const { kind, subject, needsToken, responseThresholdMs, responseType, accountTokenPosition } = claim
  return {
    kind: kind as ShareKind,
    subject,
    accounts: null,
    accountTokenPosition,
    responseType: responseTypes.get(responseType) ?? 'singleton',
    responseThresholdMs: responseThresholdMs || RESPONSE_THRESHOLD_MS,
    ...(needsToken
      ? {
          admits: (importer: string, wanted: ImportDefinition) =>
            isActivated(exporter, claim, importer, (wanted as ClaimedImport).claim, now()),
        }
      : {}),
  }
}

function importOf(claim: ImportClaim): ClaimedImport {
  const { kind, account, subject, to, localSubject, share } = claim
  const shared = { kind: kind as ShareKind, account, share: kind === 'service' && share, claim }
  if (localSubject !== '') return { ...shared, subject, to: localSubject }
  if (to === '') return { ...shared, subject, to: subject }
  // The outdated way: of a service the subject there, of a stream what stands before the subject here.
  if (kind === 'service') return { ...shared, subject: to, to: subject }
  return { ...shared, subject, to: `${to.replace(/\.$/, '')}.${withWildcards(subject).pattern}` }
}

/** Has the exporter let this account import it? */
function isActivated(
  exporter: ClaimAccount,
  shared: ExportClaim,
  importer: string,
  claim: ImportClaim | undefined,
  nowMs: number,
): boolean {
  if (claim === undefined || claim.token === '') return false
  const issues = new Issues()
  checkImportClaim(claim, importer, issues)
  if (issues.isBlocking) return false
  const activation = activationOf(claim)
  const { head, issuerAccount } = activation
  const isTrusted =
    issuerAccount === '' || (issuerAccount === exporter.name && exporter.scopeOf(head.issuer) !== undefined)
  if (!isTrusted) return false
  checkActivation(activation, nowMs, issues)
  if (issues.isBlocking || (head.expires !== 0 && head.expires * 1000 <= nowMs)) return false
  return !isRevoked(shared.revocations, head.subject, head.issuedAt)
}
