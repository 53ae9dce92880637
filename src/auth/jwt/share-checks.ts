/** Whether what an account's JWT shares and takes can be, in nats-server's words. */
import { quoted } from '../../wire/index.ts'
import type { ExportClaim, ImportClaim } from './account-claims.ts'
import { type ActivationClaims, activationOf, checkActivation } from './activation.ts'
import { checkInfo } from './check-info.ts'
import { ContainedPatterns, TooManySteps } from './contained.ts'
import type { Issues } from './issues.ts'
import { checkRenaming, checkSubject, hasWildcards, isContainedIn, withoutReferences } from './subjects.ts'

const EVERY = 100

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

function checkToken(claim: ImportClaim, importer: string, issues: Issues): void {
  const { subject, account, kind, to } = claim
  let activation: ActivationClaims
  try {
    activation = activationOf(claim)
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

/** Services of one account, under the subjects they have here. */
interface Taken {
  readonly subjects: string[]
  readonly known: Set<string>
  readonly patterns: ContainedPatterns
}

export function checkImports(imports: readonly ImportClaim[], importer: string, issues: Issues): void {
  const byAccount = new Map<string, Taken>()
  withinReason('imports', issues, () => {
    for (const claim of imports) {
      if (issues.isFull) return
      if (claim.kind === 'service') checkOverlaps(claim, byAccount, issues)
      checkImportClaim(claim, importer, issues)
    }
  })
}

/** Services of an account that were taken before, and have subjects here that this one has, too. */
function checkOverlaps(claim: ImportClaim, byAccount: Map<string, Taken>, issues: Issues): void {
  const here = claim.to || withoutReferences(claim.localSubject) || claim.subject
  let taken = byAccount.get(claim.account)
  if (taken === undefined) {
    taken = { subjects: [], known: new Set(), patterns: new ContainedPatterns() }
    byAccount.set(claim.account, taken)
  }
  const { subjects, known, patterns } = taken
  const others = new Set([...patterns.containing(here), ...patterns.within(here)])
  for (const at of [...others].sort((a, b) => a - b))
    issues.error(
      `overlapping subject namespace for ${quoted(here)} and ${quoted(subjects[at])} in same account ${quoted(claim.account)}`,
    )
  if (known.has(here)) {
    issues.error(`overlapping subject namespace for ${quoted(here)} in account ${quoted(claim.account)}`)
    return
  }
  known.add(here)
  patterns.add(here, subjects.push(here) - 1)
}

export function checkExports(exports: readonly ExportClaim[], issues: Issues): void {
  for (const each of exports) checkExportClaim(each, issues)
  for (const kind of ['service', 'stream']) {
    const subjects = exports
      .filter((each) => (each.kind === 'service') === (kind === 'service'))
      .map(({ subject }) => subject)
    withinReason('exports', issues, () => checkExported(kind, subjects, issues))
  }
}

/** Whether one is shared already by another one. Each is told of once. */
function checkExported(kind: string, subjects: readonly string[], issues: Issues): void {
  /** Where each subject stands first, and the next time. */
  const places = new Map<string, number[]>()
  const patterns = new ContainedPatterns()
  for (const [at, subject] of subjects.entries()) {
    const known = places.get(subject)
    if (known === undefined) {
      places.set(subject, [at])
      patterns.add(subject, at)
    } else if (known.length === 1) known.push(at)
  }
  const told = new Set<string>()
  for (const [at, subject] of subjects.entries()) {
    if (issues.isFull) return
    const others = patterns
      .containing(subject)
      .map((first) => (first === at ? (places.get(subject)?.[1] ?? -1) : first))
      .filter((other) => other >= 0)
      .sort((a, b) => a - b)
    for (const other of others.map((each) => subjects[each])) {
      if (told.has(other)) continue
      told.add(other)
      issues.error(`${kind} export subject ${quoted(other)} already exports ${quoted(subject)}`)
    }
  }
}

/** What would take too long to check is refused. */
function withinReason(what: string, issues: Issues, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof TooManySteps)) throw error
    issues.error(`the account's ${what}: ${error.message}`)
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
