import { apiError } from '../errors.ts'
import { parseTime } from '../time-text.ts'
import { JsonSyntaxError, NumberText, parseJson, parseOneValue, unmarshalMessage } from './parse.ts'

/** What a field takes. Names are those that appear in errors. */
export type Kind =
  | '*time.Time'
  | '[]string'
  | '[]time.Duration'
  | 'bool'
  | 'int'
  | 'int32'
  | 'int64'
  | 'map[string]string'
  | 'string'
  | 'time.Duration'
  | 'uint64'
  | 'any'
  | Words
  | { embedded: string; kind: 'int' }
  | { fields: Fields; type: string; isList?: boolean }

/** One of a few words. */
interface Words {
  words: readonly string[]
  /** What is said of others; a function gets the value as JSON. */
  error?: string | ((json: string) => string)
  /** Is a value that is no string refused as of the wrong type? */
  isText?: boolean
}

/** Set where unknown fields are ignored instead of refused. */
export const LENIENT = Symbol('lenient')

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, Kind>> & { readonly [LENIENT]?: boolean }

const INT64: [bigint, bigint] = [-(2n ** 63n), 2n ** 63n - 1n]
const RANGES: Record<string, [bigint, bigint]> = {
  int: INT64,
  int64: INT64,
  'time.Duration': INT64,
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}

function invalid(err: string): Error {
  return apiError('JSInvalidJSONErr', { err })
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (value instanceof NumberText || typeof value === 'number') return 'number'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

function mismatch(what: string, path: string, type: string): Error {
  const where = path === '' ? 'value' : `struct field ${path}`
  return invalid(`json: cannot unmarshal ${what} into Go ${where} of type ${type}`)
}

function decodeNumber(value: unknown, kind: string, path: string): number {
  if (typeof value !== 'number' && !(value instanceof NumberText)) throw mismatch(typeOf(value), path, kind)
  const [least, most] = RANGES[kind]
  const text = value instanceof NumberText ? value.text : String(value)
  // No integer of 64 bits is longer; a long one would take long to read.
  const isInteger = /^-?\d{1,20}$/.test(text)
  if (!isInteger || BigInt(text) < least || BigInt(text) > most) throw mismatch(`number ${text}`, path, kind)
  return Number(text)
}

function decodeValue(value: unknown, kind: Kind, path: string, isLenient: boolean): unknown {
  if (typeof kind === 'object') {
    if ('words' in kind) return decodeWord(value, kind, path)
    if ('embedded' in kind)
      return decodeValue(value, kind.kind, path.replace('.', `.${kind.embedded}.`), isLenient)
    if (kind.isList === true) {
      if (!Array.isArray(value)) throw mismatch(typeOf(value), path, `[]*${kind.type}`)
      return value.map((entry) =>
        entry === null
          ? {}
          : decodeObject(entry, kind.fields, kind.type, nestedPath(path, kind.type), isLenient),
      )
    }
    if (typeOf(value) !== 'object') throw mismatch(typeOf(value), path, `server.${kind.type}`)
    return decodeObject(value, kind.fields, kind.type, nestedPath(path, kind.type), isLenient)
  }
  switch (kind) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(typeOf(value), path, kind)
      return value
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(typeOf(value), path, kind)
      return value
    case '[]string':
      if (!Array.isArray(value)) throw mismatch(typeOf(value), path, kind)
      return value.map((entry) => (entry === null ? '' : decodeValue(entry, 'string', path, isLenient)))
    case '[]time.Duration':
      if (!Array.isArray(value)) throw mismatch(typeOf(value), path, kind)
      return value.map((entry) => (entry === null ? 0 : decodeNumber(entry, 'time.Duration', path)))
    case 'map[string]string':
      if (typeOf(value) !== 'object') throw mismatch(typeOf(value), path, kind)
      return Object.fromEntries(
        Object.entries(value as object).map(([key, entry]) => [
          key,
          entry === null ? '' : decodeValue(entry, 'string', path, isLenient),
        ]),
      )
    case '*time.Time':
      return decodeTime(value)
    case 'any':
      return value
    default:
      return decodeNumber(value, kind, path)
  }
}

function decodeTime(value: unknown): string {
  if (typeof value !== 'string') throw invalid('Time.UnmarshalJSON: input is not a JSON string')
  if (parseTime(value) !== null) return value
  const text = JSON.stringify(value)
  throw invalid(`parsing time ${text} as "2006-01-02T15:04:05Z07:00": cannot parse ${text} as "2006"`)
}

/** In errors the path to a field begins with the type that has it. */
function nestedPath(path: string, type: string): string {
  return type + path.slice(path.indexOf('.'))
}

function decodeWord(value: unknown, kind: Words, path: string): string {
  if (typeof value === 'string' && kind.words.includes(value)) return value
  const isText = typeof value === 'string' || value === null
  if (kind.isText === true && !isText) throw mismatch(typeOf(value), path, 'string')
  if (typeof kind.error === 'string') throw invalid(kind.error)
  const text = value instanceof NumberText ? value.text : JSON.stringify(value)
  if (kind.error !== undefined) throw invalid(kind.error(text))
  throw invalid(`can not unmarshal ${JSON.stringify(text)}`)
}

/** Fills in what is there; null counts as absent, but is no word; names of fields match in any case, as in Go. */
function decodeObject(
  value: unknown,
  fields: Fields,
  type: string,
  path: string,
  isLenient: boolean,
): Record<string, unknown> {
  if (typeOf(value) !== 'object' || value === null) throw mismatch(typeOf(value), path, `server.${type}`)
  const decoded: Record<string, unknown> = {}
  for (const [name, entry] of Object.entries(value as object)) {
    const field = fieldNamed(fields, name)
    if (field === null) {
      if (!isLenient) throw invalid(`json: unknown field ${JSON.stringify(name)}`)
    } else if (entry !== null || isWord(fields[field]))
      decoded[field] = decodeValue(entry, fields[field], `${path}.${field}`, isLenient)
  }
  return decoded
}

function isWord(kind: Kind): boolean {
  return typeof kind === 'object' && 'words' in kind
}

function fieldNamed(fields: Fields, name: string): string | null {
  if (Object.hasOwn(fields, name)) return name
  return Object.keys(fields).find((known) => known.toLowerCase() === name.toLowerCase()) ?? null
}

/**
 * Reads a request. Nothing at all is an empty object. Throws the API's error for what is not JSON, for unknown
 * fields and for values of another type. `type` is the name of nats-server's type in errors; `path` is what they put
 * before the names of fields, where that is something else. `isLenient`: fields that nobody knows are passed over.
 */
export function decodeRequest<T>(
  body: string,
  fields: Fields,
  type: string,
  path = type,
  isLenient = false,
): T {
  const passesOver = isLenient || fields[LENIENT] === true
  let values: unknown[]
  try {
    values = passesOver ? parseOneValue(body) : parseJson(body)
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw invalid(passesOver ? unmarshalMessage(error) : error.message)
    throw error
  }
  let decoded: Record<string, unknown> = {}
  for (const value of values) {
    if (value === null) continue
    if (typeOf(value) !== 'object') throw mismatch(typeOf(value), '', `server.${type}`)
    decoded = { ...decoded, ...decodeObject(value, fields, type, path, passesOver) }
  }
  return decoded as T
}
