/** Subjects with named tokens: `orders.{id}.created` listens on `orders.*.created` and knows what stood for `id`. */
import { ContrailError } from './errors.ts'

type NameOf<Token extends string> = Token extends `{${infer Name}>}`
  ? Name
  : Token extends `{${infer Name}}`
    ? Name
    : never

type NamesOf<Subject extends string> = Subject extends `${infer Head}.${infer Rest}`
  ? NameOf<Head> | NamesOf<Rest>
  : NameOf<Subject>

/** `never` when every one of several subjects has the name. */
type WithoutName<Subject extends string, Name> = Subject extends string
  ? Name extends NamesOf<Subject>
    ? never
    : Subject
  : never

/**
 * The named tokens of a subject, as strings: `Params<'orders.{id}.{rest>}'>` is `{ id: string, rest: string }`. Of several
 * subjects what one of them lacks may be undefined.
 */
export type Params<Subject extends string> = string extends Subject
  ? Readonly<Record<string, string>>
  : {
      readonly [Name in NamesOf<Subject>]: [WithoutName<Subject, Name>] extends [never]
        ? string
        : string | undefined
    }

const NAME = /^\{([A-Za-z_][A-Za-z0-9_]*)(>?)\}$/

/** A subject as its handler declares it, compiled once. */
export class SubjectPattern {
  /** As declared. */
  readonly source: string
  /** What is subscribed to: names are `*`, or `>` at the end. */
  readonly subject: string
  readonly #names: string[] = []
  readonly #positions: number[] = []
  readonly #tail: number

  /** @throws ContrailError INVALID_SUBJECT */
  constructor(source: string) {
    if (typeof source !== 'string') throw invalid(String(source), 'a subject is a text')
    this.source = source
    const tokens = source.split('.')
    const plain: string[] = []
    let tail = -1
    for (const [position, token] of tokens.entries()) {
      const isLast = position === tokens.length - 1
      const named = NAME.exec(token)
      if (named !== null) {
        if (named[1] === '__proto__') throw invalid(source, 'no name may be __proto__')
        if (this.#names.includes(named[1])) throw invalid(source, `the name ${named[1]} is there twice`)
        if (named[2] === '>' && !isLast) throw invalid(source, `{${named[1]}>} must be at the end`)
        this.#names.push(named[1])
        this.#positions.push(position)
        if (named[2] === '>') tail = position
        plain.push(named[2] === '>' ? '>' : '*')
      } else {
        if (token === '') throw invalid(source, 'a token is empty')
        if (/[\s{}]/.test(token)) throw invalid(source, `"${token}" is neither a token nor a {name}`)
        if (token === '>' && !isLast) throw invalid(source, '> must be at the end')
        plain.push(token)
      }
    }
    this.subject = plain.join('.')
    this.#tail = tail
  }

  /** The same behind a prefix. */
  under(prefix: string): SubjectPattern {
    return new SubjectPattern(`${prefix}.${this.source}`)
  }

  get hasNames(): boolean {
    return this.#names.length > 0
  }

  /** What stands for the names in a subject that matches. */
  params(subject: string): Record<string, string> {
    const found: Record<string, string> = {}
    if (this.#names.length === 0) return found
    const tokens = subject.split('.')
    for (let i = 0; i < this.#names.length; i++) {
      const position = this.#positions[i]
      found[this.#names[i]] = position === this.#tail ? tokens.slice(position).join('.') : tokens[position]
    }
    return found
  }

  /** The subject with values for its names. @throws ContrailError INVALID_SUBJECT when one is missing or no token */
  fill(params: Readonly<Record<string, string | number>>): string {
    return this.source
      .split('.')
      .map((token) => {
        const named = NAME.exec(token)
        if (named === null) return token
        const value = Object.hasOwn(params, named[1]) ? String(params[named[1]] ?? '') : ''
        if (value === '' || /[\s*>]/.test(value) || (named[2] === '' && value.includes('.'))) {
          throw invalid(this.source, `${JSON.stringify(value)} can't stand for {${named[1]}}`)
        }
        return value
      })
      .join('.')
  }

  /** Does a subject without wildcards match? */
  matches(subject: string): boolean {
    return subjectMatches(this.subject, subject)
  }
}

/** Does `subject`, without wildcards, match `filter`? */
export function subjectMatches(filter: string, subject: string): boolean {
  if (filter === subject || filter === '>') return true
  const wanted = filter.split('.')
  const tokens = subject.split('.')
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '>') return tokens.length > i
    if (i >= tokens.length || (wanted[i] !== '*' && wanted[i] !== tokens[i])) return false
  }
  return wanted.length === tokens.length
}

/** Does `filter` match all that `narrower`, which may have wildcards, matches? */
export function subjectCovers(filter: string, narrower: string): boolean {
  const wide = filter.split('.')
  const tokens = narrower.split('.')
  for (let i = 0; i < wide.length; i++) {
    if (wide[i] === '>') return tokens.length > i
    if (i >= tokens.length || tokens[i] === '>') return false
    if (wide[i] !== '*' && wide[i] !== tokens[i]) return false
  }
  return wide.length === tokens.length
}

/** May the same subject match both? */
export function subjectsOverlap(one: string, other: string): boolean {
  const a = one.split('.')
  const b = other.split('.')
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (a[i] === '>' || b[i] === '>') return true
    if (a[i] !== '*' && b[i] !== '*' && a[i] !== b[i]) return false
  }
  return a.length === b.length
}

/** A token that is no wildcard. */
const TOKEN = '(?![*>](?:\\.|$))[^\\s.]+'
const PUBLISHABLE = new RegExp(`^${TOKEN}(?:\\.${TOKEN})*$`)

/** Can be published to. @throws ContrailError INVALID_SUBJECT */
export function assertSubject(subject: string): void {
  if (typeof subject !== 'string') throw invalid(String(subject), 'a subject is a text')
  if (PUBLISHABLE.test(subject)) return
  const hasWildcard = /(?:^|\.)[*>](?:\.|$)/.test(subject)
  throw invalid(
    String(subject),
    hasWildcard ? 'nothing can be published to a wildcard' : 'a token is empty or has spaces',
  )
}

/** One test for all: is it a subject without wildcards that one of these matches? */
export function matcherOf(filters: readonly string[]): RegExp {
  const all = filters.map((filter) =>
    filter
      .split('.')
      .map((token) => {
        if (token === '>') return `${TOKEN}(?:\\.${TOKEN})*`
        return token === '*' ? TOKEN : token.replace(/[^\w]/g, '\\$&')
      })
      .join('\\.'),
  )
  return new RegExp(`^(?:${all.join('|')})$`)
}

function invalid(source: string, why: string): ContrailError {
  return new ContrailError('INVALID_SUBJECT', `"${source}": ${why}.`)
}
