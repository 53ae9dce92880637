/** The rights of a user of a scoped signing key: made of the key's template, with names and tags put in. */
import { isValidSubject } from '../../subjects/index.ts'
import { quoted } from '../../wire/index.ts'
import { JwtError } from './fields.ts'
import type { SubjectClaims, UserClaims, UserRights } from './user-claims.ts'

/** Subjects that a template may become. */
const MOST_SUBJECTS = 4096
const EVERYTHING = '>'

/** What templates know of an account. */
export interface TemplateAccount {
  readonly name: string
  readonly nameTag: string
  readonly tags: readonly string[]
}

/** @throws JwtError for a template that names something that isn't there where it would deny */
export function applyTemplate(template: UserRights, user: UserClaims, account: TemplateAccount): UserRights {
  const { publish, subscribe, responses } = template.permissions
  const direction = ({ allow, deny }: SubjectClaims): SubjectClaims => {
    const allowed = expandAll(allow, user, account, false)
    const denied = expandAll(deny, user, account, true)
    // What allowed something once must not allow everything now.
    const isLost = allow.length > 0 && allowed.length === 0
    return { allow: allowed, deny: isLost && !denied.includes(EVERYTHING) ? [...denied, EVERYTHING] : denied }
  }
  const permissions = { subscribe: direction(subscribe), publish: direction(publish), responses }
  return { ...template, permissions }
}

function expandAll(
  rules: readonly string[],
  user: UserClaims,
  account: TemplateAccount,
  isStrict: boolean,
): readonly string[] {
  if (!rules.some((rule) => placesIn(rule).length > 0)) return rules
  const found: string[] = []
  for (const rule of rules) {
    const places = placesIn(rule)
    const values = places.map((place) => valuesOf(place, rule, user, account, isStrict))
    const count = values.reduce((product, each) => product * each.length, 1)
    if (count + found.length > MOST_SUBJECTS)
      throw new JwtError(`permission template expansion exceeds limit: ${MOST_SUBJECTS}`)
    for (const subject of combined(rule, places, values)) {
      if (isValidSubject(subject)) found.push(subject)
      else if (isStrict) throw new JwtError('generated invalid subject')
    }
  }
  return found
}

/** What stands between two braces and two. Each letter is looked at once, however many braces there are. */
function placesIn(rule: string): string[] {
  const found: string[] = []
  for (let start = rule.indexOf('{{'); start >= 0; ) {
    const end = rule.indexOf('}', start + 2)
    if (end < 0) break
    const isPlace = end > start + 2 && rule[end + 1] === '}'
    if (isPlace) found.push(rule.slice(start, end + 2))
    start = rule.indexOf('{{', end + (isPlace ? 2 : 1))
  }
  return found
}

/** One subject for every choice of values. */
function combined(rule: string, places: readonly string[], values: readonly (readonly string[])[]): string[] {
  let subjects = [rule]
  for (const [at, place] of places.entries())
    subjects = subjects.flatMap((subject) =>
      values[at].map((value) => subject.replaceAll(place, () => value)),
    )
  return subjects
}

function valuesOf(
  place: string,
  rule: string,
  { head, issuerAccount, tags }: UserClaims,
  account: TemplateAccount,
  isStrict: boolean,
): readonly string[] {
  const operation = place.slice(2, -2).trim()
  switch (operation.toLowerCase()) {
    case 'name()':
      return [head.name]
    case 'subject()':
      return [head.subject]
    case 'account-name()':
      return [account.nameTag]
    case 'account-subject()':
      return [issuerAccount]
  }
  const tag = /^(account-)?tag\((.*)\)$/i.exec(operation)
  if (tag === null)
    throw new JwtError(`template operation in ${quoted(rule)}: ${quoted(operation)} is not defined`)
  const prefix = `${tag[2].toLowerCase()}:`
  const found = (tag[1] === undefined ? tags : account.tags)
    .filter((each) => each.startsWith(prefix))
    .map((each) => each.slice(prefix.length))
  if (found.length > 0) return found
  if (isStrict)
    throw new JwtError(`generated invalid subject ${quoted(rule)}: ${quoted(tag[2])} is not defined`)
  // Makes it no subject.
  return [' ']
}
