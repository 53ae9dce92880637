/** Which imports are allowed: by the exports of the other account, and without circles. */
import { isSubset, isValidSubject, subjectsCollide, withWildcards } from '../../subjects/index.ts'
import {
  type AccountShares,
  type ExportDefinition,
  type ImportDefinition,
  ImportError,
} from './definitions.ts'

/** Accounts on one way. */
const MOST_DEPTH = 1024
/** Imports that are looked at for one: ways that part and meet again would take for ever. */
const MOST_STEPS = 200_000

/** @throws ImportError for an export that can't be */
export function checkExport({ kind, subject, accountTokenPosition: position }: ExportDefinition): void {
  // nats-server takes a stream's subject that none can be published to.
  if (kind === 'service' && !isValidSubject(subject)) throw new ImportError('invalid subject')
  if (position > 0 && subject.split('.')[position - 1] !== '*')
    throw new ImportError('sublist: invalid subject')
}

/**
 * Checks one import of an account.
 * @throws ImportError
 */
export function checkImport(
  all: ReadonlyMap<string, AccountShares>,
  importer: AccountShares,
  wanted: ImportDefinition,
): ExportDefinition {
  const { kind, subject } = wanted
  const to = patternOf(wanted)
  const exporter = all.get(wanted.account)
  if (exporter === undefined) throw new ImportError('account missing')
  if (!isValidSubject(subject) || !isValidSubject(to)) throw new ImportError('invalid subject')
  const found = exportFor(exporter, kind, subject)
  if (found === null || !isAllowed(found, importer.name, wanted)) {
    throw new ImportError(`${kind} import not authorized`)
  }
  if (isTwice(importer, wanted)) throw new ImportError(twiceText(wanted))
  const search = { all, steps: 0 }
  const isRound =
    kind === 'service'
      ? servicesGoRound(search, exporter, subject, new Set([importer.name]))
      : [to, subject].some((each) => streamsGoRound(search, exporter, each, new Set([importer.name])))
  if (isRound) throw new ImportError('import forms a cycle')
  return found
}

/** An import's `to` as a pattern: with wildcards where it has places. */
export function patternOf({ to }: ImportDefinition): string {
  return withWildcards(to).pattern
}

function exportFor({ exports }: AccountShares, kind: string, subject: string): ExportDefinition | null {
  const same = exports.find((each) => each.kind === kind && each.subject === subject)
  return same ?? exports.find((each) => each.kind === kind && isSubset(subject, each.subject)) ?? null
}

function isAllowed(found: ExportDefinition, importer: string, wanted: ImportDefinition): boolean {
  const { subject } = wanted
  const { accounts, accountTokenPosition: position } = found
  // The very subject has a wildcard where the name has to be.
  if (position > 0) return found.subject !== subject && subject.split('.')[position - 1] === importer
  if (found.admits !== undefined) return found.admits(importer, wanted)
  return accounts === null || accounts.includes(importer)
}

/** Is there one before it that says the same? */
function isTwice({ imports }: AccountShares, wanted: ImportDefinition): boolean {
  for (const each of imports) {
    if (each === wanted) return false
    const isSame = wanted.kind === 'stream' ? each.subject === wanted.subject : each.to === wanted.to
    if (isSame && each.kind === wanted.kind && each.account === wanted.account) return true
  }
  return false
}

function twiceText({ kind, to, account, subject }: ImportDefinition): string {
  if (kind === 'stream') return 'stream import already exists'
  return `duplicate service import subject "${to}", previously used in import for account "${account}", subject "${subject}"`
}

interface Search {
  readonly all: ReadonlyMap<string, AccountShares>
  steps: number
}

/** @throws ImportError when it has gone on for too long */
function step(search: Search): void {
  if (++search.steps > MOST_STEPS) throw new ImportError('cycle search depth exhausted')
}

function servicesGoRound(
  search: Search,
  account: AccountShares,
  from: string,
  visited: ReadonlySet<string>,
): boolean {
  if (visited.size >= MOST_DEPTH) throw new ImportError('cycle search depth exhausted')
  for (const next of account.imports) {
    step(search)
    const here = patternOf(next)
    if (next.kind !== 'service' || !subjectsCollide(from, here)) continue
    if (visited.has(next.account)) return true
    const after = search.all.get(next.account)
    const narrower = isSubset(here, from) ? next.subject : from
    if (after && servicesGoRound(search, after, narrower, new Set([...visited, account.name]))) return true
  }
  return false
}

function streamsGoRound(
  search: Search,
  account: AccountShares,
  to: string,
  visited: ReadonlySet<string>,
): boolean {
  if (visited.size >= MOST_DEPTH) throw new ImportError('cycle search depth exhausted')
  if (!account.exports.some((each) => each.kind === 'stream' && isSubset(to, each.subject))) return false
  for (const next of account.imports) {
    step(search)
    const here = patternOf(next)
    if (next.kind !== 'stream' || !subjectsCollide(to, here)) continue
    if (visited.has(next.account)) return true
    const after = search.all.get(next.account)
    const narrower = isSubset(here, to) ? here : to
    if (after && streamsGoRound(search, after, narrower, new Set([...visited, account.name]))) return true
  }
  return false
}
