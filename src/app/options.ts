/**
 * What options may be: a table beside each options object, which says of every option what it takes. Its type makes sure that no option
 * is missing and none is too many; declarations are checked by it, and the docs by a test.
 */
import { ContrailError } from './errors.ts'
import { nearestWord } from './nearest.ts'
import { isDuration, isSize } from './units.ts'

/** What an option takes. */
export interface Field {
  takes(value: unknown): boolean
  /** Behind a value that it does not take: `is no duration (…)`. */
  readonly isNot: string
  /** The words that it takes, where there are only some. */
  readonly words?: readonly string[]
  /** What a value of it has in turn: checked when `takes` says yes to an object. */
  readonly shape?: Readonly<Record<string, Field>>
}

/** A table for an options object: all of its options, and no other. */
export type Table<Options> = { readonly [Name in keyof Required<Options>]: Field }

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null && !Array.isArray(value)) || typeof value === 'function'

export const text: Field = { takes: (value) => typeof value === 'string', isNot: 'is no text' }
export const flag: Field = {
  takes: (value) => typeof value === 'boolean',
  isNot: 'is neither true nor false',
}
export const duration: Field = {
  takes: isDuration,
  isNot: "is no duration (for example '500ms', '30s', '1h30m', '30d'; a number is milliseconds)",
}
export const size: Field = {
  takes: isSize,
  isNot: "is no size (for example '64KiB', '10MB', '1GiB'; a number is bytes)",
}
export const callback: Field = { takes: (value) => typeof value === 'function', isNot: 'is no function' }
/** A configuration of somebody else: who checks it is there. */
export const object: Field = { takes: isObject, isNot: 'is no object' }
export const count = whole(1)
export const schema: Field = {
  takes: (value) => isObject(value) && '~standard' in value,
  isNot: 'is no schema (of zod, valibot, arktype or another library with Standard Schema)',
}
export const codec: Field = {
  takes: (value) =>
    value === 'json' ||
    value === 'text' ||
    value === 'bytes' ||
    (isObject(value) && 'encode' in value && 'decode' in value),
  isNot: `is none of "json", "text", "bytes", and no codec (with encode and decode)`,
  words: ['json', 'text', 'bytes'],
}

export const positive: Field = {
  takes: (value) => Number.isFinite(value) && (value as number) > 0,
  isNot: 'is no number above 0',
}
export const part: Field = {
  takes: (value) => Number.isFinite(value) && (value as number) >= 0 && (value as number) <= 1,
  isNot: 'is no number from 0 to 1',
}
export const time: Field = {
  takes: (value) =>
    value instanceof Date
      ? !Number.isNaN(value.getTime())
      : typeof value === 'string' && !Number.isNaN(Date.parse(value)),
  isNot: 'is no time (a Date, or text as 2030-01-01T12:00:00Z)',
}

/** A whole number, not below `least`. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Field {
  const range = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`
  return {
    takes: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
    isNot: `is no whole number${range}`,
  }
}

export function oneOf(...words: readonly string[]): Field {
  return {
    takes: (value) => words.includes(value as string),
    isNot: `is none of ${words.map((word) => `"${word}"`).join(', ')}`,
    words,
  }
}

export function listOf(field: Field, example: string): Field {
  return {
    takes: (value) => Array.isArray(value) && value.every((one) => field.takes(one)),
    isNot: `is no list (for example ${example})`,
  }
}

/** Options within an option. */
export function shape<Options>(table: Table<Options>): Field {
  return { takes: isObject, isNot: `is no object with ${listed(Object.keys(table))}`, shape: table as never }
}

/** Any of these. */
export function either(...fields: readonly Field[]): Field {
  return {
    takes: (value) => fields.some((field) => field.takes(value)),
    isNot: fields.map((field) => field.isNot).join(', and '),
    words: fields.flatMap((field) => field.words ?? []),
    shape: fields.find((field) => field.shape !== undefined)?.shape,
  }
}

/**
 * @param of whose options they are, for sentences: `the stream "ORDERS"`
 * @throws ContrailError INVALID_OPTION, with the option's name, what it may be, and the nearest of that
 */
export function checkOptions<Options>(of: string, options: unknown, table: Table<Options>): void {
  if (options === undefined) return
  if (!isObject(options)) throw invalid(`The options of ${of} are no object, but ${shown(options)}.`)
  check(of, '', options, table as Readonly<Record<string, Field>>)
}

function check(of: string, path: string, options: object, table: Readonly<Record<string, Field>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(table, name)) throw unknownOption(of, path, name, Object.keys(table))
    if (value === undefined) continue
    const field = table[name]
    if (!field.takes(value)) {
      throw invalid(
        `${path}${name}: ${shown(value)} ${field.isNot}, in the options of ${of}.${meant(value, field.words)}`,
      )
    }
    if (field.shape !== undefined && isPlain(value)) check(of, `${path}${name}.`, value, field.shape)
  }
}

function unknownOption(of: string, path: string, name: string, names: readonly string[]): ContrailError {
  const nearest = nearestWord(name, names)
  const known = nearest === undefined ? ` There are ${listed(names)}.` : ` Did you mean "${path}${nearest}"?`
  return invalid(`There is no option "${path}${name}" of ${of}.${known}`)
}

/** @throws ContrailError INVALID_OPTION when it is none */
export function checkHandler(of: string, handler: unknown): void {
  if (typeof handler === 'function') return
  const is = handler === undefined ? 'undefined (is it exported under this name?)' : shown(handler)
  throw invalid(`The handler of ${of} is no function, but ${is}.`)
}

/** What was given behind a subject: `(options, handler)`, `(handler)`, `(options)`, or nothing. */
export interface Given<Options> {
  readonly options: Options
  readonly handler: ((...all: never[]) => unknown) | undefined
}

/**
 * Tells options and handler apart, and checks them. What is given and undefined is a mistake: a handler that is not exported, say.
 * @throws ContrailError INVALID_OPTION
 */
export function settleGiven<Options>(
  of: string,
  given: readonly unknown[],
  table: Table<Options>,
): Given<Options> {
  const [first, second] = given
  if (given.length === 0) return { options: {} as Options, handler: undefined }
  if (typeof first === 'function' && second === undefined)
    return { options: {} as Options, handler: first as never }
  if (typeof first === 'function') throw invalid(`The options of ${of} go before its handler.`)
  if (given.length === 1 && first === undefined) checkHandler(of, first)
  checkOptions(of, first, table)
  if (given.length > 1) checkHandler(of, second)
  return { options: (first ?? {}) as Options, handler: second as never }
}

function meant(value: unknown, words: readonly string[] | undefined): string {
  const nearest = typeof value === 'string' && words !== undefined ? nearestWord(value, words) : undefined
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`
}

/** Checked further: not what is a function, or of a class of its own. */
function isPlain(value: unknown): value is object {
  return isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value))
}

const MOST_SHOWN = 80

function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  let json: string | undefined
  try {
    json = typeof value === 'number' ? String(value) : JSON.stringify(value)
  } catch {
    // It holds itself, or a bigint.
  }
  const words = json ?? String(value)
  return words.length > MOST_SHOWN ? `${words.slice(0, MOST_SHOWN)}…` : words
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function invalid(sentence: string): ContrailError {
  return new ContrailError('INVALID_OPTION', sentence)
}
