/**
 * Compiled subject patterns. A pattern's tokens are separated by dots; `*` stands for one token, a final
 * `>` for one or more.
 */

import { latin1Of } from './latin1.ts'
import { LiteralSet } from './literal-set.ts'
import { hasWildcard } from './validity.ts'

const DOT = 46

/** Tells which subjects somebody wants; built once, asked often. */
export interface SubjectFilter {
  /** The patterns it was built from. */
  readonly patterns: readonly string[]
  /** Everything matches. */
  readonly all: boolean
  /** The one subject that matches, when there is only one and it has no wildcard; as latin1 text of its UTF-8 bytes. */
  readonly literal: string | null
  /** Does the subject, UTF-8 bytes `[start, end)`, match? */
  matches(buffer: Buffer, start: number, end: number): boolean
  /** The same for a subject held as latin1 text of its UTF-8 bytes. */
  matchesLatin1(subject: string): boolean
}

type Token = { literal: string | null; rest: boolean }

function compile(pattern: string): Token[] {
  const tokens = pattern.split('.')
  return tokens.map((token, i) => ({
    literal: token === '*' || (token === '>' && i === tokens.length - 1) ? null : token,
    rest: token === '>' && i === tokens.length - 1,
  }))
}

function matchBytes(tokens: Token[], buffer: Buffer, start: number, end: number): boolean {
  let at = start
  for (let t = 0; t < tokens.length; t++) {
    const token = tokens[t]
    if (at > end) return false
    if (token.rest) return at < end
    const literal = token.literal
    if (literal === null) {
      const begin = at
      while (at < end && buffer[at] !== DOT) at++
      if (at === begin) return false
    } else {
      const stop = at + literal.length
      if (stop > end) return false
      for (let i = 0; at < stop; i++, at++) if (buffer[at] !== literal.charCodeAt(i)) return false
      if (at < end && buffer[at] !== DOT) return false
    }
    if (t === tokens.length - 1) return at === end
    if (at >= end) return false
    at++
  }
  return false
}

/** With more patterns, those without wildcards are looked up instead of being compared one by one. */
const MANY_PATTERNS = 16

/**
 * Builds a filter from patterns; none means everything. Patterns are taken as valid (see `isValidSubject`).
 */
export function subjectFilter(patterns: readonly string[]): SubjectFilter {
  return filterOf(patterns, patterns.map(latin1Of))
}

/** The filter of one subject, UTF-8 bytes `[start, end)`, whether or not they are valid UTF-8. */
export function filterOfSubject(buffer: Buffer, start: number, end: number): SubjectFilter {
  return filterOf([buffer.toString('utf8', start, end)], [buffer.toString('latin1', start, end)])
}

/** `held`: the patterns as latin1 text of their bytes. */
function filterOf(patterns: readonly string[], held: readonly string[]): SubjectFilter {
  const all = patterns.length === 0 || patterns.includes('>')
  const literals = held.length > MANY_PATTERNS ? held.filter((pattern) => !hasWildcard(pattern)) : []
  const literalBytes = literals.length > 0 ? new LiteralSet(literals) : null
  const compiled = (literals.length > 0 ? held.filter(hasWildcard) : held).map(compile)
  const single = patterns.length === 1 ? compiled[0] : null
  return {
    patterns,
    all,
    literal: single !== null && !hasWildcard(held[0]) ? held[0] : null,
    matches(buffer, start, end) {
      if (all) return true
      if (single !== null) return matchBytes(single, buffer, start, end)
      if (literalBytes?.has(buffer, start, end)) return true
      for (let i = 0; i < compiled.length; i++) if (matchBytes(compiled[i], buffer, start, end)) return true
      return false
    },
    matchesLatin1(subject) {
      const bytes = Buffer.from(subject, 'latin1')
      return this.matches(bytes, 0, bytes.length)
    },
  }
}
