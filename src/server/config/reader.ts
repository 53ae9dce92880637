/** Takes values of the wanted type out of a configuration, and collects what is wrong with it. */
import { parseDurationMs } from './number.ts'
import { type ConfigEntry, ConfigMap, type ConfigValue, show, typeName } from './value.ts'

/** Thrown for one entry; the reading goes on with the next. */
class EntryError extends Error {}

/** What to do with each key; keys are in lower case. */
export type KeyTable<Target> = Readonly<
  Record<string, (target: Target, entry: ConfigEntry, reader: Reader) => void>
>

export class Reader {
  readonly errors: string[] = []
  readonly warnings: string[] = []

  /**
   * Goes through a map with the table of its keys. `refused`: keys of nats-server that are not served, and why. `unknown`: what is
   * said of a key that nobody knows.
   */
  each<Target>(
    map: ConfigMap,
    target: Target,
    table: KeyTable<Target>,
    refused: Readonly<Record<string, string>>,
    unknown = (key: string) => `unknown field "${key}"`,
  ): void {
    for (const entry of map.entries.values()) {
      const key = entry.key.toLowerCase()
      this.at(entry, () => {
        if (Object.hasOwn(table, key)) table[key](target, entry, this)
        else if (Object.hasOwn(refused, key)) this.fail(`"${entry.key}" is not supported: ${refused[key]}`)
        else if (!entry.isVariable) this.fail(unknown(entry.key))
      })
    }
  }

  /** Reads one entry: what fails is told with its place, and the reading goes on behind it. */
  at(entry: ConfigEntry, read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof EntryError)) throw error
      this.errors.push(`${show(entry.place)}: ${error.message}`)
    }
  }

  fail(text: string): never {
    throw new EntryError(text)
  }

  string(entry: ConfigEntry): string {
    const { data } = entry.value
    return typeof data === 'string' ? data : this.wrongType(entry.value, 'string')
  }

  boolean(entry: ConfigEntry): boolean {
    const { data } = entry.value
    return typeof data === 'boolean' ? data : this.wrongType(entry.value, 'bool')
  }

  integer(entry: ConfigEntry): number {
    const { data, isFloat } = entry.value
    return typeof data === 'number' && !isFloat ? data : this.wrongType(entry.value, 'int64')
  }

  map(entry: ConfigEntry): ConfigMap {
    const { data } = entry.value
    if (data instanceof ConfigMap) return data
    return this.fail(`Expected ${entry.key} to be a map, got ${typeName(entry.value)}`)
  }

  array(entry: ConfigEntry): ConfigValue[] {
    const { data } = entry.value
    if (Array.isArray(data)) return data
    return this.fail(`Expected ${entry.key} to be an array, got ${typeName(entry.value)}`)
  }

  /** Bytes: a number, or text like `10GB`, in units of 1024. */
  size(entry: ConfigEntry): number {
    const { data } = entry.value
    if (typeof data === 'number') return this.integer(entry)
    if (typeof data !== 'string') return this.wrongType(entry.value, 'int64')
    const match = /^(\d+)\s*([KMGT])B?$/i.exec(data)
    if (match === null)
      return this.fail(`${entry.key}: sizes are a number and one of K, M, G, T, not "${data}"`)
    return Number(match[1]) * 1024 ** ('KMGT'.indexOf(match[2].toUpperCase()) + 1)
  }

  /** Milliseconds: text like `2m`, or (outdated) a number of seconds. */
  durationMs(entry: ConfigEntry): number {
    const { data } = entry.value
    if (typeof data === 'string') {
      try {
        return parseDurationMs(data)
      } catch (error) {
        return this.fail(`error parsing ${entry.key}: ${(error as Error).message}`)
      }
    }
    if (typeof data !== 'number')
      return this.fail(`error parsing ${entry.key}: unsupported type ${typeName(entry.value)}`)
    const about = `${entry.key} should be converted to a duration`
    this.warnings.push(`${show(entry.place)}: invalid use of field "${entry.key}": ${about}`)
    return data * 1000
  }

  /** `host:port`, or a port. */
  address(entry: ConfigEntry): { host?: string; port: number } {
    const { data } = entry.value
    if (typeof data === 'number') return { port: this.integer(entry) }
    if (typeof data !== 'string') return this.fail(`expected port or host:port, got ${typeName(entry.value)}`)
    const match = /^(.*):([^:\]]*)$/.exec(data)
    if (match === null) return this.fail(`could not parse address string "${data}"`)
    const host = match[1].replace(/^\[(.*)\]$/, '$1')
    if (!/^-?\d+$/.test(match[2])) return this.fail(`could not parse port "${match[2]}"`)
    return { host: host === '' ? undefined : host, port: Number(match[2]) }
  }

  private wrongType(value: ConfigValue, wanted: string): never {
    return this.fail(`interface conversion: interface {} is ${typeName(value)}, not ${wanted}`)
  }
}
