/** What a configuration file is read into: values that know where they stand. */

/** Where something stands in a file. Columns count from 0 in the first line and from 1 in later ones, as nats-server's do. */
export interface Place {
  file: string
  line: number
  column: number
}

export type Scalar = string | number | boolean | Date

/** A value with its place. */
export interface ConfigValue {
  readonly place: Place
  readonly data: Scalar | ConfigValue[] | ConfigMap
  /** A number was written with a fraction. */
  readonly isFloat: boolean
  /** Where a map or an array has ended. */
  readonly end?: Place
}

/** One `key: value`. */
export interface ConfigEntry {
  readonly key: string
  readonly place: Place
  readonly value: ConfigValue
  /** Some `$key` referred to it: it may then be a key nobody knows. */
  isVariable: boolean
}

export class ConfigMap {
  readonly entries = new Map<string, ConfigEntry>()
}

/** `file:line:column`, the way nats-server points at a mistake. */
export function show(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`
}

/** A mistake in a configuration file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** The name Go gives to a value's type: nats-server's sentences use it. */
export function typeName(value: ConfigValue): string {
  const { data } = value
  if (typeof data === 'string') return 'string'
  if (typeof data === 'boolean') return 'bool'
  if (typeof data === 'number') return value.isFloat ? 'float64' : 'int64'
  if (data instanceof Date) return 'time.Time'
  return Array.isArray(data) ? '[]interface {}' : 'map[string]interface {}'
}

/** The value as Go prints it in a sentence. */
export function shown(value: ConfigValue): string {
  const { data } = value
  if (data instanceof ConfigMap) {
    const keys = [...data.entries.keys()].sort()
    return `map[${keys.map((key) => `${key}:${shown((data.entries.get(key) as ConfigEntry).value)}`).join(' ')}]`
  }
  return Array.isArray(data) ? `[${data.map(shown).join(' ')}]` : String(data)
}

/** A value as Go's `%v` prints it. */
export function goValue({ data }: ConfigValue): string {
  if (data instanceof ConfigMap) {
    const parts = [...data.entries.values()].map(({ key, value }) => `${key}:${goValue(value)}`)
    return `map[${parts.sort().join(' ')}]`
  }
  return Array.isArray(data) ? `[${data.map(goValue).join(' ')}]` : String(data)
}
