/** The functions that a token of a mapping's destination may be, `{{name(arguments)}}`, or `$n` as they were once written. */
import { badDestination } from './transform-error.ts'

/** What a token of the destination becomes. */
export type MappingKind =
  | 'left'
  | 'literal'
  | 'partition'
  | 'random'
  | 'right'
  | 'sliceFromLeft'
  | 'sliceFromRight'
  | 'split'
  | 'splitFromLeft'
  | 'splitFromRight'
  | 'wildcard'

export interface MappingFunction {
  kind: MappingKind
  /** Which wildcards of the source it is about; the first is 1, what is below stands for the first token. */
  wildcards: number[]
  /** Partitions, a position, a length, a ceiling. As a signed number of 32 bits. */
  size: number
  /** What `split` cuts at. */
  delimiter: string
}

const LARGEST_INT32 = 2n ** 31n - 1n
const LARGEST_INT64 = 2n ** 63n - 1n

/** Names as they may be written, in the order in which they are looked for. */
const FUNCTIONS: [kind: MappingKind, name: string][] = [
  ['wildcard', '[wW]ildcard'],
  ['partition', '[pP]artition'],
  ['splitFromLeft', '[sS]plit[fF]rom[lL]eft'],
  ['splitFromRight', '[sS]plit[fF]rom[rR]ight'],
  ['sliceFromLeft', '[sS]lice[fF]rom[lL]eft'],
  ['sliceFromRight', '[sS]lice[fF]rom[rR]ight'],
  ['right', '[rR]ight'],
  ['left', '[lL]eft'],
  ['split', '[sS]plit'],
  ['random', '[rR]andom'],
]

const PATTERNS = FUNCTIONS.map(
  ([kind, name]) =>
    [kind, new RegExp(`{{[\\t\\n\\f\\r ]*${name}[\\t\\n\\f\\r ]*\\(([^\\n]*)\\)[\\t\\n\\f\\r ]*}}`)] as const,
)

/** Does it look like a function? */
export function isFunctionToken(token: string): boolean {
  return token.length > 4 && token.startsWith('{{') && token.endsWith('}}')
}

/** The function that is named in a token, and what stands between its parentheses; null: none that is known. */
export function findFunction(token: string): { kind: MappingKind; inside: string } | null {
  for (const [kind, pattern] of PATTERNS) {
    const found = pattern.exec(token)
    if (found !== null) return { kind, inside: found[1] }
  }
  return null
}

/** What a token of a destination means. Throws a `TransformError`. */
export function parseMappingToken(token: string): MappingFunction {
  if (token.length > 1 && token.startsWith('$')) {
    const wildcard = integer(token.slice(1))
    return wildcard === null ? LITERAL : { ...LITERAL, kind: 'wildcard', wildcards: [indexOf(wildcard)] }
  }
  if (!isFunctionToken(token)) return LITERAL
  const found = findFunction(token)
  if (found === null) throw badDestination('unknown function', token)
  const args = found.inside.split(/,[\t\n\f\r ]*/)
  switch (found.kind) {
    case 'wildcard':
      if (args.length > 1) throw tooMany(token)
      if (args[0] === '') throw tooFew(token)
      return { ...LITERAL, kind: 'wildcard', wildcards: [index(args[0], token)] }
    case 'partition':
      return {
        ...LITERAL,
        kind: 'partition',
        size: count(args[0], token),
        wildcards: args.slice(1).map((each) => index(each, token)),
      }
    case 'random':
      if (args.length !== 1) throw tooFew(token)
      return { ...LITERAL, kind: 'random', size: count(args[0], token) }
    case 'split':
      if (args.length < 2) throw tooFew(token)
      if (args.length > 2) throw tooMany(token)
      return {
        ...LITERAL,
        kind: 'split',
        wildcards: [index(args[0], token)],
        delimiter: delimiter(args[1], token),
      }
    default:
      if (args.length < 2) throw tooFew(token)
      if (args.length > 2) throw tooMany(token)
      return {
        ...LITERAL,
        kind: found.kind,
        wildcards: [index(args[0], token)],
        size: length(args[1], token),
      }
  }
}

const LITERAL: MappingFunction = { kind: 'literal', wildcards: [], size: -1, delimiter: '' }

/** A whole number of 64 bits; null when it is none. */
function integer(text: string): bigint | null {
  if (!/^[+-]?\d+$/.test(text)) return null
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  return value > LARGEST_INT64 || value < -LARGEST_INT64 - 1n ? null : value
}

function argument(text: string, token: string): bigint {
  const value = integer(text.replace(/^ +| +$/g, ''))
  if (value === null) throw invalid(token)
  return value
}

function index(text: string, token: string): number {
  return indexOf(argument(text, token))
}

function indexOf(value: bigint): number {
  return value < 0n ? 0 : Number(value)
}

/** Numbers below those of 32 bits are cut off, larger ones refused: so does nats-server. */
function count(text: string, token: string): number {
  const value = argument(text, token)
  if (value > LARGEST_INT32) throw invalid(token)
  return Number(BigInt.asIntN(32, value))
}

function length(text: string, token: string): number {
  const value = argument(text, token)
  if (value > LARGEST_INT32 || value < -LARGEST_INT32 - 1n) throw invalid(token)
  return Number(value)
}

function delimiter(text: string, token: string): string {
  if (text.includes(' ') || text.includes('.')) throw invalid(token)
  return text
}

function tooFew(token: string): Error {
  return badDestination('not enough arguments passed to the function', token)
}

function tooMany(token: string): Error {
  return badDestination('too many arguments passed to the function', token)
}

function invalid(token: string): Error {
  return badDestination('function argument is invalid or in the wrong format', token)
}
