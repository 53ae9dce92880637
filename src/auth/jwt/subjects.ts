/** Checks of subjects as JWTs have them: weaker than those of the server, which come when they are used. */
import { quoted } from '../../wire/index.ts'
import type { Issues } from './issues.ts'

export function checkSubject(subject: string, issues: Issues): void {
  if (subject === '') {
    issues.error('subject cannot be empty')
    return
  }
  const name = `subject ${quoted(subject)}`
  if (subject.includes(' ')) issues.error(`${name} cannot have spaces`)
  if (subject.startsWith('.') || subject.endsWith('.'))
    issues.error(`${name} cannot start or end with a \`.\``)
  if (subject.includes('..')) issues.error(`${name} cannot contain consecutive \`.\``)
}

/** A subject of a permission, where it is allowed with a queue group behind it. */
export function checkRule(rule: string, allowsQueue: boolean, issues: Issues): void {
  const parts = rule.split(' ')
  if (parts.length > 2) {
    issues.error(`Permission Subject "${rule}" contains too many spaces`)
    return
  }
  for (const part of parts) checkSubject(part, issues)
  if (parts.length === 2 && !allowsQueue)
    issues.error(`Permission Subject "${rule}" is not allowed to contain queue`)
}

/** A subject under which another one is known here. */
export function checkRenaming(to: string, from: string, issues: Issues): void {
  checkSubject(to, issues)
  if (from === '') issues.error('subject cannot be empty')
  if (to.includes(' ')) issues.error(`subject ${quoted(to)} cannot have spaces`)
  if (isOpen(to) !== isOpen(from))
    issues.error('both, renaming subject and subject, need to end or not end in >')
  const wildcards = from.split('.').filter((token) => token === '*').length
  let found = 0
  for (const token of to.split('.')) {
    if (token === '*') found++
    if (!isReference(token)) continue
    if (Number(token.slice(1)) > wildcards)
      issues.error(
        `Reference $${Number(token.slice(1))} in ${quoted(to)} reference * in ${quoted(from)} that do not exist`,
      )
    else found++
  }
  if (found !== wildcards) issues.error('subject does not contain enough * or reference wildcards $[0-9]')
}

/** With wildcards in the place of references. */
export function withoutReferences(subject: string): string {
  return subject
    .split('.')
    .map((token) => (isReference(token) ? '*' : token))
    .join('.')
}

export function hasWildcards(subject: string): boolean {
  return subject === '>' || subject.endsWith('.>') || subject.split('.').includes('*')
}

/** Is what one stands for within what the other does? */
export function isContainedIn(subject: string, other: string): boolean {
  const [mine, others] = [subject.split('.'), other.split('.')]
  if (mine.length > others.length && others.at(-1) !== '>') return false
  if (mine.length < others.length) return false
  for (const [at, token] of others.entries()) {
    if (token === '>' && at === others.length - 1) return true
    if (token !== mine[at] && token !== '*') return false
  }
  return true
}

function isOpen(subject: string): boolean {
  return subject === '>' || subject.endsWith('.>')
}

function isReference(token: string): boolean {
  return /^\$[+-]?\d+$/.test(token)
}
