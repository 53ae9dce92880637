/** Takes values of the wanted type out of a configuration, and collects what is wrong with it. */
import { quoted } from '../../wire/index.ts'
import { parseDurationMs } from './number.ts'
import { type ConfigEntry, ConfigMap, type ConfigValue, type Place, show, typeName } from './value.ts'

/** Thrown for one entry; the reading goes on with the next. */
class EntryError extends Error {
  /** Where it is shown to be; null: at the entry. */
  readonly place: Place | null
  /** nats-server gives up on the whole block at a value of the wrong type. */
  readonly isWrongType: boolean

  constructor(text: string, place: Place | null, isWrongType: boolean) {
    super(text)
    this.place = place
    this.isWrongType = isWrongType
  }
}

/** What to do with each key; keys are in lower case. */
export type KeyTable<Target> = Readonly<
  Record<string, (target: Target, entry: ConfigEntry, reader: Reader) => void>
>

export class Reader {
  readonly errors: string[] = []
  readonly warnings: string[] = []

  /**
   * Goes through a map with the table of its keys. `refused`: keys of nats-server that are not served, and why. `inBlock`: a
   * value of the wrong type is the block's mistake, and ends it. `unknown`: what is said of a key that nobody knows.
   */
  each<Target>(
    map: ConfigMap,
    target: Target,
    table: KeyTable<Target>,
    refused: Readonly<Record<string, string>>,
    inBlock = false,
    unknown = (key: string) => `unknown field ${quoted(key)}`,
  ): void {
    for (const entry of map.entries.values()) {
      const key = entry.key.toLowerCase()
      this.at(
        entry,
        () => {
          if (Object.hasOwn(table, key)) table[key](target, entry, this)
          else if (Object.hasOwn(refused, key)) this.fail(`"${entry.key}" is not supported: ${refused[key]}`)
          else if (!entry.isVariable) this.fail(unknown(entry.key))
        },
        inBlock,
      )
    }
  }

  /** Reads one entry: what fails is told with its place, and the reading goes on behind it. */
  at(entry: ConfigEntry, read: () => void, inBlock = false): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof EntryError) || (error.isWrongType && inBlock)) throw error
      this.errors.push(`${show(error.place ?? entry.place)}: ${error.message}`)
    }
  }

  /** `place`: where, if not at the entry. */
  fail(text: string, place: Place | null = null): never {
    throw new EntryError(text, place, false)
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

  /** A whole number, at least so much? */
  isInteger({ value }: ConfigEntry, least = Number.NEGATIVE_INFINITY): boolean {
    return typeof value.data === 'number' && !value.isFloat && value.data >= least
  }

  /** Bytes: a number, or text like `10G`, in units of 1024. `name`: what a mistake is told of. */
  size(entry: ConfigEntry, name: string): number {
    const { data } = entry.value
    if (this.isInteger(entry)) return data as number
    if (typeof data !== 'string') return this.fail(`${name} must be int64 or string`)
    if (data === '') return 0
    const [digits, unit] = [data.slice(0, -1), 'KMGT'.indexOf(data.slice(-1))]
    if (!/^[+-]?\d+$/.test(digits))
      return this.fail(`${name} strconv.ParseInt: parsing ${quoted(digits)}: invalid syntax`)
    if (unit === -1) return this.fail(`${name} sizes defined as strings must end in K, M, G, T`)
    return Number(digits) * 1024 ** (unit + 1)
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
    const about = `${entry.key} should be converted to a duration`
    this.warnings.push(`${show(entry.place)}: invalid use of field "${entry.key}": ${about}`)
    if (!this.isInteger(entry)) return this.wrongType(entry.value, 'int64')
    return (data as number) * 1000
  }

  /** `host:port`, or a port. */
  address(entry: ConfigEntry): { host?: string; port: number } {
    const { data } = entry.value
    if (typeof data === 'number') return { port: this.integer(entry) }
    if (typeof data !== 'string') return this.fail(`expected port or host:port, got ${typeName(entry.value)}`)
    const match = /^(.*):([^:\]]*)$/.exec(data)
    if (match === null) return this.fail(`could not parse address string ${quoted(data)}`)
    const host = match[1].replace(/^\[(.*)\]$/, '$1')
    if (!/^-?\d+$/.test(match[2])) return this.fail(`could not parse port ${quoted(match[2])}`)
    return { host: host === '' ? undefined : host, port: Number(match[2]) }
  }

  wrongType(value: ConfigValue, wanted: string): never {
    throw new EntryError(
      `interface conversion: interface {} is ${typeName(value)}, not ${wanted}`,
      null,
      true,
    )
  }
}
