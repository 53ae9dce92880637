import { parseTime } from '../consumer/time-text.ts'
import { apiError } from '../errors.ts'
import { JsonSyntaxError, NumberText, parseJson } from './parse.ts'

/** What a field takes. Names are those that appear in errors. */
export type Kind =
  | '*time.Time'
  | '[]string'
  | 'bool'
  | 'int'
  | 'int32'
  | 'int64'
  | 'map[string]string'
  | 'string'
  | 'time.Duration'
  | 'uint64'
  | 'any'
  | { words: readonly string[]; error?: string }
  | { fields: Fields; type: string; isList?: boolean }

/** Set where unknown fields are ignored instead of refused. */
export const LENIENT = Symbol('lenient')

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, Kind>> & { readonly [LENIENT]?: boolean }

const RANGES: Record<string, [number, number]> = {
  int: [-(2 ** 63), 2 ** 63],
  int64: [-(2 ** 63), 2 ** 63],
  'time.Duration': [-(2 ** 63), 2 ** 63],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint64: [0, 2 ** 64],
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
  const number = value instanceof NumberText ? Number(value.text) : value
  const [least, most] = RANGES[kind]
  const text = value instanceof NumberText ? value.text : String(value)
  if (!/^-?\d+$/.test(text) || number < least || number > most) throw mismatch(`number ${text}`, path, kind)
  return number
}

function decodeValue(value: unknown, kind: Kind, path: string): unknown {
  if (typeof kind === 'object') {
    if ('words' in kind) return decodeWord(value, kind)
    if (kind.isList === true) {
      if (!Array.isArray(value)) throw mismatch(typeOf(value), path, `[]*${kind.type}`)
      return value.map((entry) => decodeObject(entry, kind.fields, kind.type, nestedPath(path, kind.type)))
    }
    if (typeOf(value) !== 'object') throw mismatch(typeOf(value), path, `server.${kind.type}`)
    return decodeObject(value, kind.fields, kind.type, nestedPath(path, kind.type))
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
      return value.map((entry) => (entry === null ? '' : decodeValue(entry, 'string', path)))
    case 'map[string]string':
      if (typeOf(value) !== 'object') throw mismatch(typeOf(value), path, kind)
      return Object.fromEntries(
        Object.entries(value as object).map(([key, entry]) => [
          key,
          entry === null ? '' : decodeValue(entry, 'string', path),
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

function decodeWord(value: unknown, kind: { words: readonly string[]; error?: string }): string {
  if (typeof value === 'string' && kind.words.includes(value)) return value
  if (kind.error !== undefined) throw invalid(kind.error)
  const text = value instanceof NumberText ? value.text : JSON.stringify(value)
  throw invalid(`can not unmarshal ${JSON.stringify(text)}`)
}

/** Fills in what is there; null counts as absent; names of fields match in any case, as in Go. */
function decodeObject(value: unknown, fields: Fields, type: string, path: string): Record<string, unknown> {
  if (typeOf(value) !== 'object' || value === null) throw mismatch(typeOf(value), path, `server.${type}`)
  const decoded: Record<string, unknown> = {}
  for (const [name, entry] of Object.entries(value as object)) {
    const field = fieldNamed(fields, name)
    if (field === null) {
      if (!fields[LENIENT]) throw invalid(`json: unknown field ${JSON.stringify(name)}`)
    } else if (entry !== null) decoded[field] = decodeValue(entry, fields[field], `${path}.${field}`)
  }
  return decoded
}

function fieldNamed(fields: Fields, name: string): string | null {
  if (Object.hasOwn(fields, name)) return name
  return Object.keys(fields).find((known) => known.toLowerCase() === name.toLowerCase()) ?? null
}

/**
 * Reads a request. Nothing at all is an empty object. Throws the API's error for what is not JSON, for unknown
 * fields and for values of another type. `type` is the name of nats-server's type in errors; `path` is what they put
 * before the names of fields, where that is something else.
 */
export function decodeRequest<T>(body: string, fields: Fields, type: string, path = type): T {
  let values: unknown[]
  try {
    values = parseJson(body)
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw invalid(error.message)
    throw error
  }
  let decoded: Record<string, unknown> = {}
  for (const value of values) {
    if (value === null) continue
    if (typeOf(value) !== 'object') throw mismatch(typeOf(value), '', `server.${type}`)
    decoded = { ...decoded, ...decodeObject(value, fields, type, path) }
  }
  return decoded as T
}
