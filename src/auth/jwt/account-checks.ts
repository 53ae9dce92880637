/** Whether what an account's JWT says can be, in nats-server's words. */
import { quoted } from '../../wire/index.ts'
import { isPublicKey } from '../nkey.ts'
import type { AccountClaims, ExportClaim, ImportClaim } from './account-claims.ts'
import { type ActivationClaims, checkActivation, decodeActivation } from './activation.ts'
import { Issues } from './issues.ts'
import { checkRenaming, checkSubject, hasWildcards, isContainedIn, withoutReferences } from './subjects.ts'
import { checkPermissions } from './user-claims.ts'

const MOST_INFO = 8 * 1024
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

/** One import, of this account. */
export function checkImportClaim(claim: ImportClaim, importer: string, issues: Issues): void {
  const { kind, subject, localSubject, to } = claim
  const isService = kind === 'service'
  if (!isService && kind !== 'stream') issues.error(`invalid import type: ${quoted('unknown')}`)
  if (isService && claim.allowTrace) issues.error('AllowTrace only valid for stream import')
  if (claim.account === '') issues.error('account to import from is not specified')
  if (to !== '') issues.warning('the field to has been deprecated (use LocalSubject instead)')
  checkSubject(subject, issues)
  if (localSubject !== '') {
    checkRenaming(localSubject, subject, issues)
    if (to !== '') issues.error('Local Subject replaces To')
  }
  if (claim.share && !isService)
    issues.error(`sharing information (for latency tracking) is only valid for services: ${quoted(subject)}`)
  if (claim.token !== '') checkToken(claim, importer, issues)
}

function checkToken(
  { token, subject, account, kind, to }: ImportClaim,
  importer: string,
  issues: Issues,
): void {
  let activation: ActivationClaims
  try {
    activation = decodeActivation(token)
  } catch {
    issues.error(`import ${quoted(subject)} contains an invalid activation token`)
    return
  }
  if (activation.head.issuer !== account && activation.issuerAccount !== account)
    issues.error(`activation token doesn't match account for import ${quoted(subject)}`)
  if (activation.head.subject !== importer)
    issues.error(`activation token doesn't match account it is being included in, ${quoted(subject)}`)
  if (activation.kind !== kind)
    issues.error(`mismatch between token import type ${activation.kind} and type of import ${kind}`)
  checkActivation(activation, null, issues)
  const there = kind === 'service' && to !== '' ? to : subject
  if (!isContainedIn(there, activation.subject))
    issues.error(
      `activation token import subject ${quoted(activation.subject)} doesn't match import ${quoted(subject)}`,
    )
}

function checkImports(imports: readonly ImportClaim[], importer: string, issues: Issues): void {
  const byAccount = new Map<string, Set<string>>()
  for (const claim of imports) {
    if (claim.kind === 'service') {
      const here = claim.to || withoutReferences(claim.localSubject) || claim.subject
      const others = byAccount.get(claim.account) ?? new Set()
      for (const other of others) {
        if (!isContainedIn(here, other) && !isContainedIn(other, here)) continue
        issues.error(
          `overlapping subject namespace for ${quoted(here)} and ${quoted(other)} in same account ${quoted(claim.account)}`,
        )
      }
      if (others.has(here))
        issues.error(`overlapping subject namespace for ${quoted(here)} in account ${quoted(claim.account)}`)
      byAccount.set(claim.account, others.add(here))
    }
    checkImportClaim(claim, importer, issues)
  }
}

function checkExports(exports: readonly ExportClaim[], issues: Issues): void {
  for (const each of exports) checkExportClaim(each, issues)
  for (const kind of ['service', 'stream']) {
    const subjects = exports.filter((each) => (each.kind === 'service') === (kind === 'service'))
    const told = new Set<string>()
    for (const [i, { subject }] of subjects.entries()) {
      for (const [j, { subject: other }] of subjects.entries()) {
        if (i === j || told.has(other) || !isContainedIn(subject, other)) continue
        told.add(other)
        issues.error(`${kind} export subject ${quoted(other)} already exports ${quoted(subject)}`)
      }
    }
  }
}

function checkExportClaim(claim: ExportClaim, issues: Issues): void {
  const { kind, subject, responseType, latency, responseThresholdMs } = claim
  const isService = kind === 'service'
  if (kind === '') issues.error(`invalid export type: ${quoted('unknown')}`)
  if (isService && !['', 'Singleton', 'Stream', 'Chunked'].includes(responseType))
    issues.error(`invalid response type for service: ${quoted(responseType)}`)
  if (kind === 'stream' && responseType !== '')
    issues.error(`invalid response type for stream: ${quoted(responseType)}`)
  if (kind === 'stream' && claim.allowTrace) issues.error('AllowTrace only valid for service export')
  if (latency !== null) {
    if (!isService) issues.error('latency tracking only permitted for services')
    if (latency.sampling < 0 || latency.sampling > EVERY)
      issues.error('sampling percentage needs to be between 1-100')
    checkSubject(latency.results, issues)
    if (hasWildcards(latency.results)) issues.error('results subject can not contain wildcards')
  }
  if (responseThresholdMs < 0) issues.error('negative response threshold is invalid')
  if (responseThresholdMs > 0 && !isService) issues.error('response threshold only valid for services')
  checkSubject(subject, issues)
  checkTokenPosition(claim, issues)
  checkInfo(claim, issues)
}

function checkTokenPosition({ subject, accountTokenPosition: position }: ExportClaim, issues: Issues): void {
  if (position <= 0) return
  const tokens = subject.split('.')
  if (!hasWildcards(subject))
    issues.error(`Account Token Position can only be used with wildcard subjects: ${subject}`)
  else if (position > tokens.length)
    issues.error(`Account Token Position ${position} exceeds length of subject '${subject}'`)
  else if (tokens[position - 1] !== '*')
    issues.error(
      `Account Token Position ${position} matches '${tokens[position - 1]}' but must match a * in: ${subject}`,
    )
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

function checkInfo({ description, infoUrl }: { description: string; infoUrl: string }, issues: Issues): void {
  if (description.length > MOST_INFO) issues.error('Description is too long')
  if (infoUrl === '') return
  if (infoUrl.length > MOST_INFO) issues.error('Info URL is too long')
  if (!URL.canParse(infoUrl)) issues.error('error parsing info url: no hostname or scheme')
}
