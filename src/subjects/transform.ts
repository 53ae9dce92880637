/**
 * Mappings of subjects: what matches the source becomes the destination, whose tokens are taken as they are, or are functions
 * of the tokens that the wildcards of the source stand for. As nats-server's `subject_transform`, `republish` and account mappings.
 */
import { FNV_OFFSET, hashBytes } from './hash.ts'
import {
  findFunction,
  isFunctionToken,
  type MappingFunction,
  parseMappingToken,
} from './mapping-functions.ts'
import { SubjectBuffer } from './subject-buffer.ts'
import { badDestination, badSubject } from './transform-error.ts'
import { sliceFromLeft, sliceFromRight, split, splitFromLeft, splitFromRight } from './transform-steps.ts'

const DOT = 46
const STAR = 42
const REST = 62
const SPACES = /[\t\n\f\r ]/

/** `apply` found that the source doesn't match; that the subject made would be longer than `MAX_MAPPED_BYTES`. */
export const NOT_MAPPED = -1
export const TOO_LONG = -2

/** Shared: where the tokens of the subject at hand begin; one more tells where it ends. */
let tokenStarts = new Int32Array(64)

interface Step extends Omit<MappingFunction, 'delimiter' | 'wildcards'> {
  /** Of a literal: its bytes. */
  literal: Buffer
  /** Positions of the tokens of the subject that it is about. */
  tokens: number[]
  delimiter: Buffer
}

export interface TransformOptions {
  /** Only wildcards, and all of them: so that it can be reversed, as imports are. */
  isStrict?: boolean
  /** In [0, 1), for `random(n)`. */
  random?: () => number
}

/** One mapping, checked and ready to use. */
export class SubjectTransform {
  /** As given; an empty source is `>`. */
  readonly source: string
  readonly destination: string
  /** Maps everything to itself. */
  readonly isIdentity: boolean
  private readonly sourceTokens: Buffer[]
  private readonly takesAll: boolean
  /** The source ends with `>`: so does the destination. */
  private readonly hasRest: boolean
  private readonly steps: Step[]
  private readonly random: () => number

  private constructor(source: string, destination: string, steps: Step[], random: () => number) {
    this.source = source
    this.destination = destination
    this.isIdentity = source === '>' && destination === '>'
    this.sourceTokens = source.split('.').map((token) => Buffer.from(token))
    this.takesAll = source === '>'
    this.hasRest = source === '>' || source.endsWith('.>')
    this.steps = steps
    this.random = random
  }

  /**
   * Reads a mapping; null where there is no destination, and nothing is mapped. Throws a `TransformError` with nats-server's
   * text.
   */
  static compile(from: string, destination: string, options: TransformOptions = {}): SubjectTransform | null {
    if (destination === '') return null
    const source = from === '' ? '>' : from
    const sourceShape = shapeOf(source)
    const shape = shapeOf(destination)
    if (sourceShape === null || shape === null) throw badSubject()
    if (shape.wildcards.length > 0 || sourceShape.hasRest !== shape.hasRest) throw badSubject()
    const takesWildcards = sourceShape.wildcards.length > 0 || sourceShape.hasRest
    const used = { count: 0 }
    const steps = shape.tokens.map((token) =>
      takesWildcards
        ? stepOf(token, sourceShape.wildcards, options.isStrict === true, used)
        : stepWithoutWildcards(token),
    )
    if (options.isStrict && takesWildcards && used.count < sourceShape.wildcards.length) {
      throw badDestination('not using all of the token wildcard(s)', destination)
    }
    return new SubjectTransform(source, destination, steps, options.random ?? Math.random)
  }

  /**
   * Maps the subject `[start, end)` into `to`; returns the length of what it became, or `NOT_MAPPED` or `TOO_LONG`. What is
   * in `to` is then without meaning.
   */
  apply(subject: Buffer, start: number, end: number, to: SubjectBuffer): number {
    to.clear()
    if (this.isIdentity) {
      to.add(subject, start, end)
      return to.isTooLong ? TOO_LONG : to.length
    }
    const count = tokenize(subject, start, end)
    return count === 0 ? NOT_MAPPED : this.map(subject, start, end, count, to)
  }

  private map(subject: Buffer, start: number, end: number, count: number, to: SubjectBuffer): number {
    if (!this.matches(subject, count)) return NOT_MAPPED
    const { steps } = this
    for (let i = 0; i < steps.length; i++) {
      if (i > 0) to.dot()
      const step = steps[i]
      if (this.hasRest && i === steps.length - 1) {
        to.add(subject, tokenStarts[this.sourceTokens.length - 1], end)
      } else this.take(step, subject, start, end, to)
      if (to.isTooLong) return TOO_LONG
    }
    return to.length
  }

  /** The same for text; null: it isn't mapped. Not for the way of messages. */
  applyText(subject: string, to: SubjectBuffer): string | null {
    const bytes = Buffer.from(subject)
    return this.apply(bytes, 0, bytes.length, to) < 0 ? null : to.toString()
  }

  /** The same for a pattern within the source: its wildcards are tokens like others. */
  applyPattern(pattern: string): string | null {
    const bytes = Buffer.from(pattern)
    const to = new SubjectBuffer()
    const count = tokenize(bytes, 0, bytes.length, true)
    return count === 0 || this.map(bytes, 0, bytes.length, count, to) < 0 ? null : to.toString()
  }

  /** The mapping back; null where there is none. */
  reverse(): SubjectTransform | null {
    const { pattern, places } = withWildcards(this.destination)
    const tokens = this.source.split('.').map((token) => (token === '*' ? places.shift() : token))
    if (tokens.includes(undefined)) return null
    return SubjectTransform.compile(pattern, tokens.join('.'), { isStrict: true })
  }

  private matches(subject: Buffer, count: number): boolean {
    if (this.takesAll) return true
    const { sourceTokens } = this
    const last = sourceTokens.length - 1
    if (this.hasRest ? count < sourceTokens.length : count !== sourceTokens.length) return false
    for (let i = 0; i <= last; i++) {
      const token = sourceTokens[i]
      if (token.length === 1 && (token[0] === STAR || (token[0] === REST && i === last))) continue
      const begin = tokenStarts[i]
      if (tokenStarts[i + 1] - 1 - begin !== token.length) return false
      for (let at = 0; at < token.length; at++) if (subject[begin + at] !== token[at]) return false
    }
    return true
  }

  private take(step: Step, subject: Buffer, start: number, end: number, to: SubjectBuffer): void {
    const { kind, size, tokens } = step
    if (kind === 'literal') {
      to.add(step.literal, 0, step.literal.length)
      return
    }
    if (kind === 'partition') {
      to.number(partition(size, tokens, subject, start, end))
      return
    }
    if (kind === 'random') {
      to.number(size === 0 ? 0 : Math.floor(this.random() * 2 ** 31) % Math.abs(size))
      return
    }
    const begin = tokenStarts[tokens[0]]
    const stop = tokenStarts[tokens[0] + 1] - 1
    const isShorter = size > 0 && size < stop - begin
    switch (kind) {
      case 'wildcard':
        to.add(subject, begin, stop)
        return
      case 'splitFromLeft':
        splitFromLeft(subject, begin, stop, size, to)
        return
      case 'splitFromRight':
        splitFromRight(subject, begin, stop, size, to)
        return
      case 'sliceFromLeft':
        sliceFromLeft(subject, begin, stop, size, to)
        return
      case 'sliceFromRight':
        sliceFromRight(subject, begin, stop, size, to)
        return
      case 'left':
        to.add(subject, begin, isShorter ? begin + size : stop)
        return
      case 'right':
        to.add(subject, isShorter ? stop - size : begin, stop)
        return
      case 'split':
        split(subject, begin, stop, step.delimiter, to)
    }
  }
}

/** FNV-1a of the tokens named, one behind the other, or of the whole subject; always the same number for the same subject. */
function partition(count: number, tokens: number[], subject: Buffer, start: number, end: number): number {
  if (count === 0) return 0
  let hash: number = FNV_OFFSET
  if (tokens.length === 0) hash = hashBytes(subject, start, end, hash)
  for (let i = 0; i < tokens.length; i++) {
    hash = hashBytes(subject, tokenStarts[tokens[i]], tokenStarts[tokens[i] + 1] - 1, hash)
  }
  return (hash >>> 0) % (count >>> 0)
}

/** Finds the tokens of a subject; returns how many, 0 when it isn't one that is published to (`takesWildcards`: subscribed to). */
function tokenize(subject: Buffer, start: number, end: number, takesWildcards = false): number {
  if (end - start + 2 > tokenStarts.length) tokenStarts = new Int32Array((end - start) * 2 + 2)
  let count = 0
  let begin = start
  for (let i = start; i <= end; i++) {
    if (i < end && subject[i] !== DOT) continue
    if (i === begin) return 0
    const isWildcard = i - begin === 1 && (subject[begin] === STAR || subject[begin] === REST)
    if (isWildcard && !takesWildcards) return 0
    tokenStarts[count++] = begin
    begin = i + 1
  }
  tokenStarts[count] = begin
  return count
}

interface Shape {
  tokens: string[]
  /** Positions of the tokens `*`. */
  wildcards: number[]
  /** It ends with `>`. */
  hasRest: boolean
}

/** What a mapping asks of its two sides; null: an empty token, or something behind a `>`. */
function shapeOf(subject: string): Shape | null {
  const tokens = subject.split('.')
  const wildcards: number[] = []
  for (const [i, token] of tokens.entries()) {
    if (token === '' || (token === '>' && i < tokens.length - 1)) return null
    if (token === '*') wildcards.push(i)
  }
  return { tokens, wildcards, hasRest: tokens.at(-1) === '>' }
}

function stepOf(token: string, wildcards: number[], isStrict: boolean, used: { count: number }): Step {
  const parsed = parseMappingToken(token)
  if (isStrict && parsed.kind !== 'literal' && parsed.kind !== 'wildcard') {
    throw badDestination('the only mapping function allowed for import transforms is {{Wildcard()}}', token)
  }
  used.count += parsed.wildcards.length
  const outside = parsed.wildcards.find((wildcard) => wildcard > wildcards.length)
  if (outside !== undefined) throw badDestination('wildcard index out of range', `${token}: [${outside}]`)
  return makeStep(
    token,
    parsed,
    parsed.wildcards.map((wildcard) => (wildcard < 1 ? 0 : wildcards[wildcard - 1])),
  )
}

/** Of a source without wildcards only what needs none can be made. */
function stepWithoutWildcards(token: string): Step {
  const parsed = parseMappingToken(token)
  const { kind } = parsed
  if (kind !== 'literal' && kind !== 'random' && kind !== 'partition') {
    throw badDestination('wildcard index out of range', token)
  }
  return makeStep(token, parsed, [])
}

function makeStep(token: string, { kind, size, delimiter }: MappingFunction, tokens: number[]): Step {
  return { kind, size, tokens, literal: Buffer.from(token), delimiter: Buffer.from(delimiter) }
}

/** Checks the mapping of a stream's or an account's configuration, which takes no white space. Throws a `TransformError`. */
export function checkMapping(source: string, destination: string): void {
  if (destination === '') return
  const tokens = destination.split('.')
  for (const [i, token] of tokens.entries()) {
    if (token === '' || (tokens.lastIndexOf('>', i - 1) !== -1 && i > 0)) {
      throw badDestination('invalid transform', token)
    }
    if (isFunctionToken(token)) {
      if (findFunction(token) === null) throw badDestination('unknown function', token)
      continue
    }
    if (SPACES.test(token)) throw badDestination('invalid transform')
  }
  SubjectTransform.compile(source, destination)
}

/** `foo.*.*` as a destination: `foo.$1.$2`. */
export function withPlaces(pattern: string): string {
  let place = 0
  return pattern
    .split('.')
    .map((token) => (token === '*' ? `$${++place}` : token))
    .join('.')
}

/** A destination as a pattern: `foo.$2.{{wildcard(1)}}` is `foo.*.*`, with the places it had. */
export function withWildcards(destination: string): { pattern: string; places: string[] } {
  const places: string[] = []
  const tokens = destination.split('.').map((token) => {
    if (!/^\$[1-9]/.test(token) && !isWildcardFunction(token)) return token
    places.push(token)
    return '*'
  })
  return { pattern: tokens.join('.'), places }
}

function isWildcardFunction(token: string): boolean {
  const found = isFunctionToken(token) ? findFunction(token) : null
  return found !== null && found.kind === 'wildcard' && found.inside !== '' && !found.inside.includes(',')
}
