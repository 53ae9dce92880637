/** Whether what an account's JWT says can be, in nats-server's words. */
import { quoted } from '../../wire/index.ts'
import { isPublicKey } from '../nkey.ts'
import type { AccountClaims } from './account-claims.ts'
import { checkInfo } from './check-info.ts'
import { Issues } from './issues.ts'
import { checkExports, checkImports } from './share-checks.ts'
import { checkSubject, hasWildcards } from './subjects.ts'
import { checkPermissions } from './user-claims.ts'

const EVERY = 100
const ANY_ACCOUNT = '*'

export function checkAccountClaims(claims: AccountClaims, nowMs: number, issues: Issues): void {
  const { head, imports, exports, limits } = claims
  issues.time(head, nowMs)
  checkImports(imports, head.subject, issues)
  checkExports(exports, issues)
  checkTiers(claims, issues)
  checkPermissions(claims.defaultPermissions, issues)
  checkMappings(claims, issues)
  checkAuthorization(claims, issues)
  checkTrace(claims, issues)
  const tooMany = (what: string): void =>
    issues.error(`the account contains more ${what} than allowed by the operator`)
  if (!limits.isEmpty && limits.imports >= 0 && imports.length > limits.imports) tooMany('imports')
  if (limits.imports !== -1 && imports.length > limits.imports) tooMany('imports')
  if (limits.exports !== -1) {
    if (exports.length > limits.exports) tooMany('exports')
    for (const { subject } of exports)
      if (!limits.allowsWildcardExports && hasWildcards(subject))
        issues.error('the account contains wildcard exports that are not allowed by the operator')
  }
  for (const [key, scope] of claims.signingKeys) {
    if (isPublicKey(key, 'account')) continue
    issues.error(
      scope === null
        ? `${quoted(key)} is not a valid account signing key`
        : `${key} is not an account public key`,
    )
  }
  checkInfo(claims, issues)
  if (!['', 'system', 'owner'].includes(claims.clusterTraffic))
    issues.error(`unknown cluster traffic option: ${quoted(claims.clusterTraffic)}`)
  if (isPublicKey(head.issuer, 'account') && !limits.isEmpty)
    issues.warning("self-signed account JWTs shouldn't contain operator limits")
}

function checkTiers({ limits }: AccountClaims, issues: Issues): void {
  if (limits.tiers.has('')) issues.error('Tiered JetStream Limits can not contain a blank "" tier name')
}

function checkMappings({ mappings }: AccountClaims, issues: Issues): void {
  for (const [from, destinations] of mappings) {
    checkSubject(from, issues)
    const totals = new Map<string, number>()
    for (const { subject, weight, cluster } of destinations) {
      checkSubject(subject, issues)
      if (weight > EVERY) issues.error(`Mapping ${quoted(from)} has a weight ${weight} that exceeds 100`)
      const total = (totals.get(cluster) ?? 0) + weight
      totals.set(cluster, total)
      if (cluster !== '' && total > EVERY)
        issues.error(
          `Mapping ${quoted(from)} in cluster ${quoted(cluster)} exceeds 100% among all of it's weighted to mappings`,
        )
    }
    if ((totals.get('') ?? 0) > EVERY)
      issues.error(`Mapping ${quoted(from)} exceeds 100% among all of it's weighted to mappings`)
  }
}

function checkAuthorization({ authorization }: AccountClaims, issues: Issues): void {
  const { users, allowedAccounts, xkey } = authorization
  if (allowedAccounts.length > 0 && users.length === 0)
    issues.error('External authorization cannot have accounts without users specified')
  for (const user of users)
    if (!isPublicKey(user, 'user')) issues.error(`AuthUser ${quoted(user)} is not a valid user public key`)
  for (const account of allowedAccounts) {
    if (account === ANY_ACCOUNT && allowedAccounts.length > 1)
      issues.error(`AllowedAccounts can only be a list of accounts or ${quoted(ANY_ACCOUNT)}`)
    else if (account !== ANY_ACCOUNT && !isPublicKey(account, 'account'))
      issues.error(`Account ${quoted(account)} is not a valid account public key`)
  }
  if (xkey !== '' && !isPublicKey(xkey, 'curve'))
    issues.error(`XKey ${quoted(xkey)} is not a valid public xkey`)
}

function checkTrace({ trace }: AccountClaims, issues: Issues): void {
  if (trace === null) return
  const found = new Issues()
  checkSubject(trace.destination, found)
  if (found.all.length > 0) issues.error(`the account Trace.Destination ${found.all[0].text}`)
  if (hasWildcards(trace.destination))
    issues.error(
      `the account Trace.Destination subject ${quoted(trace.destination)} is not a valid publish subject`,
    )
  if (trace.sampling < 0 || trace.sampling > EVERY)
    issues.error(
      `the account Trace.Sampling value '${trace.sampling}' is not valid, should be in the range [1..100]`,
    )
}
